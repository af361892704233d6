"""Options that several commands share."""

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeAlias

import typer

from hr_sync.domain.printed_commands import complete_commands

if TYPE_CHECKING:
    from hr_sync.settings import Sources


@dataclass(slots=True)
class ReadSources:
    """What the sources of the settings held when a command began."""

    sources: "Sources | None" = None


@dataclass(frozen=True, slots=True)
class SettingsChoice:
    """The settings that a command line means: the file that --config named, and the site."""

    file: Path | None = None
    site: str | None = None  #: None: the only one, or all of them
    read: ReadSources | None = field(default=None, compare=False, repr=False)  #: None: read whenever they are needed

    def sources(self) -> "Sources":
        """Return what the settings file and the environment hold; read once by a command. Raise ConfigurationError.

        A pipe such as `--config <(sops -d sites.toml)` holds nothing when it is read again.
        """
        from hr_sync.settings import read_sources

        if self.read is None:
            return read_sources(self.file)
        if self.read.sources is None:
            self.read.sources = read_sources(self.file)
        return self.read.sources

    def again(self) -> "SettingsChoice":
        """Return the same choice, for which the sources are read anew."""
        return replace(self, read=None)


DEFAULT_SETTINGS = SettingsChoice()  #: nothing was named


@dataclass(slots=True)
class OutputForm:
    """Options of the output, for code that reports a failure after the command has ended."""

    as_json: bool = False
    is_lines: bool = False  #: JSON objects, one a line
    config: SettingsChoice = DEFAULT_SETTINGS


def with_config(text: str, config: SettingsChoice) -> str:
    """Add `--config` and `--site` to every command that a text prints, if they were named on the command line.

    A command for one of several sites is given its `--site` also where a command over all of them prints it.
    """
    return complete_commands(text, file=None if config.file is None else str(config.file), site=config.site)


def _settings_choice(value: "str | SettingsChoice") -> SettingsChoice:
    return value if isinstance(value, SettingsChoice) else SettingsChoice(file=Path(value))


def _note_config(context: typer.Context, value: SettingsChoice) -> SettingsChoice:
    if isinstance(context.obj, OutputForm):
        context.obj.config = value
    return value


Config: TypeAlias = Annotated[
    SettingsChoice,
    typer.Option(
        "--config",
        callback=_note_config,
        parser=_settings_choice,
        metavar="PATH",
        help="Settings file; else HR_SYNC_CONFIG, else config.toml.",
        show_default=False,
    ),
]


def _note_json(context: typer.Context, value: bool) -> bool:
    if isinstance(context.obj, OutputForm):
        context.obj.as_json = value
    return value


AsJson: TypeAlias = Annotated[
    bool,
    typer.Option(
        "--json", callback=_note_json, help="Print one JSON document on standard output and nothing else there."
    ),
]


def _note_json_lines(context: typer.Context, value: bool) -> bool:
    if isinstance(context.obj, OutputForm):
        context.obj.is_lines = value
    return _note_json(context, value)


JsonLines: TypeAlias = Annotated[
    bool,
    typer.Option(
        "--json",
        callback=_note_json_lines,
        help="Print one JSON object a line on standard output and nothing else there.",
    ),
]
Spaces: TypeAlias = Annotated[
    list[str] | None, typer.Option("--space", "-s", help="Only this space; may be given again.", metavar="KEY")
]
