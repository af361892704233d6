"""What the mirror holds of a space in full detail, for the drift audit. Read only."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from sqlalchemy import select, text
from sqlalchemy.orm import Session

from hr_sync.store.engine import quoted_schema
from hr_sync.store.tables import ConfluencePage, PageBody


@dataclass(frozen=True, kw_only=True, slots=True)
class AuditRow:
    """One stored row."""

    id: str
    title: str
    version: int
    status: str
    parent_id: str | None
    url: str
    content_hash: str
    live: bool
    kind: str


def audit_rows(session: Session, space_key: str) -> dict[str, AuditRow]:
    """Return the rows of a space that are not removed, by page id."""
    page = ConfluencePage
    rows = session.execute(
        select(
            page.id,
            page.title,
            page.version,
            page.status,
            page.parent_id,
            page.url,
            page.content_hash,
            page.hidden_at.is_(None),
            page.kind,
        ).where(page.space_key == space_key, page.removed_at.is_(None))
    )
    return {
        page_id: AuditRow(
            id=page_id,
            title=title,
            version=version,
            status=status,
            parent_id=parent_id,
            url=url,
            content_hash=content_hash,
            live=live,
            kind=kind,
        )
        for page_id, title, version, status, parent_id, url, content_hash, live, kind in rows
    }


def live_elsewhere(session: Session, space_keys: Collection[str]) -> list[tuple[str, str]]:
    """Return id and space of every row that is live in a space other than these, sorted."""
    page = ConfluencePage
    live = (page.hidden_at.is_(None), page.removed_at.is_(None), page.space_key.not_in(space_keys))
    rows = session.execute(select(page.id, page.space_key).where(*live).order_by(page.space_key, page.id))
    return [(page_id, space_key) for page_id, space_key in rows]


def stored_bodies(session: Session, page_ids: Sequence[str]) -> dict[str, str]:
    """Return the stored bodies of these pages, by page id."""
    rows = session.execute(select(PageBody.page_id, PageBody.storage).where(PageBody.page_id.in_(page_ids)))
    return {page_id: storage for page_id, storage in rows}  # noqa: C416 -- dict() does not take rows for pairs


@dataclass(frozen=True, kw_only=True, slots=True)
class AuditedPage:
    """A live page that was drawn for an audit of access, and why."""

    id: str
    space_key: str
    stratum: str


_DRAW = """
WITH page AS (
    SELECT page.id, page.space_key, node.restriction, sets.layers, sets.audience,
        EXISTS (SELECT FROM {schema}.content_changes change
            WHERE change.page_id = page.id AND 'location' = ANY (change.changed_fields)
                AND change.action <> 'insert' AND change.changed_at > now() - interval '7 days') AS is_moved
    FROM {schema}.confluence_pages page
        LEFT JOIN {schema}.content_nodes node USING (id)
        LEFT JOIN {schema}.access_sets sets ON sets.id = page.access_set_id
    WHERE page.status = 'current' AND page.hidden_at IS NULL AND page.removed_at IS NULL
), strata AS (
    SELECT id, space_key, CASE
        WHEN is_moved THEN 'moved in the last week'
        WHEN restriction <> '{{"users": [], "groups": []}}' THEN 'restricted itself'
        WHEN layers > 1 THEN 'restricted above'
        WHEN NOT audience THEN 'its space is limited'
        ELSE 'any' END AS stratum
    FROM page
), drawn AS (
    SELECT id, space_key, stratum, row_number() OVER (PARTITION BY stratum ORDER BY random()) AS place FROM strata
)
SELECT id, space_key, stratum FROM drawn ORDER BY place, random() LIMIT :number"""


def pages_to_audit(session: Session, number: int) -> list[AuditedPage]:
    """Draw live pages at random, equally many of each stratum as far as there are any; again from the first if few."""
    statement = text(_DRAW.format(schema=quoted_schema(session.connection())))
    drawn = [
        AuditedPage(id=row.id, space_key=row.space_key, stratum=row.stratum)
        for row in session.execute(statement, {"number": number})
    ]
    return [drawn[place % len(drawn)] for place in range(number)] if drawn else []


def may_read(session: Session, user: str, page_id: str) -> bool:
    """Return True if the mirror lets a user read a page, by the mirrored groups."""
    statement = text(f"SELECT {quoted_schema(session.connection())}.may_read(:user, NULL, :page)")
    return bool(session.scalar(statement, {"user": user, "page": page_id}))
