"""Counts content of spaces that is not mirrored, by one request a kind for up to 100 spaces."""

from collections.abc import Iterator, Sequence

from hr_sync.confluence.access import in_spaces
from hr_sync.confluence.http.client import HttpClient
from hr_sync.confluence.json_fields import FieldError, int_of
from hr_sync.confluence.source import Source
from hr_sync.domain.content import Space
from hr_sync.domain.not_mirrored import NotMirrored, OtherKind, Precision

_SPACES_AT_ONCE = 100  # in one request: their keys and ids stand in its address
_WIDEST = 250
_TYPES = {
    OtherKind.ATTACHMENT: "attachment",
    OtherKind.BLOG_POST: "blogpost",
    OtherKind.COMMENT: "comment",
}


def has_archived_pages(source: Source) -> bool:
    """Return True if pages can be archived: on Cloud alone. Data Center archives whole spaces."""
    return source.archived is not None


def count_content(source: Source, spaces: Sequence[Space], kind: OtherKind) -> NotMirrored:
    """Return how much of a kind these spaces have, as far as the account sees it.

    A count that an answer does not give is not known. Raise what HttpClient raises.
    """
    try:
        if kind is OtherKind.ARCHIVED_PAGE:
            return _count_archived(source.client, spaces)
        counts = [_count_found(source.client, some, _TYPES[kind]) for some in _chunks(spaces)]
    except FieldError:
        return NotMirrored(kind=kind, count=None)
    return NotMirrored(kind=kind, count=sum(counts))


def _count_found(client: HttpClient, spaces: Sequence[Space], kind: str) -> int:
    """Return what the search index says; it holds nothing of archived spaces and of the trash."""
    query = {"cql": f"type = {kind} and {in_spaces([space.key for space in spaces])}", "limit": 1}
    return max(int_of(client.get("rest/api/search", query, max_attempts=1), "totalSize"), 0)


def _count_archived(client: HttpClient, spaces: Sequence[Space]) -> NotMirrored:
    """Count archived pages in the list of v2: the search index does not hold them. A long list is not read on."""
    count, goes_on = 0, False
    for some in _chunks(spaces):
        ids = {space.id for space in some}
        query = {"status": "archived", "space-id": ",".join(sorted(ids)), "limit": _WIDEST}
        answer = next(client.walk("api/v2/pages", query, max_attempts=1))
        found = [item for item in answer.content["results"] if item.get("status") == "archived"]
        if len(found) < len(answer.content["results"]) or any(item.get("spaceId") not in ids for item in found):
            return NotMirrored(kind=OtherKind.ARCHIVED_PAGE, count=None)  # the server ignored what was asked for
        count, goes_on = count + len(found), goes_on or answer.has_next
    precision = Precision.AT_LEAST if goes_on else Precision.EXACT
    return NotMirrored(kind=OtherKind.ARCHIVED_PAGE, count=count, precision=precision)


def _chunks(spaces: Sequence[Space]) -> Iterator[Sequence[Space]]:
    for start in range(0, len(spaces), _SPACES_AT_ONCE):
        yield spaces[start : start + _SPACES_AT_ONCE]
