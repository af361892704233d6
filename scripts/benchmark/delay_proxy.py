"""A TCP proxy that lets each piece pass a fixed time after it came: a network between here and the database.

Run as a process: `python -m benchmark.delay_proxy PORT DELAY_SECONDS` prints its own port. The delay is one way; pieces
follow each other undelayed, as on a real line, so that bandwidth does not suffer.
"""

import contextlib
import queue
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator

_Piece = tuple[float, bytes]


def main(port: int, delay_seconds: float) -> None:
    listener = socket.create_server(("127.0.0.1", 0))
    print(listener.getsockname()[1], flush=True)
    while True:
        near, _ = listener.accept()
        far = socket.create_connection(("127.0.0.1", port))
        for one, other in ((near, far), (far, near)):
            one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            pieces: queue.SimpleQueue[_Piece] = queue.SimpleQueue()
            threading.Thread(target=_receive, args=(one, pieces, delay_seconds), daemon=True).start()
            threading.Thread(target=_send, args=(other, pieces), daemon=True).start()


def _receive(source: socket.socket, pieces: "queue.SimpleQueue[_Piece]", delay_seconds: float) -> None:
    data = b"?"
    while data:
        try:
            data = source.recv(1 << 18)
        except OSError:
            data = b""
        pieces.put((time.monotonic() + delay_seconds, data))


def _send(target: socket.socket, pieces: "queue.SimpleQueue[_Piece]") -> None:
    with contextlib.suppress(OSError):
        while True:
            due, data = pieces.get()
            time.sleep(max(0.0, due - time.monotonic()))
            if not data:
                target.shutdown(socket.SHUT_WR)
                return
            target.sendall(data)


@contextlib.contextmanager
def delayed(port: int, round_trip_ms: float) -> Iterator[int]:
    """Run a proxy in front of a local port, and give its port."""
    command = [sys.executable, "-m", "benchmark.delay_proxy", str(port), str(round_trip_ms / 2000)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        if process.stdout is None:
            raise RuntimeError("the proxy has no output")
        yield int(process.stdout.readline())
        process.terminate()


if __name__ == "__main__":
    main(int(sys.argv[1]), float(sys.argv[2]))
