"""Sockets and threads: a thread per connection, keep-alive, one send per answer. Knows nothing of Confluence."""

import contextlib
import socket
import struct
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from confluence_simulator.messages import Answer, BadMessageError, Request, encode_head, parse_request

READ_BYTES = 1 << 16
MAX_HEAD_BYTES = 1 << 16
END_OF_HEAD = b"\r\n\r\n"
RESET_ON_CLOSE = struct.pack("ii", 1, 0)


@dataclass(frozen=True, kw_only=True)
class Delivery:
    """How the bytes of one answer go out; a whole answer in one piece is `Delivery(data=...)`."""

    data: bytes
    then: Literal["keep", "close", "reset", "stall"] = "keep"
    delay_seconds: float = 0.0
    piece_bytes: int = 0
    """Above 0 the data drips out in pieces of this size ..."""
    pause_seconds: float = 0.0
    """... with this pause between them ..."""
    dripping_bytes: int | None = None
    """... up to here; the rest comes at once. None: all of it drips."""
    settled: Callable[[], None] | None = None
    """Called when the answer is about to be sent."""


class Server:
    """Serves `exchange` on a loopback port from `start()` to `stop()`.

    `exchange` is called in the connection's own thread, so one that waits holds up nobody else.
    """

    def __init__(self, exchange: Callable[[Request], Delivery], *, host: str, port: int) -> None:
        self._exchange = exchange
        self._address = (host, port)
        self._stopping = threading.Event()
        self._lock = threading.Lock()
        self._open: set[socket.socket] = set()
        self._threads: set[threading.Thread] = set()
        self._listener: socket.socket | None = None

    @property
    def port(self) -> int:
        return self._address[1]

    def start(self) -> None:
        """Start to serve; raise OSError when the port is taken."""
        self._listener = socket.create_server(self._address, backlog=512)
        self._address = self._listener.getsockname()[:2]
        self._run(self._accept, self._listener)

    def stop(self) -> None:
        """Cut every connection, end every wait and every thread."""
        self._stopping.set()
        if self._listener is not None:
            with contextlib.suppress(OSError):
                self._listener.shutdown(socket.SHUT_RDWR)
            self._listener.close()
        with self._lock:
            connections, threads = list(self._open), list(self._threads)
        for connection in connections:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
        for thread in threads:
            thread.join(timeout=5)

    def _run(self, target: Callable[[socket.socket], None], connection: socket.socket) -> None:
        def work() -> None:
            try:
                target(connection)
            finally:
                with self._lock:
                    self._threads.discard(thread)

        thread = threading.Thread(target=work, name="confluence-simulator", daemon=True)
        with self._lock:
            self._threads.add(thread)
        thread.start()

    def _accept(self, listener: socket.socket) -> None:
        while not self._stopping.is_set():
            try:
                connection, _ = listener.accept()
            except OSError:
                return  # the listener was closed
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            with self._lock:
                self._open.add(connection)
            self._run(self._serve, connection)

    def _serve(self, connection: socket.socket) -> None:
        try:
            self._converse(connection)
        except OSError:
            pass  # the client closed the connection
        finally:
            with self._lock:
                self._open.discard(connection)
            connection.close()

    def _converse(self, connection: socket.socket) -> None:
        reader = _Reader(connection)
        while not self._stopping.is_set():
            try:
                request = reader.read_request()
            except BadMessageError as error:
                connection.sendall(_refusal(error))
                return
            if request is None or not self._deliver(connection, self._exchange(request)) or not request.keeps_alive:
                return

    def _deliver(self, connection: socket.socket, delivery: Delivery) -> bool:
        """Send the answer, and return whether the connection can take another request."""
        if delivery.delay_seconds:
            self._stopping.wait(delivery.delay_seconds)
        if delivery.settled is not None:
            delivery.settled()
        if delivery.piece_bytes:
            self._drip(connection, delivery)
        elif delivery.data:
            connection.sendall(delivery.data)
        if delivery.then == "reset":
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET_ON_CLOSE)
        if delivery.then == "stall":
            connection.recv(1)  # until the client gives up or the simulator stops
        return delivery.then == "keep"

    def _drip(self, connection: socket.socket, delivery: Delivery) -> None:
        dripping = delivery.data[: delivery.dripping_bytes]
        for start in range(0, len(dripping), delivery.piece_bytes):
            connection.sendall(dripping[start : start + delivery.piece_bytes])
            if self._stopping.wait(delivery.pause_seconds):
                return
        connection.sendall(delivery.data[len(dripping) :])


class _Reader:
    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._buffer = b""

    def read_request(self) -> Request | None:
        """None when the client has closed the connection between requests."""
        while END_OF_HEAD not in self._buffer:
            if len(self._buffer) > MAX_HEAD_BYTES:
                raise BadMessageError("request head too large")
            if not self._more():
                return None
        head, _, self._buffer = self._buffer.partition(END_OF_HEAD)
        request = parse_request(head)
        if "transfer-encoding" in request.headers:
            raise BadMessageError("chunked requests are not understood; send Content-Length")
        length = int(request.headers.get("content-length", "0"))
        if request.headers.get("expect", "").lower() == "100-continue":
            self._connection.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
        while len(self._buffer) < length:
            if not self._more():
                return None
        body, self._buffer = self._buffer[:length], self._buffer[length:]
        return Request(method=request.method, target=request.target, headers=request.headers, body=body)

    def _more(self) -> bool:
        data = self._connection.recv(READ_BYTES)
        self._buffer += data
        return bool(data)


def _refusal(error: BadMessageError) -> bytes:
    body = str(error).encode()
    answer = Answer(status=400, body=body)
    headers = (("Content-Type", "text/plain"), ("Content-Length", str(len(body))), ("Connection", "close"))
    return encode_head(answer.status, headers) + body
