"""`simulate` and `demo`: a Confluence on this machine, and the main job run against it."""

from typing import Annotated

import typer


def add_to(app: typer.Typer) -> None:
    """Add the commands of this module."""
    app.command()(demo)


def demo(
    pause: Annotated[
        bool, typer.Option("--pause", help="Wait for Enter between the steps, so that you can look around.")
    ] = False,
) -> None:
    """Watch two spaces of a simulated Confluence arrive in a real PostgreSQL, change, and arrive again."""
    from hr_sync.cli.demo import play

    play(pause=pause)
