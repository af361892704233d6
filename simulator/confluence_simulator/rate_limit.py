"""How many requests a second a tenant allows, as a token bucket."""

import threading
from collections.abc import Callable

from confluence_simulator.messages import Answer, Pairs
from confluence_simulator.tenant import Tenant


class RateLimit:
    """Allow bursts of one second's worth. `clock` gives seconds that never run backwards."""

    def __init__(self, per_second: float, clock: Callable[[], float]) -> None:
        self._per_second = per_second
        self._clock = clock
        self._lock = threading.Lock()
        self._tokens = max(per_second, 1.0)
        self._filled_at = clock()

    def allows(self) -> bool:
        """Take a token; always True without a limit."""
        if self._per_second <= 0:
            return True
        with self._lock:
            now = self._clock()
            gained = (now - self._filled_at) * self._per_second
            self._tokens = min(max(self._per_second, 1.0), self._tokens + gained)
            self._filled_at = now
            if self._tokens < 1:
                return False
            self._tokens -= 1
            return True


def too_many_requests(tenant: Tenant) -> Answer:
    limit = f"{tenant.rate_per_second:g}"
    headers: Pairs = (
        ("X-RateLimit-Limit", limit),
        ("X-RateLimit-Remaining", "0"),
        ("RateLimit-Reason", "confluence-burst-based"),
        ("Retry-After", "1"),
    )
    if tenant.flavor == "datacenter":
        headers = (
            ("X-RateLimit-Limit", limit),
            ("X-RateLimit-Remaining", "0"),
            ("X-RateLimit-Interval-Seconds", "1"),
            ("X-RateLimit-FillRate", limit),
            ("retry-after", "1"),
        )
    return Answer(status=429, body=b"", content_type="text/html", headers=headers)
