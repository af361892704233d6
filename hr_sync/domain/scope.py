"""Which pages of a space are in scope, when only some page trees or labels of it are. Pure.

A tree is a page and everything below it. A page's parent may be no page (a folder, a whiteboard), so that the chain up
to the top needs the parents of those too.
"""

import hashlib
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass

MOST_LEVELS = 10_000  #: Confluence allows any depth; a cycle must end


@dataclass(frozen=True, kw_only=True, slots=True)
class PageScope:
    """Which pages of the mirrored spaces are mirrored: all, or those in some page trees and with some labels."""

    page_trees: frozenset[str] = frozenset()  #: ids of the pages at the top; empty means all pages
    exclude_page_trees: frozenset[str] = frozenset()  #: wins over `page_trees`
    include_labels: frozenset[str] = frozenset()  #: a page needs one of them; empty means no page needs any
    exclude_labels: frozenset[str] = frozenset()  #: wins over `include_labels`

    @property
    def everything(self) -> bool:
        """True when no page is out of scope."""
        return not self.by_tree and not self.by_label

    @property
    def by_tree(self) -> bool:
        """True when a page's place may put it out of scope."""
        return bool(self.page_trees or self.exclude_page_trees)

    @property
    def by_label(self) -> bool:
        """True when a page's labels may put it out of scope."""
        return bool(self.include_labels or self.exclude_labels)

    @property
    def fingerprint(self) -> str:
        """SHA-256 hex that differs when another set of pages may be in scope."""
        sets = (self.page_trees, self.exclude_page_trees, self.include_labels, self.exclude_labels)
        parts = [sorted(each) for each in sets]
        return hashlib.sha256(repr(parts).encode()).hexdigest()

    def covers_labels(self, labels: Collection[str]) -> bool:
        """Return True if a page with these labels is in scope, as far as labels go."""
        if self.exclude_labels.intersection(labels):
            return False
        return not self.include_labels or bool(self.include_labels.intersection(labels))

    def covers(
        self, page_id: str, parents: Mapping[str, str | None], lost: Collection[str] = frozenset()
    ) -> bool | None:
        """Return True if a page's place is in scope; `parents` gives the parent of each page and folder up to the top.

        `lost` are those among them whose own parent could not be seen. None when it hangs on what is above these.
        """
        chain = set(ancestry(page_id, parents))
        if chain & self.exclude_page_trees:
            return False
        chosen = not self.page_trees or bool(chain & self.page_trees)
        if chain.intersection(lost) and (self.exclude_page_trees or not chosen):
            return None
        return chosen


def ancestry(page_id: str, parents: Mapping[str, str | None]) -> Iterator[str]:
    """Yield the page and everything above it, as far as is known; ends in a cycle too."""
    seen: set[str] = set()
    here: str | None = page_id
    while here is not None and here not in seen and len(seen) < MOST_LEVELS:
        seen.add(here)
        yield here
        here = parents.get(here)


def unknown_above(parents: Mapping[str, str | None]) -> set[str]:
    """Name the parents whose own parents nobody has asked for yet: folders, and pages that are not listed."""
    return {parent for parent in parents.values() if parent is not None and parent not in parents}
