"""Which other pages the text of a page shows, and who may read those. Read only."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import and_, func, select
from sqlalchemy.orm import Session

from hr_sync.domain.access import AccessSet, Principal
from hr_sync.domain.changes import IncludeState
from hr_sync.store.read.access import layers_of_sets
from hr_sync.store.read.pages import LIVE
from hr_sync.store.tables import ConfluencePage
from hr_sync.store.text_tables import PageInclude

OF_MACROS = "what macros show of other pages"  #: in the place of the title of a page


@dataclass(frozen=True, kw_only=True, slots=True)
class StoredInclude:
    """A page whose text another one shows, also within a third."""

    page_id: str  #: "": pages that nobody names
    title: str | None  #: None: not live any more
    access_set: AccessSet | None  #: by its own facts; None: not known


def read_includes(session: Session, page_id: str) -> Sequence[StoredInclude]:
    """Return the pages whose text a page shows, in the order in which they stand there first."""
    place, page = PageInclude, ConfluencePage
    own = func.nullif(func.coalesce(page.own_access_set_id, page.access_set_id), 0)
    rows = session.execute(
        select(place.source_id, page.title, own)
        .outerjoin(page, and_(page.id == place.source_id, LIVE))
        .where(place.page_id == page_id, place.state == IncludeState.SHOWN)
        .order_by(place.position)
    ).all()
    layers = layers_of_sets(session, sorted({set_id for _, _, set_id in rows if set_id is not None}))
    found: dict[str, StoredInclude] = {}
    for source_id, title, set_id in rows:
        stored = layers.get(set_id)
        access_set = None if stored is None else frozenset(frozenset(map(Principal.of, each)) for each in stored)
        shown = title if source_id else OF_MACROS
        found.setdefault(source_id, StoredInclude(page_id=source_id, title=shown, access_set=access_set))
    return list(found.values())
