"""Pages whose macros Confluence is to carry out, and whether that is allowed. Read only."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import and_, func, or_, select
from sqlalchemy.orm import Session

from hr_sync.domain.access import AccessMode
from hr_sync.domain.content import ContentKind
from hr_sync.store.access_tables import AccessPolicyRow
from hr_sync.store.read.mentions import ASKED_AGAIN_AFTER
from hr_sync.store.read.pages import LIVE
from hr_sync.store.tables import ConfluencePage
from hr_sync.store.text_tables import PageRendering, PageText


@dataclass(frozen=True, kw_only=True, slots=True)
class DuePage:
    """A live page whose macros are to be carried out."""

    page_id: str
    version: int
    kind: ContentKind


def may_be_rendered(session: Session) -> bool:
    """Return whether consumers see what the account sees, so that what macros show it may be shown."""
    mode = session.scalar(select(AccessPolicyRow.mode))
    return mode is not None and mode == AccessMode.ACCOUNT


def renderings_due(session: Session, max_age: timedelta, after: str, limit: int) -> Sequence[DuePage]:
    """Return the next pages by id whose text lacks what macros show, or shows what is older than `max_age`."""
    page, made, stored = ConfluencePage, PageText, PageRendering
    again = func.least(ASKED_AGAIN_AFTER, max_age)
    rows = session.execute(
        select(page.id, page.version, page.kind)
        .join(made, made.page_id == page.id)
        .outerjoin(stored, stored.page_id == page.id)
        .where(made.has_computed_content, LIVE, page.status == "current", page.id > after)
        .where(
            or_(
                stored.page_id.is_(None),
                stored.asked_version != page.version,
                stored.asked_at < func.now() - max_age,
                and_(stored.outputs.is_(None), stored.asked_at < func.now() - again),
            )
        )
        .order_by(page.id)
        .limit(limit)
    )
    return [DuePage(page_id=row.id, version=row.version, kind=ContentKind(row.kind)) for row in rows]


def stored_outputs(session: Session, page_id: str, version: int) -> str:
    """Return what the macros of this version of a page show; "" if that is not stored."""
    row = PageRendering
    return session.scalar(select(row.outputs).where(row.page_id == page_id, row.version == version)) or ""
