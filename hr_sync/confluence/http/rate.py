"""The rate limit of a site: what its headers say, and the time until which nothing is sent.

Cloud sends `X-RateLimit-Limit`, `-Remaining` and `-Reset` (ISO 8601), Data Center `-Limit`, `-Remaining`, `-FillRate`
and `-Interval-Seconds`; either sends `Retry-After` with a refusal
(developer.atlassian.com/cloud/confluence/rate-limiting; Administering Data Center, "Improving instance stability with
rate limiting"). The site counts for all workers of an account: there is no second count here.
"""

import math
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime

from hr_sync.confluence.http.width import Width
from hr_sync.errors import ConfluenceUnavailable

LONGEST_HOLD_SECONDS = 3600.0  #: a header that names a later time is believed for so long, and then asked again


@dataclass(frozen=True, kw_only=True, slots=True)
class Allowance:
    """How many requests the site still answers, as its last answer says; None: it does not say."""

    left: int | None = None
    limit: int | None = None
    more_in_seconds: float | None = None  #: until it answers more of them


def allowance_of(headers: Mapping[str, str], now: datetime) -> Allowance:
    """Return what the headers of an answer say. What cannot be read counts as not said."""
    said = {name.lower(): value for name, value in headers.items()}
    fill, interval = (_number(said.get(f"x-ratelimit-{name}")) for name in ("fillrate", "interval-seconds"))
    reset = _moment(said.get("x-ratelimit-reset"))
    more: float | None = None
    if reset is not None:
        more = max((reset - now).total_seconds(), 0.0)
    elif fill and interval:
        more = interval / fill
    left, limit = (_number(said.get(f"x-ratelimit-{name}")) for name in ("remaining", "limit"))
    return Allowance(
        left=None if left is None else int(left), limit=None if limit is None else int(limit), more_in_seconds=more
    )


def _number(value: str | None) -> float | None:
    try:
        number = float(value or "")
    except ValueError:
        return None
    return number if math.isfinite(number) and 0 <= number < 1e9 else None


def _moment(value: str | None) -> datetime | None:
    try:
        moment = datetime.fromisoformat(value or "")
    except ValueError:
        return None
    return moment.replace(tzinfo=moment.tzinfo or UTC)


class RateGate:
    """The time before which no request is sent to a site. One for all clients of a process; safe from any thread."""

    def __init__(self, tell: Callable[[float], None] | None = None) -> None:
        """Take whom to tell for how many seconds this process was asked to send nothing: other workers."""
        self._tells = [tell] if tell is not None else []
        self._lock = threading.Lock()
        self._until = -math.inf  # monotonic
        self.width = Width()  #: how many requests may be under way once it is open

    @contextmanager
    def telling(self, tell: Callable[[float], None]) -> Iterator[None]:
        """Tell so within the block; of several, one is told."""
        with self._lock:
            self._tells.append(tell)
        try:
            yield
        finally:
            with self._lock:
                self._tells.remove(tell)

    @property
    def tellers(self) -> int:
        """How many blocks share this gate now."""
        return len(self._tells)

    def close(self, seconds: float) -> float:
        """Send nothing for so long, by the word of the site. Return until when (monotonic)."""
        until, is_later = self._close(seconds)
        with self._lock:
            tell = self._tells[-1] if self._tells else None
        if is_later and tell is not None:
            tell(min(seconds, LONGEST_HOLD_SECONDS))
        return until

    def close_by_others(self, seconds: float) -> None:
        """Send nothing for so long, as another worker was told."""
        self._close(seconds)

    def is_closed(self, passed: float = -math.inf) -> bool:
        """Return True if requests wait now. `passed`: until when the caller has waited already."""
        return self._until > max(passed, time.monotonic())

    def rest(self) -> tuple[float, float]:
        """Return until when nothing is sent (monotonic), and how many seconds that is from now."""
        until = self._until
        return until, max(until - time.monotonic(), 0.0)

    def was_closed_within(self, seconds: float) -> bool:
        """Return True if requests waited at some moment of the last so many seconds."""
        return time.monotonic() - seconds < self._until

    def _close(self, seconds: float) -> tuple[float, bool]:
        now = time.monotonic()
        until = now + min(seconds, LONGEST_HOLD_SECONDS)
        with self._lock:
            is_later, was_open = until > self._until + 0.1, self._until <= now
            self._until = max(self._until, until)
        if was_open and seconds > 0:  # else it was closed for the same refusals
            self.width.narrow()
        return until, is_later


def held_back(seconds: float) -> ConfluenceUnavailable:
    """Return the error for a request that is not sent, since the time is too far away to wait for."""
    return ConfluenceUnavailable(
        f"Confluence limits the request rate, and has asked to send nothing for another {seconds:.0f} s. Nothing was "
        "sent; run again then.",
        retry_after_seconds=seconds,
    )
