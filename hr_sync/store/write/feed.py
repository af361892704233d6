"""Writes the positions of the consumers of the feed."""

from datetime import timedelta
from typing import cast

from sqlalchemy import Table, delete, func, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from hr_sync.domain.feed import FeedPosition
from hr_sync.errors import UsageError
from hr_sync.store.feed_tables import ContentChange, FeedConsumer
from hr_sync.store.read.feed import (
    check_keeps_positions,
    check_position,
    feed_state,
    find_position,
    may_write,
    snapshot_command,
)

_CHANGES = cast("Table", ContentChange.__table__)
_CONSUMERS = cast("Table", FeedConsumer.__table__)
_SEEN_EVERY = timedelta(hours=1)  # a consumer that waits for changes writes no more often than this


def ack(session: Session, name: str, seq: int, *, epoch: str | None = None) -> FeedPosition:
    """Write that a consumer has dealt with every change up to `seq`. The same number again changes nothing.

    `epoch`: that of the change, for consumers that note it; another one than the consumer's is refused.
    Raises SnapshotNeeded for a consumer that is not there, or cannot go on from its position, UsageError for a number
    that is greater than any change, or less than what was acknowledged, and DatabaseUnavailable on a standby.
    """
    check_keeps_positions(session, name)
    session.execute(select(_CONSUMERS.c.name).where(_CONSUMERS.c.name == name).with_for_update())
    before, feed = find_position(session, name), feed_state(session)
    check_position(before, feed, name)
    after = FeedPosition(epoch=epoch or before.epoch, seq=seq)
    check_position(FeedPosition(epoch=after.epoch, seq=max(seq, before.seq)), feed, name)
    if seq > feed.head:
        raise UsageError(
            f"{seq} is beyond the last change, which is {feed.head}. If it was read from this feed, the database was "
            f"set back since: read everything again with `{snapshot_command(name)}`."
        )
    if seq < before.seq:
        raise UsageError(
            f"Consumer {name} has acknowledged {before.seq} already, and {seq} is before it. To read changes again, "
            f"read everything: `{snapshot_command(name)}`."
        )
    now = func.now()
    values = {"acked_seq": seq, "acked_at": now, "seen_at": now}
    session.execute(update(_CONSUMERS).where(_CONSUMERS.c.name == name).values(values))
    return after


def start_consumer(session: Session, name: str, position: FeedPosition) -> None:
    """Write that a consumer has read everything as it was at a position. It need not be known before.

    Raises SnapshotNeeded if changes after the position were lost meanwhile, and DatabaseUnavailable on a standby.
    """
    check_keeps_positions(session, name)
    check_position(position, feed_state(session), name)
    values = {"epoch": position.epoch, "acked_seq": position.seq, "snapshot_at": func.now(), "seen_at": func.now()}
    statement = insert(_CONSUMERS).values(name=name, **values)
    session.execute(statement.on_conflict_do_update(index_elements=["name"], set_=values | {"acked_at": None}))


def note_seen(session: Session, name: str) -> None:
    """Write that a consumer has acknowledged everything and waits for changes, if that is so. Not on a standby."""
    if not may_write(session):
        return
    head = select(func.coalesce(func.max(_CHANGES.c.seq), 0)).scalar_subquery()
    is_due = (_CONSUMERS.c.seen_at < func.now() - _SEEN_EVERY, _CONSUMERS.c.acked_seq >= head)
    session.execute(update(_CONSUMERS).where(_CONSUMERS.c.name == name, *is_due).values(seen_at=func.now()))


def remove_consumer(session: Session, name: str) -> bool:
    """Delete a consumer, so that no rows are kept for it. Return False if there is none."""
    check_keeps_positions(session, name)
    return bool(session.scalars(delete(_CONSUMERS).where(_CONSUMERS.c.name == name).returning(_CONSUMERS.c.name)).all())
