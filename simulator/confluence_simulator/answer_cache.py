"""Packed answers, kept as long as the world has not changed: an equal question then has an equal answer."""

import threading
from collections import OrderedDict
from collections.abc import Hashable
from dataclasses import dataclass, field, replace

from confluence_simulator.messages import Answer, compress

CAPACITY_BYTES = 64 * 1024 * 1024


@dataclass
class Packed:
    """`answer` without its document, and its payload in the forms that were asked for so far."""

    answer: Answer
    plain: bytes
    rows: int = 0
    """How many rows the answer lists; 0 for what is no list."""
    zipped: bytes | None = field(default=None)

    def in_gzip(self) -> bytes:
        if self.zipped is None:
            self.zipped = compress(self.plain)
        return self.zipped

    @property
    def size_bytes(self) -> int:
        return len(self.plain)


def packed(answer: Answer) -> Packed:
    """Return the answer without its document, which is given up for the bytes."""
    listed = answer.document.get("results") if isinstance(answer.document, dict) else None
    rows = len(listed) if isinstance(listed, list) else 0
    return Packed(answer=replace(answer, document=None), plain=answer.payload(), rows=rows)


class AnswerCache:
    """Holds at most CAPACITY_BYTES of plain payload; the least recently used goes first."""

    def __init__(self, capacity_bytes: int = CAPACITY_BYTES) -> None:
        self._lock = threading.Lock()
        self._capacity = capacity_bytes
        self._size = 0
        self._revision = -1
        self._kept: OrderedDict[Hashable, Packed] = OrderedDict()

    def get(self, revision: int, key: Hashable) -> Packed | None:
        with self._lock:
            if revision != self._revision:
                return None
            found = self._kept.get(key)
            if found is not None:
                self._kept.move_to_end(key)
            return found

    def put(self, revision: int, key: Hashable, packed: Packed) -> None:
        with self._lock:
            if revision < self._revision:
                return
            if revision > self._revision:
                self._kept.clear()
                self._size, self._revision = 0, revision
            if key in self._kept or packed.size_bytes > self._capacity:
                return
            self._kept[key] = packed
            self._size += packed.size_bytes
            while self._size > self._capacity:
                _, dropped = self._kept.popitem(last=False)
                self._size -= dropped.size_bytes

    def clear(self) -> None:
        """Forget every answer, after a change that the world's revision does not show."""
        with self._lock:
            self._kept.clear()
            self._size = 0
