"""The log of requests: one frozen record each, for tests to count."""

import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import overload


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestRecord:
    """`route` is the path below the site or gateway prefix, e.g. "/api/v2/pages"; `fault` the kinds that fired.

    `began_at` and `answered_at` are seconds that never run backwards: when the request had arrived, and when its answer
    was ready, before any latency.
    """

    method: str
    path: str
    route: str
    query: tuple[tuple[str, str], ...]
    status: int
    response_bytes: int
    fault: str | None = None
    began_at: float = 0.0
    answered_at: float = 0.0


class RequestLog(Sequence[RequestRecord]):
    """A log of requests. A record is written before its answer is sent, so a client with the answer finds it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._records: list[RequestRecord] = []
        self._running = 0
        self._peak = 0

    @overload
    def __getitem__(self, index: int) -> RequestRecord: ...
    @overload
    def __getitem__(self, index: slice) -> list[RequestRecord]: ...
    def __getitem__(self, index: int | slice) -> RequestRecord | list[RequestRecord]:
        with self._lock:
            return self._records[index]

    def __len__(self) -> int:
        with self._lock:
            return len(self._records)

    def __iter__(self) -> Iterator[RequestRecord]:
        with self._lock:
            return iter(list(self._records))

    def clear(self) -> None:
        """Forget the records and the peak."""
        with self._lock:
            self._records.clear()
            self._peak = self._running

    def count(self, path_prefix: str = "") -> int:
        """Count the requests whose path, or route below the site, starts with `path_prefix`."""
        return sum(record.path.startswith(path_prefix) or record.route.startswith(path_prefix) for record in self)

    @property
    def response_bytes(self) -> int:
        """Bytes of all bodies, as sent (compressed if so)."""
        return sum(record.response_bytes for record in self)

    @property
    def peak_concurrency(self) -> int:
        """Most requests under way at one time."""
        return self._peak

    def begin(self) -> None:
        with self._lock:
            self._running += 1
            self._peak = max(self._peak, self._running)

    def record(self, record: RequestRecord) -> None:
        with self._lock:
            self._records.append(record)

    def end(self) -> None:
        with self._lock:
            self._running -= 1
