"""The feed as its consumers see it: positions, changes, and how far a consumer is. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum


@dataclass(frozen=True, kw_only=True, slots=True)
class FeedPosition:
    """A place in the feed. Numbers of two epochs must not be compared."""

    epoch: str
    seq: int


@dataclass(frozen=True, kw_only=True, slots=True)
class FeedState:
    """Where the feed begins and ends."""

    epoch: str
    head: int  #: greatest number that was given to a change; 0 = there was none
    pruned: int  #: greatest number whose row was deleted as old

    @property
    def end(self) -> FeedPosition:
        """The position behind the last change."""
        return FeedPosition(epoch=self.epoch, seq=self.head)


@dataclass(frozen=True, kw_only=True, slots=True)
class FeedChange:
    """One change of one page or item of it. The page is to be read again; the rest says what is worth looking at."""

    epoch: str
    seq: int
    kind: str
    """sections: only its text was made anew; attachment: one of its files; comment: one about it; page: the rest."""
    page_id: str
    action: str
    changed_fields: Sequence[str] | None  #: None in the short form, which keeps the last change of each page alone
    sections_added: Sequence[str] | None
    sections_changed: Sequence[str] | None
    sections_removed: Sequence[str] | None
    space_key: str
    version: int | None
    changed_at: datetime
    attachment_id: str | None = None  #: where the change is one of an attachment
    comment_id: str | None = None  #: where the change is one of a comment
    page_kind: str | None = None  #: what the page is: page or blog_post; None: not known, as it never was stored


class ConsumerState(StrEnum):
    """Whether a consumer can go on from its position."""

    CURRENT = "current"
    OVERTAKEN = "overtaken"  #: changes were deleted that it has not acknowledged
    OTHER_EPOCH = "other_epoch"  #: the database was restored, or another server took over


@dataclass(frozen=True, kw_only=True, slots=True)
class Consumer:
    """A consumer of the feed, and how far it is."""

    name: str
    state: ConsumerState
    position: FeedPosition
    lag_rows: int  #: changes that it has not acknowledged; counted up to a limit
    lag: timedelta  #: age of the oldest of them; zero if there is none
    created_at: datetime
    snapshot_at: datetime
    acked_at: datetime | None
    seen_at: datetime


def state_of(position: FeedPosition, feed: FeedState) -> ConsumerState:
    """Return whether every change after a position still is in the feed."""
    if position.epoch != feed.epoch:
        return ConsumerState.OTHER_EPOCH
    return ConsumerState.OVERTAKEN if position.seq < feed.pruned else ConsumerState.CURRENT
