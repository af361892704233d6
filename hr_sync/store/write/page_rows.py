"""The columns of a page that its head fills, and the statement that stores its body: for live and archived pages."""

from typing import Any, cast

from sqlalchemy import CTE, ScalarSelect, Table, TableValuedAlias, select
from sqlalchemy.dialects.postgresql import insert as upsert

from hr_sync.domain.content import metadata_digest
from hr_sync.store.tables import PageBody
from hr_sync.store.text_tables import PageText
from hr_sync.store.values import PageWrite
from hr_sync.store.write.arrays import unnested
from hr_sync.store.write.locks import PAGES

BODIES = cast("Table", PageBody.__table__)
_TEXTS = cast("Table", PageText.__table__)
#: Columns of `confluence_pages` beside the id.
HEAD_COLUMNS = (
    "kind",
    "title",
    "space_key",
    "space_id",
    "last_updated",
    "version",
    "url",
    "parent_id",
    "parent_type",
    "status",
    "metadata_digest",
    "last_written_run_id",
)


def head_row(write: PageWrite, run_id: int) -> dict[str, Any]:
    """Return the id and what the head of a write fills in."""
    head = write.head
    return {
        "id": head.id,
        "kind": head.kind.value,
        "title": head.title,
        "space_key": head.space_key,
        "space_id": head.space_id,
        "last_updated": head.last_updated,
        "version": head.version,
        "url": head.url,
        "parent_id": head.parent_id,
        "parent_type": head.parent_type,
        "status": head.status,
        "metadata_digest": metadata_digest(head),
        "last_written_run_id": run_id,
    }


def sections_of_text(given: TableValuedAlias) -> ScalarSelect[int]:
    """Return how many sections the stored text of a `given` page has, if it is of the body that is given."""
    text = _TEXTS.c
    is_of_body = (text.page_id == given.c.id, text.content_hash == given.c.content_hash)
    return select(text.sections).where(*is_of_body).scalar_subquery()


def put_bodies(written: CTE) -> Any:
    """Return the statement that stores the bodies of the pages in `written`, where they differ."""
    given = unnested({"id": PAGES.c.id, "storage": BODIES.c.storage})
    storage = select(given).join_from(given, written, written.c.id == given.c.id)
    bodies = upsert(BODIES).from_select(["page_id", "storage"], storage)
    return bodies.on_conflict_do_update(
        index_elements=["page_id"],
        set_={"storage": bodies.excluded.storage},
        where=BODIES.c.storage != bodies.excluded.storage,
    )
