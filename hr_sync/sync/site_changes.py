"""What changed lately in the spaces of a run, read for all of them at once where that is possible."""

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, TypeVar

from hr_sync.confluence.source import Source
from hr_sync.domain.content import ContentKind, ItemKind, RecentChanges, Space
from hr_sync.domain.page_items import ItemListing
from hr_sync.errors import UNANSWERED
from hr_sync.store.values import SpaceState

Found = TypeVar("Found")

_SHARED_SECONDS = 30.0  # how long an answer about all spaces counts: its beginning is the position of each
_BEHIND = timedelta(hours=2)  # the last look: an entry may be listed late, or have a date of another clock
_APART = timedelta(hours=1)  # the looks at spaces for which one answer counts
_SPACES_AT_ONCE = 50  # in one query of the search index


@dataclass(frozen=True, kw_only=True, slots=True)
class _Answer:
    """What changed in all spaces."""

    since: datetime
    began: float  #: monotonic
    found: Any  #: None: the spaces have to be asked about one by one


class SiteChanges:
    """Reads what changed lately in spaces, by one question about all of them where that is possible.

    An answer about all spaces counts if it reaches back to where a space would ask from, or well behind the last look
    at this space: that look has seen what is older. Else the space is asked about alone.
    """

    def __init__(self, source: Source, spaces: Sequence[Space], newest_look: Callable[[], datetime | None]) -> None:
        """`spaces`: those that will ask. `newest_look`: when the newest look at any of them began."""
        self._source = source
        self._spaces = spaces
        self._newest_look = newest_look
        self._lock = threading.Lock()
        self._answers: dict[ContentKind | ItemKind, _Answer] = {}

    def of(self, space: Space, state: SpaceState, since: datetime, kind: ContentKind) -> RecentChanges:
        """Return the pages of a kind that changed in a space. Raise what `Source.recent` raises.

        An answer about all spaces must have begun after the last look at this one, which another worker may have done.
        """
        found = self._shared(state, since, kind, lambda start: self._source.recent_of_spaces(self._spaces, start, kind))
        changes = None if found is None else found[space.id]
        began = None if changes is None else changes.began_at
        if changes is None or began is None or began < max(state.watermark or began, state.looked_from or began):
            return self._source.recent(space, since, kind)
        return changes

    def items(
        self,
        space: Space,
        state: SpaceState,
        since: datetime,
        kind: ItemKind,
        recent: Callable[[Sequence[Space], datetime], ItemListing[Any]],
    ) -> ItemListing[Any]:
        """Return the items that changed in a space, and perhaps in others, as `recent` reads them of some spaces.

        An item that cannot be read may be of any space: each is asked about alone then.
        """
        found = self._shared(state, since, kind, lambda start: self._items(recent, start))
        return recent([space], since) if found is None or found.unreadable else found

    def _items(
        self, recent: Callable[[Sequence[Space], datetime], ItemListing[Any]], start: datetime
    ) -> ItemListing[Any]:
        starts = range(0, len(self._spaces), _SPACES_AT_ONCE)
        parts = [recent(self._spaces[first : first + _SPACES_AT_ONCE], start) for first in starts]
        return ItemListing(
            items={item_id: item for part in parts for item_id, item in part.items.items()},
            unreadable={item_id: why for part in parts for item_id, why in part.unreadable.items()},
        )

    def _shared(
        self,
        state: SpaceState,
        since: datetime,
        kind: ContentKind | ItemKind,
        ask: Callable[[datetime], Found | None],
    ) -> Found | None:
        """Return the answer about all spaces if it counts for one in this state; `ask` asks from a time on."""
        if len(self._spaces) < 2 or state.looked_from is None:
            return None
        with self._lock:
            answer = self._answers.get(kind)
            is_old = answer is not None and time.monotonic() - answer.began > _SHARED_SECONDS
            if answer is None or (is_old and answer.found is not None):
                answer = self._answers[kind] = self._ask(self._newest_look() or state.looked_from, ask)
        found: Found | None = answer.found
        return found if answer.since <= max(since, state.looked_from - _BEHIND) else None

    def _ask(self, newest_look: datetime, ask: Callable[[datetime], Found | None]) -> _Answer:
        began, since = time.monotonic(), newest_look - _APART - _BEHIND
        try:
            found = ask(since)
        except UNANSWERED:
            found = None
        return _Answer(since=since, began=began, found=found)
