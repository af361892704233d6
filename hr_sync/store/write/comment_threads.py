"""Derives which comments are in an open thread: the rule of `hr_sync.domain.comments.comments_as_text` in SQL.

It is done in the transaction that writes, hides or removes a comment, so that the sections of a whole thread go with
the comment that closes it. Whoever calls this has locked the pages.
"""

from collections.abc import Collection
from functools import cache

from sqlalchemy import Text, TextClause, bindparam, text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Session

from hr_sync.domain.comments import DEEPEST, OPEN
from hr_sync.store.engine import quoted_schema

# Walking down from the first comment of each thread: a thread without one, or in a circle, is never reached. One row
# below the other is of the same page, as the text of a page is made of its own comments alone.
_DERIVE = """
WITH RECURSIVE shown AS MATERIALIZED (
    SELECT id, page_id, parent_id, resolution FROM {schema}.page_comments
    WHERE page_id = ANY (:page_ids) AND hidden_at IS NULL AND removed_at IS NULL
), open (id, page_id, level) AS (
    SELECT id, page_id, 1 FROM shown
    WHERE parent_id IS NULL AND (resolution IS NULL OR resolution = ANY (:open))
    UNION ALL
    SELECT shown.id, shown.page_id, open.level + 1 FROM open
        JOIN shown ON shown.parent_id = open.id AND shown.page_id = open.page_id
    WHERE open.level < :deepest
), differing AS (
    SELECT comment.id, open.id IS NOT NULL AS is_open
    FROM {schema}.page_comments comment LEFT JOIN open USING (id)
    WHERE comment.page_id = ANY (:page_ids) AND comment.in_open_thread <> (open.id IS NOT NULL)
)
UPDATE {schema}.page_comments comment SET in_open_thread = differing.is_open
FROM differing WHERE differing.id = comment.id"""


def derive_threads(session: Session, page_ids: Collection[str]) -> None:
    """Write which comments about these pages are in an open thread, where that differs."""
    if page_ids:
        values = {
            "page_ids": sorted(page_ids),
            "open": [each.value for each in OPEN if each is not None],
            "deepest": DEEPEST,
        }
        session.execute(_statement(quoted_schema(session.connection())), values)


@cache
def _statement(schema: str) -> TextClause:
    statement = text(_DERIVE.format(schema=schema))
    return statement.bindparams(*(bindparam(name, type_=ARRAY(Text)) for name in ("page_ids", "open")))
