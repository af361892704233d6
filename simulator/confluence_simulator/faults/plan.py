"""Faults as data, and the plan that decides which of them fires at which request."""

import re
import threading
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any

from confluence_simulator.faults.catalogue import KINDS


@dataclass(frozen=True, kw_only=True)
class Fault:
    """Fires at the `at`-th request, counted from 1 and from the moment it was added, whose target matches `match`.

    `match` is a regular expression searched in path and query as sent ("" matches everything); `times` is for how many
    matching requests in a row it fires, 0 for ever. `argument` is what the kind's description says. Control requests
    are neither counted nor broken. A kind of fault that spoils the answers which hold one page or one space counts
    these answers alone.
    """

    kind: str
    at: int = 1
    match: str = ""
    times: int = 1
    argument: Any = None

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            close = get_close_matches(self.kind, KINDS, n=1)
            hint = f"; did you mean {close[0]!r}?" if close else ""
            raise ValueError(f"There is no fault kind {self.kind!r}{hint}")
        if self.at < 1 or self.times < 0:
            raise ValueError("at counts from 1, and times is 0 (for ever) or more")
        try:
            re.compile(self.match)
        except re.error as error:
            raise ValueError(f"match is no regular expression: {error}") from error

    @classmethod
    def from_data(cls, data: Mapping[str, Any]) -> "Fault":
        """From a JSON object with the names of the fields; raises ValueError for anything else."""
        if not isinstance(data, Mapping):
            raise TypeError(f"A fault is an object, not {data!r}")
        unknown = set(data) - {"kind", "at", "match", "times", "argument"}
        if unknown or "kind" not in data:
            raise ValueError(f"A fault has kind, at, match, times, argument; not {sorted(unknown) or 'no kind'}")
        return cls(**data)


class FaultPlan:
    """The faults of one simulator. `fired` lists those that happened: a test that plans one must check it."""

    def __init__(self, faults: Iterable[Fault] = ()) -> None:
        self._lock = threading.Lock()
        self._seen: list[tuple[Fault, int]] = []
        self._fired: list[Fault] = []
        self.add(*faults)

    def add(self, *faults: Fault) -> None:
        with self._lock:
            self._seen += [(fault, 0) for fault in faults]

    def clear(self) -> None:
        """Forget the planned faults and those that fired."""
        with self._lock:
            self._seen.clear()
            self._fired.clear()

    @property
    def fired(self) -> list[Fault]:
        """In order, one entry per request that a fault touched."""
        with self._lock:
            return list(self._fired)

    @property
    def planned(self) -> list[Fault]:
        with self._lock:
            return [fault for fault, _ in self._seen]

    def take(self, target: str) -> list[Fault]:
        """Count this request and return the faults that fire at it, whatever its answer will be."""
        return self._take(target, lambda fault: KINDS[fault.kind].touches is None)

    def depends_on_answer(self, target: str) -> bool:
        """Whether a fault may fire at this request, depending on its answer."""
        with self._lock:
            return any(
                KINDS[fault.kind].touches is not None and re.search(fault.match, target) for fault, _ in self._seen
            )

    def take_touching(self, target: str, touches: Callable[[Fault], bool]) -> list[Fault]:
        """Count this answer for the faults that it concerns (`touches`), and return those that fire at it."""
        return self._take(target, lambda fault: KINDS[fault.kind].touches is not None and touches(fault))

    def _take(self, target: str, counts: Callable[[Fault], bool]) -> list[Fault]:
        if not self._seen:
            return []
        with self._lock:
            firing: list[Fault] = []
            for index, (fault, seen) in enumerate(self._seen):
                if re.search(fault.match, target) is None or not counts(fault):
                    continue
                self._seen[index] = (fault, seen + 1)
                over = seen + 1 - fault.at
                if over >= 0 and (fault.times == 0 or over < fault.times):
                    firing.append(fault)
            self._fired += firing
            return firing
