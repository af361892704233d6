"""`db`: the address of the mirror's database for psql and other clients."""

from typing import TYPE_CHECKING, Annotated

import typer

from hr_sync.cli.help import Commands
from hr_sync.cli.options import DEFAULT_SETTINGS, Config
from hr_sync.cli.sites import AllSites

if TYPE_CHECKING:
    from hr_sync.cancellation import Cancellation

db_commands = typer.Typer(
    cls=Commands, help="Connect other programs to the database of the mirror.", no_args_is_help=True
)


def add_to(app: typer.Typer) -> None:
    """Add the commands of this module."""
    app.add_typer(db_commands, name="db")


@db_commands.command("url", cls=AllSites)
def url(
    config: Config = DEFAULT_SETTINGS,
    start: Annotated[
        bool, typer.Option("--start", help="Start the embedded PostgreSQL, and keep it running until Ctrl-C.")
    ] = False,
) -> None:
    """Print the URL of the database, without its password: psql "$(hr-sync db url)"."""
    from hr_sync.cli.bootstrap import open_each_settings
    from hr_sync.cli.stopping import run_until_stopped
    from hr_sync.embedded.server import EmbeddedPostgres, running_url
    from hr_sync.errors import DatabaseUnavailable, UsageError
    from hr_sync.settings import without_password

    database = open_each_settings(config)[0].database  # the same for all sites
    if database.url is not None:
        if start:
            raise UsageError(
                "--start is for the embedded PostgreSQL, and database.url names another one. Leave it out."
            )
        typer.echo(without_password(database.url.get_secret_value()))
        return

    def work(cancellation: "Cancellation") -> None:
        with EmbeddedPostgres(database.embedded_folder) as server:
            typer.echo(running_url(server.folder))
            typer.echo("The embedded PostgreSQL runs until Ctrl-C.", err=True)
            cancellation.wait()

    if start:
        run_until_stopped(work)
        return
    running = running_url(database.embedded_folder)
    if running is None:
        raise DatabaseUnavailable(
            "the embedded PostgreSQL runs only while a command of hr-sync uses it, and none is running. Start it in "
            "another terminal with `hr-sync db url --start`."
        )
    typer.echo(running)
