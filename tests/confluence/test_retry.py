"""Whatever stands in `Retry-After`, the wait is a sensible number or there is none."""

import math
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hr_sync.confluence.http.retry import (
    LOWEST_RETRY_AFTER_SECONDS,
    RETRIED_STATUSES,
    RetryRules,
    retry_after_seconds,
    wait_seconds,
    worth_another_try,
)

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)

dates = st.builds(format_datetime, st.datetimes(timezones=st.just(UTC)), st.booleans()) | st.datetimes().map(
    format_datetime
)
odd_dates = st.builds(
    "Mon, {} Jan {} {}:00:00 {}".format,
    st.integers(),
    st.integers(),
    st.integers(),
    st.sampled_from(["GMT", "-0000", "+9999", "-99999999", "EST", ""]),
)
headers = (
    st.text()
    | st.integers().map(str)
    | st.floats().map(str)
    | dates
    | odd_dates
    | st.sampled_from(["", " ", "-", "1,5", "0x10", "1_0", "inf", "-inf", "nan", "1e999", "10 s", "\u0661\u0662"])
)
rules = st.builds(
    RetryRules,
    max_attempts=st.integers(1, 20),
    first_wait_seconds=st.floats(0.001, 3600),
    longest_wait_seconds=st.floats(0.001, 3600),
)


@given(headers)
def test_no_header_breaks_the_reader(value: str) -> None:
    """The result is None or at least 1 s, never NaN, and nothing is raised."""
    seconds = retry_after_seconds(value, NOW)

    assert seconds is None or seconds >= LOWEST_RETRY_AFTER_SECONDS


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (None, None),
        ("7", 7),
        ("1.5", 1.5),
        ("0", 1),
        ("0.2", 1),
        ("-5", 1),
        ("86400", 86_400),
        ("1e999", math.inf),
        ("nan", None),
        ("soon", None),
        ("", None),
        (format_datetime(NOW + timedelta(seconds=90), usegmt=True), 90),
        (format_datetime(NOW - timedelta(days=1), usegmt=True), 1),
        ("Sun, 01 Mar 2026 12:00:30 -0000", 30),
        ("Sun, 01 Mar 2026 13:00:30 +0100", 30),
        ("Mon, 01 Jan 99999999999999999999 00:00:00 GMT", None),
    ],
)
def test_header_table(value: str | None, expected: float | None) -> None:
    """Seconds, dates in both directions, and nonsense."""
    assert retry_after_seconds(value, NOW) == expected


@given(
    rules,
    st.integers(1, 25),
    st.none() | st.floats(LOWEST_RETRY_AFTER_SECONDS, allow_nan=False),
    st.floats(0, 1, exclude_max=True),
)
def test_bounds_of_a_wait(bounds: RetryRules, attempt: int, asked: float | None, chance: float) -> None:
    """What was asked for is never undercut and the longest wait never passed; patience ends at the last attempt."""
    wait = wait_seconds(bounds, attempt=attempt, asked_seconds=asked, random=lambda: chance)

    if attempt >= bounds.max_attempts or (asked or 0) > bounds.longest_wait_seconds:
        assert wait is None
    else:
        assert wait is not None
        assert max(asked or 0, min(0.7 * bounds.first_wait_seconds, bounds.longest_wait_seconds)) <= wait
        assert wait <= bounds.longest_wait_seconds


def test_waits_double() -> None:
    """0.5 s, 1 s, 2 s, 4 s without jitter, and four retries at most."""
    waits = [
        wait_seconds(RetryRules(), attempt=attempt, asked_seconds=None, random=lambda: 0.5) for attempt in range(1, 6)
    ]

    assert waits == [0.5, 1.0, 2.0, 4.0, None]


def test_what_says_no_for_good_is_not_retried() -> None:
    """Refusals and removals stay what they are however often one asks."""
    assert RETRIED_STATUSES.isdisjoint({200, 301, 302, 400, 401, 403, 404, 409, 410, 414, 501})


@pytest.mark.parametrize("asks_to_wait", [False, True])
def test_403_is_about_permissions_unless_it_asks_to_wait(asks_to_wait: bool) -> None:
    """Some proxies say so when a rate is used up."""
    assert worth_another_try(403, asks_to_wait=asks_to_wait) == asks_to_wait
    assert not worth_another_try(401, asks_to_wait=asks_to_wait)
    assert not worth_another_try(404, asks_to_wait=asks_to_wait)
    assert all(worth_another_try(status, asks_to_wait=asks_to_wait) for status in RETRIED_STATUSES)
