"""`status`, `pages` and `config`: show the state and the settings. They write nothing."""

from dataclasses import fields
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from hr_sync.cli.help import Commands
from hr_sync.cli.options import DEFAULT_SETTINGS, AsJson, Config
from hr_sync.cli.sites import EachSite, each_site

if TYPE_CHECKING:
    from sqlalchemy import Engine

config_commands = typer.Typer(
    cls=Commands, help="Show the settings in force, or all possible settings.", no_args_is_help=True
)


def add_to(app: typer.Typer) -> None:
    """Add the commands of this module."""
    app.command(cls=each_site("plot"))(status)
    app.command(cls=EachSite)(pages)
    app.add_typer(config_commands, name="config")


def status(
    config: Config = DEFAULT_SETTINGS,
    plot: Annotated[
        Path | None,
        typer.Option(
            "--plot", help="Draw the last 30 days into this file too, .svg or .png.", metavar="FILE", show_default=False
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Show the health, how fresh each space is, the last runs, and the pages that fail."""
    from hr_sync.cli.bootstrap import open_database, open_settings
    from hr_sync.cli.health import health_of_mirror, read_in_scope
    from hr_sync.cli.output import print_json
    from hr_sync.cli.status_output import print_status
    from hr_sync.cli.terminal import one_line
    from hr_sync.store.schema import check_schema

    settings = open_settings(config)
    if plot is not None:
        from hr_sync.cli.plot import check_plot

        check_plot(plot)
    with open_database(settings) as engine:
        check_schema(engine)
        overview = read_in_scope(engine, settings, runs=5)
        if plot is not None:
            _plot(engine, plot)
    health = health_of_mirror(overview, settings)
    if as_json:
        judged = {"state": health.state, "reasons": health.reasons, "notes": health.notes}
        print_json(judged | {each.name: getattr(overview, each.name) for each in fields(overview)})
    else:
        print_status(overview, health, config)
        if plot is not None:
            typer.echo(f"Drawn into {one_line(plot)}.")


def _plot(engine: "Engine", file: Path) -> None:
    """Draw the last runs into a file."""
    from hr_sync.cli.plot import SINCE, write_plot
    from hr_sync.store.engine import make_sessions, session_scope
    from hr_sync.store.read.history_of_runs import read_past_runs

    with session_scope(make_sessions(engine)) as session:
        runs = read_past_runs(session, since=SINCE)
    write_plot(file, runs, datetime.now(UTC))


def pages(
    config: Config = DEFAULT_SETTINGS,
    space: Annotated[str | None, typer.Option("--space", "-s", help="Only this space.", metavar="KEY")] = None,
    since: Annotated[
        str | None,
        typer.Option(
            "--since", help="Only pages that changed in Confluence since then: a date or time, in UTC.", metavar="TIME"
        ),
    ] = None,
    archived: Annotated[
        bool,
        typer.Option(
            "--archived", help="The archived pages that are stored, which no consumer is shown, in place of live ones."
        ),
    ] = False,
    as_json: AsJson = False,
) -> None:
    """List the live pages of the mirror, oldest change first."""
    from hr_sync.cli.bootstrap import open_database, open_settings
    from hr_sync.cli.output import print_json, print_pages
    from hr_sync.store.engine import make_sessions, session_scope
    from hr_sync.store.read.overview import list_pages
    from hr_sync.store.schema import check_schema

    begins = None if since is None else _moment(since)
    with open_database(open_settings(config)) as engine:
        check_schema(engine)
        with session_scope(make_sessions(engine)) as session:
            found = list_pages(session, space_key=space, since=begins, archived=archived)
    if as_json:
        print_json(found)
    else:
        print_pages(found)


def _moment(text: str) -> datetime:
    """Return the time in an option; without a zone it is UTC. Raise UsageError."""
    from hr_sync.errors import UsageError

    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise UsageError(
            "--since is neither a date nor a time. Write it like 2026-11-25 or 2026-11-25T14:30."
        ) from None
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment


@config_commands.command("show", cls=EachSite)
def config_show(config: Config = DEFAULT_SETTINGS, as_json: AsJson = False) -> None:
    """Show every setting in force and where it came from. Secrets are masked."""
    from hr_sync.cli.bootstrap import open_settings
    from hr_sync.cli.output import print_json, print_settings
    from hr_sync.settings import shown

    settings = shown(open_settings(config))
    if as_json:
        print_json(settings)
    else:
        print_settings(settings)


@config_commands.command("schema")
def config_schema() -> None:
    """Print the JSON schema of the settings file."""
    from hr_sync.cli.output import print_json
    from hr_sync.settings.example import config_schema as schema

    print_json(schema())


@config_commands.command("example")
def config_example() -> None:
    """Print a settings file with every setting explained."""
    from hr_sync.settings.example import config_example as example

    typer.echo(example(), nl=False)
