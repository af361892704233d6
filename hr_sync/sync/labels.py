"""Parts a listing by the scope: by page trees, and by labels. Of labels it asks the index first, the page in doubt.

No list of pages shows labels. The index does, and lags by minutes: so nothing leaves the mirror before the page itself
says so, and nothing new enters a mirror that is there already before it has been asked.
"""

from collections.abc import Collection
from dataclasses import replace

from hr_sync.confluence.source import Source
from hr_sync.domain.content import Listing
from hr_sync.domain.scope import PageScope
from hr_sync.sync.placing import Placed, place


def in_scope(reader: Source, listing: Listing, scope: PageScope, *, live: Collection[str]) -> Placed:
    """Part a listing into what is in scope and what is not. `live` are the ids that consumers see now.

    Raises what the reader raises.
    """
    return _part_by_label(reader, place(reader, listing, scope), scope, live)


def _part_by_label(reader: Source, placed: Placed, scope: PageScope, live: Collection[str]) -> Placed:
    if not scope.by_label:
        return placed
    heads, space = placed.inside.heads, placed.inside.space
    wanted = reader.labelled(space, scope.include_labels) if scope.include_labels else heads.keys()
    unwanted = reader.labelled(space, scope.exclude_labels) if scope.exclude_labels else frozenset()
    indexed = {page_id for page_id in heads if page_id in wanted and page_id not in unwanted}
    doubtful = {page_id for page_id in heads if live and (page_id in live) != (page_id in indexed)}
    log_fields = {page_id for page_id in doubtful if scope.covers_labels(reader.labels_of(page_id))}
    inside = (indexed - doubtful) | log_fields
    return Placed(
        inside=replace(placed.inside, heads={page_id: head for page_id, head in heads.items() if page_id in inside}),
        outside=placed.outside | (heads.keys() - inside),
    )
