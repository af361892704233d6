"""Writes how much is not mirrored: one row for each kind that is counted."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, cast

from sqlalchemy import Table, and_, delete, func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from hr_sync.domain.not_mirrored import NotMirrored
from hr_sync.store.tables import ContentNotMirrored

_ROWS = cast("Table", ContentNotMirrored.__table__)


def write_not_mirrored(session: Session, counts: Sequence[NotMirrored]) -> None:
    """Replace the counts by these. A kind that is not among them is mirrored by now."""
    kept = [each.kind.value for each in counts]
    session.execute(delete(_ROWS).where(_ROWS.c.kind.not_in(kept)))
    for each in sorted(counts, key=lambda each: each.kind):
        values: dict[str, Any] = {"count": each.count, "precision": each.precision.value, "counted_at": func.now()}
        statement = insert(_ROWS).values(kind=each.kind.value, **values)
        session.execute(statement.on_conflict_do_update(index_elements=["kind"], set_=values))


def were_counted_since(session: Session, moment: datetime) -> bool:
    """Return True if everything was counted after this moment, and something was; what could not be is not."""
    is_counted = and_(_ROWS.c.count.is_not(None), _ROWS.c.counted_at > moment)
    return bool(session.scalar(select(func.bool_and(is_counted))))
