"""Which spaces are due, as state of `sync_spaces`, and the lease of the next one. Every replica of `serve` asks here.

A round makes spaces due together; each worker takes the next due space whose lease is free, by one statement that skips
rows which another worker is taking. A space stays due until its pass has ended: if the worker dies, the space is taken
by another one when its lease ends. Whichever worker has done it writes when it is due next, with the end of the pass.
"""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, cast

from sqlalchemy import Column, ColumnElement, Row, Table, and_, case, false, func, not_, or_, select, true, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from hr_sync.domain.content import ItemKind, Space
from hr_sync.domain.holds import NOTHING_LEAVES, PAGES, POSTS, Leaving
from hr_sync.domain.outcome import Mode, Outcome, SpaceReport
from hr_sync.domain.rounds import Cadence, DueSpace, Round, first_due, next_due
from hr_sync.store.due_conditions import DUE_AT, is_free
from hr_sync.store.lease import Lease
from hr_sync.store.tables import SyncSpace

_SPACES = cast("Table", SyncSpace.__table__)
_WHAT = (PAGES, POSTS, *(kind.value for kind in ItemKind))  # the beginnings of the names of columns
_NOW = func.clock_timestamp()


def open_round(
    session: Session,
    mode: Mode,
    spaces: Sequence[Space],
    cadence: Cadence,
    *,
    is_whole: bool = True,
    skips_done: bool = False,
) -> Round:
    """Make the spaces without a due time due, and return the round. Spaces of the mirror that are not named wait.

    They lose a due time that has come, so that nobody finds them waiting, and a worker that names them makes them due.
    Rows that another worker is writing are left as they are. Not `is_whole`: so are those of spaces that are not named,
    since these spaces are a part of the round that others do too. `skips_done`: a space without a due time waits for
    its next turn where another pass has done that work lately.
    """
    now: datetime = session.execute(select(_NOW)).scalar_one()
    due = DUE_AT[mode]
    rows = {row.space_key: row for row in session.execute(_rows_of_round(mode, cadence, now))}
    ids = {row.space_id: row.space_key for row in rows.values() if row.space_id}
    known = {space: space.key if space.key in rows else ids.get(space.id) for space in spaces}
    _insert(session, due, now, [space for space, found in known.items() if found is None])
    named = {found for found in known.values() if found is not None}
    done = {key for key, row in rows.items() if skips_done and row.due_at is None and row.is_done}
    begin = [each for each in named - done if rows[each].due_at is None or rows[each].is_late]
    _set_due(session, due, now, begin)
    # Read again: another worker may have inserted the same spaces meanwhile, as due a moment later.
    until = session.execute(select(_NOW)).scalar_one() + cadence.early
    latest = cadence.latest(until)
    of_round = named if is_whole else rows.keys()
    waiting = [row.due_at for each, row in rows.items() if each in of_round and each not in begin and row.due_at]
    since = min([now, *(each for each in waiting if each <= until)])
    later = [each for each in waiting if until < each <= latest]
    next_at = next_due(cadence, since=since, until=until, others=max(later, default=None))
    others = [row for key, row in rows.items() if key not in of_round and row.due_at is not None]
    _set_due(session, due, None, [row.space_key for row in others if not _is_later(row, until)])
    _set_due(session, due, next_at, done | {key for key in named if _is_later(rows[key], latest)})
    return Round(mode=mode, since=since, until=until, next_at=next_at)


def has_work(session: Session, mode: Mode, cadence: Cadence) -> bool:
    """Return True if a space is due, or has no due time or one of other settings, or if there is no space yet."""
    due = DUE_AT[mode]
    here = _SPACES.c.gone_at.is_(None)
    now: datetime = session.execute(select(_NOW)).scalar_one()
    is_due = or_(due.is_(None), due <= now + cadence.early, due > cadence.latest(now + cadence.early))
    spaces, found = session.execute(
        select(func.count(), func.count().filter(is_due)).select_from(_SPACES).where(here)
    ).one()
    return bool(spaces == 0 or found)


def may_be_due(session: Session, mode: Mode, space_key: str, cadence: Cadence) -> bool:
    """Return False if a space is due later, or if another worker is at work on it."""
    row, due = _SPACES.c, DUE_AT[mode]
    is_due = or_(due.is_(None), due <= _NOW + cadence.early)
    found = session.scalar(select(and_(is_due, is_free())).where(row.space_key == space_key))
    return True if found is None else bool(found)


def next_due_at(session: Session, mode: Mode) -> datetime | None:
    """Return when the next space becomes due that is not due yet; None if there is none."""
    due = DUE_AT[mode]
    found: datetime | None = session.scalar(select(func.min(due)).where(due > _NOW))
    return found


def count_waiting(session: Session) -> dict[Mode, int]:
    """Return in each mode how many spaces are due that somebody could take now."""
    counts = [func.count().filter(due <= _NOW) for due in DUE_AT.values()]
    return dict(zip(DUE_AT, session.execute(select(*counts).select_from(_SPACES).where(is_free())).one(), strict=True))


def due_spaces(session: Session, modes: Collection[Mode]) -> list[DueSpace]:
    """Return the spaces that are due in one of the modes and that somebody could take now, in the order of turns."""
    row = _SPACES.c
    columns = [DUE_AT[mode] for mode in modes]
    query = (
        select(row.space_key, row.priority, _NOW.label("now"), *columns)
        .where(or_(false(), *(column <= _NOW for column in columns)), is_free(), row.gone_at.is_(None))
        .order_by(row.priority, func.least(*columns), row.space_key)
    )
    found = (
        first_due(each.space_key, {mode: getattr(each, DUE_AT[mode].key) for mode in modes}, each.now)
        for each in (session.execute(query) if columns else ())
    )
    return [each for each in found if each is not None]


def lock_due(
    session: Session, current: Round, skipped: Collection[str], only: Space | None = None
) -> tuple[str, str | None] | None:
    """Lock the row of the next due space whose lease is free, and return key and id; None if there is none.

    `only`: this space or none.
    """
    row, due = _SPACES.c, DUE_AT[current.mode]
    among = true() if only is None else _is_row_of(only)
    query = (
        select(row.space_key, row.space_id)
        .where(due <= current.until, is_free(), among)
        .where(row.space_key != func.all(list(skipped)) if skipped else true())
        .order_by(row.priority, due, row.space_key)
        .limit(1)
        .with_for_update(skip_locked=True)
    )
    found = session.execute(query).one_or_none()
    return None if found is None else (found.space_key, found.space_id)


def request_full_passes(session: Session, current: Round) -> None:
    """Record which spaces of a round others are at work on: the next incremental run does a full pass there."""
    row = _SPACES.c
    held = select(row.space_key).where(row.full_due_at <= current.until, not_(is_free()), not_(row.full_pass_due))
    held = held.order_by(row.space_key).with_for_update(skip_locked=True)
    session.execute(update(_SPACES).where(row.space_key.in_(held)).values(full_pass_due=True))


def reserve_space(session: Session, space: Space, *, seconds: float) -> None:
    """Let no replica take the next turn of a space, since a request waits for its lease."""
    row = _SPACES.c
    rows = select(row.space_key).where(_is_row_of(space))
    until = _NOW + timedelta(seconds=seconds)
    session.execute(
        update(_SPACES).where(row.space_key.in_(rows.with_for_update(skip_locked=True))).values(reserved_until=until)
    )


def due_after(
    lease: Lease, report: SpaceReport, current: Round | None, *, looked_at_all: bool, listed_all: bool
) -> dict[str, Any]:
    """Return the due times of a space after a pass over it. Nothing is done that ends with the whole run."""
    if report.ends_run:
        return {}
    values: dict[str, Any] = {"priority": 1 if looked_at_all else _SPACES.c.priority}
    if report.outcome is Outcome.FAILED:
        values["priority"] = 2
    if listed_all:
        values["full_due_at"] = _done(Mode.FULL)
    if looked_at_all:
        values["incremental_due_at"] = _done(Mode.INCREMENTAL)
    access_was_read = _SPACES.c.access_checked_at >= lease.began_at
    values["access_due_at"] = _done(Mode.ACCESS, access_was_read)
    if current is not None:
        values[DUE_AT[current.mode].key] = current.next_at
    return values


def leaving_values(decided: Mapping[str, Leaving] | None) -> dict[str, Any]:
    """Return the columns that say what the pass decided to remove; None: it decided about nothing."""
    if decided is None:
        return {}
    values: dict[str, Any] = {"decided_at": _NOW}
    for what in _WHAT:
        leaving = decided.get(what, NOTHING_LEAVES)
        values |= {
            f"{what}_decided": leaving.stored,
            f"{what}_leaving": leaving.new,
            f"{what}_leaving_before": leaving.hidden_before,
        }
    return values


def others_leaving(session: Session, current: Round, own_keys: Collection[str]) -> dict[str, Leaving]:
    """Return what leaves of pages and of items in other spaces of the round, by what others have decided.

    A space whose full pass is still due counts as stored, with what it held last.
    """
    row = _SPACES.c
    decided = row.decided_at >= current.since
    of_round = or_(decided, DUE_AT[current.mode] <= current.until) if current.mode is Mode.FULL else decided
    sums = [
        func.coalesce(func.sum(column).filter(condition), 0)
        for what in _WHAT
        for column, condition in (
            (row[f"{what}_leaving"], decided),
            (row[f"{what}_leaving_before"], decided),
            (row[f"{what}_decided"], of_round),
        )
    ]
    query = select(*sums).where(row.space_key != func.all(list(own_keys)) if own_keys else true())
    found = [int(each) for each in session.execute(query).one()]
    thirds = zip(_WHAT, found[::3], found[1::3], found[2::3], strict=True)
    return {what: Leaving(new=new, hidden_before=before, stored=stored) for what, new, before, stored in thirds}


def _rows_of_round(mode: Mode, cadence: Cadence, now: datetime) -> Any:
    row = _SPACES.c
    last = {Mode.FULL: row.last_full_at, Mode.INCREMENTAL: row.last_complete_at, Mode.ACCESS: row.access_checked_at}
    done = last[mode].is_not(None) if cadence.every is None else last[mode] > now - cadence.every
    late: ColumnElement[bool] = false()
    if cadence.late_before is not None:
        complete = row.last_full_at if mode is Mode.FULL else row.last_complete_at
        asked = row.full_pass_due if mode is Mode.FULL else false()
        late = and_(or_(complete.is_(None), complete < cadence.late_before, asked), is_free())
    return select(
        row.space_key, row.space_id, DUE_AT[mode].label("due_at"), late.label("is_late"), done.label("is_done")
    )


def _is_row_of(space: Space) -> ColumnElement[bool]:
    row = _SPACES.c
    same = row.space_key == space.key
    return or_(same, row.space_id == space.id) if space.id else same


def _is_later(row: Row[Any], moment: datetime) -> bool:
    return row.due_at is not None and row.due_at > moment


def _insert(session: Session, due: Column[Any], now: datetime, spaces: Sequence[Space]) -> None:
    if spaces:
        values = [
            {"space_key": each.key, "space_id": each.id or None, "name": each.name or None, due.key: now}
            for each in spaces
        ]
        session.execute(insert(_SPACES).values(values).on_conflict_do_nothing())


def _set_due(session: Session, due: Column[Any], at: datetime | None, keys: Collection[str]) -> None:
    if keys:
        row = _SPACES.c
        free = select(row.space_key).where(row.space_key == func.any(list(keys))).order_by(row.space_key)
        session.execute(
            update(_SPACES).where(row.space_key.in_(free.with_for_update(skip_locked=True))).values({due.key: at})
        )


def _done(mode: Mode, condition: ColumnElement[bool] | None = None) -> ColumnElement[Any]:
    """Return the due time of a mode whose work another pass has done: with the spaces that are done already."""
    due = DUE_AT[mode]
    others = _SPACES.alias("others")
    latest = select(func.max(others.c[due.key])).where(others.c[due.key] > _NOW).scalar_subquery()
    is_done = due <= _NOW if condition is None else and_(due <= _NOW, condition)
    return case((is_done, latest), else_=due)
