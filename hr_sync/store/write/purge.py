"""Deletes pages permanently: row, body, node, failure and feed rows. One feed row remains: the page was erased."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any, cast

from sqlalchemy import (
    ColumnClause,
    ColumnElement,
    Select,
    Table,
    and_,
    any_,
    delete,
    func,
    literal,
    or_,
    select,
    union,
    update,
)
from sqlalchemy.orm import Session

from hr_sync.domain.changes import ChangeAction, ChangedField
from hr_sync.store.access_tables import ContentNode
from hr_sync.store.attachment_tables import PageAttachment
from hr_sync.store.comment_tables import PageComment
from hr_sync.store.feed_tables import ContentChange
from hr_sync.store.lease import Lease, check_lease
from hr_sync.store.read.traces import word_pattern
from hr_sync.store.tables import PageFailure, SyncRun, SyncRunSpace, SyncSpace
from hr_sync.store.write.access_sets import derive_sets
from hr_sync.store.write.changes import Change, record_changes
from hr_sync.store.write.included_access import withdraw_from_hosts
from hr_sync.store.write.locks import PAGES, lock_pages

MAX_PURGED = 500  #: pages in one transaction

_FAILURES = cast("Table", PageFailure.__table__)
_CHANGES = cast("Table", ContentChange.__table__)
_NODES = cast("Table", ContentNode.__table__)
_SPACES = cast("Table", SyncSpace.__table__)
#: What people are told, and that names keys of spaces.
_MESSAGES: tuple[ColumnClause[Any], ...] = (
    cast("Table", SyncRun.__table__).c.error,
    cast("Table", SyncRunSpace.__table__).c.error,
    *(_SPACES.c[name] for name in ("last_error", "last_full_error", "held_reason", "viewers_doubt")),
)
_IS_PURGE = _CHANGES.c.action == ChangeAction.PURGE.value


def pages_to_purge(
    session: Session,
    *,
    page_ids: Sequence[str],
    space_keys: Sequence[str],
    removed_for: timedelta | None,
) -> dict[str, list[str]]:
    """Return the ids that a purge would erase, by space: these pages, these spaces, or what was removed so long ago.

    A page without a row is found by its failure, its feed rows, or its node. A space that is asked for as a whole is
    there also without pages.
    """
    if not (page_ids or space_keys or removed_for is not None):
        return {}
    whole_spaces = space_keys and not page_ids and removed_for is None
    chosen: dict[str, list[str]] = {key: [] for key in _spaces_called(session, space_keys)} if whole_spaces else {}
    places = [select(PAGES.c.space_key.label("space_key"), PAGES.c.id.label("page_id"))]
    if removed_for is not None:
        places = [places[0].where(PAGES.c.removed_at < func.now() - removed_for)]
    else:
        places += _without_row(page_ids)
    found = union(*places).subquery()
    query = select(found)
    if page_ids:
        query = query.where(found.c.page_id.in_(page_ids))
    if space_keys:
        query = query.where(func.lower(found.c.space_key).in_(_in_any_case(space_keys)))
    for space_key, page_id in session.execute(query.order_by(found.c.space_key, found.c.page_id)):
        chosen.setdefault(space_key, []).append(page_id)
    return dict(sorted(chosen.items()))


def _without_row(page_ids: Sequence[str]) -> list[Select[str, str]]:
    """Return the queries for space and id of what no row is of."""
    told = select(_CHANGES.c.space_key, _CHANGES.c.page_id).where(~_IS_PURGE)
    queries = [(select(_FAILURES.c.space_key, _FAILURES.c.page_id), _FAILURES.c.page_id), (told, _CHANGES.c.page_id)]
    if page_ids:  # those of a whole space are deleted with it; most are no pages
        nodes = select(SyncSpace.space_key, _NODES.c.id).join(SyncSpace, SyncSpace.space_id == _NODES.c.space_id)
        queries.append((nodes, _NODES.c.id))
    # Failures and feed rows of a page that is in another space by now are found with its row.
    return [query.where(~select(PAGES.c.id).where(PAGES.c.id == page_id).exists()) for query, page_id in queries]


def _spaces_called(session: Session, space_keys: Sequence[str]) -> Sequence[str]:
    keys = _in_any_case(space_keys)
    columns = (SyncSpace.space_key, SyncRunSpace.space_key)
    return session.scalars(union(*(select(column).where(func.lower(column).in_(keys)) for column in columns))).all()


def _in_any_case(space_keys: Sequence[str]) -> list[str]:
    return [key.lower() for key in space_keys]  # Confluence's keys do not differ by case


def purge_pages(
    session: Session, lease: Lease, run_id: int, page_ids: Sequence[str], *, only_if_removed_before: timedelta | None
) -> int:
    """Erase pages of the leased space, and what was recorded of pages that have no row. Return how many there were.

    The conditions are part of the statement: a page that was restored or moved since it was chosen is left alone.
    Raises LeaseLost.
    """
    check_lease(session, lease)
    locked = lock_pages(session, page_ids)
    own = [PAGES.c.id.in_(list(locked)), PAGES.c.space_key == lease.space_key]
    if only_if_removed_before is not None:
        own.append(PAGES.c.removed_at < func.now() - only_if_removed_before)
    items = _items_of(session, list(locked))
    erased = sorted(session.scalars(delete(PAGES).where(*own).returning(PAGES.c.id)))
    without_row = [] if only_if_removed_before is not None else sorted(set(page_ids) - set(locked))
    own_failures = and_(_FAILURES.c.page_id.in_(without_row), _FAILURES.c.space_key == lease.space_key)
    failed = _delete(session, _FAILURES.c.page_id, erased, own_failures)
    _forget_failures_of_items(session, items)
    own_changes = and_(_CHANGES.c.page_id.in_(without_row), _CHANGES.c.space_key == lease.space_key, ~_IS_PURGE)
    told = _delete(session, _CHANGES.c.page_id, erased, own_changes)
    space_id = select(SyncSpace.space_id).where(SyncSpace.space_key == lease.space_key).scalar_subquery()
    own_nodes = and_(_NODES.c.id.in_(without_row), _NODES.c.space_id == space_id)
    nodes = _delete(session, _NODES.c.id, erased, own_nodes)
    withdraw_from_hosts(session, run_id, erased)
    if erased or nodes:
        derive_sets(session, run_id, sorted({*erased, *nodes}))  # below, no way up is known until the next access pass
    record_changes(
        session,
        run_id,
        [
            Change(
                page_id=page_id,
                space_key=lease.space_key,
                action=ChangeAction.PURGE,
                page_kind=locked[page_id].before.kind if page_id in locked else None,
                changed_fields=(
                    (ChangedField.ERASED, ChangedField.HIDDEN)
                    if page_id in locked and locked[page_id].before.live
                    else (ChangedField.ERASED,)
                ),
                version=None,
                reason="erased on request",
            )
            for page_id in sorted({*erased, *told})
        ],
    )
    return len({*erased, *failed, *told, *nodes})


def _items_of(session: Session, page_ids: Sequence[str]) -> list[str]:
    """Return the ids of the attachments of these pages and of the comments about them."""
    items = (select(table.id).where(table.page_id.in_(page_ids)) for table in (PageAttachment, PageComment))
    return [item_id for query in items for item_id in session.scalars(query)]


def _forget_failures_of_items(session: Session, item_ids: Sequence[str]) -> None:
    """Delete the failures of attachments and comments that went with their pages."""
    kept = (select(table.id).where(table.id == _FAILURES.c.page_id).exists() for table in (PageAttachment, PageComment))
    session.execute(delete(_FAILURES).where(_FAILURES.c.page_id.in_(item_ids), *(~each for each in kept)))


def _delete(
    session: Session, page_id: ColumnClause[str], erased: Sequence[str], others: ColumnElement[bool]
) -> frozenset[str]:
    """Delete the rows of erased pages, and others, from the table of this column. Return of which pages."""
    statement = delete(cast("Table", page_id.table)).where(or_(page_id.in_(erased), others))
    return frozenset(session.scalars(statement.returning(page_id)))


def rest_of_space(session: Session, space_key: str) -> list[str]:
    """Return ids of the space that are still to be purged: rows first, then what has none; a chunk of them."""
    rows: Select[str] = select(PAGES.c.id).where(PAGES.c.space_key == space_key)
    others = (query.subquery() for query in _without_row(()))
    queries = [rows, *(select(each.c.page_id).where(each.c.space_key == space_key).distinct() for each in others)]
    chunks = (list(session.scalars(query.limit(MAX_PURGED))) for query in queries)
    return next(filter(None, chunks), [])


def unname_space(session: Session, key: str) -> None:
    """Take the key of a space out of what is about others: former keys, messages, and rows of the feed."""
    former = _SPACES.c.former_keys
    session.execute(
        update(_SPACES).where(literal(key) == any_(former)).values(former_keys=func.array_remove(former, key))
    )
    session.execute(update(_CHANGES).where(_CHANGES.c.space_key == key).values(space_key=""))
    word = word_pattern([key])
    for message in _MESSAGES:
        told = update(cast("Table", message.table)).where(message.op("~")(word))
        session.execute(told.values({message.name: func.regexp_replace(message, word, "(erased)", "g")}))
