"""People whom texts mention: their names, and of whom Confluence is to be asked. Read only."""

from collections.abc import Collection, Sequence
from datetime import timedelta

from sqlalchemy import Select, Text, bindparam, case, func, or_, select
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Session

from hr_sync.domain.people import NameState
from hr_sync.store.text_tables import MentionedUser, PageMention, PageText

#: So long after a request without an answer the next one is made.
ASKED_AGAIN_AFTER = timedelta(hours=1)


def known_names(session: Session, user_ids: Collection[str]) -> dict[str, str | None]:
    """Return the names of these people as texts show them; absent: Confluence was never asked."""
    ids = func.any(bindparam("ids", sorted(user_ids), ARRAY(Text)))
    known = select(MentionedUser.user_id, MentionedUser.name).where(MentionedUser.user_id == ids)
    return {row.user_id: row.name for row in session.execute(known)}


def names_due(session: Session, older_than: timedelta, limit: int) -> Sequence[str]:
    """Return people whom texts mention, and whose names were not asked for so long; those first that never were."""
    place, known = PageMention, MentionedUser
    age = case((known.state == NameState.UNREAD, func.least(ASKED_AGAIN_AFTER, older_than)), else_=older_than)
    due = (
        select(place.user_id)
        .outerjoin(known, known.user_id == place.user_id)
        .where(or_(known.user_id.is_(None), known.asked_at < func.now() - age))
        .group_by(place.user_id, known.asked_at)
        .order_by(known.asked_at.asc().nulls_first(), place.user_id)
        .limit(limit)
    )
    return session.scalars(due).all()


def with_other_names() -> Select[str]:
    """Select the pages whose text shows another name of somebody than the one that is known now.

    The text of an older body that is kept cannot be made again.
    """
    place, known = PageMention, MentionedUser
    kept = select(PageText.page_id).where(PageText.page_id == place.page_id, PageText.kept_since.is_not(None)).exists()
    return (
        select(place.page_id)
        .outerjoin(known, known.user_id == place.user_id)
        .where(place.name.is_distinct_from(known.name), ~kept)
    )
