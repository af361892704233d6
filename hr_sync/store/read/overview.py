"""What `hr-sync status` and `hr-sync pages` show, as plain values: the answers of `runs.py` and `pages.py`."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import UTC, datetime, timedelta
from typing import TypeVar

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from hr_sync.domain.access import AccessPolicy
from hr_sync.domain.attachment_texts import AttachmentTextCounts
from hr_sync.domain.feed import Consumer
from hr_sync.domain.not_mirrored import NotMirrored, OtherKind, Precision
from hr_sync.domain.shown_pages import ShownPages
from hr_sync.store.access_tables import AccessAuditRow
from hr_sync.store.read.access import layers_of_sets, stored_policy
from hr_sync.store.read.attachment_texts import count_file_texts, has_file_texts
from hr_sync.store.read.feed import count_changes, feed_state, list_consumers
from hr_sync.store.read.pages import LIVE, pages_changed_since
from hr_sync.store.read.runs import SpaceStatus, last_runs, status_by_space
from hr_sync.store.read.sharing import Sharing, read_sharing
from hr_sync.store.read.shown import read_shown_pages
from hr_sync.store.tables import ConfluencePage, ContentNotMirrored, PageFailure
from hr_sync.store.text_tables import PageText

_PIECE = 1000  # pages read at once


@dataclass(frozen=True, kw_only=True, slots=True)
class RunLine:
    """One run in short. The counts are some of those of `domain.outcome.Counts`."""

    id: int
    mode: str
    outcome: str | None  #: None while running, or after a crash
    started_at: datetime
    finished_at: datetime | None
    inserted: int
    updated: int
    moved: int
    removed: int
    hidden: int
    failed: int
    error: str | None


@dataclass(frozen=True, kw_only=True, slots=True)
class FailureLine:
    """One page that fails, described without its content."""

    page_id: str
    space_key: str
    stage: str
    message: str
    attempts: int
    last_failed_at: datetime
    next_attempt_at: datetime


@dataclass(frozen=True, kw_only=True, slots=True)
class AccessAuditLine:
    """One audit of access against Confluence's own answers."""

    made_at: datetime
    age: timedelta  #: on the database's clock
    pairs: int  #: of a page and a user, that Confluence answered
    unanswered: int
    over_grants: int  #: pairs of which the mirror shows more than Confluence
    under_grants: int
    upper_bound: float  #: of the share of over-grants, with a confidence of 95 %


@dataclass(frozen=True, kw_only=True, slots=True)
class FeedLine:
    """The feed of changes and its consumers."""

    epoch: str
    rows: int  #: counted up to a limit
    head: int  #: number of the last change
    consumers: Sequence[Consumer]  #: by name


@dataclass(frozen=True, kw_only=True, slots=True)
class KeptText:
    """A page whose stored body has no text, so that consumers see an older one."""

    page_id: str
    space_key: str
    title: str
    kept_since: datetime


@dataclass(frozen=True, kw_only=True, slots=True)
class Overview:
    """Everything that `status` shows."""

    spaces: Sequence[SpaceStatus]
    runs: Sequence[RunLine]  #: newest first
    failures: Sequence[FailureLine]  #: oldest first
    shown: Sequence[ShownPages] = ()  #: what consumers are shown of each space, by key
    policy: AccessPolicy | None = None  #: that is in force in the database; None: consumers see nothing
    access_audit: AccessAuditLine | None = None  #: the last one; None: there was none
    feed: FeedLine | None = None
    kept_texts: Sequence[KeptText] = ()  #: oldest first
    sharing: Sharing | None = None  #: what waits for a worker, and who is at work
    not_mirrored: Sequence[NotMirrored] = ()  #: as the last full run over all spaces counted it
    attachment_texts: AttachmentTextCounts | None = None  #: what became of the files; None: none was ever read


@dataclass(frozen=True, kw_only=True, slots=True)
class PageLine:
    """One page in short: a live one, or an archived one."""

    id: str
    space_key: str
    title: str
    version: int
    last_updated: datetime
    url: str
    parent_id: str | None
    content_hash: str
    labels: Sequence[str] | None  #: None is not known
    readers: Sequence[Sequence[str]] | None  #: layers that a reader must pass, by token; None is not known
    kind: str = "page"  #: page or blog_post


Line = TypeVar("Line", RunLine, FailureLine)


def list_pages(
    session: Session, *, space_key: str | None, since: datetime | None, archived: bool = False
) -> list[PageLine]:
    """List all live pages that changed in Confluence since then, of one space or of all, oldest change first.

    `archived`: those that are hidden as archived, in place of live ones.
    """
    lines: list[PageLine] = []
    place, after_id = since or datetime.min.replace(tzinfo=UTC), ""
    while found := pages_changed_since(
        session, place, after_id=after_id, space_key=space_key, limit=_PIECE, archived=archived
    ):
        sets = layers_of_sets(session, sorted({page.access_set_id for page in found if page.access_set_id is not None}))
        lines += [_page_line(page, sets) for page in found]
        place, after_id = found[-1].last_updated, found[-1].id
        session.expunge_all()
    return lines


def read_overview(session: Session, *, runs: int = 5, failures: int = 50) -> Overview:
    """Read the overview: all spaces, and at most so many runs and failures."""
    rows = session.scalars(
        select(PageFailure).order_by(PageFailure.first_failed_at, PageFailure.page_id).limit(failures)
    )
    return Overview(
        spaces=status_by_space(session),
        runs=[_line(RunLine, run) for run in last_runs(session, limit=runs)],
        failures=[failure_line(row) for row in rows],
        shown=read_shown_pages(session),
        policy=stored_policy(session),
        access_audit=_last_access_audit(session),
        feed=_feed(session),
        kept_texts=_kept_texts(session, limit=failures),
        sharing=read_sharing(session),
        not_mirrored=_not_mirrored(session),
        attachment_texts=count_file_texts(session) if has_file_texts(session) else None,
    )


def _not_mirrored(session: Session) -> list[NotMirrored]:
    row = ContentNotMirrored
    found = session.execute(select(row.kind, row.count, row.precision).order_by(row.kind))
    return [
        NotMirrored(kind=OtherKind(kind), count=count, precision=Precision(precision))
        for kind, count, precision in found
    ]


def _feed(session: Session) -> FeedLine:
    state = feed_state(session)
    rows, consumers = count_changes(session), list_consumers(session, state)
    return FeedLine(epoch=state.epoch, rows=rows, head=state.head, consumers=consumers)


def _kept_texts(session: Session, *, limit: int) -> list[KeptText]:
    page, made = ConfluencePage, PageText
    rows = session.execute(
        select(page.id, page.space_key, page.title, made.kept_since)
        .join(made, made.page_id == page.id)
        .where(made.kept_since.is_not(None), LIVE)
        .order_by(made.kept_since, page.id)
        .limit(limit)
    )
    return [
        KeptText(page_id=page_id, space_key=space_key, title=title, kept_since=since)
        for page_id, space_key, title, since in rows
        if since is not None
    ]


def _last_access_audit(session: Session) -> AccessAuditLine | None:
    audit = AccessAuditRow
    row = session.execute(
        select(audit, func.statement_timestamp() - audit.made_at).order_by(audit.id.desc()).limit(1)
    ).one_or_none()
    if row is None:
        return None
    made, age = row
    return AccessAuditLine(
        made_at=made.made_at,
        age=age,
        pairs=made.pairs,
        unanswered=made.unanswered,
        over_grants=made.over_grants,
        under_grants=made.under_grants,
        upper_bound=made.upper_bound,
    )


def failure_line(row: PageFailure) -> FailureLine:
    """Return a failure in short."""
    return _line(FailureLine, row)


def _page_line(page: ConfluencePage, sets: Mapping[int, Sequence[Sequence[str]]]) -> PageLine:
    readers = None if page.access_set_id is None else sets.get(page.access_set_id)
    names = {each.name for each in fields(PageLine)} - {"readers"}
    return PageLine(readers=readers, **{name: getattr(page, name) for name in names})


def _line(line: type[Line], row: object) -> Line:
    """Copy the columns that a line has from a row."""
    return line(**{each.name: getattr(row, each.name) for each in fields(line)})
