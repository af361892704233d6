"""Options that several commands share."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, TypeAlias

import typer

Config: TypeAlias = Annotated[
    Path | None,
    typer.Option("--config", help="Settings file; else HR_SYNC_CONFIG, else config.toml.", show_default=False),
]


@dataclass(slots=True)
class OutputForm:
    """Options of the output, for code that reports a failure after the command has ended."""

    as_json: bool = False


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
Spaces: TypeAlias = Annotated[
    list[str] | None, typer.Option("--space", "-s", help="Only this space; may be given again.", metavar="KEY")
]
