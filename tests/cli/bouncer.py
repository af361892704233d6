"""A PgBouncer in transaction mode before the tests' database server."""

import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from sqlalchemy import make_url

PROGRAM = shutil.which("pgbouncer", path=os.environ.get("PATH", "") + ":/usr/sbin")
_UNPRIVILEGED = "nobody"  # it refuses to run as root


@contextmanager
def bouncing(database_url: str, *, connections: int, auth_type: str = "scram-sha-256") -> Iterator[str]:
    """Run it until the block ends; yield the URL of the same database behind it, with so many server connections."""
    assert PROGRAM is not None
    # Not pytest's own temporary folder: that is closed to the account that it runs as when we are root.
    folder = Path(tempfile.mkdtemp(prefix="hr_sync-bouncer-"))
    folder.chmod(0o755)
    port = _free_port()
    settings = _written(folder, database_url, port, connections, auth_type)
    as_user = ["-u", _UNPRIVILEGED] if os.geteuid() == 0 else []
    with (folder / "log").open("w") as log:
        process = subprocess.Popen([PROGRAM, *as_user, str(settings)], stdout=log, stderr=log)
    try:
        _until_it_answers(port, process, folder / "log")
        behind = make_url(database_url).set(host="127.0.0.1", port=port, query={})
        yield behind.render_as_string(hide_password=False)
    finally:
        process.kill()
        process.wait(10)
        shutil.rmtree(folder)


def _written(folder: Path, database_url: str, port: int, connections: int, auth_type: str) -> Path:
    url = make_url(database_url)
    users = folder / "users.txt"
    users.write_text(f'"{url.username}" "{url.password or ""}"\n')
    settings = folder / "pgbouncer.ini"
    settings.write_text(
        f"""
[databases]
{url.database} = host={url.host} port={url.port} dbname={url.database}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {port}
unix_socket_dir =
auth_type = {auth_type}
auth_file = {users}
pool_mode = transaction
default_pool_size = {connections}
"""
    )
    return settings


def _free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


def _until_it_answers(port: int, process: "subprocess.Popen[bytes]", log: Path) -> None:
    ends_at = time.monotonic() + 20
    while time.monotonic() < ends_at:
        assert process.poll() is None, log.read_text()
        with suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return
        time.sleep(0.02)
    raise AssertionError(log.read_text())
