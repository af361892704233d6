"""How much of the spaces is not mirrored, by kind of content. Pure.

Numbers of Confluence's search index are approximations: it lags, and says nothing about how. What could not be counted
is not known, which is not none.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from hr_sync.domain.content import ItemKind
from hr_sync.domain.principal_words import number
from hr_sync.domain.scope import PageScope


class OtherKind(StrEnum):
    """A kind of content that the settings may leave out."""

    ATTACHMENT = "attachment"
    BLOG_POST = "blog_post"
    COMMENT = "comment"
    ARCHIVED_PAGE = "archived_page"


class Precision(StrEnum):
    """How sure a count is."""

    ABOUT = "about"  #: from the search index
    AT_LEAST = "at_least"  #: the list goes on
    EXACT = "exact"


@dataclass(frozen=True, kw_only=True, slots=True)
class NotMirrored:
    """How much of one kind is in the mirrored spaces and not in the mirror."""

    kind: OtherKind
    count: int | None  #: None: not known
    precision: Precision = Precision.ABOUT

    @property
    def in_words(self) -> str:
        """Return it for people: about 1,204 comments."""
        noun = str(self.kind).replace("_", " ")
        if self.count is None:
            return f"{noun}s (how many is not known)"
        how = {Precision.ABOUT: "about ", Precision.AT_LEAST: "at least ", Precision.EXACT: ""}[self.precision]
        return f"{how}{number(self.count, noun)}"


def kinds_not_mirrored(scope: PageScope, *, has_archived_pages: bool) -> tuple[OtherKind, ...]:
    """Return the kinds that are counted: those that the settings leave out, or that this version never mirrors.

    The one place that says so: a kind that is mirrored is not counted.
    """
    mirrored = {
        OtherKind.ATTACHMENT: ItemKind.ATTACHMENTS in scope.items,
        OtherKind.COMMENT: ItemKind.COMMENTS in scope.items,
        OtherKind.BLOG_POST: scope.blog_posts,
        OtherKind.ARCHIVED_PAGE: scope.archived_pages or not has_archived_pages,  # there may be none to mirror
    }
    return tuple(kind for kind in OtherKind if not mirrored.get(kind, False))


def not_mirrored_in_words(counts: Iterable[NotMirrored]) -> str | None:
    """Return one sentence about everything that is not mirrored; None if there is nothing of it."""
    parts: Sequence[str] = [each.in_words for each in counts if each.count != 0]
    return f"Not mirrored: {', '.join(parts)}." if parts else None
