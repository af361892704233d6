"""What may leave the mirror, decided from evidence. No I/O happens here.

Rule 1. Absence in one listing is a question. Only a complete listing of this very run may ask it.
Rule 2. Each question is asked by id, and an answer counts only while a canary proves that the account still sees.
Rule 3. What could not be seen (404, 403) is hidden at once and removed when a later run finds the same.
Rule 4. More than max(20, 10 %) of a space's live pages leaving in one run is held: nothing of it is done.

The verdict table:

    answer by id                      stored     verdict
    ------------------------------    -------    -----------------------------------------------------
    here, current                     any        KEEP      the listing was wrong: the run is partial
    trashed, archived, draft, ...     any        REMOVE    with that reason
    in another space, mirrored        any        LEAVE     that space's own pass takes it over
    in another space, not mirrored    any        REMOVE    moved out of scope
    not seen (404, 403)               live       HIDE      first strike
    not seen (404, 403)               hidden     REMOVE    second strike, by a later run
    anything else                     any        KEEP      no evidence: the run is partial
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from hr_sync.domain.content import StoredPage


class LookupStatus(StrEnum):
    """What asking for one page by id showed."""

    FOUND = "present"  #: 200; status and space tell the rest
    NOT_FOUND = "unseen"  #: 404 or 403 from Confluence itself
    UNKNOWN = "unknown"  #: anything else, which is evidence of nothing


@dataclass(frozen=True, kw_only=True, slots=True)
class LookupResult:
    """The answer to the question about one page."""

    page_id: str
    status_of_lookup: LookupStatus
    status: str | None = None  #: where present
    space_id: str | None = None  #: where present


class Verdict(StrEnum):
    """What follows for one page."""

    KEEP = "keep"
    LEAVE = "leave"
    HIDE = "hide"
    REMOVE = "remove"


@dataclass(frozen=True, kw_only=True, slots=True)
class Ruling:
    """A verdict and its reason, as stored in `removed_reason` and told by `explain`."""

    page_id: str
    space_key: str  #: where the mirror has the page; under another key it is not the page that was ruled on
    verdict: Verdict
    reason: str
    was_live: bool


def rule(evidence: LookupResult, stored: StoredPage, *, space_id: str, mirrored_space_ids: frozenset[str]) -> Ruling:
    """Look one page up in the verdict table. `space_id` is the space whose listing lacks it."""
    verdict, reason = _verdict(evidence, stored, space_id, mirrored_space_ids)
    return _ruling(stored, verdict, reason)


def _verdict(
    evidence: LookupResult, stored: StoredPage, space_id: str, mirrored_space_ids: frozenset[str]
) -> tuple[Verdict, str]:
    match evidence:
        case LookupResult(status_of_lookup=LookupStatus.NOT_FOUND) if stored.hidden:
            return Verdict.REMOVE, "gone"
        case LookupResult(status_of_lookup=LookupStatus.NOT_FOUND):
            return Verdict.HIDE, "not visible"
        case LookupResult(status_of_lookup=LookupStatus.FOUND, status="current", space_id=found) if found == space_id:
            return Verdict.KEEP, "the listing was wrong: the page is there"
        case LookupResult(status_of_lookup=LookupStatus.FOUND, status="current", space_id=found) if (
            found in mirrored_space_ids
        ):
            return Verdict.LEAVE, "moved to another mirrored space"
        case LookupResult(status_of_lookup=LookupStatus.FOUND, status="current"):
            return Verdict.REMOVE, "moved out of scope"
        case LookupResult(status_of_lookup=LookupStatus.FOUND, status=str(status)):
            return Verdict.REMOVE, status
    return Verdict.KEEP, "no evidence"


def out_of_scope(pages: Iterable[StoredPage]) -> list[Ruling]:
    """Rule on stored pages that a listing shows outside of the scope: not gone at the source, and not ours any more."""
    return [_ruling(page, Verdict.REMOVE, "out of scope") for page in pages if not page.removed]


def space_archived(pages: Iterable[StoredPage]) -> list[Ruling]:
    """Rule on the stored pages of a space that says of itself that it is archived."""
    return [_ruling(page, Verdict.REMOVE, "space archived") for page in pages if not page.removed]


def _ruling(stored: StoredPage, verdict: Verdict, reason: str) -> Ruling:
    return Ruling(page_id=stored.id, space_key=stored.space_key, verdict=verdict, reason=reason, was_live=stored.live)


@dataclass(frozen=True, kw_only=True, slots=True)
class DeletionLimit:
    """How much may leave a space in one run without somebody's word."""

    max_removed_pages: int = 20
    max_removed_fraction: float = 0.10

    def limit(self, live_pages: int) -> int:
        """Return the most live pages that may be hidden or removed in one run."""
        return max(self.max_removed_pages, int(self.max_removed_fraction * live_pages))


def leaving(rulings: Sequence[Ruling]) -> int:
    """Count the live pages that these rulings would hide or remove."""
    return sum(ruling.was_live and ruling.verdict in (Verdict.HIDE, Verdict.REMOVE) for ruling in rulings)
