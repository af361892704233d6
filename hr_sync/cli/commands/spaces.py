"""`spaces`: what the account sees, and which of it is mirrored."""

from typing import TYPE_CHECKING

import typer

from hr_sync.cli.options import DEFAULT_SETTINGS, AsJson, Config
from hr_sync.cli.sites import EachSite

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hr_sync.domain.visible_spaces import VisibleSpace

_MOST_COUNTED = 50  # spaces, by one request each


def add_to(app: typer.Typer) -> None:
    """Add the commands of this module."""
    app.command(cls=EachSite)(spaces)


def spaces(config: Config = DEFAULT_SETTINGS, as_json: AsJson = False) -> None:
    """List the spaces that the account sees: how many pages, mirrored or not, and what to set for it."""
    from hr_sync.cancellation import Cancellation
    from hr_sync.cli.bootstrap import make_scope, open_client, open_settings
    from hr_sync.cli.output import print_json
    from hr_sync.cli.terminal import print_message
    from hr_sync.confluence.site import page_counts
    from hr_sync.confluence.source import open_source
    from hr_sync.domain.content import SpaceList
    from hr_sync.domain.visible_spaces import visible_spaces
    from hr_sync.errors import UNANSWERED

    settings = open_settings(config)
    source = open_source(open_client(settings, Cancellation(), is_trial=True), settings.confluence.flavor)
    source.check_account()
    current = source.spaces()
    try:
        archived = source.archived_spaces()
    except UNANSWERED:
        archived = SpaceList(spaces=[], unreadable=[])
    pages = page_counts(source, sorted(current.spaces, key=lambda space: space.key)[:_MOST_COUNTED])
    found = visible_spaces(current.spaces, archived.spaces, make_scope(settings), pages)
    unreadable = sorted({*current.unreadable, *archived.unreadable})
    if as_json:
        print_json({"spaces": found, "unreadable": unreadable})
        return
    print_spaces(found)
    if unreadable:
        print_message(f"Warning: Confluence describes {', '.join(unreadable)} without a valid id or key.")


def print_spaces(found: "Sequence[VisibleSpace]") -> None:
    """Print a line for each space."""
    from hr_sync.cli.terminal import Rows, make_console

    console = make_console()
    table = Rows("space", "name", "kind", ">pages", "mirrored", "to mirror it, in the settings below [confluence]")
    for each in found:
        kind = each.kind if each.status == "current" else each.status
        state = "yes" if each.is_mirrored else f"no: {each.reason}"
        table.add(each.key, each.name, kind, each.pages, state, each.remedy)
    console.print(table.table if found else "The account sees no space. Give it the permission to view some.")
