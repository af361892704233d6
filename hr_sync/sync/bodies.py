"""Fetches bodies in parallel while earlier ones are being written, with as many in memory as the window is wide."""

from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Executor, Future
from dataclasses import dataclass
from itertools import islice

from hr_sync.confluence.reader import Reader
from hr_sync.model.page import Space
from hr_sync.sync.border import CleanPage, belongs, clean_page

PAGES_PER_REQUEST = 50  #: and per transaction: PostgreSQL's subtransaction cache overflows at 64 savepoints


@dataclass(frozen=True, kw_only=True, slots=True)
class Bodies:
    """What one request brought, cleaned and hashed."""

    pages: Mapping[str, CleanPage]  #: by page id
    unreadable: Mapping[str, str]  #: id → what was wrong
    absent: frozenset[str]  #: asked for, not in the answer


def fetch_bodies(reader: Reader, space: Space, ids: Sequence[str], *, pool: Executor, window: int) -> Iterator[Bodies]:
    """Yield the bodies of `ids` in order, 50 pages at a time, with at most `window` requests ahead of the consumer.

    Raises what the reader raises. When the consumer stops early, requests that have not begun are not made.
    """
    batches = (ids[start : start + PAGES_PER_REQUEST] for start in range(0, len(ids), PAGES_PER_REQUEST))
    under_way: deque[Future[Bodies]] = deque()
    try:
        under_way.extend(pool.submit(_fetch, reader, space, batch) for batch in islice(batches, window))
        while under_way:
            bodies = under_way.popleft().result()
            under_way.extend(pool.submit(_fetch, reader, space, batch) for batch in islice(batches, 1))
            yield bodies
    finally:
        for request in under_way:
            request.cancel()


def _fetch(reader: Reader, space: Space, ids: Sequence[str]) -> Bodies:
    fetched = reader.pages(ids, space)
    pages = {page_id: clean_page(page) for page_id, page in fetched.pages.items() if belongs(page.head, space)}
    return Bodies(
        pages=pages,
        unreadable=fetched.unreadable,
        absent=fetched.absent | (fetched.pages.keys() - pages.keys()),
    )
