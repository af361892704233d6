"""Derives the access sets of pages whose text shows other pages, their hosts: a reader must pass all of them.

It is `hr_sync.domain.access.with_included` in SQL; a property test holds the two equal. It runs in the transaction that
changes the own set of a host or of a page that it shows, hides or erases such a page, or writes the text of a host.

The own set of each shown page counts, without what that page shows itself: the rows of a host name every page whose
text it shows, also within others. So two pages that show each other need no order. A shown page that is not live, or
whose own set is not known, leaves its hosts without one. A set with layers from other spaces names these spaces,
because the age of their facts counts as well.

The rows of hosts are locked by a statement of their own: the one that derives must see what a transaction has
committed that changed another page of the same host.
"""

from collections.abc import Collection
from functools import cache
from typing import Any

from sqlalchemy import TextClause, bindparam, func, select, text, update
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Session
from sqlalchemy.types import Text

from hr_sync.domain.changes import ChangeAction, ChangedField, IncludeState
from hr_sync.store.engine import quoted_schema
from hr_sync.store.text_tables import PageInclude, PageText
from hr_sync.store.write.changes import Change, record_changes, record_restricted
from hr_sync.store.write.locks import PAGES
from hr_sync.store.write.set_rows import (
    BY_REASON,
    DIGEST,
    LIVE,
    NO_TEXTS,
    OWN_SET,
    lock_policy,
    restricted_pages,
    set_rows,
)

_DERIVE = """
WITH hosts AS (
    SELECT page.id, page.space_id, page.access_set_id AS before, {own} AS own
    FROM {schema}.confluence_pages page
    WHERE page.id = ANY (CAST(:ids AS text[])) AND {live}
), parts AS (
    SELECT id AS host_id, own AS set_id, CAST(NULL AS text) AS space_id, false AS is_shown FROM hosts
    UNION
    SELECT hosts.id, {own}, CASE WHEN page.space_id <> hosts.space_id THEN page.space_id END, true
    FROM hosts JOIN {schema}.page_includes place ON place.page_id = hosts.id AND place.state = 'shown'
        LEFT JOIN {schema}.confluence_pages page ON page.id = place.source_id
            AND page.status = 'current' AND {live}
), needs AS (
    SELECT host_id, bool_or(is_shown) AS shows_others, bool_and(stored.id IS NOT NULL) AS is_known,
        array_agg(DISTINCT stored.id ORDER BY stored.id) AS sets,
        coalesce(array_agg(DISTINCT space_id ORDER BY space_id) FILTER (WHERE space_id IS NOT NULL), '{{}}') AS spaces
    FROM parts LEFT JOIN {schema}.access_sets stored ON stored.id = parts.set_id
    GROUP BY host_id
), digests AS (
    SELECT *, {digest} AS digest FROM (
        -- What has the layers of a set that has lost one is not known.
        SELECT sets, spaces, CASE WHEN (SELECT count(*) FROM {schema}.access_layers WHERE set_id = ANY (kinds.sets))
            = (SELECT sum(layers) FROM {schema}.access_sets WHERE id = ANY (kinds.sets))
        THEN ARRAY(
            SELECT layer FROM (
                SELECT DISTINCT layer FROM {schema}.access_layers WHERE set_id = ANY (kinds.sets)
            ) AS each ORDER BY layer COLLATE "C"
        ) END AS whole
        FROM (SELECT DISTINCT sets, spaces FROM needs WHERE is_known) AS kinds
    ) AS wholes WHERE whole IS NOT NULL
), {no_texts}, {rows}, derived AS (
    UPDATE {schema}.confluence_pages page
    SET access_set_id = needed.after, own_access_set_id = CASE WHEN needed.shows_others THEN coalesce(needed.own, 0) END
    FROM (
        SELECT hosts.*, needs.shows_others, numbers.id AS after
        FROM hosts JOIN needs ON needs.host_id = hosts.id
            LEFT JOIN digests ON needs.is_known AND (digests.sets, digests.spaces) = (needs.sets, needs.spaces)
            LEFT JOIN numbers USING (digest)
    ) AS needed
    WHERE page.id = needed.id AND (page.access_set_id, page.own_access_set_id) IS DISTINCT FROM
        (needed.after, CASE WHEN needed.shows_others THEN coalesce(needed.own, 0) END)
    RETURNING page.id, page.space_key, page.kind, page.version, needed.before, needed.after
)
{by_reason}
FROM derived WHERE before IS DISTINCT FROM after GROUP BY space_key, kind, was_known, is_known"""


def hosts_of(session: Session, page_ids: Collection[str]) -> frozenset[str]:
    """Return the pages whose text shows one of these pages."""
    if not page_ids:
        return frozenset()
    place = PageInclude
    ids = func.any(bindparam("ids", sorted(page_ids), ARRAY(Text)))
    return frozenset(
        session.scalars(select(place.page_id).where(place.state == IncludeState.SHOWN, place.source_id == ids))
    )


def derive_of_hosts(session: Session, run_id: int, host_ids: Collection[str]) -> frozenset[str]:
    """Derive the sets of pages whose text shows, or has just shown, other pages. Return those that have another one.

    The rows of the pages that they show must be locked, or must have been written, by this transaction.
    """
    if not host_ids:
        return frozenset()
    audience = lock_policy(session)
    ids = sorted(host_ids)
    session.execute(select(PAGES.c.id).where(PAGES.c.id == func.any(ids)).order_by(PAGES.c.id).with_for_update())
    values = {"ids": ids, "asker": audience.asker, "licence": audience.licence}
    derived = session.execute(_derive(quoted_schema(session.connection())), values).all()
    record_restricted(session, run_id, restricted_pages(derived))
    return frozenset(page_id for row in derived for page_id in row.ids)


def withdraw_from_hosts(session: Session, run_id: int, page_ids: Collection[str]) -> frozenset[str]:
    """Take the text of pages that are no longer shown out of what consumers see of their hosts.

    The hosts have no set, and their texts none of the stored bodies, until the next pass over the texts. Return the
    hosts that have another set.
    """
    hosts = hosts_of(session, page_ids)
    outdate_hosts(session, run_id, hosts)
    return derive_of_hosts(session, run_id, hosts)


def outdate_hosts(session: Session, run_id: int, host_ids: Collection[str]) -> None:
    """Show no sections of these pages until the next pass over the texts: what they show of others has changed."""
    if not host_ids:
        return
    outdated = update(PageText).where(PageText.page_id == func.any(sorted(host_ids)), PageText.content_hash != "")
    outdated_ids = session.scalars(outdated.values(content_hash="").returning(PageText.page_id)).all()
    page = PAGES.c
    rows = session.execute(
        select(page.id, page.space_key, page.version)
        .where(
            page.id == func.any(outdated_ids),
            page.hidden_at.is_(None),
            page.removed_at.is_(None),
            page.status == "current",
        )
        .order_by(page.id)
    )
    record_changes(session, run_id, [_outdated(row) for row in rows])


def _outdated(row: Any) -> Change:
    return Change(
        page_id=row.id,
        space_key=row.space_key,
        action=ChangeAction.DERIVE,
        changed_fields=(ChangedField.SECTIONS,),
        version=row.version,
        reason="a page that its text shows has changed",
    )


@cache
def _derive(schema: str) -> TextClause:
    statement = _DERIVE.format(
        schema=schema,
        own=OWN_SET,
        live=LIVE,
        digest=DIGEST,
        no_texts=NO_TEXTS,
        rows=set_rows(schema),
        by_reason=BY_REASON,
    )
    return text(statement).bindparams(*(bindparam(name, type_=ARRAY(Text)) for name in ("ids", "asker", "licence")))
