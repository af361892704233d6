"""The sections of comments that consumers see. They are written with the text of the page (`texts.py`)."""

from collections.abc import Collection, Sequence
from typing import cast

from sqlalchemy import ColumnElement, Table, Text, and_, bindparam, delete, func, select
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Session

from hr_sync.store.comment_tables import PageComment
from hr_sync.store.item_conditions import is_known
from hr_sync.store.write.attachment_texts import ShownSections
from hr_sync.store.write.locks import PAGES
from hr_sync.store.write.text_rows import SECTIONS, TEXTS

COMMENTS_TABLE = cast("Table", PageComment.__table__)


def is_shown_section() -> ColumnElement[bool]:
    """Return whether the section of a comment is shown with its page, which, with its text, the query names."""
    comment, section = COMMENTS_TABLE.c, SECTIONS.c
    return and_(
        comment.page_id == section.page_id,
        comment.content_hash == section.comment_hash,
        comment.known_since <= TEXTS.c.rendered_at,
        _is_text(),
    )


def _is_text() -> ColumnElement[bool]:
    """Return whether a comment is text of its page, which the query names."""
    comment = COMMENTS_TABLE.c
    is_there = and_(comment.hidden_at.is_(None), comment.removed_at.is_(None))
    return and_(comment.in_open_thread, is_there, is_known(comment.known_since))


def sections_of_comments(session: Session, comment_ids: Collection[str]) -> dict[str, ShownSections]:
    """Return the sections that consumers see of these comments, as far as page and comment decide, by comment."""
    comment, section, page = COMMENTS_TABLE.c, SECTIONS.c, PAGES.c
    query = (
        select(comment.id, page.id.label("page_id"), page.space_key, page.version)
        .add_columns(func.array_agg(section.section_id).label("section_ids"))
        .join_from(SECTIONS, TEXTS, TEXTS.c.page_id == section.page_id)
        .join(PAGES, page.id == section.page_id)
        .join(COMMENTS_TABLE, (comment.id == section.comment_id) & is_shown_section())
        .where(section.comment_id == func.any(bindparam("ids", type_=ARRAY(Text))))
        .where(page.hidden_at.is_(None), page.removed_at.is_(None), page.status == "current")
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


def texts_of_comments(session: Session, comment_ids: Collection[str]) -> frozenset[tuple[str, str, str]]:
    """Return page, id and hash of the text of those of these comments that are text of their page now.

    Their pages must be locked, so that it stays so. A time that is not over when this transaction begins is too late:
    the text that is written has its time.
    """
    comment = COMMENTS_TABLE.c
    query = (
        select(comment.page_id, comment.id, comment.content_hash)
        .join_from(COMMENTS_TABLE, PAGES, PAGES.c.id == comment.page_id)
        .where(comment.id == func.any(bindparam("ids", type_=ARRAY(Text))), comment.known_since <= func.now())
        .where(_is_text())
    )
    rows = session.execute(query, {"ids": sorted(comment_ids)}) if comment_ids else ()
    return frozenset((row.page_id, row.id, row.content_hash) for row in rows)
