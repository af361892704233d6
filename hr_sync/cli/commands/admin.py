"""`init-db`, `migrate`, `check` and `purge`: what is done once, or by hand."""

import sys
from datetime import timedelta
from typing import TYPE_CHECKING, Annotated

import typer

from hr_sync.cli.options import AsJson, Config, Spaces

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from hr_sync.confluence.source import Source
    from hr_sync.settings import Settings

_MOST_KEYS = 10  # in a message


def add_to(app: typer.Typer) -> None:
    """Add the commands of this module."""
    app.command("init-db")(init_db)
    app.command()(migrate)
    app.command()(check)
    app.command()(purge)


def init_db(config: Config = None) -> None:
    """Make the tables when they are missing. `run` and `serve` do so by themselves."""
    from hr_sync.cli.bootstrap import open_database, open_settings
    from hr_sync.store.schema import ensure_schema

    with open_database(open_settings(config)) as engine:
        revision = ensure_schema(engine)
    typer.echo(f"The tables are there, at revision {revision}.")


def migrate(config: Config = None) -> None:
    """Move an older schema to the one that this build writes."""
    from hr_sync.cli.bootstrap import open_database, open_settings
    from hr_sync.store.schema import migrate as migrate_schema

    with open_database(open_settings(config)) as engine:
        revision = migrate_schema(engine)
    typer.echo(f"The tables are at revision {revision}.")


def check(config: Config = None, as_json: AsJson = False) -> None:
    """Try the settings: the database, the account at Confluence, and that it sees every space. Write nothing."""
    from hr_sync.cli.bootstrap import open_settings
    from hr_sync.cli.output import print_json
    from hr_sync.errors import AnswerNotTrusted, ConfigurationError, NotFound

    passed: dict[str, object] = {}
    try:
        for name, line, value in _tried(open_settings(config)):
            passed[name] = value
            if not as_json:
                typer.echo(line)
    except (AnswerNotTrusted, NotFound) as failure:
        raise ConfigurationError(str(failure)) from None  # nothing was synchronised, so that nothing is partial
    if as_json:
        print_json(passed)


def _tried(settings: "Settings") -> "Iterator[tuple[str, str, object]]":
    """Try one thing after the other. Yield the name of each that is right, a line for people, and what was found.

    Raise HrSyncError for the first that is wrong.
    """
    from hr_sync.cancellation import Cancellation
    from hr_sync.cli.bootstrap import make_context, open_database
    from hr_sync.cli.terminal import one_line, print_message
    from hr_sync.store.schema import HEAD, has_tables
    from hr_sync.store.store import Store
    from hr_sync.sync.context import SyncRequest
    from hr_sync.sync.scope import unseen_page_trees
    from hr_sync.sync.spaces import select_spaces

    with open_database(settings) as engine:
        is_empty = not has_tables(engine)
        state = "no tables yet, the first run makes them" if is_empty else f"tables are at revision {HEAD}"
        yield "database", f"Database: reached; {state}.", state
        context = make_context(settings, Store(engine), Cancellation(), is_trial=True)
        context.source.check_account()
        yield "confluence", "Confluence: reached, the account is known.", "the account is known"
        spaces = select_spaces(context.source, None if is_empty else context.store, context.scope, SyncRequest())
        found = {space.key: space.name for space in spaces.chosen}
        if found:
            yield "spaces", "\n".join(f"Space {one_line(key)}: {one_line(name)}" for key, name in found.items()), found
        for warning in spaces.warnings:
            print_message(f"Warning: {warning}")
        _refuse_unseen(context.source, spaces.unseen, unseen_page_trees(context.source, context.scope.pages))


def _refuse_unseen(source: "Source", keys: "Sequence[str]", trees: "Sequence[str]") -> None:
    from hr_sync.errors import ConfigurationError

    if keys or trees:
        unseen = [*(f"space {key}" for key in keys), *(f"page tree {root}" for root in trees)]
        visible = _visible_keys(source) if keys else ""
        raise ConfigurationError(
            f"Not visible to the account: {', '.join(unseen)}.{visible} Check confluence.spaces and "
            "confluence.page_trees, and that the account may view them."
        )


def _visible_keys(source: "Source") -> str:
    """Return a sentence with the first keys that the account does see: most often one of them was meant."""
    from hr_sync.errors import HrSyncError

    try:
        keys = sorted(space.key for space in source.spaces().spaces)
    except HrSyncError:
        return ""
    more = f", and {len(keys) - _MOST_KEYS} more" if len(keys) > _MOST_KEYS else ""
    return f" It sees {', '.join(keys[:_MOST_KEYS])}{more}." if keys else " It sees no space at all."


def purge(
    config: Config = None,
    page: Annotated[
        list[str] | None, typer.Option("--page", help="A page by id or URL; may be given again.", metavar="ID_OR_URL")
    ] = None,
    space: Spaces = None,
    removed_days: Annotated[
        int | None, typer.Option("--removed-days", min=0, help="Pages that were removed at least so many days ago.")
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
) -> None:
    """Erase pages from the mirror for good: row, body, failures, feed. What is still in scope comes back."""
    from hr_sync import __version__
    from hr_sync.cancellation import Cancellation
    from hr_sync.cli.bootstrap import open_database, open_settings
    from hr_sync.domain.page_ref import page_id_of
    from hr_sync.errors import UsageError
    from hr_sync.store.schema import check_schema
    from hr_sync.store.store import Store
    from hr_sync.store.values import Worker
    from hr_sync.sync.purge import purge as purge_pages

    if not (page or space or removed_days is not None):
        raise UsageError("Say what to erase: --page, --space or --removed-days; together they narrow each other.")
    removed_for = None if removed_days is None else timedelta(days=removed_days)
    with open_database(open_settings(config)) as engine:
        check_schema(engine)
        store = Store(engine)
        chosen = store.pages_to_purge(
            page_ids=[page_id_of(each) for each in page or ()], space_keys=space or (), removed_for=removed_for
        )
        total = sum(map(len, chosen.values()))
        if total and not yes:
            _confirm(f"Erase {total} pages of {', '.join(chosen)} for good?")
        erased = (
            purge_pages(
                store,
                Worker.current(),
                chosen,
                version=__version__,
                cancellation=Cancellation(),
                removed_for=removed_for,
                whole_spaces=bool(space) and not page and removed_for is None,
            )
            if chosen
            else 0
        )
    typer.echo(f"Erased {erased} pages.")


def _confirm(question: str) -> None:
    """Ask a person. Raise UsageError where there is none: a pipe must not answer for one."""
    from hr_sync.errors import UsageError

    if not sys.stdin.isatty():
        raise UsageError(f"{question} Standard input is not a terminal. Pass --yes to confirm.")
    typer.confirm(question, abort=True, err=True)
