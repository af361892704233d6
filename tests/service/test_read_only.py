"""The service where nothing can be written: an ordinary user, a read-only root, no network but loopback."""

import shutil
import socket
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import make_url

from tests.cli.program import HR_SYNC, environment, postgres, settings, written

PATIENCE_SECONDS = 40
SITE_PORT = 8099  # in a network of its own, where every port is free
#: Nothing can be written below `/`, not even /tmp, and /dev holds devices alone. Whoever we are, there it is a user
#: without privileges; the files stay his, so that a Python in a home folder can be reached.
BOX = (
    *("bwrap", "--unshare-user", "--uid", "65534", "--gid", "65534", "--cap-drop", "ALL"),
    *("--unshare-net", "--unshare-pid", "--die-with-parent"),
    *("--ro-bind", "/", "/", "--dev", "/dev", "--remount-ro", "/dev", "--proc", "/proc"),
)
BOTH = f"{HR_SYNC} simulate --pages 12 --port {SITE_PORT} >&2 & exec {HR_SYNC} serve"


def boxed(home: Path, *command: str) -> "subprocess.Popen[str]":
    """Start a command in the box."""
    return subprocess.Popen(
        [*BOX, "--chdir", str(home), *command],
        env=environment(home),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


@pytest.fixture
def open_home() -> Iterator[Path]:
    """Return a folder that an ordinary user may read; pytest's own is closed to him when we are root."""
    folder = Path(tempfile.mkdtemp(prefix="hr_sync-read-only-"))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder)


@contextmanager
def as_socket(folder: Path, host: str, port: int) -> Iterator[None]:
    """Offer a server on loopback as PostgreSQL's Unix socket in `folder`: a file reaches into a network of its own."""
    path = folder / ".s.PGSQL.5432"

    def pump(source: socket.socket, target: socket.socket) -> None:
        with suppress(OSError):
            while data := source.recv(65_536):
                target.sendall(data)
            target.shutdown(socket.SHUT_WR)

    def accept() -> None:
        with suppress(OSError):
            while True:
                inside = listener.accept()[0]
                outside = socket.create_connection((host, port))
                for end in (inside, outside):
                    stack.callback(end.close)
                for ends in ((inside, outside), (outside, inside)):
                    threading.Thread(target=pump, args=ends, daemon=True).start()

    with ExitStack() as stack, socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        path.chmod(0o666)
        listener.listen()
        threading.Thread(target=accept, daemon=True).start()
        yield
        listener.shutdown(socket.SHUT_RDWR)


@pytest.mark.skipif(shutil.which("bwrap") is None, reason="bubblewrap, which makes the read-only root, is missing")
def test_it_serves_where_nothing_can_be_written(open_home: Path, prepared_url: str) -> None:
    """All pages arrive, and nothing is left beside the settings; the box is as closed as it says."""
    url = make_url(prepared_url)
    assert url.host is not None
    assert url.port is not None
    database = f"postgresql://{url.username}:{url.password}@/{url.database}?host={open_home}"
    groups = settings(f"http://127.0.0.1:{SITE_PORT}/wiki", database, api_token="simulated-token", max_attempts=20)
    groups["sync"] = {"incremental_interval_minutes": 0.5 / 60, "full_interval_minutes": 1 / 60, "jitter_seconds": 0}
    groups["service"] = {"port": 0}
    written(open_home, groups)
    tried = boxed(open_home, str(HR_SYNC), "--version")
    said = tried.communicate(timeout=PATIENCE_SECONDS)[0]
    if tried.returncode:
        pytest.skip(f"no such box here: {said[-300:]}")
    for place in ("/tmp", "/var/tmp", "/dev/shm", str(open_home)):  # noqa: S108 -- shows that nothing can be put there
        probe = boxed(open_home, "touch", f"{place}/probe")
        assert "Read-only file system" in probe.communicate(timeout=PATIENCE_SECONDS)[0]

    with as_socket(open_home, url.host, url.port):
        service = boxed(open_home, "sh", "-c", BOTH)
        try:
            wait_for_pages(prepared_url, service, 12)
        finally:
            service.kill()
            said = service.communicate()[0]
    assert '"event":"web.started"' in said
    assert "Read-only" not in said
    assert sorted(path.name for path in open_home.iterdir()) == [".s.PGSQL.5432", "config.toml"]


def wait_for_pages(database_url: str, service: "subprocess.Popen[str]", pages: int) -> None:
    ends_at = time.monotonic() + PATIENCE_SECONDS
    with psycopg.connect(postgres(database_url), autocommit=True) as connection:
        while connection.execute("SELECT count(*) FROM live_pages").fetchone() != (pages,):
            assert service.poll() is None
            assert time.monotonic() < ends_at
            time.sleep(0.05)
