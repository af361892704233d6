"""Deletes old runs, feed rows and accounts, what removed pages held, and unused access sets; a chunk a transaction."""

from collections.abc import Callable, Sequence
from datetime import timedelta
from functools import partial
from typing import Any, cast

from sqlalchemy import Select, Table, and_, delete, func, or_, select, union, update
from sqlalchemy.orm import Session

from hr_sync.store.access_tables import AccessPolicyRow, AccessSet, GroupMember, KnownUser
from hr_sync.store.feed_tables import ContentChange, FeedConsumer, FeedState
from hr_sync.store.item_tables import ATTACHMENTS, COMMENTS, ItemTable
from hr_sync.store.read.feed import feed_epoch
from hr_sync.store.tables import PageBody, SyncRun, SyncSpace
from hr_sync.store.text_tables import PageInclude, PageMention, PageRendering, PageSection, PageText
from hr_sync.store.write.attachment_texts import delete_attachment_texts
from hr_sync.store.write.locks import PAGES
from hr_sync.store.write.set_rows import delete_sets

MAX_DELETED = 5000  #: rows in one transaction
MAX_BODIES = 500  #: pages in one transaction: their rows are locked, and each has many rows of its own

_RUNS = cast("Table", SyncRun.__table__)
_CHANGES = cast("Table", ContentChange.__table__)
_CONSUMERS = cast("Table", FeedConsumer.__table__)
_STATE = cast("Table", FeedState.__table__)
_BODIES = cast("Table", PageBody.__table__)
_ATTACHMENTS = ATTACHMENTS.table
_SETS = cast("Table", AccessSet.__table__)
_END = 2**63 - 1  # above every seq


def prune_runs(session: Session, *, older_than: timedelta) -> int:
    """Delete a chunk of old runs with their rows of spaces. Return how many runs. The last ones of each space stay."""
    needed = union(
        select(SyncSpace.last_run_id).where(SyncSpace.last_run_id.is_not(None)),
        select(SyncSpace.last_complete_run_id).where(SyncSpace.last_complete_run_id.is_not(None)),
    )
    old = select(_RUNS.c.id).where(_RUNS.c.started_at < func.now() - older_than, _RUNS.c.id.not_in(needed))
    return _delete(session, _RUNS, old.order_by(_RUNS.c.id))


def prune_changes(session: Session, *, older_than: timedelta, seen_within: timedelta) -> int:
    """Delete a chunk of old feed rows. Return how many.

    Rows that a consumer has not acknowledged stay, if it was seen within `seen_within`. What was deleted is noted in
    the same transaction, so that a consumer that has missed rows is told so.
    """
    session.execute(select(_STATE.c.id).with_for_update())
    is_live = (_CONSUMERS.c.seen_at > func.now() - seen_within, _CONSUMERS.c.epoch == feed_epoch(session))
    acked = session.scalar(select(func.min(_CONSUMERS.c.acked_seq)).where(*is_live))
    # Rows are timed as they are numbered, so that the old ones are the first ones, up to one that is not old. A row
    # that a wrong clock has timed far ahead is no end of them.
    changed_at = _CHANGES.c.changed_at
    recent = select(_CHANGES.c.seq).where(
        changed_at >= func.now() - older_than, changed_at < func.now() + timedelta(hours=1)
    )
    first_recent = recent.order_by(_CHANGES.c.seq).limit(1).scalar_subquery()
    old = select(_CHANGES.c.seq).where(_CHANGES.c.seq < func.coalesce(first_recent, _END))
    if acked is not None:
        old = old.where(_CHANGES.c.seq <= acked)
    chunk = old.order_by(_CHANGES.c.seq).limit(MAX_DELETED)
    deleted = session.scalars(delete(_CHANGES).where(_CHANGES.c.seq.in_(chunk)).returning(_CHANGES.c.seq)).all()
    if deleted:
        pruned = func.greatest(_STATE.c.pruned_seq, max(deleted))
        session.execute(update(_STATE).values(pruned_seq=pruned))
    return len(deleted)


def prune_bodies(session: Session, *, removed_for: timedelta) -> int:
    """Delete a chunk of the bodies and texts of pages that have been removed for so long. Return how many.

    The rows stay.

    The rows are locked first, so that a page which is restored meanwhile keeps its new body. A page that is restored
    later is fetched again, as every page without a body is.
    """
    kept = (select(table.page_id).where(table.page_id == PAGES.c.id).exists() for table in (PageBody, PageText))
    old = (
        select(PAGES.c.id)
        .where(PAGES.c.removed_at < func.now() - removed_for, or_(*kept))
        .order_by(PAGES.c.id)
        .limit(MAX_BODIES)
        .with_for_update(of=PAGES)
    )
    page_ids = session.scalars(old).all()
    if page_ids:
        for table in (PageSection, PageInclude, PageMention, PageRendering, PageText):
            session.execute(delete(table).where(table.page_id.in_(page_ids)))
        files = session.scalars(select(_ATTACHMENTS.c.id).where(_ATTACHMENTS.c.page_id.in_(page_ids))).all()
        delete_attachment_texts(session, files)
        session.execute(delete(_BODIES).where(_BODIES.c.page_id.in_(page_ids)))
        session.execute(update(PAGES).where(PAGES.c.id.in_(page_ids)).values(sections=None))
    return len(page_ids)


def prune_items(session: Session, kind: ItemTable[Any], *, removed_for: timedelta) -> int:
    """Erase a chunk of the items that have been removed for so long, or whose pages have. Return how many.

    The rows of those that were found gone stay while the row of their page does, without what they said: a search index
    that still lists one gets it looked up by id then, and not written as new. The rows of the others are deleted.
    The pages are locked first, so that one which is restored meanwhile keeps its items.
    """
    row, long_ago = kind.table.c, func.now() - removed_for
    is_whole = row[kind.whole_by] != ""
    is_old = or_(row.removed_at < long_ago, PAGES.c.removed_at < long_ago)
    pages = (
        select(PAGES.c.id)
        .where(select(row.id).where(row.page_id == PAGES.c.id, is_whole, is_old).exists())
        .order_by(PAGES.c.id)
        .limit(MAX_BODIES)
        .with_for_update(of=PAGES)
    )
    page_ids = session.scalars(pages).all()
    if not page_ids:
        return 0
    old = select(row.id).join(PAGES, PAGES.c.id == row.page_id).where(PAGES.c.id.in_(page_ids), is_whole, is_old)
    kind.delete_texts(session, session.scalars(old).all())
    never_gone = and_(row.hidden_at.is_(None), row.removed_at.is_(None))
    deleted = session.scalars(delete(kind.table).where(row.id.in_(old), never_gone).returning(row.id)).all()
    nothing = dict(kind.erased) | {"metadata_digest": ""}
    erased = session.scalars(update(kind.table).where(row.id.in_(old)).values(nothing).returning(row.id)).all()
    return len(deleted) + len(erased)


#: Deletes what was removed for long: bodies of pages, then what their items said.
PRUNE_REMOVED: tuple[Callable[..., int], ...] = (
    prune_bodies,
    partial(prune_items, kind=ATTACHMENTS),
    partial(prune_items, kind=COMMENTS),
)


def prune_accounts(session: Session, *, older_than: timedelta) -> int:
    """Delete accounts that Confluence has not shown for so long, and that are in no group. Return how many."""
    member = select(GroupMember.user_id).where(GroupMember.user_id == KnownUser.user_id).exists()
    old = select(KnownUser.user_id).where(KnownUser.seen_at < func.now() - older_than, ~member).limit(MAX_DELETED)
    statement = delete(KnownUser).where(KnownUser.user_id.in_(old)).returning(KnownUser.user_id)
    return len(session.scalars(statement.execution_options(synchronize_session=False)).all())


def prune_access_sets(session: Session) -> int:
    """Delete access sets that no page has. Return how many.

    The policy is locked, so that no page is getting one of them at the same time.
    """
    session.execute(select(AccessPolicyRow.id).with_for_update())
    used = (
        select(PAGES.c.id).where(column == _SETS.c.id).exists()
        for column in (PAGES.c.access_set_id, PAGES.c.own_access_set_id)
    )
    unused = select(_SETS.c.id).where(*(~each for each in used)).limit(MAX_DELETED)
    return delete_sets(session, session.scalars(unused).all())


def _delete(session: Session, table: Table, old: Select[Any]) -> int:
    statement = delete(table).where(table.c.id.in_(old.limit(MAX_DELETED))).returning(table.c.id)
    deleted: Sequence[Any] = session.scalars(statement).all()
    return len(deleted)
