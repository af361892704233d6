"""The HTTP server: waitress, with limits for a handful of requests a minute.

Contains nothing specific to the pages served.

waitress reads requests and writes answers in one thread that never blocks, so that a slow client costs a file
descriptor and no thread. It has no limit for the time that a request takes to arrive: `_Server` adds one.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from wsgiref.types import WSGIApplication

from waitress import wasyncore
from waitress.adjustments import Adjustments
from waitress.channel import HTTPChannel
from waitress.server import TcpWSGIServer
from waitress.task import ThreadedTaskDispatcher

THREADS = 12  #: requests that are answered at once
MOST_CONNECTIONS = 128
LONGEST_IDLE_SECONDS = 5
LONGEST_CONNECTION_SECONDS = 60  # a client that sends one byte after the other is not idle
_LARGEST_HEAD_BYTES = 32_768
_SHUTDOWN_SECONDS = 1


class _Server(TcpWSGIServer):  # type: ignore[misc] # the library has no types
    """Closes the oldest connections that wait for a request, when there are too many or they are too old."""

    def handle_accept(self) -> None:
        """Accept a connection, in the place of the oldest one that waits for its request."""
        super().handle_accept()
        if len(self.active_channels) > MOST_CONNECTIONS:
            waiting = [channel for channel in self.active_channels.values() if not channel.requests]
            if waiting:
                min(waiting, key=_age).handle_close()

    def maintenance(self, now: float) -> None:
        """Close what is idle, and what has been open for too long."""
        super().maintenance(now)
        for channel in self.active_channels.values():
            if not channel.requests and channel.creation_time < now - LONGEST_CONNECTION_SECONDS:
                channel.will_close = True


def _age(channel: HTTPChannel) -> float:
    return float(channel.creation_time)


def _limits(host: str, port: int, largest_body_bytes: int) -> Adjustments:
    return Adjustments(
        listen=f"[{host}]:{port}" if ":" in host else f"{host}:{port}",
        ident="hr_sync",
        threads=THREADS,
        connection_limit=2 * MOST_CONNECTIONS,  # above ours, since it would stop accepting
        channel_timeout=LONGEST_IDLE_SECONDS,
        cleanup_interval=1,
        max_request_header_size=_LARGEST_HEAD_BYTES,
        max_request_body_size=largest_body_bytes + 1,  # the first size that is refused
        log_socket_errors=False,  # a client that went away is no event
        asyncore_use_poll=True,
    )


@contextmanager
def serving(host: str, port: int, application: WSGIApplication, *, largest_body_bytes: int) -> Iterator[int]:
    """Serve until the block ends. Yield the port, which the system chooses for 0. Raise OSError if it cannot open."""
    try:
        limits = _limits(host, port, largest_body_bytes)
    except ValueError as error:
        raise OSError(str(error)) from None
    sockets: dict[int, object] = {}
    workers = ThreadedTaskDispatcher()
    try:
        server = _Server(application, map=sockets, dispatcher=workers, adj=limits)
    except OSError:
        wasyncore.close_all(sockets, ignore_all=True)
        raise
    workers.set_thread_count(THREADS)
    thread = threading.Thread(target=server.run, name="web", daemon=True)
    thread.start()
    try:
        yield int(server.effective_port)
    finally:
        # In the server's own thread, which ends when no socket is left. Under the lock: a worker that wakes the thread
        # at the same moment would have it close the trigger before `pull_trigger` writes to it.
        with server.trigger.lock:
            server.trigger.thunks.append(lambda: wasyncore.close_all(sockets, ignore_all=True))
            server.trigger._physical_pull()  # noqa: SLF001
        thread.join()
        workers.shutdown(timeout=_SHUTDOWN_SECONDS)
