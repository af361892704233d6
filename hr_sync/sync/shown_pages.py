"""Says in a run how many pages of each space consumers are shown, and why not the others."""

from collections.abc import Collection, Sequence
from dataclasses import replace
from functools import partial

import structlog

from hr_sync.confluence.source import Source
from hr_sync.domain.access import AccessMode, AccessPolicy, PrincipalKind
from hr_sync.domain.content import Space
from hr_sync.domain.outcome import Mode, Outcome, SpaceReport
from hr_sync.domain.principal_words import GroupFact
from hr_sync.domain.shown_pages import ShownPages, not_read_yet, shown_pages, space_of_viewers
from hr_sync.errors import ConfluenceError
from hr_sync.store.store import Store
from hr_sync.sync.access import viewers_of
from hr_sync.sync.context import SyncContext

log = structlog.get_logger(__name__)

_MOST_NAMES = 5  # requests for names of groups, for each space
_MOST_PREVIEWED = 20  # spaces whose viewers a check reads


def with_shown_pages(context: SyncContext, reports: Sequence[SpaceReport], mode: Mode) -> list[SpaceReport]:
    """Return the reports with what consumers are shown of their spaces, and log a line for each space.

    A space whose work was stopped is left out, and one that another worker holds: its run says it. An incremental or
    notified run, which begins every few minutes, logs only what is worth a warning.
    """
    keys = [each.space_key for each in reports if each.outcome is not Outcome.STOPPED and each.busy_with is None]
    found = {each.space_key: each for each in _read(context, keys)}
    for shown in found.values():
        if shown.is_warning or mode not in {Mode.INCREMENTAL, Mode.NOTIFIED}:
            _log(shown)
    return [replace(report, shown=found.get(report.space_key)) for report in reports]


def preview_shown_pages(
    source: Source, policy: AccessPolicy, open_spaces: Collection[str], spaces: Sequence[Space], store: Store | None
) -> list[ShownPages]:
    """Return what consumers would be shown of the spaces under the settings, for a check before a run.

    The viewers of the first spaces are read from Confluence; everything else is what the mirror holds. Without a store
    nothing is mirrored yet.
    """
    keys = [space.key for space in spaces]
    if policy.mode is AccessMode.ACCOUNT:
        return [] if store is None else store.access.shown_pages(keys, policy=policy)
    licence = source.licence_groups() or frozenset()
    mirrored = [] if store is None else store.access.shown_pages(keys, policy=policy, licence_groups=licence)
    found = {each.space_key: each for each in mirrored}
    roles = source.site_roles()
    for space in spaces[:_MOST_PREVIEWED]:
        viewers = viewers_of(space, open_spaces, partial(source.viewers, space, roles))
        layer = viewers.layer or frozenset()
        some = sorted(each.id for each in layer if each.kind is PrincipalKind.GROUP)[:_MOST_NAMES]
        names = source.group_names(some)
        groups = {group_id: GroupFact(name=name) for group_id, name in names.items()}
        stored = found.get(space.key)
        pages = 0 if stored is None else stored.pages
        shown = shown_pages(space_of_viewers(space.key, viewers, groups, pages=pages), policy, licence)
        if shown.is_warning:
            found[space.key] = shown
        elif stored is not None and (stored.viewers_unknown or stored.space_viewers):
            found[space.key] = not_read_yet(stored)
    return [found[key] for key in keys if key in found]


def _read(context: SyncContext, space_keys: Sequence[str]) -> list[ShownPages]:
    if not space_keys:
        return []
    found = context.store.access.shown_pages(space_keys)
    if context.policy.access.mode is AccessMode.ENFORCE and name_groups(context, found):
        return context.store.access.shown_pages(space_keys)
    return found


def name_groups(context: SyncContext, found: Sequence[ShownPages]) -> bool:
    """Store the names of the groups that messages name, where Confluence shows them. Return True if there are any."""
    wanted = {
        viewer.id
        for shown in found
        if shown.is_warning
        for viewer in [each for each in shown.viewers or () if each.kind == "group"][:_MOST_NAMES]
        if viewer.name is None
    }
    if not wanted:
        return False
    try:
        names = context.source.group_names(wanted)
    except ConfluenceError:
        return False  # ids serve as well
    context.store.access.write_group_names(names)
    return bool(names)


def _log(shown: ShownPages) -> None:
    fields: dict[str, object] = {"space": shown.space_key, "pages": shown.pages, "shown": shown.shown, **shown.reasons}
    if shown.message is not None:
        fields["message"] = shown.message
    log.log(30 if shown.is_warning else 20, "access.shown", **fields)
