"""What a run without a fault begins from, so that the same run is not played again and again.

Two hundred kinds of fault leave about twenty different states behind. What the next run makes of a state is decided by
the rows and the site alone: the faults are over, and no process keeps anything from one run to the next.
"""

from typing import Any

import psycopg
from confluence_simulator import World
from sqlalchemy import Column, DateTime, Table

from hr_sync.store.orm import Base

OF_THE_SOURCE = frozenset({"last_updated", "watermark"})  #: times that are the same in each play
HISTORY = ("sync_runs", "sync_run_spaces")  # which no run reads
OF_ONE_PLAY = frozenset({"seq", "transaction_id", "epoch", "lease_token", "seed", "message"})


def _line(table: Table) -> str:
    """Write the SQL of one line for each row, in which a time is there or not, and a run is this one or a former."""

    def value(column: "Column[object]") -> str:
        name = f"{table.name}.{column.name}"
        if column.name.endswith("run_id"):
            is_this = f"{name} = (SELECT max(id) FROM sync_runs)"
            return f"CASE WHEN {is_this} THEN 'this' WHEN {name} IS NOT NULL THEN 'former' END"
        is_passing = isinstance(column.type, DateTime) or column.name.endswith(("error", "worker", "holder"))
        return f"({name} IS NULL)::text" if is_passing and column.name not in OF_THE_SOURCE else f"{name}::text"

    values = [f"coalesce({value(each)}, '-')" for each in table.columns if each.name not in OF_ONE_PLAY]
    return f"SELECT concat_ws('|', '{table.name}', {', '.join(values)}) AS line FROM {table.name}"


ROWS = " UNION ALL ".join(_line(table) for table in Base.metadata.sorted_tables if table.name not in HISTORY)


def beginning_of(connection: "psycopg.Connection[dict[str, Any]]", world: World) -> tuple[str, ...]:
    """Return all that the next run can see: the rows, but for when and by which run they came, and the site."""
    with world.lock:
        site = sorted(repr(each) for each in [*world.contents(), *world.spaces()])
    rows = [str(row["line"]) for row in connection.execute(ROWS.encode()).fetchall()]
    return (*site, *sorted(rows))
