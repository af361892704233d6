"""Faults of the world and the caller: reads of the past, lost rights, edits in the middle of a walk."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

from confluence_simulator.call import Conditions
from confluence_simulator.faults.kind import FaultContext, Kind

Before = Callable[[FaultContext, Conditions], Conditions]


def _edit(change: Callable[[FaultContext], object]) -> Before:
    """`change` edits the world first; then the request is answered from the world as it is now."""

    def before(context: FaultContext, conditions: Conditions) -> Conditions:
        change(context)
        return conditions

    return before


def _set(**changes: Any) -> Before:
    return lambda _, conditions: replace(conditions, **changes)


def _victim(context: FaultContext) -> str:
    """Return the id of the page that the argument names, or of the current page with the lowest id."""
    return str(context.argument or context.world.pages(status="current")[0].id)


def _create(context: FaultContext) -> None:
    first = context.world.page(_victim(context))
    title = f"Written meanwhile {context.world.revision}"
    context.world.create_page(space_key=first.space_key, title=title, storage="<p>New.</p>")


CONDITIONS = {
    "edit-during-walk": Kind(
        about="A page gets a new version before this answer (argument: its id; else the lowest)",
        before=_edit(lambda context: context.world.edit_page(_victim(context), storage="<p>Edited meanwhile.</p>")),
    ),
    "rename-during-walk": Kind(
        about="A page is renamed before this answer (argument: its id)",
        before=_edit(lambda context: context.world.rename_page(_victim(context), f"Renamed {context.world.revision}")),
    ),
    "create-during-walk": Kind(about="A page is created before this answer", before=_edit(_create)),
    "trash-during-walk": Kind(
        about="A page is trashed before this answer (argument: its id)",
        before=_edit(lambda context: context.world.trash_page(_victim(context))),
    ),
    "move-during-walk": Kind(
        about="A page moves to the top of its space before this answer (argument: its id)",
        before=_edit(lambda context: context.world.move_page(_victim(context))),
    ),
    "hide-during-walk": Kind(
        about="A page is restricted away from the caller before this answer (argument: its id)",
        before=_edit(lambda context: context.world.hide_page(_victim(context))),
    ),
    "anonymous-200": Kind(about="The caller is taken for anonymous, with status 200", before=_set(anonymous=True)),
    "becomes-anonymous": Kind(
        about="The caller is taken for anonymous, with status 200, and sees about half of the pages that it saw",
        before=_set(anonymous=True, half_visible=True),
    ),
    "single-reads-404": Kind(
        about="Every read by id is Confluence's own 404, while lists work", before=_set(single_reads_absent=True)
    ),
    "listed-but-404": Kind(
        about="Reads of this page by id are Confluence's own 404, while lists hold it (argument: its id)",
        before=lambda context, known: replace(known, unreadable_ids=known.unreadable_ids | {_victim(context)}),
    ),
    "stale-read": Kind(
        about="The world of some time ago, single reads included (argument: seconds, 3600)",
        before=lambda context, known: replace(known, lag=timedelta(seconds=float(context.argument or 3600))),
    ),
    "lowered-limit": Kind(
        about="limit is silently lowered (argument: to what, 2)",
        before=lambda context, known: replace(known, limit_cap=int(context.argument or 2)),
    ),
    "page-hidden": Kind(
        about="A page is not there for the caller (argument: its id)",
        before=lambda context, known: replace(known, hidden_ids=known.hidden_ids | {_victim(context)}),
    ),
    "page-breaks-batch": Kind(
        about="500 for every answer that would hold this page's body (argument: its id)",
        before=lambda context, known: replace(known, broken_body_ids=known.broken_body_ids | {_victim(context)}),
    ),
    "ancestors-break-batch": Kind(
        about="404 for every answer that expands restrictions of ancestors (CONFCLOUD-77618)",
        before=_set(ancestors_break=True),
    ),
    "permissions-cut": Kind(
        about="Lists of users and groups in restrictions end early (argument: at how many, 100)",
        before=lambda context, known: replace(known, permissions_cap=int(context.argument or 100)),
    ),
}
