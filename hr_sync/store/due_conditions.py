"""When a space is due in each mode, and whether a replica may take it: columns and a condition of `sync_spaces`.

Apart from `due.py`, so that `status` loads nothing that takes or writes.
"""

from collections.abc import Mapping
from typing import Any, cast

from sqlalchemy import Column, ColumnElement, Table, and_, func, or_

from hr_sync.domain.outcome import Mode
from hr_sync.store.tables import SyncSpace

_SPACES = cast("Table", SyncSpace.__table__)
_NOW = func.clock_timestamp()

#: The column that says when a space is due, by mode.
DUE_AT: Mapping[Mode, Column[Any]] = {
    Mode.FULL: _SPACES.c.full_due_at,
    Mode.INCREMENTAL: _SPACES.c.incremental_due_at,
    Mode.ACCESS: _SPACES.c.access_due_at,
}


def is_free() -> ColumnElement[bool]:
    """Return the condition that a replica may take a space: nobody holds its lease, or waits for it."""
    row = _SPACES.c
    return and_(
        or_(row.lease_token.is_(None), row.lease_expires_at < _NOW),
        or_(row.reserved_until.is_(None), row.reserved_until < _NOW),
    )
