"""Rows that go to PostgreSQL as one array for each column.

PostgreSQL then parses and plans a statement once for all rows, and the arrays go over in binary, so that nothing of a
body is quoted.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import BindParameter, ColumnClause, TableValuedAlias, bindparam, column, func
from sqlalchemy.dialects.postgresql import ARRAY


def unnested(columns: Mapping[str, ColumnClause[Any]]) -> TableValuedAlias:
    """Return a table made of one array parameter for each column, named and typed like it."""
    arrays = (array_parameter(name, like.type) for name, like in columns.items())
    return (
        func.unnest(*arrays).table_valued(*(column(name, like.type) for name, like in columns.items())).render_derived()
    )


def array_parameter(name: str, kind: Any) -> BindParameter[Any]:
    """Return the array parameter of one column."""
    return bindparam(_parameter(name), type_=ARRAY(kind))


def as_arrays(rows: Sequence[Mapping[str, Any]]) -> dict[str, list[Any]]:
    """Return rows as the parameters of `unnested`, one list for each column. There must be a row."""
    return {_parameter(name): [row[name] for row in rows] for name in rows[0]}


def _parameter(name: str) -> str:
    # Not the bare name: SQLAlchemy would take it for a column that an update is to set.
    return f"given_{name}"
