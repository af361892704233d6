"""The program: its commands, and how each of its failures ends the process."""

import io
import sys
from typing import Annotated, NoReturn

import typer

from hr_sync import __version__
from hr_sync.cli.commands import admin, run, serve, simulate, status, verify
from hr_sync.cli.options import OutputForm
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
    form = OutputForm()
    _accept_any_text()
    try:
        app(prog_name="hr-sync", obj=form)
    except HrSyncError as error:
        from hr_sync.cli.output import print_error
        from hr_sync.logs import log_failure

        if form.as_json or not log_failure(str(error), error.exit_code):
            print_error(error, as_json=form.as_json)
        sys.exit(error.exit_code)
    sys.exit(0)


def _accept_any_text() -> None:
    """Let nothing that is printed fail where the output is not UTF-8: such characters are shown as escapes."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
