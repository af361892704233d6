"""Orders the sections of a page: those of its own text first, then those of each attachment, by its id.

A section has its place among those of the page. Where a part of them grows or shrinks, what stands behind moves.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import Text, bindparam, func, select, update
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Session

from hr_sync.store.write.arrays import as_arrays, unnested
from hr_sync.store.write.text_rows import SECTIONS


@dataclass(frozen=True, kw_only=True, slots=True)
class _Part:
    """The sections of one attachment, or of the page's own text, which has the id ""."""

    attachment_id: str
    first: int
    count: int


def first_ordinals(session: Session, page_id: str, counts: Mapping[str, int]) -> dict[str, int]:
    """Return where the sections of attachments of a page begin once they have these `counts`, by attachment."""
    parts = {part.attachment_id: part.count for part in _parts(session, [page_id]).get(page_id, ())} | dict(counts)
    first, firsts = 0, {}
    for attachment_id, count in sorted(parts.items()):
        firsts[attachment_id] = first
        first += count
    return {attachment_id: firsts[attachment_id] for attachment_id in counts}


def close_up(session: Session, page_ids: Sequence[str]) -> dict[str, list[str]]:
    """Let the sections of attachments follow what is before them. Return the ids of those that moved, by page."""
    moves = [move for parts in _parts(session, page_ids).values() for move in _moves(parts)]
    if not moves:
        return {}
    section = SECTIONS.c
    given = unnested({"attachment_id": section.attachment_id, "by": section.ordinal})
    statement = (
        update(SECTIONS)
        .where(section.attachment_id == given.c.attachment_id, section.page_id.in_(page_ids))
        .values(ordinal=section.ordinal + given.c.by)
        .returning(section.page_id, section.section_id)
    )
    moved: dict[str, list[str]] = {}
    for page_id, section_id in session.execute(statement, as_arrays(moves)):
        moved.setdefault(page_id, []).append(section_id)
    return {page_id: sorted(ids) for page_id, ids in moved.items()}


def _parts(session: Session, page_ids: Sequence[str]) -> dict[str, list[_Part]]:
    """Return the parts of pages that have sections of attachments, in their order."""
    section = SECTIONS.c
    part = func.coalesce(section.attachment_id, "")
    query = (
        select(section.page_id, part.label("attachment_id"), func.min(section.ordinal), func.count())
        .where(section.page_id == func.any(bindparam("page_ids", type_=ARRAY(Text))))
        .group_by(section.page_id, part)
        .order_by(section.page_id, part.collate("C"))
    )
    found: dict[str, list[_Part]] = {}
    for page_id, attachment_id, first, count in session.execute(query, {"page_ids": list(page_ids)}):
        found.setdefault(page_id, []).append(_Part(attachment_id=attachment_id, first=first, count=count))
    return found


def _moves(parts: Sequence[_Part]) -> list[dict[str, object]]:
    moves: list[dict[str, object]] = []
    first = 0
    for part in parts:
        if part.attachment_id and part.first != first:
            moves.append({"attachment_id": part.attachment_id, "by": first - part.first})
        first += part.count
    return moves
