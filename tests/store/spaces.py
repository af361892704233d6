"""Builds rows through the store itself, and reads tables back."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Engine, text

from hr_sync.cancellation import Cancellation
from hr_sync.domain.access import Restriction
from hr_sync.domain.attachments import Attachment, AttachmentWrite
from hr_sync.domain.changes import ChangeAction
from hr_sync.domain.comments import Comment, CommentKind, CommentWrite, Resolution
from hr_sync.domain.content import Head, Space, WithdrawalReason
from hr_sync.domain.deletion import DeletionAction, DeletionDecision
from hr_sync.domain.outcome import Counts, Mode, Outcome, SpaceReport
from hr_sync.domain.sanitize import content_hash
from hr_sync.store.space_store import SpaceStore
from hr_sync.store.store import Store
from hr_sync.store.values import Busy, Held, PageWrite, SpaceRecord, Worker

HR = Space(id="1", key="HR", name="Human Resources")
IT = Space(id="2", key="IT", name="Technology")
WORKER = Worker(host="box", pid=1)
NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


@contextmanager
def leased(
    store: Store, space: Space = HR, *, mode: Mode = Mode.FULL, worker: Worker = WORKER, seconds: float = 60
) -> Iterator[SpaceStore]:
    """Begin a run and hold the lease of a space in it."""
    run_id = store.open_run(mode, worker, "0.1")
    with store.leased(space, worker, run_id, seconds=seconds, cancellation=Cancellation()) as taken:
        assert not isinstance(taken, Busy), taken
        yield taken


def head(page_id: str, space: Space = HR, **values: Any) -> Head:
    """Return the head of a current page at the top of a space."""
    usual: dict[str, Any] = {
        "title": f"Page {page_id}",
        "space_key": space.key,
        "space_id": space.id,
        "version": 1,
        "status": "current",
        "parent_id": None,
        "parent_type": None,
        "last_updated": NOON,
        "url": f"https://wiki.example.org/pages/{page_id}",
    }
    return Head(id=page_id, **(usual | values))


def file(attachment_id: str, page_id: str, name: str) -> AttachmentWrite:
    """Return the write of one file of a page."""
    attachment = Attachment(
        id=attachment_id,
        page_id=page_id,
        name=name,
        media_type=None,
        size_bytes=7,
        version=1,
        last_updated=NOON,
        download_path=f"/download/attachments/{page_id}/{attachment_id}",
        status="current",
    )
    return AttachmentWrite(action=ChangeAction.INSERT, reason="new", item=attachment)


def comment(comment_id: str, page_id: str, text: str, *, quoted_text: str | None = None) -> CommentWrite:
    """Return the write of one comment about a page; one that quotes some words is an inline one, and resolved."""
    made = Comment(
        id=comment_id,
        page_id=page_id,
        kind=CommentKind.INLINE if quoted_text else CommentKind.FOOTER,
        parent_id=None,
        version=1,
        author_id="ann",
        created_at=NOON,
        last_updated=NOON,
        resolution=Resolution.RESOLVED if quoted_text else None,
        quoted_text=quoted_text,
        status="current",
        storage=f"<p>{text}</p>",
        content_hash=content_hash(f"<p>{text}</p>"),
    )
    return CommentWrite(action=ChangeAction.INSERT, reason="new", item=made)


def write(
    page_id: str,
    space: Space = HR,
    *,
    seen: str | None = None,
    body: str | None = "<p>x</p>",
    action: ChangeAction = ChangeAction.INSERT,
    restriction: Restriction | None = None,
    **values: Any,
) -> PageWrite:
    """Return a write of a page."""
    return PageWrite(
        action=action,
        reason="because",
        head=head(page_id, space, **values),
        storage=body,
        content_hash=None if body is None else f"hash of {body}",
        seen_in_space=seen,
        restriction=restriction,
    )


def decision(
    page_id: str, *, space: Space = HR, reason: WithdrawalReason = WithdrawalReason.TRASHED
) -> DeletionDecision:
    """Return the decision that a page is withdrawn."""
    return DeletionDecision(
        page_id=page_id,
        space_key=space.key,
        action=DeletionAction.REMOVE,
        reason=reason,
        evidence="Confluence says so",
        was_live=True,
        is_new=True,
    )


def record(space: Space = HR, *, outcome: Outcome = Outcome.COMPLETE, **values: Any) -> SpaceRecord:
    """Return what is written at the end of a run about a space."""
    counts = values.pop("counts", Counts(listed=3, unchanged=3))
    report = SpaceReport(space_key=space.key, outcome=outcome, counts=counts, error=values.pop("error", None))
    if "held" in values:
        values["held"] = Held(pages=values["held"], reason=values.pop("held_reason", None))
    return SpaceRecord(report=report, **values)


def ask(engine: Engine, query: str, **parameters: Any) -> list[dict[str, Any]]:
    """Return the rows that a query in schema public finds."""
    with engine.begin() as connection:
        connection.exec_driver_sql("SET LOCAL search_path = public")
        return [dict(row) for row in connection.execute(text(query), parameters).mappings()]


def tell(engine: Engine, *statements: str) -> None:
    """Execute statements in schema public."""
    with engine.begin() as connection:
        connection.exec_driver_sql("SET LOCAL search_path = public")
        for statement in statements:
            connection.exec_driver_sql(statement)


def feed(engine: Engine) -> list[tuple[str, str, list[str]]]:
    """Return page, action and changed fields of every feed row, in order."""
    rows = ask(engine, "SELECT page_id, action, changed_fields FROM content_changes ORDER BY seq")
    return [(row["page_id"], row["action"], row["changed_fields"]) for row in rows]
