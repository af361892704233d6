"""The program: its commands, and the exit code of each failure."""

import io
import os
import sys
from typing import Annotated, NoReturn

import typer

from hr_sync import __version__
from hr_sync.cli.commands import (
    admin,
    changes,
    check,
    database,
    init,
    readers,
    run,
    search,
    serve,
    simulate,
    spaces,
    status,
    text,
    verify,
)
from hr_sync.cli.help import Commands, help_settings
from hr_sync.cli.options import OutputForm
from hr_sync.errors import HrSyncError, UsageError

app = typer.Typer(
    name="hr-sync",
    help="Mirrors Confluence spaces into PostgreSQL, and never shows more than the account may read.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,  # tracebacks go through the log and its redaction
    rich_markup_mode=None,
    context_settings=help_settings(),
    cls=Commands,
)
for commands in (
    *(init, run, serve, check, spaces, verify),
    *(readers, search, status, text, changes, admin, database, simulate),
):
    commands.add_to(app)


@app.callback(invoke_without_command=True)
def _program(*, version: Annotated[bool, typer.Option("--version", help="Show the version and exit.")] = False) -> None:
    if version:
        typer.echo(f"hr-sync {__version__}")
        raise typer.Exit


def main() -> NoReturn:
    """Run the command line and end the process with the exit code of its result."""
    form = OutputForm()
    _accept_any_text()
    try:
        code = app(prog_name="hr-sync", obj=form, standalone_mode=False) or 0
    except typer.TyperException as mistake:
        code = _refuse_usage(mistake)
    except typer.Abort:
        code = 1
    except HrSyncError as error:
        code = _fail(error, form)
    except OSError as error:
        from hr_sync.cli.terminal import is_output_error

        if not is_output_error(error):
            raise
        code = _give_up_output(error, HrSyncError.exit_code)
    if (problem := _output_error()) is not None:
        code = _give_up_output(problem, code)
    sys.exit(code)


def _fail(error: HrSyncError, form: OutputForm) -> int:
    from hr_sync.cli.output import report_failure

    report_failure(error, as_json=form.as_json, is_lines=form.is_lines, config=form.config)
    return error.exit_code


def _refuse_usage(mistake: typer.TyperException) -> int:
    """Print what is wrong with the command line as one message, and as a JSON document if --json was given."""
    context = getattr(mistake, "ctx", None)
    message = mistake.format_message()
    if context is not None and message == context.get_help():  # a command of commands, without a command
        typer.echo(message, err=True)
        return mistake.exit_code
    where = context.command_path if context is not None else "hr-sync"
    end = "" if message.endswith((".", "?")) else "."
    return _fail(UsageError(f"{message}{end} Try '{where} -h' for help."), OutputForm(as_json="--json" in sys.argv))


def _output_error() -> OSError | None:
    """Return why standard output cannot be written: its reader has closed it, or its disk is full."""
    try:
        sys.stdout.flush()
    except OSError as error:
        return error
    return None


def _give_up_output(problem: OSError, code: int) -> int:
    """Drop what standard output still buffers, and print why unless its reader has closed it. Return the exit code."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # Python flushes once more at its end
    if isinstance(problem, BrokenPipeError):
        return code
    print(f"hr-sync: standard output cannot be written: {problem.strerror}. Send it elsewhere.", file=sys.stderr)
    return code or HrSyncError.exit_code


def _accept_any_text() -> None:
    """Escape characters that the encoding of the output lacks, so that printing never fails."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
