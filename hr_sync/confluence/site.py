"""Facts about a site that people ask for before a run, and that no run needs: its version, the sizes of its spaces."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

from hr_sync.confluence.access import pages_of
from hr_sync.confluence.json_fields import FieldError, int_of
from hr_sync.confluence.source import Source
from hr_sync.domain.content import Space
from hr_sync.errors import UNANSWERED

_AT_ONCE = 4  # requests
_LONGEST_VERSION = 40  # characters


def version_of(source: Source) -> str | None:
    """Return the version of a Data Center; None on Cloud, which has none, and where it is not shown."""
    if source.flavor == "cloud":
        return None
    try:
        version = source.client.get("rest/api/server-information", max_attempts=1).get("version")
    except UNANSWERED:
        return None
    return version[:_LONGEST_VERSION] if isinstance(version, str) and version.isprintable() else None


def page_counts(source: Source, spaces: Sequence[Space]) -> dict[str, int]:
    """Return about how many pages spaces have, by space id, each by one request to the search index.

    A space whose pages could not be counted is absent. Raise errors about the whole site.
    """
    with ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="count") as pool:
        counts = list(pool.map(lambda space: _page_count(source, space), spaces))
    return {space.id: count for space, count in zip(spaces, counts, strict=True) if count is not None}


def _page_count(source: Source, space: Space) -> int | None:
    query = {"cql": pages_of(space.key), "limit": 1}
    try:
        return max(int_of(source.client.get("rest/api/search", query, max_attempts=1), "totalSize"), 0)
    except (*UNANSWERED, FieldError):
        return None
