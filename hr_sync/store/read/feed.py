"""Reads the feed, its consumers, and snapshots to begin from. Read only.

The order of the numbers is the order of the commits, so that nothing appears behind a number that was read. What is
read is checked in the same transaction, after the rows: a deletion in between is seen.
"""

import shlex
from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta
from typing import Any, Literal, TypeAlias, cast

from sqlalchemy import ColumnElement, Row, Table, func, select, text
from sqlalchemy.orm import Session

from hr_sync.domain.changes import ChangeAction
from hr_sync.domain.feed import Consumer, ConsumerState, FeedChange, FeedPosition, FeedState, state_of
from hr_sync.errors import DatabaseUnavailable, SchemaError, SnapshotNeeded
from hr_sync.store.engine import quoted_schema, set_local
from hr_sync.store.feed_tables import ContentChange, FeedConsumer
from hr_sync.store.feed_tables import FeedState as FeedStateRow

SnapshotOf: TypeAlias = Literal["live_sections", "live_pages"]
MOST_COUNTED = 1_000_000  #: a count of more rows would take seconds

_CHANGES = cast("Table", ContentChange.__table__)
_CONSUMERS = cast("Table", FeedConsumer.__table__)
_STATE = cast("Table", FeedStateRow.__table__)
_LISTS = ("changed_fields", "sections_added", "sections_changed", "sections_removed")
_SOME = "NAME"  # where the name of the consumer is not known
_PIECE = 500  # rows of a snapshot that are fetched at once


def snapshot_command(consumer: str) -> str:
    """Return the command that reads everything for a consumer."""
    return f"hr-sync changes snapshot --consumer {shlex.quote(consumer)}"


def feed_epoch(session: Session) -> str:
    """Return the epoch in which positions are valid now."""
    epoch = session.scalar(text(f"SELECT CAST({quoted_schema(session.connection())}.feed_epoch() AS text)"))
    if epoch is None:
        raise SchemaError("feed_state has no row, so that no position in the feed is valid. Run `hr-sync init-db`.")
    return str(epoch)


def feed_state(session: Session) -> FeedState:
    """Return where the feed begins and ends."""
    pruned = session.scalar(select(_STATE.c.pruned_seq)) or 0
    last = session.scalar(select(func.max(_CHANGES.c.seq))) or 0
    return FeedState(epoch=feed_epoch(session), head=max(last, pruned), pruned=pruned)


def changes_after(
    session: Session, position: FeedPosition, *, limit: int, compact: bool = False, consumer: str = _SOME
) -> list[FeedChange]:
    """Return the next changes after a position, in order; none if there are none yet.

    `compact`: only the last change of each page, without what changed, for a consumer that is far behind. `consumer`:
    its name, for messages.
    Raises SnapshotNeeded if changes after the position are lost, or if the position is of another epoch.
    """
    rows = session.execute(_last_of_each_page(position.seq, limit) if compact else _next_rows(position.seq, limit))
    found = [_change(row, position.epoch, compact=compact) for row in rows]
    check_position(position, feed_state(session), consumer)
    return found


def check_position(position: FeedPosition, feed: FeedState, consumer: str = _SOME) -> None:
    """Raise SnapshotNeeded unless every change after the position still is in the feed."""
    state = state_of(position, feed)
    if state is ConsumerState.OTHER_EPOCH:
        raise SnapshotNeeded(
            "The position is of another epoch of the feed: the database was restored or moved, or another server took "
            f"over, and its changes may be others. Read everything again: `{snapshot_command(consumer)}`.",
            reason="epoch",
        )
    if state is ConsumerState.OVERTAKEN:
        raise SnapshotNeeded(
            f"Changes up to {feed.pruned} were deleted as old, and the position is {position.seq}: changes are "
            f"missed. Read everything again: `{snapshot_command(consumer)}`.",
            reason="overtaken",
        )


def may_write(session: Session) -> bool:
    """Return False on a standby, and where the database or the role is read-only."""
    return bool(session.scalar(select(func.current_setting("transaction_read_only") == "off")))


def check_keeps_positions(session: Session, consumer: str) -> None:
    """Raise DatabaseUnavailable where the position of a consumer cannot be written."""
    if not may_write(session):
        raise DatabaseUnavailable(
            f"The position of consumer {consumer} cannot be kept here: the server is a standby, or read-only by "
            "default_transaction_read_only. Connect to the primary. What needs no position can be read here too: "
            "snapshot() of hr_sync.reading without a consumer."
        )


def find_position(session: Session, name: str) -> FeedPosition:
    """Return what a consumer has acknowledged. Raise SnapshotNeeded if there is no such consumer."""
    row = session.execute(select(_CONSUMERS.c.epoch, _CONSUMERS.c.acked_seq).where(_CONSUMERS.c.name == name)).first()
    if row is None:
        raise SnapshotNeeded(
            f"There is no consumer {name}. A consumer begins with everything that there is: "
            f"`{snapshot_command(name)}`.",
            reason="new",
        )
    return FeedPosition(epoch=str(row.epoch), seq=row.acked_seq)


def list_consumers(session: Session, feed: FeedState | None = None) -> list[Consumer]:
    """Return all consumers by name, and how far each is. `feed`: where it begins and ends, if that was read already."""
    feed = feed_state(session) if feed is None else feed
    rows = session.execute(select(_CONSUMERS).order_by(_CONSUMERS.c.name)).all()
    return [_consumer(session, row, feed) for row in rows]


def count_changes(session: Session, after: int = 0) -> int:
    """Return how many rows the feed has after a number, counted up to `MOST_COUNTED`."""
    some = select(_CHANGES.c.seq).where(_CHANGES.c.seq > after).limit(MOST_COUNTED).subquery()
    return session.scalar(select(func.count()).select_from(some)) or 0


def begin_snapshot(session: Session) -> FeedPosition:
    """Make the session's transaction one snapshot, and return the position of everything that it shows.

    To be called before anything else of the transaction. A change is in the snapshot if and only if its number is not
    greater than that of the position.
    """
    connection = session.connection(execution_options={"isolation_level": "REPEATABLE READ"})
    # A consumer that stores what it reads may be slow.
    set_local(connection, statement_timeout="0", idle_in_transaction_session_timeout="0")
    return feed_state(session).end


def snapshot_rows(session: Session, view: SnapshotOf) -> Iterator[Mapping[str, Any]]:
    """Yield every row of a view, by id, in the snapshot that `begin_snapshot` has begun."""
    order = "section_id" if view == "live_sections" else "id"
    query = text(f"SELECT * FROM {quoted_schema(session.connection())}.{view} ORDER BY {order}")  # noqa: S608 -- two names of ours
    rows = session.execute(query, execution_options={"yield_per": _PIECE})
    names = tuple(rows.keys())
    for row in rows:
        yield dict(zip(names, row, strict=True))


def _next_rows(after: int, limit: int) -> Any:
    return select(_CHANGES).where(_CHANGES.c.seq > after).order_by(_CHANGES.c.seq).limit(limit)


def _last_of_each_page(after: int, limit: int) -> Any:
    # A page whose last change lies beyond the limit is told by it later, so that every row may be acknowledged.
    last: ColumnElement[int] = func.max(_CHANGES.c.seq)
    subject = (_CHANGES.c.page_id, _CHANGES.c.attachment_id, _CHANGES.c.comment_id)
    numbers = select(last).where(_CHANGES.c.seq > after).group_by(*subject).order_by(last).limit(limit)
    return select(_CHANGES).where(_CHANGES.c.seq.in_(numbers)).order_by(_CHANGES.c.seq)


def _change(row: Row[Any], epoch: str, *, compact: bool) -> FeedChange:
    lists: dict[str, Sequence[str] | None] = {name: None if compact else getattr(row, name) for name in _LISTS}
    return FeedChange(
        epoch=epoch,
        seq=row.seq,
        kind=_kind(row, compact=compact),
        page_id=row.page_id,
        attachment_id=row.attachment_id,
        comment_id=row.comment_id,
        page_kind=row.page_kind,
        action=row.action,
        space_key=row.space_key,
        version=row.version,
        changed_at=row.changed_at,
        **lists,
    )


def _kind(row: Row[Any], *, compact: bool) -> str:
    if row.attachment_id is not None:
        return "attachment"
    if row.comment_id is not None:
        return "comment"
    return "sections" if row.action == ChangeAction.DERIVE and not compact else "page"


def _consumer(session: Session, row: Row[Any], feed: FeedState) -> Consumer:
    position = FeedPosition(epoch=str(row.epoch), seq=row.acked_seq)
    oldest = select(_CHANGES.c.changed_at).where(_CHANGES.c.seq > row.acked_seq).order_by(_CHANGES.c.seq).limit(1)
    age = session.scalar(select(func.clock_timestamp() - oldest.scalar_subquery()))
    return Consumer(
        name=row.name,
        state=state_of(position, feed),
        position=position,
        lag_rows=count_changes(session, row.acked_seq),
        lag=max(age or timedelta(0), timedelta(0)),
        created_at=row.created_at,
        snapshot_at=row.snapshot_at,
        acked_at=row.acked_at,
        seen_at=row.seen_at,
    )
