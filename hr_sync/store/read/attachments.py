"""What the mirror holds of the attachments of a space, as far as a plan needs it. Read only."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import cast

from sqlalchemy import ColumnElement, Table, and_, func, or_, select
from sqlalchemy.orm import Session

from hr_sync.domain.attachments import StoredAttachment
from hr_sync.domain.content import Space, WithdrawalReason
from hr_sync.store.attachment_tables import PageAttachment
from hr_sync.store.tables import ConfluencePage

_ATTACHMENTS = cast("Table", PageAttachment.__table__).c
_PAGES = cast("Table", ConfluencePage.__table__).c


@dataclass(frozen=True, kw_only=True, slots=True)
class StoredAttachments:
    """The attachments of a space, and the pages that may have some."""

    by_id: dict[str, StoredAttachment]
    pages: frozenset[str]  #: ids of the pages of the space that are not removed


def stored_attachments(session: Session, space: Space, listed: Iterable[str]) -> StoredAttachments:
    """Return the rows on pages of the space, and those of listed ones wherever they are."""
    in_space = _is_in(space)
    pages = session.scalars(select(_PAGES.id).where(in_space, _PAGES.removed_at.is_(None)))
    wanted = list(listed)
    rows = _stored(session, or_(in_space, _ATTACHMENTS.id == func.any(wanted)) if wanted else in_space)
    return StoredAttachments(by_id=rows, pages=frozenset(pages))


def shown_attachments(session: Session, space: Space) -> list[StoredAttachment]:
    """Return the attachments on pages of the space that are neither hidden nor removed, by id."""
    shown = and_(_is_in(space), _ATTACHMENTS.hidden_at.is_(None), _ATTACHMENTS.removed_at.is_(None))
    return [row for _, row in sorted(_stored(session, shown).items())]


def _is_in(space: Space) -> ColumnElement[bool]:
    """Return the condition for pages of a space, also under a key that it had before."""
    without_id = and_(_PAGES.space_id.is_(None), _PAGES.space_key == space.key)
    return or_(_PAGES.space_id == space.id, without_id)


def _stored(session: Session, condition: ColumnElement[bool]) -> dict[str, StoredAttachment]:
    rows = session.execute(
        select(
            _ATTACHMENTS.id,
            _ATTACHMENTS.page_id,
            _ATTACHMENTS.space_id,
            _ATTACHMENTS.version,
            _ATTACHMENTS.metadata_digest,
            _ATTACHMENTS.hidden_reason,
            _ATTACHMENTS.removed_at,
            _ATTACHMENTS.missing_since_run_id,
            _PAGES.space_key,
            and_(_PAGES.hidden_at.is_(None), _PAGES.removed_at.is_(None)).label("page_is_live"),
        )
        .join_from(PageAttachment, ConfluencePage, _PAGES.id == _ATTACHMENTS.page_id)
        .where(condition)
    )
    return {
        row.id: StoredAttachment(
            id=row.id,
            page_id=row.page_id,
            space_id=row.space_id,
            space_key=row.space_key,
            version=row.version,
            metadata_digest=row.metadata_digest,
            hidden_reason=None if row.hidden_reason is None else WithdrawalReason(row.hidden_reason),
            removed=row.removed_at is not None,
            missing_since_run_id=row.missing_since_run_id,
            page_is_live=row.page_is_live,
        )
        for row in rows
    }
