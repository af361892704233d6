"""How many pages or attachments may leave at once before somebody has to decide. Pure.

Pages and blog posts are counted together, and each kind by itself: whatever is more than its limit is a mass.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from hr_sync.domain.content import ContentKind


@dataclass(frozen=True, kw_only=True, slots=True)
class DeletionLimit:
    """How many pages may be removed at once without --allow-mass-delete."""

    max_removed_pages: int = 20
    max_removed_fraction: float = 0.10

    def of(self, stored_pages: int) -> int:
        """Return the most pages that may be removed at once among so many."""
        return max(self.max_removed_pages, int(self.max_removed_fraction * stored_pages))


@dataclass(frozen=True, kw_only=True, slots=True)
class Excess:
    """More of one kind, or of all, than may leave at once."""

    leaving: int
    most: int
    what: str  #: in words


@dataclass(frozen=True, kw_only=True, slots=True)
class StoredCount:
    """How many pages are not removed, and how many of them may leave at once."""

    pages: int
    posts: int  #: blog posts among them
    limit: DeletionLimit
    what: str

    def excess(self, leaving: Sequence[ContentKind | None]) -> Excess | None:
        """Return what is too much of that which leaves at once: all together, or one kind; None: it is no mass."""
        of_kind = Counter(leaving)
        counts = (
            (len(leaving), self.pages, self.what),
            (of_kind[ContentKind.PAGE], self.pages - self.posts, "pages"),
            (of_kind[ContentKind.BLOG_POST], self.posts, "blog posts"),
        )
        found = (Excess(leaving=n, most=self.limit.of(stored), what=what) for n, stored, what in counts)
        return next((each for each in found if each.leaving > each.most), None)

    def why_held(self, leaving: Sequence[ContentKind | None], how: str) -> str | None:
        """Return why the removal of that which leaves at once is held; None: it is not. `how` it leaves, in words."""
        found = self.excess(leaving)
        return None if found is None else f"more than {found.most} {found.what} {how} at once"
