"""What the mirror holds of a space, as far as a plan needs it. Read only, no body."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any, cast

from sqlalchemy import ColumnElement, Select, Table, and_, func, or_, select, union
from sqlalchemy.orm import Session

from hr_sync.domain.content import ContentKind, ItemKind, Space, StoredPage, WithdrawalReason
from hr_sync.domain.deletion import HoldState
from hr_sync.store.read.pages import HIDDEN, LIVE
from hr_sync.store.read.texts import KEPT_FOR
from hr_sync.store.tables import ConfluencePage, PageBody, PageFailure, SyncSpace
from hr_sync.store.text_tables import PageText
from hr_sync.store.values import SpaceState, StoredSpace

_PAGES = cast("Table", ConfluencePage.__table__)
_BODIES = cast("Table", PageBody.__table__)


def stored_of_space(session: Session, space: Space) -> dict[str, StoredPage]:
    """Return every row of a space, hidden and removed ones too, by page id, also those under its former keys."""
    stored = _stored(session, _PAGES.c.space_key == space.key)
    row = session.execute(_row_of(space, SyncSpace.space_key, SyncSpace.former_keys)).one_or_none()
    former = [] if row is None else [key for key in (row.space_key, *row.former_keys) if key != space.key]
    if former and space.id:
        stored |= _stored(session, and_(_PAGES.c.space_key == func.any(former), _PAGES.c.space_id == space.id))
    return stored


def _row_of(space: Space, *columns: Any) -> Select[Any]:
    """Select from the row of a space, which has its former key until the next lease."""
    same_id = SyncSpace.space_id == space.id  # never true where no id is known: it is "" then
    found = select(*columns).where(or_(same_id, SyncSpace.space_key == space.key))
    return found.order_by(same_id.desc().nulls_last()).limit(1)


def stored_by_id(session: Session, ids: Iterable[str]) -> dict[str, StoredPage]:
    """Return the rows of these pages, whatever space they are in, by page id."""
    wanted = list(ids)
    return _stored(session, _PAGES.c.id == func.any(wanted)) if wanted else {}


def hidden_pages(
    session: Session, space_key: str, reason: WithdrawalReason, *, hidden_within: timedelta, limit: int
) -> list[StoredPage]:
    """Return pages of a space that were hidden for this reason lately, newest first."""
    page = _PAGES.c
    query = (
        select(page.id)
        .where(HIDDEN, page.space_key == space_key, page.hidden_reason == reason.value)
        .where(page.hidden_at >= func.now() - hidden_within)
        .order_by(page.hidden_at.desc(), page.id)
        .limit(limit)
    )
    ids = list(session.scalars(query))
    stored = stored_by_id(session, ids)
    return [stored[page_id] for page_id in ids if page_id in stored]


def stored_labels(session: Session, space_key: str) -> dict[str, frozenset[str] | None]:
    """Return the labels of the live pages of a space, by page id. None is not known."""
    page = _PAGES.c
    rows = session.execute(select(page.id, page.labels).where(LIVE, page.space_key == space_key))
    return {page_id: None if labels is None else frozenset(labels) for page_id, labels in rows}


def live_kinds(session: Session, space_key: str) -> dict[str, ContentKind]:
    """Return the kinds of the live pages of a space, by page id."""
    page = _PAGES.c
    rows = session.execute(select(page.id, page.kind).where(LIVE, page.space_key == space_key))
    return {page_id: ContentKind(kind) for page_id, kind in rows}


def stored_spaces(session: Session) -> list[StoredSpace]:
    """Return the spaces that have pages which are not removed, or failures, and those that are not gone, by key.

    A space whose own row was lost is among them; its pages know its id. A space is there once, under its present key,
    although pages that were hidden when it was renamed still have the former one.
    """
    space = SyncSpace
    keys = union(
        select(_PAGES.c.space_key).where(_PAGES.c.removed_at.is_(None)),
        select(PageFailure.space_key),
        select(space.space_key).where(space.gone_at.is_(None), space.epoch > 0),  # a run has begun it
    ).subquery("keys")
    id_of_pages = select(func.max(_PAGES.c.space_id)).where(_PAGES.c.space_key == keys.c.space_key).scalar_subquery()
    rows = session.execute(
        select(
            keys.c.space_key,
            func.coalesce(space.space_id, id_of_pages),
            func.coalesce(space.name, ""),
            func.coalesce(space.held, 0),
            space.gone_at,
            func.coalesce(space.former_keys, []),
        )
        .join_from(keys, space, space.space_key == keys.c.space_key, isouter=True)
        .order_by(keys.c.space_key)
    )
    spaces = [
        StoredSpace(key=key, id=space_id, name=name, held=held, gone_at=gone_at, former_keys=tuple(former_keys))
        for key, space_id, name, held, gone_at, former_keys in rows
    ]
    former = {(space.id, key) for space in spaces for key in space.former_keys if key != space.key}
    return [space for space in spaces if (space.id, space.key) not in former]


def held_removals(session: Session) -> int:
    """Return how many removals wait for a decision, in all spaces together."""
    return session.scalar(select(func.coalesce(func.sum(SyncSpace.held), 0))) or 0


def newest_look(session: Session) -> datetime | None:
    """Return the beginning of the newest look at a space, by the source's clock."""
    return session.scalar(select(func.max(SyncSpace.looked_from)))


def state_of_space(session: Session, space: Space) -> SpaceState:
    """Return the position of the passes over a space."""
    stored = SyncSpace
    row = session.execute(
        _row_of(
            space,
            stored.watermark,
            stored.scope_fingerprint,
            stored.held,
            stored.held_attachments,
            stored.held_comments,
            stored.held_reason,
            stored.mass_delete_allowed_run_id,
            stored.full_pass_due,
            stored.last_full_at,
            stored.looked_from,
            stored.decided_run_id,
        )
    ).one_or_none()
    if row is None:
        return SpaceState()
    held_items = {ItemKind.ATTACHMENTS: row.held_attachments, ItemKind.COMMENTS: row.held_comments}
    allowed = row.mass_delete_allowed_run_id
    reason = None if any(held_items.values()) else row.held_reason  # that of several is of none alone
    return SpaceState(
        watermark=row.watermark,
        scope_fingerprint=row.scope_fingerprint,
        hold=HoldState(held=row.held - sum(held_items.values()), reason=reason, allowed_run_id=allowed),
        item_holds={kind: HoldState(held=held, allowed_run_id=allowed) for kind, held in held_items.items()},
        full_pass_due=row.full_pass_due,
        last_full_at=row.last_full_at,
        looked_from=row.looked_from,
        decided_run_id=row.decided_run_id,
    )


def _stored(session: Session, condition: ColumnElement[bool]) -> dict[str, StoredPage]:
    page = _PAGES.c
    # A query of its own: the few pages without a body are found by an anti-join over two indexes; no body is read.
    has_body = select(_BODIES.c.page_id).where(_BODIES.c.page_id == page.id).exists()
    without_body = set(session.scalars(select(page.id).where(condition, ~has_body)))
    in_doubt = set(session.scalars(select(PageText.page_id).where(PageText.kept_since < func.now() - KEPT_FOR)))
    rows = session.execute(
        select(
            page.id,
            page.space_key,
            page.space_id,
            page.version,
            page.metadata_digest,
            page.hidden_reason,
            page.removed_at.is_not(None),
            page.missing_since_run_id,
            page.kind,
        ).where(condition)
    )
    kinds = {kind.value: kind for kind in ContentKind}
    reasons = {reason.value: reason for reason in WithdrawalReason}
    return {
        page_id: StoredPage(
            id=page_id,
            space_key=space_key,
            space_id=space_id,
            version=version,
            metadata_digest=digest,
            hidden_reason=None if hidden_reason is None else reasons[hidden_reason],
            removed=removed,
            has_body=page_id not in without_body,
            missing_since_run_id=missing_since_run_id,
            body_in_doubt=page_id in in_doubt,
            kind=kinds[kind],
        )
        for page_id, space_key, space_id, version, digest, hidden_reason, removed, missing_since_run_id, kind in rows
    }


def full_pass_is_due(session: Session, interval: timedelta) -> bool:
    """Return True if a space had no complete full pass for so long, or asks for one, or if there is no space yet."""
    space = SyncSpace
    late = or_(
        space.full_pass_due, space.last_full_at.is_(None), space.last_full_at < func.statement_timestamp() - interval
    )
    here = space.gone_at.is_(None)
    spaces, waiting = session.execute(
        select(func.count(), func.count().filter(and_(here, late))).select_from(space)
    ).one()
    return bool(spaces == 0 or waiting)
