"""Pages that are named by id and come from no listing: those that failed, and those that a person asks for.

A listing is parted by the scope before anything is fetched. What is named goes around that, and is held against the
same rules here, so that the mirror gets no wider than configured.
"""

from collections.abc import Sequence

from hr_sync.confluence.source import Source
from hr_sync.domain.content import Head, Listing, Space
from hr_sync.domain.scope import PageScope
from hr_sync.sync.fetch import PAGES_PER_REQUEST
from hr_sync.sync.placing import place
from hr_sync.sync.sanitize import matches_request


def out_of_scope(reader: Source, space: Space, page_ids: Sequence[str], scope: PageScope) -> dict[str, str]:
    """Return the rule against each of these pages that is there and not in scope: id → rule.

    A page that is not there is none of them: it is still to be asked about. Only whole pages tell where they are, so
    that this costs their bodies once more. Raises what the reader raises.
    """
    if scope.everything:
        return {}
    heads = _heads(reader, space, page_ids)
    placed = place(reader, Listing(space=space, heads=heads, unreadable={}), scope)
    rules = dict.fromkeys(placed.inside.unreadable, "its place in the page trees cannot be seen")
    rules |= dict.fromkeys(placed.outside, "it is not in confluence.page_trees, or is in confluence.exclude_page_trees")
    if scope.by_label:
        rules |= {
            page_id: "its labels are not those of confluence.include_labels and exclude_labels"
            for page_id in placed.inside.heads
            if not scope.covers_labels(reader.labels_of(page_id))
        }
    return rules


def _heads(reader: Source, space: Space, page_ids: Sequence[str]) -> dict[str, Head]:
    heads: dict[str, Head] = {}
    for start in range(0, len(page_ids), PAGES_PER_REQUEST):
        pages = reader.pages(page_ids[start : start + PAGES_PER_REQUEST], space).pages
        heads |= {page_id: page.head for page_id, page in pages.items() if matches_request(page.head, space)}
    return heads
