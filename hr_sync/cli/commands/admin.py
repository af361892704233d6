"""`init-db`, `migrate` and `purge`: commands for setup and maintenance."""

import sys
from datetime import timedelta
from typing import Annotated

import typer

from hr_sync.cli.options import DEFAULT_SETTINGS, Config, SettingsChoice, Spaces
from hr_sync.cli.sites import EachSite, OneSite
from hr_sync.errors import UsageError


def add_to(app: typer.Typer) -> None:
    """Add the commands of this module."""
    app.command("init-db", cls=EachSite)(init_db)
    app.command(cls=EachSite)(migrate)
    app.command(cls=OneSite)(purge)


def init_db(config: Config = DEFAULT_SETTINGS) -> None:
    """Create the tables if they are missing. `run` and `serve` also do this."""
    from hr_sync.cli.bootstrap import open_database, open_settings
    from hr_sync.store.schema import ensure_schema, make_missing_rows
    from hr_sync.store.union import make_union

    settings = open_settings(config)
    with open_database(settings) as engine:
        revision = ensure_schema(engine)
        make_missing_rows(engine)
        make_union(engine, settings.schemas)
    typer.echo(f"The tables exist, at revision {revision}.")


def migrate(config: Config = DEFAULT_SETTINGS) -> None:
    """Migrate an older schema to the one that this build uses."""
    from hr_sync.cli.bootstrap import open_database, open_settings
    from hr_sync.store.schema import migrate as migrate_schema
    from hr_sync.store.union import make_union

    settings = open_settings(config)
    with open_database(settings) as engine:
        revision = migrate_schema(engine)
        make_union(engine, settings.schemas)
    typer.echo(f"The tables are at revision {revision}.")


def purge(
    config: Config = DEFAULT_SETTINGS,
    page: Annotated[
        list[str] | None, typer.Option("--page", help="A page by id or URL; may be given again.", metavar="ID_OR_URL")
    ] = None,
    space: Spaces = None,
    removed_days: Annotated[
        int | None, typer.Option("--removed-days", min=0, help="Pages that were removed at least this many days ago.")
    ] = None,
    user: Annotated[
        str | None,
        typer.Option(
            "--user",
            metavar="USER",
            help="A person instead, by account id (Cloud), user key (Data Center) or e-mail address.",
        ),
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
) -> None:
    """Delete pages from the mirror permanently: row, body, failures, feed. Or what is stored of a person.

    The next full run stores again what is still in scope. Of a person that is the account, the memberships, and the
    name in restrictions, permissions and texts; what Confluence still shows comes back with the next run.
    """
    if user is None:
        _purge_pages(config, page or [], space or [], removed_days, yes=yes)
    elif page or space or removed_days is not None:
        raise UsageError("--user erases a person alone: leave --page, --space and --removed-days out.")
    else:
        _purge_user(config, user, yes=yes)


def _purge_pages(
    config: SettingsChoice, pages: list[str], space_keys: list[str], removed_days: int | None, *, yes: bool
) -> None:
    from hr_sync import __version__
    from hr_sync.cancellation import Cancellation
    from hr_sync.cli.bootstrap import make_scope, open_database, open_settings
    from hr_sync.domain.page_ref import page_id_of
    from hr_sync.store.schema import check_schema
    from hr_sync.store.store import Store
    from hr_sync.store.values import Worker
    from hr_sync.sync.purge import purge as purge_pages

    if not (pages or space_keys or removed_days is not None):
        raise UsageError(
            "Name the pages to erase with --page, --space or --removed-days; several options must all match."
        )
    removed_for = None if removed_days is None else timedelta(days=removed_days)
    settings = open_settings(config)
    with open_database(settings) as engine:
        check_schema(engine)
        store = Store(engine)
        chosen = store.pages_to_purge(
            page_ids=[page_id_of(each) for each in pages], space_keys=space_keys, removed_for=removed_for
        )
        total = sum(map(len, chosen.values()))
        if chosen and not yes:
            _confirm(f"Erase {_pages(total)} of {', '.join(chosen)} for good?")
        erased = (
            purge_pages(
                store,
                Worker.current(),
                chosen,
                version=__version__,
                cancellation=Cancellation(),
                removed_for=removed_for,
                whole_spaces=bool(space_keys) and not pages and removed_for is None,
                scope=make_scope(settings),
            )
            if chosen
            else 0
        )
    typer.echo(f"Erased {_pages(erased)}.")


def _purge_user(config: SettingsChoice, user: str, *, yes: bool) -> None:
    import shlex

    from hr_sync import __version__
    from hr_sync.cancellation import Cancellation
    from hr_sync.cli.bootstrap import open_settings, open_store
    from hr_sync.cli.options import with_config
    from hr_sync.cli.texts import derive_again
    from hr_sync.domain.principal_words import listed, number
    from hr_sync.store.schema import check_schema
    from hr_sync.store.values import Worker
    from hr_sync.sync.purge import purge_user
    from hr_sync.sync.readable import find_user

    if not user.strip():
        raise UsageError("--user needs an account id (Cloud), a user key (Data Center) or an e-mail address.")
    settings = open_settings(config)
    with open_store(settings, tables=check_schema) as store:
        user_id = find_user(store, user)
        if not yes:
            _confirm(f"Erase what is stored of user {user_id} for good?")
        erased = purge_user(store, Worker.current(), user_id, version=__version__)
        if erased.texts and settings.text.sections:
            derive_again(settings, store, Cancellation(), None)
    counts = [
        number(erased.accounts, "account"),
        number(erased.memberships, "membership"),
        number(erased.restrictions, "restriction"),
        number(erased.permissions, "permission"),
        *([f"the name in {number(erased.texts, 'text')}"] if erased.texts else []),
    ]
    if erased.comments:
        counts.append(number(erased.comments, "comment without its author", "comments without their author"))
    typer.echo(f"Erased of user {user_id}: {listed(counts)}." if erased else f"Nothing of user {user_id} is stored.")
    remedy = f"See what is left: `hr-sync verify --erased {shlex.quote(user_id)}`."
    typer.echo(
        "What Confluence still shows of the user comes back with the next access run"
        f"{', and a name that pages mention with the next run' if erased.texts else ''}."
    )
    typer.echo(with_config(remedy, config))


def _pages(number: int) -> str:
    return "1 page" if number == 1 else f"{number} pages"


def _confirm(question: str) -> None:
    """Ask for confirmation. Raise UsageError if standard input is not a terminal."""
    if not sys.stdin.isatty():
        raise UsageError(f"{question} Standard input is not a terminal. Pass --yes to confirm.")
    typer.confirm(question, abort=True, err=True)
