"""`who` and `sees`: who may read a page, and what somebody may read. They write nothing."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated

import typer

from hr_sync.cli.options import DEFAULT_SETTINGS, AsJson, Config
from hr_sync.cli.sites import OneSite

if TYPE_CHECKING:
    from hr_sync.settings import Settings
    from hr_sync.store.store import Store


def add_to(app: typer.Typer) -> None:
    """Add the commands of this module."""
    app.command(cls=OneSite)(who)
    app.command(cls=OneSite)(sees)


def who(
    page: Annotated[str, typer.Argument(metavar="PAGE", help="A page, by id or URL.")],
    config: Config = DEFAULT_SETTINGS,
    if_restricted: Annotated[
        list[str] | None,
        typer.Option(
            "--if-restricted",
            metavar="PAGE:GROUP",
            help="Show instead what changes if this page or folder is restricted to this group alone; may be given "
            "again for further groups.",
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Show who may read a page, by layer (space, everything above it, itself), and why not everybody."""
    from dataclasses import asdict

    from hr_sync.cli.bootstrap import open_settings, open_trial_source
    from hr_sync.cli.output import print_json
    from hr_sync.cli.readers_output import print_readers, print_restriction_preview
    from hr_sync.domain.page_ref import page_id_of
    from hr_sync.sync.principal_names import NamesOfConfluence
    from hr_sync.sync.readers import readers_of_page
    from hr_sync.sync.restriction_preview import preview_restriction

    page_id = page_id_of(page)
    node_id, groups = _restriction(if_restricted or [])
    settings = open_settings(config)
    with _opened_store(settings) as store:
        names = NamesOfConfluence(lambda: open_trial_source(settings))
        readers = readers_of_page(store, page_id, names)
        preview = None if node_id is None else preview_restriction(store, node_id, groups, names)
    if as_json:
        print_json(asdict(readers) | ({} if preview is None else {"if_restricted": preview}))
        return
    print_readers(readers, config)
    if preview is not None:
        print_restriction_preview(preview)


def sees(
    user: Annotated[
        str,
        typer.Argument(metavar="USER", help="An account id (Cloud), a user key (Data Center), or an e-mail address."),
    ],
    config: Config = DEFAULT_SETTINGS,
    group: Annotated[
        list[str] | None,
        typer.Option("--group", help="A group of the user, by id or name; may be given again. Else the mirrored ones."),
    ] = None,
    diff: Annotated[
        str | None,
        typer.Option("--diff", metavar="OTHER", help="Show what only one of this user and the other may read."),
    ] = None,
    diff_group: Annotated[
        list[str] | None, typer.Option("--diff-group", help="A group of the other user; may be given again.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """List the live pages that a user may read, by the facts in the mirror, whatever the audience."""
    from hr_sync.cli.bootstrap import open_settings, open_trial_source
    from hr_sync.cli.output import print_json
    from hr_sync.cli.readers_output import print_comparison, print_readable
    from hr_sync.errors import UsageError
    from hr_sync.sync.principal_names import NamesOfConfluence
    from hr_sync.sync.readable import compare, pages_of_user

    if diff_group and diff is None:
        raise UsageError("--diff-group needs the user that --diff names.")
    settings = open_settings(config)
    with _opened_store(settings) as store:
        names = NamesOfConfluence(lambda: open_trial_source(settings))
        found = pages_of_user(store, user, group or None, names)
        other = None if diff is None else pages_of_user(store, diff, diff_group or None, names)
    if other is None:
        if as_json:
            print_json(found)
        else:
            print_readable(found)
    elif as_json:
        print_json(compare(found, other))
    else:
        print_comparison(compare(found, other))


def _restriction(given: list[str]) -> tuple[str | None, list[str]]:
    """Return the page and the groups that the options name. Raise UsageError."""
    from hr_sync.domain.page_ref import page_id_of
    from hr_sync.errors import UsageError

    pages, groups = set(), []
    for each in given:
        # The address of a page holds a colon; so may the name of a group behind a plain id.
        page, _, group = each.rpartition(":") if "://" in each else each.partition(":")
        if not page or not group:
            raise UsageError("--if-restricted needs a page and a group, as in 12345:hr-managers.")
        pages.add(page_id_of(page))
        groups.append(group)
    if len(pages) > 1:
        raise UsageError("--if-restricted may name several groups, and one page or folder only.")
    return next(iter(pages), None), groups


@contextmanager
def _opened_store(settings: "Settings") -> "Iterator[Store]":
    from hr_sync.cli.bootstrap import open_store
    from hr_sync.store.schema import check_schema

    with open_store(settings, tables=check_schema) as store:
        yield store
