"""Whether a request is retried, and how long to wait before. Pure.

Confluence's own advice: at most 4 retries, doubling from 5 s to 30 s, jitter 0.7 to 1.3, `Retry-After` first
(developer.atlassian.com/cloud/confluence/rate-limiting). Our first wait is shorter, since most failures pass at once.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

RETRIED_STATUSES = frozenset({408, 425, 429, 500, 502, 503, 504})
LIMITED_STATUSES = frozenset({403, 429})  #: among the retried statuses: a rate limit is used up
LOWEST_RETRY_AFTER_SECONDS = 1.0  # Data Center sends 0 for "tokens left", not for "at once and for ever"


@dataclass(frozen=True, kw_only=True, slots=True)
class RetryRules:
    """Bounds of the retries of one request. Times in seconds."""

    max_attempts: int = 5  #: tries in all, the first one included
    max_slow_attempts: int = 2  #: of them, those that may end with a time-out, since each costs that time
    first_wait_seconds: float = 0.5  #: doubles with every further try
    longest_wait_seconds: float = 60.0  #: a longer `Retry-After` is not waited for


def worth_another_try(status: int, *, asks_to_wait: bool) -> bool:
    """Return True if a retry may give another answer.

    Some proxies say 403 where they mean 429. With `Retry-After` it is about the rate, and not about permissions.
    """
    return status in RETRIED_STATUSES or (status == 403 and asks_to_wait)


def is_about_rate(status: int, asked_seconds: float | None) -> bool:
    """Return True if an answer that is tried again is about all requests to the site, and not about this one."""
    return status in LIMITED_STATUSES or (status == 503 and asked_seconds is not None)


def retry_after_seconds(value: str | None, now: datetime) -> float | None:
    """Return the seconds of a `Retry-After` header; None if it is absent or invalid.

    It holds seconds or an HTTP date. Never below 1 s; an infinite or absurd number stays large; the caller compares it
    with its limit.
    """
    if value is None:
        return None
    try:
        seconds = float(value)
    except ValueError:
        try:
            moment = parsedate_to_datetime(value)
        except (ValueError, OverflowError):
            return None
        seconds = (moment.replace(tzinfo=moment.tzinfo or UTC) - now).total_seconds()
    return None if math.isnan(seconds) else max(seconds, LOWEST_RETRY_AFTER_SECONDS)


def wait_seconds(
    rules: RetryRules, *, attempt: int, asked_seconds: float | None, random: Callable[[], float]
) -> float | None:
    """Return the wait before the next try, or None if there is none.

    `attempt` counts from 1. `asked_seconds` (from `Retry-After`) is a lower bound. Above the longest wait there is no
    retry: the run ends as temporary, and the next run does the rest.
    """
    if attempt >= rules.max_attempts:
        return None
    if asked_seconds is not None and asked_seconds > rules.longest_wait_seconds:
        return None
    doubled = math.ldexp(rules.first_wait_seconds, attempt - 1) * (0.7 + 0.6 * random())
    return min(max(doubled, asked_seconds or 0.0), rules.longest_wait_seconds)
