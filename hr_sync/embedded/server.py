"""A PostgreSQL in a local folder, for whoever has not set `database.url`.

The server lives as long as any process uses it. Each user holds a shared lock on `in_use.lock`, which the kernel drops
however the process ends (return, exception, SIGTERM, SIGKILL). The first user starts a keeper (`keeper.py`),
a process of its own that starts the server, waits for that lock exclusively and then stops the server:

    first user leaves, second one stays    the server stays, and stops with the last of them
    last user is killed                    the keeper stops the server at once
    keeper is killed, the server lives     the next user finds the server and gives it a new keeper
    the machine stops                      PostgreSQL recovers at the next start, stale postmaster.pid included

Folder: `data/` (the cluster), `password` (0600), `server.log` (of the last start), the locks, and `postgresql/` where
the program had to be copied. The server listens on loopback only. `cluster.py` knows what is in the folder and which
program fits it.
"""

import fcntl
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Self
from urllib.parse import quote

import psycopg

from hr_sync.embedded import keeper
from hr_sync.embedded.cluster import (
    INSTEAD,
    SUPERUSER,
    Cluster,
    clean_environment,
    make_folder,
    open_cluster,
    server_command,
)
from hr_sync.errors import ConfigurationError, DatabaseUnavailable

DATABASE = "hr_sync"
#: Another user of the machine may have taken the port since: SCRAM shows nobody the password, and only our own server,
#: which knows it, can answer.
REQUIRED_AUTH = "scram-sha-256"
START_TIMEOUT_SECONDS = 60.0  # a recovery after a crash takes a while
STOP_TIMEOUT_SECONDS = keeper.LONGEST_STOP_SECONDS + 1
POLL_SECONDS = 0.02


def default_folder() -> Path:
    """Return `/var/lib/hr_sync/postgresql` for root, whose home the server cannot enter; else the XDG data folder."""
    if os.geteuid() == 0:
        return Path("/var/lib/hr_sync/postgresql")
    data = os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share"
    return Path(data) / "hr_sync" / "postgresql"


class EmbeddedPostgres:
    """The server in `folder`, running between `with` and its end; `url` is good in between.

    `settings` are PostgreSQL's own (`fsync="off"`) and count when this process is the one that starts the server.
    `programs` is a folder with `initdb` and `postgres`, to use instead of the package's.
    Raises `ConfigurationError` where package, folder or data cannot serve, `DatabaseUnavailable` where the server does
    not come up.
    """

    def __init__(self, folder: Path | None = None, *, programs: Path | None = None, **settings: str) -> None:
        self.folder = (folder or default_folder()).absolute()
        self.url = ""
        self._programs = programs
        self._settings = settings
        self._in_use: int | None = None  # descriptor that holds the shared lock

    def __enter__(self) -> Self:
        """Start the server, or join the one that runs already."""
        make_folder(self.folder)
        with _starting(self.folder):
            self._in_use = _open_lock(self.folder / "in_use.lock")
            try:
                fcntl.flock(self._in_use, fcntl.LOCK_SH)  # waits while a keeper is stopping the server
                cluster = open_cluster(self.folder, self._programs, self._settings)
                port = _join(cluster) or _start(cluster, self._settings)
                self.url = (
                    f"postgresql+psycopg://{SUPERUSER}:{cluster.password}@127.0.0.1:{port}/{DATABASE}"
                    f"?sslmode=disable&require_auth={REQUIRED_AUTH}"
                )
            except BaseException:
                self._leave()
                raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Leave. When the last user leaves, the server stops, and this waits for it."""
        with _starting(self.folder):  # nobody joins while we find out whether we are the last
            self._leave()

    def _leave(self) -> None:
        if self._in_use is None:
            return
        last = _is_last_user(self._in_use)
        os.close(self._in_use)
        self._in_use = None
        if last:
            _wait(lambda: not _is_kept(self.folder), STOP_TIMEOUT_SECONDS)


def running_url(folder: Path | None = None) -> str | None:
    """Return the URL of the embedded server for any client of this user; None if it does not run.

    Its password is in the file that the URL names, in the form of libpq's own password file, and not in the URL.
    """
    folder = (folder or default_folder()).absolute()
    try:
        password = (folder / "password").read_text()
        port = int((folder / "data" / "postmaster.pid").read_text().splitlines()[3])
        if not _answers(password, port):
            return None
        passwords = folder / "pgpass"
        passwords.touch(mode=0o600)
        passwords.write_text(f"127.0.0.1:*:*:{SUPERUSER}:{password}\n")
    except (FileNotFoundError, IndexError, ValueError):
        return None
    except OSError as error:
        raise ConfigurationError(
            f"the embedded PostgreSQL in {folder} cannot be used: {error.strerror}. Run this as the user that runs "
            "hr-sync."
        ) from None
    return f"postgresql://{SUPERUSER}@127.0.0.1:{port}/{DATABASE}?passfile={quote(str(passwords))}"


def _join(cluster: Cluster) -> int | None:
    """Return the port of the server that runs already, with a keeper; None if none answers."""
    try:
        running = (cluster.data / "postmaster.pid").read_text().splitlines()
        process, port = int(running[0]), int(running[3])
    except (OSError, IndexError, ValueError):
        return None
    if not _answers(cluster.password, port):
        if _is_kept(cluster.folder):
            raise DatabaseUnavailable(
                f"the embedded PostgreSQL in {cluster.folder} runs, but takes no connection now. Try again, {INSTEAD}"
            )
        return None  # a stale file; where it is not, the server that we start refuses and says so
    if not _is_kept(cluster.folder):
        _start_keeper(cluster, f"--adopt={process}")
    return port


def _start(cluster: Cluster, settings: dict[str, str]) -> int:
    port = _free_port()
    _start_keeper(cluster, "--", *server_command(cluster, port, settings))
    ready = _wait(lambda: _answers(cluster.password, port) or not _is_kept(cluster.folder), START_TIMEOUT_SECONDS)
    if not ready or not _is_kept(cluster.folder):
        said = "; ".join(cluster.log.read_text(errors="replace").splitlines()[-3:])
        raise DatabaseUnavailable(f"the embedded PostgreSQL did not start: {said}. See {cluster.log}, {INSTEAD}")
    _make_database(cluster, port)
    return port


def _start_keeper(cluster: Cluster, *arguments: str) -> None:
    identity = (
        [] if cluster.account.user is None else [f"--user={cluster.account.user}", f"--group={cluster.account.group}"]
    )
    # -I -S: nothing of our environment, and ready in 20 ms.
    command = [
        sys.executable,
        "-I",
        "-S",
        keeper.__file__,
        f"--folder={cluster.folder}",
        *identity,
        *arguments,
    ]
    cluster.log.touch(mode=0o600)
    with cluster.log.open("wb") as log:
        subprocess.run(  # noqa: S603 -- ours
            command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, check=True, cwd="/", env=clean_environment()
        )


def _answers(password: str, port: int) -> bool:
    """Return True if a server answers that knows this folder's password, and so is ours."""
    try:
        _connect(password, port).close()
    except psycopg.OperationalError:
        return False
    return True


def _make_database(cluster: Cluster, port: int) -> None:
    with _connect(cluster.password, port) as connection:
        connection.autocommit = True
        if connection.execute("SELECT FROM pg_database WHERE datname = %s", (DATABASE,)).fetchone() is None:
            connection.execute(f"CREATE DATABASE {DATABASE}")


def _connect(password: str, port: int) -> psycopg.Connection:
    return psycopg.connect(
        host="127.0.0.1",
        port=port,
        user=SUPERUSER,
        password=password,
        dbname="postgres",
        sslmode="disable",
        require_auth=REQUIRED_AUTH,
        connect_timeout=5,
    )


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _open_lock(file: Path) -> int:
    return os.open(file, os.O_RDWR | os.O_CREAT, 0o600)


@contextmanager
def _starting(folder: Path) -> Iterator[None]:
    """Let one process at a time join or leave."""
    lock = _open_lock(folder / "start.lock")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
    finally:
        os.close(lock)


def _is_kept(folder: Path) -> bool:
    """Return True while a keeper lives."""
    return not _try_lock(folder / "keeper.lock")


def _try_lock(file: Path) -> bool:
    lock = _open_lock(file)
    try:
        return _try_flock(lock, fcntl.LOCK_SH)
    finally:
        os.close(lock)


def _is_last_user(in_use: int) -> bool:
    """Return True if nobody but us holds the shared lock. Our own lock may be gone afterwards."""
    if _try_flock(in_use, fcntl.LOCK_EX):
        return True
    return not _try_flock(in_use, fcntl.LOCK_SH)  # refused: between the two the keeper got it, so we were the last


def _try_flock(lock: int, kind: int) -> bool:
    try:
        fcntl.flock(lock, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _wait(condition: Callable[[], bool], timeout_seconds: float) -> bool:
    """Wait for a condition. Return False if the time was over before it held."""
    deadline = time.monotonic() + timeout_seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(POLL_SECONDS)
    return True
