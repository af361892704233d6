"""Options that several commands share."""

import re
import shlex
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, TypeAlias

import typer


@dataclass(frozen=True, slots=True)
class SettingsChoice:
    """The settings that a command line means: the file that --config named, and the site."""

    file: Path | None = None
    site: str | None = None  #: None: the only one, or all of them


DEFAULT_SETTINGS = SettingsChoice()  #: nothing was named


@dataclass(slots=True)
class OutputForm:
    """Options of the output, for code that reports a failure after the command has ended."""

    as_json: bool = False
    is_lines: bool = False  #: JSON objects, one a line
    config: SettingsChoice = DEFAULT_SETTINGS


_COMMAND = re.compile(r"(?<=`)hr-sync [^`\n]+(?=`)")
_WITHOUT_SITE = re.compile("hr-sync (init|simulate|demo|config (schema|example))(?![-a-z])")


def with_config(text: str, config: SettingsChoice) -> str:
    """Add `--config` and `--site` to every command that a text prints, if they were named on the command line.

    A command for one of several sites is given its `--site` also where a command over all of them prints it.
    """
    file = "" if config.file is None else f" --config {shlex.quote(str(config.file))}"
    site = "" if config.site is None else f" --site {config.site}"

    def complete(command: re.Match[str]) -> str:
        return command[0] + file + ("" if _WITHOUT_SITE.match(command[0]) else site)

    return _COMMAND.sub(complete, text)


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
