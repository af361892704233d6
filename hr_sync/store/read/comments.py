"""The comments that are shown with a page, as far as its text needs them. Read only."""

from collections.abc import Sequence
from typing import cast

from sqlalchemy import ColumnElement, Table, Text, and_, func, literal, or_, select
from sqlalchemy import cast as cast_sql
from sqlalchemy.dialects.postgresql import aggregate_order_by
from sqlalchemy.orm import Session

from hr_sync.domain.comments import CommentKind, PageComment, Resolution
from hr_sync.store.comment_tables import PageComment as CommentRow
from hr_sync.store.item_conditions import is_known
from hr_sync.store.tables import ConfluencePage
from hr_sync.store.text_tables import PageText

_COMMENT = cast("Table", CommentRow.__table__).c
_SEPARATOR = "\x1f"


def is_shown() -> ColumnElement[bool]:
    """Return the condition for comments about a page that are shown with it: under access read after their text."""
    return and_(_COMMENT.hidden_at.is_(None), _COMMENT.removed_at.is_(None), is_known(_COMMENT.known_since))


def comments_digest() -> ColumnElement[str]:
    """Return MD5 over what the text of the page of the outer query shows of its comments; empty without any."""
    parts = (
        _COMMENT.id,
        _COMMENT.kind,
        _COMMENT.parent_id,
        _COMMENT.resolution,
        _COMMENT.quoted_text,
        _COMMENT.content_hash,
        func.extract("epoch", _COMMENT.created_at),
        func.extract("epoch", _COMMENT.known_since),  # a text that came back after another one is told anew
    )
    line = func.concat_ws(_SEPARATOR, *(func.coalesce(cast_sql(part, Text), "-") for part in parts))
    lines = func.string_agg(line, aggregate_order_by(literal("\n"), _COMMENT.id))
    query = select(func.md5(lines)).where(_COMMENT.page_id == ConfluencePage.id, is_shown())
    return func.coalesce(query.correlate(ConfluencePage).scalar_subquery(), "")


def has_other_comments() -> ColumnElement[bool]:
    """Return whether the text of the page of the outer query was made with other comments than are shown now.

    The digest is computed for pages that have comments, or had some: most pages have none.
    """
    some = or_(PageText.comments_digest != "", ConfluencePage.id.in_(select(_COMMENT.page_id)))
    return and_(some, PageText.comments_digest != comments_digest())


def comments_of_pages(session: Session, page_ids: Sequence[str]) -> dict[str, list[PageComment]]:
    """Return the comments that are shown with these pages, by page."""
    names = ("id", "kind", "parent_id", "created_at", "resolution", "quoted_text", "storage", "content_hash")
    query = (
        select(_COMMENT.page_id, *(_COMMENT[name] for name in names))
        .join_from(CommentRow, ConfluencePage, ConfluencePage.id == _COMMENT.page_id)
        .where(_COMMENT.page_id.in_(page_ids), is_shown())
    )
    found: dict[str, list[PageComment]] = {}
    for row in session.execute(query).mappings() if page_ids else ():
        values = {name: row[name] for name in names}
        values["kind"] = CommentKind(row["kind"])
        values["resolution"] = None if row["resolution"] is None else Resolution(row["resolution"])
        found.setdefault(row["page_id"], []).append(PageComment(**values))
    return found
