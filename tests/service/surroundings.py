"""What a container of the image meets when `./scripts/test-image` tries it: a database and a site on loopback.

Run in a network of its own (`unshare --net`) with a folder, until SIGTERM. In the folder appear `settings/config.toml`,
and `complete` once the service answers and its mirror is that of the site.
"""

import fcntl
import http.client
import signal
import socket
import struct
import sys
import time
from pathlib import Path

import psycopg
from confluence_simulator import BodyLengths, Simulator, generated_world

from hr_sync.embedded.server import EmbeddedPostgres
from tests.cli.program import TOKEN, postgres, settings, written

_PORT = 8080  # where the image's own health check asks
_SIOCGIFFLAGS, _SIOCSIFFLAGS, _IFF_UP = 0x8913, 0x8914, 1


def main(folder: Path) -> None:
    """Serve until SIGTERM."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit())
    bring_loopback_up()
    world = generated_world(pages=30, spaces=2, lengths=BodyLengths(median=200, mean=300, maximum=2000))
    server = EmbeddedPostgres(folder / "server", fsync="off")
    with server as database, Simulator(world, api_token=TOKEN) as site:
        groups = settings(site.site_url, database.url)
        groups["sync"] = {"incremental_interval_minutes": 1 / 60, "jitter_seconds": 0}
        groups["service"] = {"port": _PORT}
        (folder / "settings").mkdir()
        (folder / "in-the-making").mkdir()
        made = written(folder / "in-the-making", groups)
        made.chmod(0o644)  # the user of the container is not its owner
        made.rename(folder / "settings" / made.name)
        while not (answers("/livez") and answers("/readyz") and pages_in(database.url) == len(world.pages())):
            time.sleep(0.2)
        (folder / "complete").touch()
        while True:
            signal.pause()


def bring_loopback_up() -> None:
    """Do what `ip link set lo up` does, which is not everywhere."""
    with socket.socket() as any_socket:
        request = struct.pack("16sh14x", b"lo", 0)
        (flags,) = struct.unpack_from("h", fcntl.ioctl(any_socket, _SIOCGIFFLAGS, request), 16)
        fcntl.ioctl(any_socket, _SIOCSIFFLAGS, struct.pack("16sh14x", b"lo", flags | _IFF_UP))


def answers(path: str) -> bool:
    """Return True if the service says that all is well there."""
    connection = http.client.HTTPConnection("127.0.0.1", _PORT, timeout=2)
    try:
        connection.request("GET", path)
        return connection.getresponse().status == http.client.OK
    except OSError:
        return False
    finally:
        connection.close()


def pages_in(url: str) -> int:
    """Count the live pages after a complete run; -1 before it."""
    with psycopg.connect(postgres(url)) as connection:
        (complete,) = connection.execute("SELECT count(*) FROM sync_runs WHERE outcome = 'complete'").fetchone() or (0,)
        (pages,) = connection.execute("SELECT count(*) FROM live_pages").fetchone() or (0,)
        return int(pages) if complete else -1


if __name__ == "__main__":
    main(Path(sys.argv[1]))
