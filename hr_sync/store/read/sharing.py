"""What waits for a worker, who is at work, and what the site has said about the rate of requests. Read only."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import cast

from sqlalchemy import Table, func, select
from sqlalchemy.orm import Session

from hr_sync.store.budget_tables import SiteBudget
from hr_sync.store.due_conditions import DUE_AT, is_free
from hr_sync.store.tables import SyncSpace

_SPACES = cast("Table", SyncSpace.__table__)
_BUDGET = cast("Table", SiteBudget.__table__)


@dataclass(frozen=True, kw_only=True, slots=True)
class DueLine:
    """What waits in one mode."""

    mode: str
    spaces: int  #: that are due, and that no worker has begun
    oldest: timedelta | None  #: how long the first of them has been due


@dataclass(frozen=True, kw_only=True, slots=True)
class HolderLine:
    """One worker that holds leases."""

    worker: str  #: host:pid
    spaces: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Sharing:
    """What the workers of a site share."""

    due: Sequence[DueLine]  #: by mode
    holders: Sequence[HolderLine]  #: by name
    blocked_for: timedelta | None = None  #: no request is sent for so long; None: the site may be asked
    blocked_by: str | None = None  #: worker that the site has told so
    requests_left: int | None = None  #: that the site still answers, as it last said; None: it does not say
    requests_limit: int | None = None


def read_sharing(session: Session) -> Sharing:
    """Read it, on the database's clock."""
    now, row = func.statement_timestamp(), _SPACES.c
    holders = session.execute(
        select(row.lease_holder, func.count())
        .where(row.lease_token.is_not(None), row.lease_expires_at >= now)
        .group_by(row.lease_holder)
        .order_by(row.lease_holder)
    )
    budget = _BUDGET.c
    said = session.execute(
        select(budget.blocked_until - now, budget.blocked_by, budget.requests_left, budget.requests_limit)
    ).one_or_none()
    rest, by, left, limit = said or (None, None, None, None)
    is_blocked = rest is not None and rest > timedelta()
    return Sharing(
        due=_due(session),
        holders=[HolderLine(worker=worker or "another worker", spaces=spaces) for worker, spaces in holders],
        blocked_for=rest if is_blocked else None,
        blocked_by=by if is_blocked else None,
        requests_left=left,
        requests_limit=limit,
    )


def _due(session: Session) -> list[DueLine]:
    now = func.statement_timestamp()
    figures = [
        figure
        for column in DUE_AT.values()
        for figure in (func.count().filter(column <= now), now - func.min(column).filter(column <= now))
    ]
    found = list(session.execute(select(*figures).select_from(_SPACES).where(is_free())).one())
    return [
        DueLine(mode=str(mode), spaces=spaces, oldest=oldest)
        for mode, spaces, oldest in zip(DUE_AT, found[::2], found[1::2], strict=True)
    ]
