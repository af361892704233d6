"""Looks the addresses of a host up within seconds. Commands that only read the mirror use it too."""

import socket
import threading

SECONDS = 3.0  #: for each of name, port and TLS


def resolve(host: str, port: int) -> list[str]:
    """Return the addresses of a host. Raise TimeoutError if its DNS does not answer in time, and socket.gaierror.

    The system's resolver cannot be interrupted: its thread may outlive the call.
    """
    found: list[str] = []
    failures: list[BaseException] = []

    def ask() -> None:
        try:
            found.extend(str(each[4][0]) for each in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM))
        except (OSError, UnicodeError) as error:
            failures.append(error)

    thread = threading.Thread(target=ask, name="resolve", daemon=True)
    thread.start()
    thread.join(SECONDS)
    if thread.is_alive():
        raise TimeoutError
    if failures:
        raise failures[0]
    return list(dict.fromkeys(found))
