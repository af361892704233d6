"""An HTTP server that no client can hold up: the standard library's, hardened. It knows nothing of what is served.

Made for a handful of reads a minute. A client that sends nothing costs a thread for `SILENCE_SECONDS`; when too many
wait so, the oldest is dropped, so that a probe is answered however many others hold their connections open.
"""

import contextlib
import socket
import threading
from collections import OrderedDict
from collections.abc import Iterator
from socketserver import ThreadingMixIn
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer
from wsgiref.types import WSGIApplication

SILENCE_SECONDS = 5
MOST_WAITING = 128  # connections whose request has not arrived yet


class _Handler(WSGIRequestHandler):
    timeout = SILENCE_SECONDS
    server_version = "hr_sync"
    sys_version = ""
    server: "_Server"

    def get_environ(self) -> dict[str, object]:
        """Its head has arrived: the connection no longer waits."""
        self.server.has_arrived(self.request)
        return super().get_environ()

    def address_string(self) -> str:
        """Return the address as it is; the inherited one may ask the name server."""
        return str(self.client_address[0])

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 -- the name is inherited
        """Keep quiet: probes are no events."""


class _Server(ThreadingMixIn, WSGIServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 128

    def __init__(self, address: tuple[str, int]) -> None:
        self._waiting: OrderedDict[socket.socket, None] = OrderedDict()
        self._lock = threading.Lock()
        if ":" in address[0]:
            self.address_family = socket.AF_INET6
        super().__init__(address, _Handler)

    def server_bind(self) -> None:
        """Bind; the inherited way asks the name server for the host's full name, which may take seconds."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.socket.bind(self.server_address)
        self.server_address = self.socket.getsockname()
        self.server_name, self.server_port = str(self.server_address[0]), int(self.server_address[1])
        self.setup_environ()

    def process_request(self, request: socket.socket, client_address: tuple[str, int]) -> None:  # type: ignore[override]
        """Let it wait for its request, in the place of the one that has waited longest if there is no other."""
        with self._lock:
            self._waiting[request] = None
            oldest = self._waiting.popitem(last=False)[0] if len(self._waiting) > MOST_WAITING else None
        if oldest is not None:
            with contextlib.suppress(OSError):
                oldest.shutdown(socket.SHUT_RDWR)  # its thread wakes up and closes it
        super().process_request(request, client_address)

    def has_arrived(self, request: socket.socket) -> None:
        """Count a connection as waiting no more."""
        with self._lock:
            self._waiting.pop(request, None)

    def shutdown_request(self, request: socket.socket) -> None:  # type: ignore[override]
        """Close a connection, whatever became of it."""
        self.has_arrived(request)
        super().shutdown_request(request)

    def handle_error(self, request: object, client_address: object) -> None:
        """Keep quiet: a client that went away or sent rubbish is no event."""


@contextlib.contextmanager
def serving(host: str, port: int, application: WSGIApplication) -> Iterator[int]:
    """Serve in threads until the block ends; gives the port, which the system chooses for 0. Raises OSError."""
    server = _Server((host, port))
    server.set_app(application)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.1}, name="web", daemon=True)
    thread.start()
    try:
        yield server.server_port
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
