"""`init-db`, `migrate` and `check`: what is done once, or before the first run."""

import threading

import typer

from hr_sync.cli.options import Config


def add_to(app: typer.Typer) -> None:
    """Add the commands of this module."""
    app.command("init-db")(init_db)
    app.command()(migrate)
    app.command()(check)


def init_db(config: Config = None) -> None:
    """Make the tables when they are missing. `run` and `serve` do so by themselves."""
    from hr_sync.cli.wiring import open_database, open_settings
    from hr_sync.database.schema import ensure_schema

    with open_database(open_settings(config)) as engine:
        revision = ensure_schema(engine)
    typer.echo(f"The tables are there, at revision {revision}.")


def migrate(config: Config = None) -> None:
    """Move an older schema to the one that this build writes."""
    from hr_sync.cli.wiring import open_database, open_settings
    from hr_sync.database.schema import migrate as migrate_schema

    with open_database(open_settings(config)) as engine:
        revision = migrate_schema(engine)
    typer.echo(f"The tables are at revision {revision}.")


def check(config: Config = None) -> None:
    """Try the settings: the database, the account at Confluence, and that it sees every space."""
    from hr_sync.cli.wiring import open_mirror, open_settings
    from hr_sync.errors import ConfigurationError
    from hr_sync.sync.mirror import Order
    from hr_sync.sync.scope import spaces_in_scope

    with open_mirror(open_settings(config), threading.Event()) as mirror:
        typer.echo("Database: reached, tables are right.")
        mirror.reader.check_account()
        typer.echo("Confluence: reached, the account is known.")
        spaces = spaces_in_scope(mirror.reader, mirror.scope, Order())
        for space in spaces.chosen:
            typer.echo(f"Space {space.key}: {space.name}")
    if spaces.unseen:
        raise ConfigurationError(
            f"Not to be seen: {', '.join(spaces.unseen)}. Check confluence.spaces, and that the account may view them."
        )
