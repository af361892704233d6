"""Keeps embeddings up to date with the sections of the mirror. What may be shown is no question here."""

from dataclasses import dataclass
from importlib.resources import files

from examples.rag.changes import Connection, changes_since
from examples.rag.embedder import HashedWords, as_sql

_AT_ONCE = 500

# The text of a page is made after the transaction that tells of the change: a page waits until its text is the one of
# its stored body. A page that is gone waits for nothing.
_READY = """
    SELECT pending.page_id FROM rag_pending pending
        LEFT JOIN confluence_pages page ON page.id = pending.page_id
        LEFT JOIN page_texts made ON made.page_id = page.id
    WHERE page.id IS NULL OR page.hidden_at IS NOT NULL OR page.removed_at IS NOT NULL
        OR made.content_hash = page.content_hash"""
_MISSING = """
    SELECT DISTINCT ON (section.text_hash) section.text_hash, section.text
    FROM page_sections section LEFT JOIN rag_embeddings known ON known.text_hash = section.text_hash
    WHERE section.page_id = ANY (%s) AND known.model IS DISTINCT FROM %s LIMIT %s"""
_PUT = """
    INSERT INTO rag_embeddings (text_hash, model, embedding) VALUES (%s, %s, %s)
    ON CONFLICT (text_hash) DO UPDATE SET model = excluded.model, embedding = excluded.embedding"""

_DELETE_UNUSED = """
    DELETE FROM rag_embeddings cached
    WHERE NOT EXISTS (SELECT FROM page_sections section WHERE section.text_hash = cached.text_hash)"""


@dataclass(frozen=True)
class Indexed:
    """What one pass did."""

    pages: int  #: that had changed, and whose text is there
    embedded: int  #: texts that were not known before
    waiting: int  #: pages whose text is not made yet


def create_tables(connection: Connection) -> None:
    """Create what is missing."""
    connection.execute(files("examples.rag").joinpath("tables.sql").read_bytes())
    connection.commit()


def update(connection: Connection, embedder: HashedWords) -> Indexed:
    """Embed the sections of the pages that changed since the last pass. May be stopped and repeated at any time."""
    row = connection.execute("SELECT position FROM rag_position").fetchone()
    changes = changes_since(connection, None if row is None else str(row[0]))
    connection.execute("INSERT INTO rag_pending SELECT unnest(%s::text[]) ON CONFLICT DO NOTHING", [changes.page_ids])
    connection.execute(
        "INSERT INTO rag_position (position) VALUES (%s) ON CONFLICT (one) DO UPDATE SET position = excluded.position",
        [changes.position],
    )
    connection.commit()

    ready = [str(page_id) for (page_id,) in connection.execute(_READY)]
    embedded = 0
    while missing := connection.execute(_MISSING, [ready, embedder.model, _AT_ONCE]).fetchall():
        vectors = embedder.embed([str(text) for _, text in missing])  # outside of any lock: a model may take its time
        with connection.cursor() as cursor:
            cursor.executemany(
                _PUT,
                [(key, embedder.model, as_sql(vector)) for (key, _), vector in zip(missing, vectors, strict=True)],
            )
        connection.commit()
        embedded += len(missing)
    connection.execute("DELETE FROM rag_pending WHERE page_id = ANY (%s)", [ready])
    waiting = connection.execute("SELECT count(*) FROM rag_pending").fetchone()
    connection.commit()
    return Indexed(pages=len(ready), embedded=embedded, waiting=int(str(waiting[0])) if waiting else 0)


def forget_unused(connection: Connection) -> int:
    """Delete embeddings of texts that no section has. It saves room; nothing is shown or hidden by it."""
    deleted = connection.execute(_DELETE_UNUSED).rowcount
    connection.commit()
    return deleted
