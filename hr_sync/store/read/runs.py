"""Queries about runs: the last runs, and the freshness of each space. Read only."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, func, select
from sqlalchemy.orm import InstrumentedAttribute, Session

from hr_sync.domain.content import ContentKind, ItemKind
from hr_sync.store.attachment_tables import PageAttachment
from hr_sync.store.comment_tables import PageComment
from hr_sync.store.read.pages import HIDDEN, LIVE
from hr_sync.store.tables import ConfluencePage, PageFailure, SyncRun, SyncSpace
from hr_sync.store.values import FailureStage


@dataclass(frozen=True, kw_only=True, slots=True)
class SpaceStatus:
    """The state of one space."""

    space_key: str
    name: str | None
    last_complete_at: datetime | None  #: end of the last run that looked at everything; None = there was none
    age: timedelta | None  #: time since then, on the database's clock: the space's freshness
    full_age: timedelta | None  #: time since the last complete full pass, on the database's clock
    access_age: timedelta | None  #: time since who may read its pages was last read; None = it never was
    last_run_id: int | None
    last_outcome: str | None  #: of the last run of this space
    error: str | None  #: why that run is not complete here, with the remedy
    lease_holder: str | None  #: who is writing now; None when nobody is
    live_pages: int
    failing_pages: int
    held: int = 0  #: removals that wait for a decision
    held_attachments: int = 0  #: those of attachments among them
    held_comments: int = 0  #: those of comments among them
    held_since: datetime | None = None
    held_reason: str | None = None
    hidden_pages: int = 0  #: kept and not shown
    live_posts: int = 0  #: blog posts among the live pages
    live_attachments: int = 0  #: of the live pages
    live_comments: int = 0  #: about the live pages
    attachments_not_mirrored: int = 0  #: attached to what is not mirrored, as the last full run saw them
    viewers_known: bool = True  #: False: who may view the space is not known
    viewers_doubt: str | None = None  #: why, with the remedy
    full_pass_due: bool = False  #: a scheduled full pass did not get the lease
    last_full_outcome: str | None = None  #: of the last full pass, whatever ran after it
    last_full_error: str | None = None
    former_keys: tuple[str, ...] = ()  #: keys that it had before, and its aliases

    @property
    def held_items(self) -> dict[ItemKind, int]:
        """Return the removals that wait of each kind of items."""
        return {ItemKind.ATTACHMENTS: self.held_attachments, ItemKind.COMMENTS: self.held_comments}

    @property
    def held_pages(self) -> int:
        """Return the removals that wait of pages."""
        return self.held - sum(self.held_items.values())


def last_runs(session: Session, *, limit: int = 10) -> Sequence[SyncRun]:
    """Return the last runs, newest first, the running and the crashed ones too (`outcome` is None)."""
    return session.scalars(select(SyncRun).order_by(SyncRun.id.desc()).limit(limit)).all()


def status_by_space(session: Session) -> list[SpaceStatus]:
    """Return the state of each space that had a run and is not gone, by key."""
    space = SyncSpace
    rows = session.execute(
        select(
            space,
            func.statement_timestamp() - space.last_complete_at,
            func.statement_timestamp() - space.last_full_at,
            func.statement_timestamp() - space.access_checked_at,
            space.lease_expires_at > func.statement_timestamp(),
            _count(ConfluencePage.space_key, LIVE),
            _count(ConfluencePage.space_key, HIDDEN),
            _count(ConfluencePage.space_key, LIVE, ConfluencePage.kind == ContentKind.BLOG_POST.value),
            _count(PageFailure.space_key, PageFailure.stage != FailureStage.ATTACHMENT_TEXT),
            _live_items(PageAttachment),
            _live_items(PageComment),
        )
        .where(space.gone_at.is_(None), space.epoch > 0)
        .order_by(space.space_key)
    )
    return [
        _status(
            row,
            age=age,
            full_age=full_age,
            access_age=access_age,
            lease_holder=row.lease_holder if leased else None,
            live_pages=live_pages,
            hidden_pages=hidden_pages,
            live_posts=posts,
            failing_pages=failing_pages,
            live_attachments=items[0],
            live_comments=items[1],
        )
        for row, age, full_age, access_age, leased, live_pages, hidden_pages, posts, failing_pages, *items in rows
    ]


_COPIED = (
    "space_key",
    "name",
    "last_complete_at",
    "last_run_id",
    "last_outcome",
    "held",
    "held_attachments",
    "held_comments",
    "held_since",
    "held_reason",
    "attachments_not_mirrored",
    "viewers_known",
    "viewers_doubt",
    "full_pass_due",
    "last_full_outcome",
    "last_full_error",
)


def _status(row: SyncSpace, **measured: Any) -> SpaceStatus:
    copied = {name: getattr(row, name) for name in _COPIED}
    return SpaceStatus(error=row.last_error, former_keys=tuple(row.former_keys), **copied, **measured)


def _count(space_key: InstrumentedAttribute[str], *conditions: ColumnElement[bool]) -> ColumnElement[int]:
    """Count the rows of `space_key`'s table that belong to the space of the outer query."""
    query = select(func.count()).where(space_key == SyncSpace.space_key, *conditions)
    return query.correlate(SyncSpace).scalar_subquery()


def _live_items(item: type[PageAttachment] | type[PageComment]) -> ColumnElement[int]:
    """Count the items of live pages of the space of the outer query."""
    query = (
        select(func.count(item.id))
        .join(ConfluencePage, ConfluencePage.id == item.page_id)
        .where(ConfluencePage.space_key == SyncSpace.space_key, LIVE)
        .where(item.hidden_at.is_(None), item.removed_at.is_(None))
    )
    return query.correlate(SyncSpace).scalar_subquery()
