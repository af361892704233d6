"""Hybrid search for one asker: full text and vectors, merged by reciprocal rank; the mirror decides what he may read.

No list of readable pages is kept here. Each query joins the embeddings to the sections and pages of the mirror, so that
what is restricted, hidden or removed is out for everybody at the commit.
"""

import re
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from psycopg.rows import class_row

from examples.rag.changes import Connection
from examples.rag.embedder import HashedWords, as_sql, words_of

SMALL_SHARE = 0.1  #: of all sections; up to here every readable section is compared
EF_SEARCH = 200  #: candidates that the index looks at; more find more, and take longer
_CANDIDATES = 40  # of each list
_RANK = 60  # of the merge: how little the first place counts more than the second

# Files and comments count under access that was read after them: somebody may have restricted the page first.
_ACCESS_READ_AT = """(SELECT min(space.access_checked_at) FROM sync_spaces space
                WHERE space.space_id = page.space_id)"""
# A section of an attached file counts while the file is on its page, in the version that was read.
_FILE_IS_SHOWN = f"""(section.attachment_id IS NULL OR EXISTS (
            SELECT FROM page_attachments file JOIN attachment_texts read ON read.attachment_id = file.id
            WHERE file.id = section.attachment_id AND file.page_id = section.page_id AND read.version = file.version
                AND file.hidden_at IS NULL AND file.removed_at IS NULL AND {_ACCESS_READ_AT} >= file.known_since))"""
# A section of a comment counts while it is the stored text of the comment, in an open thread, and nobody withdrew it.
_COMMENT_IS_SHOWN = f"""(section.comment_id IS NULL OR EXISTS (
            SELECT FROM page_comments comment JOIN page_texts whole ON whole.page_id = comment.page_id
            WHERE comment.id = section.comment_id AND comment.page_id = section.page_id
                AND comment.content_hash = section.comment_hash AND comment.known_since <= whole.rendered_at
                AND comment.in_open_thread AND comment.hidden_at IS NULL AND comment.removed_at IS NULL
                AND {_ACCESS_READ_AT} >= comment.known_since))"""
_PART_IS_SHOWN = f"{_FILE_IS_SHOWN} AND {_COMMENT_IS_SHOWN}"

# `distance` is the expression to sort by: with the operator alone the index of rag_embeddings can be used, within an
# expression it cannot.
_NEAREST = f"""
    SELECT section.section_id
    FROM rag_embeddings cached
        JOIN page_sections section ON section.text_hash = cached.text_hash
        JOIN confluence_pages page ON page.id = section.page_id
        JOIN page_texts made ON made.page_id = page.id AND made.content_hash = page.content_hash
    WHERE page.status = 'current' AND page.hidden_at IS NULL AND page.removed_at IS NULL
        AND page.access_set_id = ANY (%(sets)s::bigint[]) AND page.space_id = ANY (%(spaces)s::text[])
        AND cached.model = %(model)s AND {_PART_IS_SHOWN}
    ORDER BY {{distance}} LIMIT %(most)s"""  # noqa: S608 -- words of our own
# Given to the query as values, so that the planner knows from its statistics how many pages they are.
_MAY_READ = "SELECT access_sets_passed(%(user)s, %(groups)s), spaces_with_recent_access()"
_SHARE = """
    SELECT count_sections_readable_by(%(user)s, %(groups)s)::float
        / greatest(1, (SELECT sum(made.sections) FROM page_texts made))"""
# The last look, at the moment at which text is read.
_READ = f"""
    SELECT section.section_id, page.id AS page_id, page.title, section.heading_path, page.url, section.text,
        page.last_updated
    FROM page_sections section JOIN confluence_pages page ON page.id = section.page_id
    WHERE section.section_id = ANY (%(found)s) AND may_read(%(user)s, %(groups)s, page.id) AND {_PART_IS_SHOWN}"""  # noqa: S608


@dataclass(frozen=True)
class Asker:
    """Somebody who asks: an account id (Cloud) or user key (Data Center), and the ids (names) of his groups.

    Without groups (None) those count that the mirror knows.
    """

    user: str | None
    groups: Sequence[str] | None = None


@dataclass(frozen=True)
class Passage:
    """A section that may be shown to the asker."""

    section_id: str
    page_id: str
    title: str
    heading_path: list[str]
    url: str
    text: str
    last_updated: datetime


def search(
    connection: Connection, question: str, asker: Asker, embedder: HashedWords, *, most: int = 5
) -> list[Passage]:
    """Return the passages that fit a question best, among those that the asker may read."""
    scores: defaultdict[str, float] = defaultdict(float)
    for found in (by_words(connection, question, asker), by_vector(connection, question, asker, embedder)):
        for place, section_id in enumerate(found, start=1):
            scores[section_id] += 1 / (_RANK + place)
    best = sorted(scores, key=lambda section_id: (-scores[section_id], section_id))[:most]
    with connection.cursor(row_factory=class_row(Passage)) as cursor:
        read = cursor.execute(_READ, {**_values(asker), "found": best}, prepare=False).fetchall()
    connection.commit()
    return sorted(read, key=lambda passage: best.index(passage.section_id))


def by_words(connection: Connection, question: str, asker: Asker, *, most: int = _CANDIDATES) -> list[str]:
    """Return sections that have a word of the question, best first."""
    values: dict[str, Any] = {**_values(asker), "words": " or ".join(words_in(question)), "most": most}
    query = "SELECT section_id FROM search_sections(%(words)s, %(user)s, %(groups)s, %(most)s)"
    return [str(section_id) for (section_id,) in connection.execute(query, values, prepare=False)]


def by_vector(
    connection: Connection, question: str, asker: Asker, embedder: HashedWords, *, most: int = _CANDIDATES
) -> list[str]:
    """Return the sections nearest to the question, best first.

    pgvector filters what its index returns. Somebody who may read little would get a few sections or none, so that all
    that he may read is compared then. Somebody who may read much gets the index, which goes on until enough passed.
    """
    if readable_share(connection, asker) <= SMALL_SHARE:
        return nearest(connection, question, asker, embedder, most=most, exact=True)
    return nearest(connection, question, asker, embedder, most=most, exact=False)


def nearest(
    connection: Connection, question: str, asker: Asker, embedder: HashedWords, *, most: int, exact: bool
) -> list[str]:
    """Return the nearest sections in one way or the other."""
    if not exact:
        connection.execute("SET LOCAL hnsw.iterative_scan = strict_order")
        connection.execute(f"SET LOCAL hnsw.ef_search = {EF_SEARCH}".encode())
    return nearest_as_planned(connection, question, asker, embedder, most=most, may_use_index=not exact)


def nearest_as_planned(
    connection: Connection, question: str, asker: Asker, embedder: HashedWords, *, most: int, may_use_index: bool
) -> list[str]:
    """Return the nearest sections by the settings of the transaction."""
    distance = "(cached.embedding <=> %(vector)s::vector)" + ("" if may_use_index else " + 0")
    (vector,) = embedder.embed([question])
    sets, spaces = connection.execute(_MAY_READ, _values(asker), prepare=False).fetchone() or ([], [])
    values = {"sets": sets, "spaces": spaces, "vector": as_sql(vector), "model": embedder.model, "most": most}
    # Not prepared: a generic plan would be one for any asker.
    query = _NEAREST.format(distance=distance).encode()
    return [str(section_id) for (section_id,) in connection.execute(query, values, prepare=False)]


def readable_share(connection: Connection, asker: Asker) -> float:
    """Return which share of all sections an asker may read."""
    row = connection.execute(_SHARE, _values(asker), prepare=False).fetchone()
    return float(str(row[0])) if row else 0.0


def words_in(question: str) -> list[str]:
    """Return the words of a question that say what it is about; all of them if none does."""
    words = re.findall(r"\w+", question)
    return [word for word in words if words_of(word)] or words


def _values(asker: Asker) -> dict[str, Any]:
    return {"user": asker.user, "groups": None if asker.groups is None else list(asker.groups)}
