"""Sends requests in parallel: for bodies while earlier ones are written, and single requests about many pages."""

import threading
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from functools import partial
from types import TracebackType
from typing import Self, TypeVar

from structlog.contextvars import bind_contextvars, get_contextvars

from hr_sync.confluence.source import Source
from hr_sync.domain.content import ContentKind, Fetched, KindById, Space

Asked = TypeVar("Asked")
Answer = TypeVar("Answer")

PAGES_PER_REQUEST = 100  #: fewer cost more waits for Confluence, more cost memory
_MAX_FETCHING_SPACES = 4  # more are no faster
_MAX_LISTED_WITH_BODIES = 3  # of them, since two answers of 250 pages are in memory for each; no slower than four


class BodyFetcher:
    """Fetches for all spaces of a run at once, within one bound of answers in memory.

    At most four spaces fetch bodies at a time. Each may always have one request in flight; further requests share the
    remaining connections.
    """

    def __init__(self, source: Source, connections: int) -> None:
        self._source = source
        facts = partial(bind_contextvars, **get_contextvars())  # of the run and its site, for the log
        self._pool = ThreadPoolExecutor(connections, thread_name_prefix="fetch", initializer=facts)
        self._fetching = threading.Semaphore(_MAX_FETCHING_SPACES)
        self._listing = threading.Semaphore(_MAX_LISTED_WITH_BODIES)
        self._connections = connections
        self._lock = threading.Lock()
        self._in_flight = 0  # requests for bodies, of all spaces, until their answer is taken

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Wait for the requests in flight."""
        self._pool.shutdown()

    def ask_each(self, question: Callable[[Asked], Answer], about: Iterable[Asked]) -> list[Answer]:
        """Call `ask` for each item, in parallel. Return the results in order; raise what a call raises."""
        return list(self._pool.map(question, about))

    def in_turn(self, answers: Iterator[Answer]) -> Generator[Answer]:
        """Yield the answers of an iterator that requests the next one by itself. Raise what it raises.

        At most three spaces do so at a time, and nothing is read further ahead: the bodies of an answer take megabytes.
        Close the generator.
        """
        with self._listing, self._fetching:
            yield from answers

    def read_ahead(self, answers: Iterator[Answer]) -> Generator[Answer]:
        """Yield each answer while the next one is requested. Raise what the iterator raises.

        Close the generator; it waits for the request in flight.
        """
        with self._fetching:
            coming = self._pool.submit(next, answers, None)
            try:
                while (answer := coming.result()) is not None:
                    coming = self._pool.submit(next, answers, None)
                    yield answer
            finally:
                wait([coming])

    def fetch(self, space: Space, pages: KindById) -> Generator[Fetched]:
        """Yield the bodies of `pages` in order, those of each kind apart, up to 100 pages at a time.

        Raise what `Source.pages` raises. Close the generator, so that another space can begin; requests that have not
        begun are not made then.
        """
        if pages:
            with self._fetching:
                yield from self._fetch_ahead(space, pages)

    def _fetch_ahead(self, space: Space, pages: KindById) -> Iterator[Fetched]:
        batches = deque(in_batches(pages))
        in_flight: deque[Future[Fetched]] = deque()

        def ask_ahead() -> None:
            while batches and self._may_ask(first=not in_flight):
                ids, kind = batches.popleft()
                in_flight.append(self._pool.submit(self._source.pages, ids, space, kind))

        try:
            ask_ahead()
            while in_flight:
                fetched = in_flight[0].result()
                self._drop_first(in_flight)
                ask_ahead()  # before the consumer takes its time
                yield fetched
        finally:
            while in_flight:
                in_flight[0].cancel()
                self._drop_first(in_flight)

    def _may_ask(self, *, first: bool) -> bool:
        with self._lock:
            if not first and self._in_flight >= self._connections:
                return False
            self._in_flight += 1
            return True

    def _drop_first(self, in_flight: "deque[Future[Fetched]]") -> None:
        in_flight.popleft()
        with self._lock:
            self._in_flight -= 1


def in_batches(pages: KindById) -> Iterator[tuple[Sequence[str], ContentKind]]:
    """Yield the ids of each request, which is about one kind."""
    for kind in ContentKind:
        ids = [page_id for page_id, each in pages.items() if each is kind]
        for start in range(0, len(ids), PAGES_PER_REQUEST):
            yield ids[start : start + PAGES_PER_REQUEST], kind
