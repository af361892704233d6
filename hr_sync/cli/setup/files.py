"""Writes the settings file and the files of its secrets: whole or not at all, and readable by their owner alone."""

import contextlib
import os
import signal
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from hr_sync.errors import ConfigurationError
from hr_sync.settings.written import config_text

_PRIVATE = 0o600


@dataclass(frozen=True, kw_only=True, slots=True)
class WrittenFiles:
    """What was written."""

    config: Path
    backup: Path | None  #: the settings file that was there before
    secrets: tuple[Path, ...]


def check_target(target: Path) -> None:
    """Raise ConfigurationError unless a file can be written there."""
    folder = target.parent
    if target.is_dir() or not folder.is_dir():
        raise ConfigurationError(f"{target} is no place for a file: make the folder first, or name another --config.")
    if not os.access(folder, os.W_OK | os.X_OK):
        raise ConfigurationError(f"The folder {folder} cannot be written to. Name another file with --config.")


def write_files(
    target: Path, values: Mapping[str, object], secrets: Mapping[str, str], named: Mapping[str, Path]
) -> WrittenFiles:
    """Write the settings and their secrets. Raise ConfigurationError if that fails; then nothing has changed.

    A settings file that is there is kept as `.bak`, and so are the files that it names: no secret is overwritten.
    """
    target = target.resolve()
    made: list[Path] = []
    with _undisturbed():
        try:
            files = {key: _write_secret(target, key, secret, made) for key, secret in secrets.items()}
            names = {f"{key}_file": str(path) for key, path in (files | dict(named)).items()}
            staged = _write_new(target, config_text({**values, **names}))
            made.append(staged)
            backup = _keep(target) if target.exists() else None
            staged.replace(target)
        except OSError as error:
            for path in made:
                path.unlink(missing_ok=True)
            raise ConfigurationError(f"{target} was not written: {error.strerror}. Name another --config.") from None
        _sync_folder(target.parent)
    return WrittenFiles(config=target, backup=backup, secrets=tuple(target.parent / each for each in files.values()))


def _write_secret(target: Path, key: str, secret: str, made: list[Path]) -> Path:
    """Write a secret to a file that was not there. Return its name relative to the folder of the settings file."""
    folder = target.parent / f"{target.stem}.secrets"
    folder.mkdir(mode=0o700, exist_ok=True)
    name = key.replace(".", "_")
    number = 1
    while True:
        path = folder / (name if number == 1 else f"{name}_{number}")
        try:
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, _PRIVATE)
        except FileExistsError:
            number += 1
            continue
        made.append(path)
        _fill(descriptor, f"{secret}\n")
        return path.relative_to(target.parent)


def _write_new(target: Path, text: str) -> Path:
    """Write a text to a new file beside the target, which then takes its place at once."""
    descriptor, name = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.")  # its mode is 0600
    _fill(descriptor, text)
    return Path(name)


def _fill(descriptor: int, text: str) -> None:
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())


def _keep(target: Path) -> Path:
    """Keep the present settings file under another name. The file itself stays until it is replaced."""
    backup = target.with_name(f"{target.name}.bak")
    with tempfile.TemporaryDirectory(dir=target.parent, prefix=f".{target.name}.") as folder:
        link = Path(folder) / "link"
        link.hardlink_to(target)
        link.replace(backup)
    return backup


@contextlib.contextmanager
def _undisturbed() -> Iterator[None]:
    """Let signals wait until the block has ended."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT, signal.SIGTERM, signal.SIGHUP})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _sync_folder(folder: Path) -> None:
    with contextlib.suppress(OSError):  # not every file system can
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
