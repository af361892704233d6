"""Options that several commands share."""

import re
import shlex
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, TypeAlias

import typer


@dataclass(slots=True)
class OutputForm:
    """Options of the output, for code that reports a failure after the command has ended."""

    as_json: bool = False
    is_lines: bool = False  #: JSON objects, one a line
    config: Path | None = None  #: what --config named


_COMMAND = re.compile(r"(?<=`)hr-sync [^`\n]+(?=`)")


def with_config(text: str, config: Path | None) -> str:
    """Add `--config` to every command that a text prints, if the settings file was named on the command line."""
    if config is None:
        return text
    option = f" --config {shlex.quote(str(config))}"
    return _COMMAND.sub(lambda command: command[0] + option, text)


def _note_config(context: typer.Context, value: Path | None) -> Path | None:
    if isinstance(context.obj, OutputForm):
        context.obj.config = value
    return value


Config: TypeAlias = Annotated[
    Path | None,
    typer.Option(
        "--config",
        callback=_note_config,
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
