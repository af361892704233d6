"""The sections of comments that consumers see. They are written with the text of the page (`texts.py`)."""

from collections.abc import Collection, Sequence
from typing import cast

from sqlalchemy import Table, Text, bindparam, delete, func, select
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Session

from hr_sync.store.comment_tables import PageComment
from hr_sync.store.item_conditions import is_known
from hr_sync.store.write.attachment_texts import ShownSections
from hr_sync.store.write.locks import PAGES
from hr_sync.store.write.text_rows import SECTIONS, TEXTS

COMMENTS_TABLE = cast("Table", PageComment.__table__)


def sections_of_comments(session: Session, comment_ids: Collection[str]) -> dict[str, ShownSections]:
    """Return the sections that consumers see of these comments, as far as page and comment decide, by comment."""
    comment, section, page = COMMENTS_TABLE.c, SECTIONS.c, PAGES.c
    is_shown = (
        (comment.page_id == section.page_id)
        & (comment.content_hash == section.comment_hash)
        & (comment.known_since <= TEXTS.c.rendered_at)
        & comment.in_open_thread
        & comment.hidden_at.is_(None)
        & comment.removed_at.is_(None)
    )
    query = (
        select(comment.id, page.id.label("page_id"), page.space_key, page.version)
        .add_columns(func.array_agg(section.section_id).label("section_ids"))
        .join_from(SECTIONS, TEXTS, TEXTS.c.page_id == section.page_id)
        .join(COMMENTS_TABLE, (comment.id == section.comment_id) & is_shown)
        .join(PAGES, page.id == comment.page_id)
        .where(section.comment_id == func.any(bindparam("ids", type_=ARRAY(Text))))
        .where(page.hidden_at.is_(None), page.removed_at.is_(None), page.status == "current")
        .where(is_known(comment.known_since))
        .group_by(comment.id, page.id)
    )
    return {
        row.id: ShownSections(
            item_id=row.id,
            page_id=row.page_id,
            space_key=row.space_key,
            page_version=row.version,
            section_ids=frozenset(row.section_ids),
        )
        for row in session.execute(query, {"ids": list(comment_ids)})
    }


def comments_on(session: Session, page_ids: Collection[str]) -> Sequence[str]:
    """Return the ids of the comments about these pages: those of a thread are text together, or not at all."""
    given = bindparam("ids", type_=ARRAY(Text))
    query = select(COMMENTS_TABLE.c.id).where(COMMENTS_TABLE.c.page_id == func.any(given))
    return session.scalars(query, {"ids": sorted(page_ids)}).all() if page_ids else ()


def delete_sections_of_comments(session: Session, comment_ids: Sequence[str]) -> None:
    """Delete the sections of these comments."""
    given = bindparam("ids", type_=ARRAY(Text))
    session.execute(delete(SECTIONS).where(SECTIONS.c.comment_id == func.any(given)), {"ids": list(comment_ids)})


def existing_comments(session: Session, comment_ids: Collection[str]) -> frozenset[str]:
    """Return those of these comments that have a row. Their pages must be locked, so that the rows stay."""
    given = bindparam("ids", type_=ARRAY(Text))
    query = select(COMMENTS_TABLE.c.id).where(COMMENTS_TABLE.c.id == func.any(given))
    return frozenset(session.scalars(query, {"ids": sorted(comment_ids)})) if comment_ids else frozenset()
