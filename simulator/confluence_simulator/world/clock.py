"""The time inside a world: it changes only by an edit or a test, so that runs repeat exactly."""

from datetime import UTC, datetime, timedelta

DEFAULT_START = datetime(2026, 3, 2, 8, 0, tzinfo=UTC)
DEFAULT_STEP = timedelta(seconds=61)
"""Longer than a minute, so that two edits differ even where a search truncates to minutes."""


class Clock:
    """Milliseconds are the finest step that Confluence shows, so finer parts are cut off."""

    def __init__(self, start: datetime = DEFAULT_START, step: timedelta = DEFAULT_STEP) -> None:
        if start.tzinfo is None:
            raise ValueError("start needs a time zone")
        if step <= timedelta(0):
            raise ValueError("step must be positive: two edits never share a moment unless a test says so")
        self._now = whole_milliseconds(start.astimezone(UTC))
        self.step = step

    @property
    def now(self) -> datetime:
        return self._now

    def tick(self) -> datetime:
        """Move on by one step and return the new time."""
        return self.advance(self.step)

    def advance(self, by: timedelta) -> datetime:
        if by < timedelta(0):
            raise ValueError("a world's time does not run backwards")
        self._now = whole_milliseconds(self._now + by)
        return self._now


def whole_milliseconds(moment: datetime) -> datetime:
    """Cut off what Confluence does not show."""
    return moment.replace(microsecond=moment.microsecond // 1000 * 1000)
