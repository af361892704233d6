"""Options that several commands share."""

from pathlib import Path
from typing import Annotated, TypeAlias

import typer

Config: TypeAlias = Annotated[
    Path | None,
    typer.Option("--config", help="Settings file; else HR_SYNC_CONFIG, else config.toml.", show_default=False),
]
AsJson: TypeAlias = Annotated[
    bool, typer.Option("--json", help="Print one JSON document on standard output and nothing else there.")
]
Spaces: TypeAlias = Annotated[
    list[str] | None, typer.Option("--space", "-s", help="Only this space; may be given again.", metavar="KEY")
]
