"""What a site has said about the rate of requests, for all workers: until when nobody asks, and what is left.

A site is a schema, so there is one row. It is written when the site says something, and read before requests, but not
before each of them.
"""

import math
from datetime import timedelta
from typing import Any, cast

from sqlalchemy import Table, case, func, or_, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from hr_sync.store.budget_tables import SiteBudget as SiteBudgetRow
from hr_sync.store.transaction import Transactions
from hr_sync.store.values import Worker

_BUDGET = cast("Table", SiteBudgetRow.__table__)
_NOW = func.clock_timestamp()


class SiteBudget:
    """The budget that all workers of a site share. Every method is one statement, and raises as those of `Store`."""

    def __init__(self, transactions: Transactions) -> None:
        self._transactions = transactions

    def block(self, seconds: float, worker: Worker) -> None:
        """Let no worker ask for so long. A later time that another one has written stays."""
        until = _NOW + timedelta(seconds=seconds)
        latest = func.greatest(_BUDGET.c.blocked_until, until)
        values = {"blocked_until": until, "blocked_by": worker.display}
        is_later = or_(_BUDGET.c.blocked_until.is_(None), _BUDGET.c.blocked_until < until)
        by = case((is_later, worker.display), else_=_BUDGET.c.blocked_by)
        self._write(values, {"blocked_until": latest, "blocked_by": by})

    def note_left(self, left: int, limit: int | None) -> None:
        """Write how many requests the site still answers."""
        values = {"requests_left": left, "requests_limit": limit, "told_at": _NOW}
        self._write(values, values)

    def blocked_seconds(self) -> float:
        """Return for how long nobody asks. Less than 0: since when the site may be asked; -inf: it never refused."""
        rest = func.extract("epoch", func.max(_BUDGET.c.blocked_until) - _NOW)
        found = self._transactions.run(lambda session: session.scalar(select(rest)))
        return -math.inf if found is None else float(found)

    def _write(self, values: dict[str, Any], again: dict[str, Any]) -> None:
        def work(session: Session) -> None:
            statement = insert(_BUDGET).values(id=1, **values)
            session.execute(statement.on_conflict_do_update(index_elements=["id"], set_=again))

        self._transactions.run(work)
