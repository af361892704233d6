"""Counters of one client's requests, for reports and metrics."""

import re
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import requests

from hr_sync.confluence.http.response import parse_date

_RATE_LIMIT = re.compile(r"(x-)?ratelimit-", re.IGNORECASE)
_LONGEST_VALUE = 100  # characters


@dataclass(frozen=True, kw_only=True, slots=True)
class HttpCounts:
    """Totals so far."""

    requests: int  #: that were answered, whatever the status
    retries: int
    throttled_seconds: float  #: waited because the site limits the rate of requests
    bytes: int  #: decoded
    peak_connections: int


@dataclass(frozen=True, kw_only=True, slots=True)
class SiteHeaders:
    """What the headers of the last answer say of the site."""

    clock_ahead: timedelta | None = None  #: of its clock before ours; None if the answer had no date
    rate_limits: Mapping[str, str] = field(default_factory=dict)  #: headers about the rate limit, by name


class HttpStats:
    """Counts requests, retries, waits and bytes over all threads of a client."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._requests = self._retries = self._bytes = self._under_way = self._peak = 0
        self._throttled_seconds = 0.0
        self._wait: tuple[float, float] = (0.0, 0.0)  # of the longest wait for a rate limit: its end, its seconds
        self._last: tuple[Mapping[str, str], datetime] | None = None  # headers, and when they came

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

    def count_answer(self, response: requests.Response, size: int, *, of_site: bool = True) -> None:
        """Count an answer that was read to its end, with so many bytes; `of_site`: not of its media service."""
        with self._lock:
            self._requests += 1
            self._bytes += size
            if of_site:
                self._last = response.headers, datetime.now(UTC)

    def site_headers(self) -> SiteHeaders:
        """Return what the headers of the last answer say of the site's clock and rate limit."""
        with self._lock:
            headers, received_at = self._last or ({}, datetime.now(UTC))
        date = parse_date(headers.get("Date", ""))
        limits = {
            name: value
            for name, value in headers.items()
            if _RATE_LIMIT.match(name) and value.isprintable() and len(value) <= _LONGEST_VALUE
        }
        return SiteHeaders(clock_ahead=None if date is None else date - received_at, rate_limits=limits)

    def count_retry(self, wait_seconds: float, *, throttled: bool) -> None:
        """Count a wait before another try."""
        with self._lock:
            self._retries += 1
            if throttled:
                self._throttled_seconds += wait_seconds
                self._wait = max(self._wait, (time.monotonic() + wait_seconds, wait_seconds))

    def note_hold(self, seconds: float) -> None:
        """Note a wait before a first try, for what others were asked: the seconds are counted once, with theirs."""
        with self._lock:
            self._wait = max(self._wait, (time.monotonic() + seconds, seconds))

    def waits_for_rate(self) -> float | None:
        """Return how many seconds a request waits now because Confluence asked for it; None if none does."""
        with self._lock:
            ends_at, seconds = self._wait
        return seconds if time.monotonic() < ends_at else None

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
