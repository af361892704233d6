"""What changed lately in the spaces of a run, read for all of them at once where that is possible."""

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from hr_sync.confluence.source import Source
from hr_sync.domain.content import ContentKind, RecentChanges, Space
from hr_sync.errors import UNANSWERED
from hr_sync.store.values import SpaceState

_SHARED_SECONDS = 30.0  # how long an answer about all spaces counts: its beginning is the position of each
_BEHIND = timedelta(hours=2)  # the last look: an entry may be listed late, or have a date of another clock
_APART = timedelta(hours=1)  # the looks at spaces for which one answer counts


@dataclass(frozen=True, kw_only=True, slots=True)
class _Answer:
    """What changed in all spaces."""

    since: datetime
    began: float  #: monotonic
    found: Mapping[str, RecentChanges] | None  #: by space id; None: the spaces have to be asked about one by one


class SiteChanges:
    """Reads what changed lately in spaces, by one question about all of them where that is possible."""

    def __init__(
        self, source: Source, spaces: Sequence[Space], newest_look: Callable[[], datetime | None], overlap: timedelta
    ) -> None:
        """`spaces`: those that will ask. `newest_look`: when the newest look at any of them began.

        `overlap`: how late an entry may be listed, by the settings; never less than two hours.
        """
        self._behind = max(_BEHIND, overlap)
        self._source = source
        self._spaces = spaces
        self._newest_look = newest_look
        self._lock = threading.Lock()
        self._answers: dict[ContentKind, _Answer] = {}

    def of(self, space: Space, state: SpaceState, since: datetime, kind: ContentKind) -> RecentChanges:
        """Return what changed in a space. Raise what `Source.recent` raises.

        The answer about all spaces counts if it reaches back to `since`, or well behind the last look at this space:
        that look has seen what is older. It must have begun after that look. Else the space is asked about alone.
        """
        found = self._found(space, state, since, kind) if len(self._spaces) > 1 else None
        return self._source.recent(space, since, kind) if found is None else found

    def _found(self, space: Space, state: SpaceState, since: datetime, kind: ContentKind) -> RecentChanges | None:
        if state.looked_from is None:
            return None
        answer = self._answer(kind)
        if answer.found is None or answer.since > max(since, state.looked_from - self._behind):
            return None
        changes = answer.found[space.id]
        began = changes.began_at
        return changes if began is not None and began >= max(state.watermark or began, state.looked_from) else None

    def _answer(self, kind: ContentKind) -> _Answer:
        with self._lock:
            answer = self._answers.get(kind)
            is_old = answer is not None and time.monotonic() - answer.began > _SHARED_SECONDS
            if answer is None or (is_old and answer.found is not None):
                answer = self._answers[kind] = self._ask(kind)
            return answer

    def _ask(self, kind: ContentKind) -> _Answer:
        began, newest_look = time.monotonic(), self._newest_look()
        since = (newest_look or datetime.max.replace(tzinfo=UTC)) - _APART - self._behind
        try:
            found = self._source.recent_of_spaces(self._spaces, since, kind) if newest_look else None
        except UNANSWERED:
            found = None
        return _Answer(since=since, began=began, found=found)
