"""Lets so many requests at once to a site, and none before the time that the site has named."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from math import inf

import requests

from hr_sync.cancellation import Cancellation
from hr_sync.confluence.http.rate import RateGate, allowance_of, held_back
from hr_sync.confluence.http.retry import LIMITED_STATUSES
from hr_sync.confluence.http.session import Limits
from hr_sync.confluence.http.stats import HttpStats


class Admission:
    """Admits the requests of one client, from many threads."""

    def __init__(self, gate: RateGate, limits: Limits, cancellation: Cancellation, http_stats: HttpStats) -> None:
        self.width = gate.width  #: how much may be under way at once
        self._gate = gate
        self._longest_wait_seconds = limits.retry.longest_wait_seconds
        self._cancellation = cancellation
        self._http_stats = http_stats
        self._thread = threading.local()
        self._slots = threading.BoundedSemaphore(limits.max_connections)

    @contextmanager
    def one_request(self) -> Iterator[None]:
        """Hold a slot for one request, as soon as the site wants requests.

        Raise ConfluenceUnavailable if that is too far away to wait for, and Stopped.
        """
        self._gate.look()
        while True:
            while self._gate.is_closed(self._passed()):
                until, seconds = self._gate.rest()
                if seconds > self._longest_wait_seconds:
                    raise held_back(seconds)
                self._http_stats.note_hold(seconds)
                if self._cancellation.wait(seconds):
                    self._cancellation.check()
                self._thread.passed = until
            with self._slots, self.width.one(self._cancellation.check):
                # It may have been closed by the request that held the slot, or by another worker.
                self._gate.look()
                if not self._gate.is_closed(self._passed()):
                    self._thread.sent_at = time.monotonic()
                    yield
                    return

    def close(self, seconds: float) -> None:
        """Send nothing for so long, by the word of the site."""
        self._thread.closed = self._gate.close(seconds)

    def has_waited(self) -> None:
        """Note that this thread has waited for the time that it closed the gate for."""
        self._thread.passed = max(self._passed(), getattr(self._thread, "closed", -inf))

    def _passed(self) -> float:
        """Return until when this thread has waited (monotonic)."""
        passed: float = getattr(self._thread, "passed", -inf)
        return passed

    @property
    def sent_at(self) -> float:
        """When this thread sent its last request (monotonic), at the last attempt and after every wait."""
        return float(self._thread.sent_at)

    @property
    def answers(self) -> int:
        """How many requests of this process the site has not refused for their rate."""
        return self.width.answers

    def note(self, response: requests.Response) -> None:
        """Send nothing more where this answer was the last of the allowance; a refusal says more than that."""
        if response.status_code not in LIMITED_STATUSES:
            self.width.widen()
        if "X-RateLimit-Remaining" not in response.headers or not response.ok:
            return
        allowance = allowance_of(response.headers, datetime.now(UTC))
        if allowance.left == 0 and allowance.more_in_seconds:
            self._gate.close(min(allowance.more_in_seconds, self._longest_wait_seconds))


class Turns:
    """Says which refusals of one request are none of its attempts.

    A site that limits the rate answers as many requests as it allows. Where it has answered others since the last
    refusal, this one was only not among them, and waits for its turn; not for ever, as one endpoint may refuse always.
    """

    def __init__(self, admission: Admission, max_attempts: int) -> None:
        self._admission = admission
        self._left = 3 * max_attempts
        self._answers: int | None = None  # at the last refusal

    def is_missed(self, response: requests.Response | None, asked_seconds: float | None) -> bool:
        """Return True for a refusal that is no attempt. `asked_seconds`: what it says to wait."""
        if response is None or response.status_code not in LIMITED_STATUSES or asked_seconds is None:
            return False
        before, self._answers = self._answers, self._admission.answers
        if before is None or self._answers <= before or not self._left:
            return False
        self._left -= 1
        return True
