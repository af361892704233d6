"""Checks that an answer of a listing is valid and that the listing ends. Pure."""

from hr_sync.confluence.http.response import Json
from hr_sync.errors import AnswerNotTrusted, AnswerUnusable

_ENTRIES_PER_LIMIT = 10  # servers may give somewhat more than was asked for, not ten times as much
_MAX_EMPTY_ANSWERS = 100  # in a row; permissions may empty some answers of a listing, not this many
_MAX_EMPTY_BY_OFFSET = 25  # in a row; then a listing by offset ends, which a second walk has to confirm


def check_results(content: Json, path: str, limit: int) -> None:
    """Raise AnswerUnusable for an answer without a list, or with one that is far longer than asked for."""
    results, most = content.get("results"), _ENTRIES_PER_LIMIT * limit
    if not isinstance(results, list):
        raise AnswerUnusable(f"The listing {path} answered without a list of results.")
    if len(results) > most:
        raise AnswerUnusable(f"The listing {path} answered with more than {most} entries at once.")


class ListingProgress:
    """Follows one walk over a listing, answer by answer, and raises AnswerNotTrusted if it makes no progress."""

    def __init__(self, path: str, *, max_entries: int) -> None:
        self._path = path
        self._max_entries = max_entries
        self._asked: set[str] = set()
        self._seen: set[str] = set()
        self._entries = 0
        self._empty_in_a_row = 0

    def ask(self, url: str) -> None:
        """Record an address that is requested. Raise for one that was requested before."""
        if url in self._asked:
            raise AnswerNotTrusted(f"The listing {self._path} led back to a page that was read already.")
        self._asked.add(url)

    def take(self, content: Json, ids: set[str], *, has_next: bool) -> None:
        """Count an answer. Raise for a listing with more and more answers and nothing new, or with too many entries."""
        count = len(content["results"])
        self._entries += count
        if self._entries > self._max_entries:
            raise AnswerNotTrusted(
                f"The listing {self._path} has more than {self._max_entries:,} entries.",
                remedy="Raise confluence.max_pages_per_space if that is right.",
            )
        self._empty_in_a_row = 0 if count else self._empty_in_a_row + 1
        if has_next and ((ids and ids <= self._seen) or self._empty_in_a_row > _MAX_EMPTY_ANSWERS):
            raise AnswerNotTrusted(
                f"The listing {self._path} makes no progress: more answers, and nothing new in them."
            )
        self._seen |= ids

    def ends_by_offset(self, content: Json) -> bool:
        """Return True if a listing by offset may end here, although it names a next answer."""
        return self._empty_in_a_row >= _MAX_EMPTY_BY_OFFSET and content.get("size") == 0


def ids_in(content: Json, path: str, field: str, *, needs_ids: bool) -> set[str]:
    """Return the ids in an answer's `results`, each a non-empty string of printable characters.

    Raise AnswerNotTrusted for an entry without one, unless that is allowed.
    """
    ids = [item.get(field) if isinstance(item, dict) else None for item in content["results"]]
    proper = {each for each in ids if isinstance(each, str) and each and each.isprintable()}
    if needs_ids and not all(isinstance(each, str) and each in proper for each in ids):
        raise AnswerNotTrusted(f"The listing {path} holds an entry without an id.")
    return proper
