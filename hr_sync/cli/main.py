"""The program: its commands, and how each of its failures ends the process."""

import sys
from typing import Annotated, NoReturn

import typer

from hr_sync import __version__
from hr_sync.cli.commands import admin, run, serve, simulate, status, verify
from hr_sync.errors import HrSyncError

app = typer.Typer(
    name="hr-sync",
    help="Mirrors chosen Confluence spaces into PostgreSQL: complete, fresh and never wider than the source.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,  # tracebacks go through the log and its redaction
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)
for commands in (run, serve, verify, status, admin, simulate):
    commands.add_to(app)


@app.callback(invoke_without_command=True)
def _program(*, version: Annotated[bool, typer.Option("--version", help="Show the version and exit.")] = False) -> None:
    if version:
        typer.echo(f"hr-sync {__version__}")
        raise typer.Exit


def main() -> NoReturn:
    """Run the command line and end the process with the exit code that tells how it went."""
    try:
        app(prog_name="hr-sync")
    except HrSyncError as error:
        from hr_sync.logs import log_failure

        if not log_failure(str(error), error.exit_code):
            print(f"hr-sync: {error}", file=sys.stderr)
        sys.exit(error.exit_code)
    sys.exit(0)
