"""Fetches bodies in parallel while earlier ones are being written, with a bounded number of answers in memory."""

import threading
from collections import deque
from collections.abc import Generator, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from types import TracebackType
from typing import Self

from hr_sync.confluence.source import Source
from hr_sync.domain.content import Space
from hr_sync.sync.sanitize import SanitizedPage, matches_request, sanitize_page

PAGES_PER_REQUEST = 100  #: fewer cost more waits for Confluence, more cost memory
_MOST_SPACES = 4  # whose bodies are fetched at once; more are no faster


@dataclass(frozen=True, kw_only=True, slots=True)
class Bodies:
    """What one request brought, cleaned and hashed."""

    pages: Mapping[str, SanitizedPage]  #: by page id
    unreadable: Mapping[str, str]  #: id → what was wrong
    absent: frozenset[str]  #: asked for, not in the answer


class BodyFetcher:
    """Fetches for all spaces of a run at once, within one bound of answers in memory.

    Some spaces have a seat, the others wait for one. Each seated one may always have one request under way, so that
    none waits for another, and more as long as all together have no more than there are connections.
    """

    def __init__(self, reader: Source, connections: int) -> None:
        self._reader = reader
        self._pool = ThreadPoolExecutor(connections, thread_name_prefix="fetch")
        self._seats = threading.Semaphore(_MOST_SPACES)
        self._connections = connections
        self._lock = threading.Lock()
        self._under_way = 0  # requests of all spaces, until their answer is taken

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Wait for the requests that are under way."""
        self._pool.shutdown()

    def fetch(self, space: Space, ids: Sequence[str]) -> Generator[Bodies]:
        """Yield the bodies of `ids` in order, up to 100 pages at a time.

        Raises what the reader raises. Close it, so that another space gets its seat; requests that have not begun are
        not made then.
        """
        if ids:
            with self._seats:
                yield from self._fetch_seated(space, ids)

    def _fetch_seated(self, space: Space, ids: Sequence[str]) -> Iterator[Bodies]:
        batches = deque(ids[start : start + PAGES_PER_REQUEST] for start in range(0, len(ids), PAGES_PER_REQUEST))
        under_way: deque[Future[Bodies]] = deque()

        def ask_ahead() -> None:
            while batches and self._may_ask(first=not under_way):
                under_way.append(self._pool.submit(self._fetch, space, batches.popleft()))

        try:
            ask_ahead()
            while under_way:
                bodies = under_way[0].result()
                self._drop_first(under_way)
                ask_ahead()  # before the consumer takes its time
                yield bodies
        finally:
            while under_way:
                under_way[0].cancel()
                self._drop_first(under_way)

    def _may_ask(self, *, first: bool) -> bool:
        with self._lock:
            if not first and self._under_way >= self._connections:
                return False
            self._under_way += 1
            return True

    def _drop_first(self, under_way: "deque[Future[Bodies]]") -> None:
        under_way.popleft()
        with self._lock:
            self._under_way -= 1

    def _fetch(self, space: Space, ids: Sequence[str]) -> Bodies:
        fetched = self._reader.pages(ids, space)
        pages = {
            page_id: sanitize_page(page) for page_id, page in fetched.pages.items() if matches_request(page.head, space)
        }
        return Bodies(
            pages=pages,
            unreadable=fetched.unreadable,
            absent=fetched.absent | (fetched.pages.keys() - pages.keys()),
        )
