"""Counters of one client's requests, for reports and metrics."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import requests


@dataclass(frozen=True, kw_only=True, slots=True)
class HttpCounts:
    """Totals so far."""

    requests: int  #: that were answered, whatever the status
    retries: int
    throttled_seconds: float  #: waited because of status 429
    bytes: int  #: decoded
    peak_connections: int


class HttpStats:
    """Counts requests, retries, waits and bytes over all threads of a client."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._requests = self._retries = self._bytes = self._under_way = self._peak = 0
        self._throttled_seconds = 0.0

    @contextmanager
    def under_way(self) -> Iterator[None]:
        """Count one request as under way."""
        with self._lock:
            self._under_way += 1
            self._peak = max(self._peak, self._under_way)
        try:
            yield
        finally:
            with self._lock:
                self._under_way -= 1

    def count_answer(self, response: requests.Response) -> None:
        """Count an answer that was read to its end."""
        with self._lock:
            self._requests += 1
            self._bytes += len(response.content)

    def count_retry(self, wait_seconds: float, *, throttled: bool) -> None:
        """Count a wait before another try."""
        with self._lock:
            self._retries += 1
            self._throttled_seconds += wait_seconds if throttled else 0.0

    def counts(self) -> HttpCounts:
        """Return the totals so far."""
        with self._lock:
            return HttpCounts(
                requests=self._requests,
                retries=self._retries,
                throttled_seconds=round(self._throttled_seconds, 3),
                bytes=self._bytes,
                peak_connections=self._peak,
            )
