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

_LOOK_SECONDS = 0.15  # between two looks at what other workers were told
_LOOK_PATIENCE_SECONDS = 0.25  # for a look that takes long: the database is slow or away
_LOOK_OFTEN_SECONDS = 0.05  # while the site has refused requests lately
_LATELY_SECONDS = 30.0


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


@dataclass(frozen=True, slots=True)
class OtherWorkers:
    """The other workers of a site: how to tell them, and to ask what they were told. Both in seconds from now.

    The answer is less than 0 where that time has passed, -inf where there was none, and None where nobody can say.
    """

    tell: Callable[[float], None]
    ask: Callable[[], float | None]


class RateGate:
    """The time before which no request is sent to a site. One for all clients of a process; safe from any thread."""

    def __init__(self) -> None:
        self._others: list[OtherWorkers] = []
        self._lock = threading.Lock()
        self._looking = threading.Lock()
        self._looked_at = -math.inf  # monotonic
        self._is_told = False  # what other workers were told before this one began
        self._until = -math.inf  # monotonic
        self.width = Width()  #: how many requests may be under way once it is open

    @contextmanager
    def shared_with(self, others: OtherWorkers) -> Iterator[None]:
        """Share what the site says with other workers within the block; of several blocks, one does it."""
        with self._lock:
            self._others.append(others)
        try:
            yield
        finally:
            with self._lock:
                self._others.remove(others)

    def close(self, seconds: float) -> float:
        """Send nothing for so long, by the word of the site. Return until when (monotonic)."""
        until, is_later = self._close(seconds)
        others = self._sharing()
        if is_later and others is not None:
            others.tell(min(seconds, LONGEST_HOLD_SECONDS))
        return until

    def look(self) -> None:
        """Send nothing for as long as another worker was told. Asked before a request, unless it was just now."""
        if not self._is_look_due() or not self._looking.acquire(timeout=_LOOK_PATIENCE_SECONDS):
            return
        try:  # the other threads wait for what is found
            others = self._sharing()
            if others is not None and self._is_look_due():
                seconds = others.ask()
                self._looked_at = time.monotonic()
                if seconds is not None:
                    self._take(seconds)
        finally:
            self._looking.release()

    def _take(self, seconds: float) -> None:
        if not self._is_told and seconds > -_LATELY_SECONDS:
            self.width.begin_with_one()
        self._is_told = True
        self._close(seconds)

    def is_closed(self, passed: float = -math.inf) -> bool:
        """Return True if requests wait now. `passed`: until when the caller has waited already."""
        return self._until > max(passed, time.monotonic())

    def rest(self) -> tuple[float, float]:
        """Return until when nothing is sent (monotonic), and how many seconds that is from now."""
        until = self._until
        return until, max(until - time.monotonic(), 0.0)

    def _is_look_due(self) -> bool:
        now = time.monotonic()
        pause = _LOOK_OFTEN_SECONDS if now - _LATELY_SECONDS < self._until else _LOOK_SECONDS
        return now - self._looked_at >= pause

    def _sharing(self) -> OtherWorkers | None:
        with self._lock:
            return self._others[-1] if self._others else None

    def _close(self, seconds: float) -> tuple[float, bool]:
        now = time.monotonic()
        until = now + min(seconds, LONGEST_HOLD_SECONDS)
        with self._lock:
            is_later, was_open = until > self._until + 0.1, self._until <= now
            self._until = max(self._until, until)
        if was_open and is_later and seconds > 0:  # else it was closed for the same refusals, here or there
            self.width.narrow()
        return until, is_later


def held_back(seconds: float) -> ConfluenceUnavailable:
    """Return the error for a request that is not sent, since the time is too far away to wait for."""
    return ConfluenceUnavailable(
        f"Confluence limits the request rate, and has asked to send nothing for another {seconds:.0f} s. Nothing was "
        "sent; run again then.",
        retry_after_seconds=seconds,
    )
