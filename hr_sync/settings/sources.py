"""Reads settings from command line, environment, secret files and TOML file. Each becomes a layer.

Reading does not end at the first mistake: a layer holds what it could read, and its mistakes. The values themselves are
checked by the model.
"""

import os
import re
import stat
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pydantic.fields import FieldInfo
from pydantic_settings import PydanticBaseSettingsSource

from hr_sync.settings.keys import CONFIG_VARIABLE, FILE_SUFFIX, PREFIX, SITES, Key, full_path, groups, keys, nearest
from hr_sync.settings.model import PLACEHOLDER, Settings
from hr_sync.settings.problems import Mistake, printable

COMMAND_LINE = "command line"
DEFAULT_FILES = (Path("config.toml"), Path("/etc/hr_sync/config.toml"))
_SECRETS = {"confluence.api_token", "confluence.client_secret", "confluence.token", "service.token"}
_LARGEST_BYTES = 1_000_000
_UNREAD = object()  # stands for a value that could not be read; no kind of value accepts it


@dataclass(frozen=True, kw_only=True)
class Given:
    """A value, the source that it was read from, and the site for which it was set; None: for all."""

    value: object
    source: str
    site: str | None = None


class _Refused(ValueError):
    """A file that is not read; the message is for people."""


class Layer(PydanticBaseSettingsSource):
    """The values of one source by key path. `is_whole` is false when the source could not be read at all."""

    def __init__(
        self,
        given: dict[str, Given],
        mistakes: list[Mistake],
        *,
        is_whole: bool = True,
        readable: Sequence[str] = (),
    ) -> None:
        super().__init__(Settings)
        self.given = given
        self.mistakes = mistakes
        self.is_whole = is_whole
        self.readable = readable  #: files with secrets that others may read

    def get_field_value(self, field: FieldInfo, field_name: str) -> tuple[Any, str, bool]:  # noqa: ARG002 - inherited
        """Return the values of one group."""
        pairs = ([*path.split(".", 1), given.value] for path, given in self.given.items())
        return {name: value for group, name, value in pairs if group == field_name}, field_name, False

    def __call__(self) -> dict[str, Any]:
        # A group without a value is an empty group: then each of its missing keys is reported, not the group.
        return {group: self.get_field_value(Settings.model_fields[group], group)[0] for group, _ in groups()}


def command_line(overrides: Mapping[str, object]) -> Layer:
    """Return the layer of options by key path, such as `log.level`; None stands for an option that was not used."""
    known = {key.path for key in keys()}
    if unknown := overrides.keys() - known:
        raise KeyError(*unknown)
    given = {path: Given(value=value, source=COMMAND_LINE) for path, value in overrides.items() if value is not None}
    return Layer(given, [])


def environment(environ: Mapping[str, str], site: str | None = None) -> Layer:
    """Return the layer of environment variables, for a site or for all."""
    given = {
        key.path: Given(value=environ[key.variable], source=key.variable, site=site)
        for key in keys(site)
        if key.variable in environ
    }
    return Layer(given, [])


def unknown_variables(environ: Mapping[str, str], sites: Sequence[str] = ()) -> Layer:
    """Return an empty layer whose mistakes are the variables with our prefix that name no setting."""
    known = [CONFIG_VARIABLE, *(key.variable for site in (None, *sites) for key in keys(site))]
    taken = {*known, *(name + FILE_SUFFIX for name in known[1:])}
    mistakes = [
        Mistake(source=printable(name), what=f"unknown environment variable{nearest(name.upper(), known)}")
        for name in environ
        if name.upper().startswith(PREFIX) and name not in taken and not _is_service_link(name, environ)
    ]
    return Layer({}, mistakes)


def _is_service_link(name: str, environ: Mapping[str, str]) -> bool:
    """Return True for HR_SYNC_PORT and the like, which Kubernetes sets in pods beside a Service named hr-sync."""
    link = re.fullmatch(r"(\w+?)_(SERVICE_HOST|SERVICE_PORT(_\w+)?|PORT(_\d+_[A-Z]+(_PROTO|_PORT|_ADDR)?)?)", name)
    return link is not None and {f"{link[1]}_SERVICE_HOST", f"{link[1]}_SERVICE_PORT"} <= environ.keys()


def secret_files(environ: Mapping[str, str], site: str | None = None) -> Layer:
    """Return the layer of `HR_SYNC_..._FILE` variables: each names a file with the value, read without its line break.

    Messages do not name the file: whoever confuses the two variables has put the secret itself there.
    """
    given, mistakes, readable = {}, [], []
    fields = {key.variable for key in keys(site)}
    for key in keys(site):
        variable = key.variable + FILE_SUFFIX
        if variable not in environ or variable in fields:  # HR_SYNC_CONFLUENCE__CA_FILE is a setting of its own
            continue
        value: object = _UNREAD
        if key.variable in environ:
            mistakes.append(
                Mistake(key=key.full_path, source=variable, what=f"set beside {key.variable}; keep one of them")
            )
        else:
            try:
                value, is_readable = _secret_in(Path(environ[variable]))
                readable += [f"the file that {variable} names"] if is_readable else []
            except _Refused as refusal:
                mistakes.append(Mistake(key=key.full_path, source=variable, what=str(refusal)))
        given[key.path] = Given(value=value, source=variable, site=site)
    return Layer(given, mistakes, readable=readable)


def _secret_in(path: Path) -> tuple[str, bool]:
    """Return the value that a file holds, and whether others may read the file. Raise _Refused without its name."""
    try:
        return _text_of(path).rstrip("\r\n"), _is_readable_by_others(path)
    except (OSError, ValueError) as error:
        raise _Refused(f"must name a file that holds the value as UTF-8 text ({_reason(error)})") from None


@dataclass(frozen=True, kw_only=True, slots=True)
class TomlFile:
    """What a TOML file holds. `tables` is None for a file that could not be read at all."""

    source: str = ""  #: its name, for people
    path: Path | None = None
    tables: dict[str, Any] | None = field(default_factory=dict)
    mistakes: Sequence[Mistake] = ()

    @property
    def sites(self) -> dict[str, Any]:
        """Return the tables of the sites, whatever stands there; none where `sites` is no table."""
        found = (self.tables or {}).get(SITES)
        return found if isinstance(found, dict) else {}


def read_toml(path: Path | None) -> TomlFile:
    """Read a TOML file; without one nothing was set."""
    if path is None:
        return TomlFile()
    source = printable(str(path))
    try:
        return TomlFile(source=source, path=path, tables=tomllib.loads(_text_of(path)))
    except tomllib.TOMLDecodeError as error:
        what = f"is not valid TOML: {error}"
    except (OSError, ValueError, RecursionError) as error:
        what = f"cannot be read as a TOML file in UTF-8 ({_reason(error)})"
    return TomlFile(source=source, path=path, tables=None, mistakes=[Mistake(source=source, what=what)])


def toml_layer(file: TomlFile, site: str | None = None) -> Layer:
    """Return the layer of a TOML file: its tables below `sites.NAME`, or those outside of `sites`.

    A secret may be in a file of its own, which the key with `_file` at its end names: `api_token_file = "token"`. The
    name is relative to the folder of the TOML file.
    """
    if file.tables is None or file.path is None:
        return Layer({}, [*file.mistakes], is_whole=file.tables is not None)
    tables = {name: table for name, table in file.tables.items() if name != SITES}
    if site is not None:
        own = file.sites.get(site, {})
        tables = dict(own) if isinstance(own, dict) else {}
    tables = {name: dict(table) if isinstance(table, dict) else table for name, table in tables.items()}
    named = _take_secret_files(tables, file, site)
    layer = _layer_of_document(tables, file.source, site)
    if any(_is_secret(key, given.value) for key, given in layer.given.items()) and _is_readable_by_others(file.path):
        layer.readable = [file.source]
    return Layer(
        layer.given | named.given, [*layer.mistakes, *named.mistakes], readable=[*layer.readable, *named.readable]
    )


def _take_secret_files(document: dict[str, Any], file: TomlFile, site: str | None) -> Layer:
    """Take the keys that name files of secrets out of a document. Return what the files hold."""
    given, mistakes, readable = {}, [], []
    folder = file.path.parent if file.path is not None else Path()
    for key in filter(lambda key: key.is_secret, keys(site)):
        table, name = document.get(key.group), f"{key.name}{FILE_SUFFIX.lower()}"
        if not isinstance(table, dict) or name not in table:
            continue
        place, value = f"{file.source}, {name}", _UNREAD
        try:
            value, is_readable = _named_secret(table, key, table.pop(name), folder)
            readable += [f"the file that {name} in {file.source} names"] if is_readable else []
        except _Refused as refusal:
            mistakes.append(Mistake(key=key.full_path, source=place, what=str(refusal)))
        given[key.path] = Given(value=value, source=place, site=site)
    return Layer(given, mistakes, readable=readable)


def _named_secret(table: dict[str, Any], key: Key, named: object, folder: Path) -> tuple[object, bool]:
    if table.pop(key.name, None) is not None:
        raise _Refused(f"set beside {key.name}; keep one of them")
    if not isinstance(named, str) or not named:
        raise _Refused("must be the name of a file")
    try:
        path = Path(named).expanduser()
    except RuntimeError:
        raise _Refused("must not begin with ~: there is no home folder here") from None
    return _secret_in(folder / path)


def _is_secret(path: str, value: object) -> bool:
    """Return True for a secret; the placeholder of the example is none."""
    return path in _SECRETS and PLACEHOLDER not in str(value)


def _layer_of_document(document: dict[str, Any], source: str, site: str | None) -> Layer:
    given, mistakes = {}, []
    known = [key.full_path for key in keys(site)]
    group_names = [name for name, _ in groups()]
    for group, table in document.items():
        place = full_path(group, site)
        if isinstance(table, dict) and group in group_names:
            found = {f"{group}.{name}": Given(value=value, source=source, site=site) for name, value in table.items()}
            given.update(found)
        elif isinstance(table, dict):
            what = f"unknown table{nearest(group, group_names)}"
            mistakes.append(Mistake(key=printable(place), source=source, what=what))
        elif group in group_names:
            mistakes.append(Mistake(key=place, source=source, what=f"must be a table that begins with [{place}]"))
        else:
            what = f"unknown key outside of every table{nearest(group, known)}"
            mistakes.append(Mistake(key=printable(place), source=source, what=what))
    for path in [path for path in given if full_path(path, site) not in known]:
        del given[path]
        place = full_path(path, site)
        mistakes.append(Mistake(key=printable(place), source=source, what=f"unknown key{nearest(place, known)}"))
    return Layer(given, mistakes)


def config_path(config_file: Path | None, environ: Mapping[str, str]) -> Path | None:
    """Return the file that was named, whether it exists or not; else the first of the usual files that exists."""
    if config_file is not None:
        return config_file
    if environ.get(CONFIG_VARIABLE):  # compose sets it to nothing when it is not set outside
        return Path(environ[CONFIG_VARIABLE])
    return next((path for path in DEFAULT_FILES if path.exists() or path.is_symlink()), None)


def _is_readable_by_others(path: Path) -> bool:
    """Return True for a file of our own that others may read; who mounted another one has chosen its mode."""
    try:
        found = path.stat()
    except OSError:
        return False
    return stat.S_ISREG(found.st_mode) and found.st_uid == os.geteuid() and bool(found.st_mode & stat.S_IROTH)


def _text_of(path: Path) -> str:
    with path.open("rb") as file:
        mode = os.fstat(file.fileno()).st_mode
        if stat.S_ISREG(mode) and mode & stat.S_IWOTH:
            raise _Refused("everybody may write to it; use chmod o-w")
        content = file.read(_LARGEST_BYTES + 1)
    if len(content) > _LARGEST_BYTES:
        raise _Refused("too large")
    return content.decode("utf-8-sig")  # editors on Windows begin a file with a byte order mark


def _reason(error: OSError | ValueError | RecursionError) -> str:
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    if isinstance(error, UnicodeDecodeError):
        return "not UTF-8"
    return str(error) if isinstance(error, _Refused) else "too large, too deep or not a file name"
