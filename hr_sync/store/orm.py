"""What every table shares: the declarative base, the names of constraints, the symbolic schema, a PostgreSQL type.

No table is declared here (`tables.py`, `run_tables.py`) and nothing is executed (`engine.py`, `schema.py`).
"""

from datetime import datetime
from typing import Any, ClassVar

from sqlalchemy import DateTime, Dialect, MetaData, Text
from sqlalchemy.orm import DeclarativeBase
from sqlalchemy.types import UserDefinedType

# Tables are declared in this schema, which no database has. An engine made by `engine.make_engine` translates it to the
# configured schema in every statement, DDL included; any other engine fails with "schema does not exist" instead of
# reading or writing somewhere else.
SCHEMA_TOKEN = "hr_sync_schema"  # noqa: S105 -- a name, no secret

NAMES_OF_CONSTRAINTS = {
    "pk": "pk_%(table_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
}


class Xid8(UserDefinedType[int]):
    """A full transaction id (`xid8`, PostgreSQL 13): an int in Python; never wraps, can be compared with an xmin."""

    cache_ok = True

    def get_col_spec(self, **_: Any) -> str:
        return "xid8"

    def bind_processor(self, dialect: Dialect) -> Any:
        """As text: PostgreSQL casts no integer type to xid8."""
        del dialect
        return lambda value: None if value is None else str(value)

    def result_processor(self, dialect: Dialect, coltype: object) -> Any:
        """From text: psycopg knows no type for xid8."""
        del dialect, coltype
        return lambda value: None if value is None else int(value)


class Base(DeclarativeBase):
    """Text without a length, `timestamptz` for every time; no native enums, whose changes Alembic does not see."""

    metadata = MetaData(schema=SCHEMA_TOKEN, naming_convention=NAMES_OF_CONSTRAINTS)
    type_annotation_map: ClassVar[dict[Any, Any]] = {str: Text(), datetime: DateTime(timezone=True)}

    def __repr__(self) -> str:
        """Primary key only: a title or a text in a log line is a leak."""
        keys = self.__mapper__.primary_key
        named = (f"{key.name}={getattr(self, key.name)!r}" for key in keys)
        return f"{type(self).__name__}({', '.join(named)})"
