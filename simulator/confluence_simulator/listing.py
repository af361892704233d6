"""Keyset pages of sorted rows: what follows a given key, however many rows came or went before it."""

from bisect import bisect_left, bisect_right
from collections import OrderedDict
from collections.abc import Callable, Hashable, Sequence
from typing import Any, Generic, TypeVar

Row = TypeVar("Row")
Key = tuple[Any, ...]
"""The values sorted by, and the id as a number to make it unique. All keys of a listing compare with each other."""


class SortedRows(Generic[Row]):
    """Rows with their keys, ascending."""

    def __init__(self, rows: Sequence[Row], key: Callable[[Row], Key]) -> None:
        keyed = sorted(((key(row), row) for row in rows), key=lambda pair: pair[0])
        self.keys = [pair[0] for pair in keyed]
        self.rows = [pair[1] for pair in keyed]

    def after(self, key: Key | None, limit: int, *, descending: bool = False) -> tuple[list[Row], Key | None]:
        """At most `limit` rows beyond `key`, and the key to go on from (None at the end)."""
        if descending:
            end = len(self.keys) if key is None else bisect_left(self.keys, key)
            start = max(0, end - limit)
            page = self.rows[start:end][::-1]
            return page, self.keys[start] if start > 0 else None
        start = 0 if key is None else bisect_right(self.keys, key)
        end = start + limit
        return self.rows[start:end], self.keys[end - 1] if end < len(self.keys) else None


class ListingCache:
    """The last few sorted listings, so that a walk over 100,000 pages sorts once; keys name the world's revision."""

    def __init__(self, capacity: int = 16) -> None:
        self._capacity = capacity
        self._kept: OrderedDict[Hashable, object] = OrderedDict()

    def get(self, key: Hashable, make: Callable[[], SortedRows[Row]]) -> SortedRows[Row]:
        found = self._kept.get(key)
        if not isinstance(found, SortedRows):
            found = make()
            self._kept[key] = found
            if len(self._kept) > self._capacity:
                self._kept.popitem(last=False)
        self._kept.move_to_end(key)
        return found
