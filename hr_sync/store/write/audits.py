"""Writes the results of audits of access, and deletes old ones."""

from datetime import timedelta

from sqlalchemy import delete, func, insert
from sqlalchemy.orm import Session

from hr_sync.store.access_tables import AccessAuditRow

_KEPT_FOR = timedelta(days=400)


def record_access_audit(session: Session, **figures: float) -> None:
    """Write one audit; `figures` are the columns of its row."""
    session.execute(delete(AccessAuditRow).where(AccessAuditRow.made_at < func.now() - _KEPT_FOR))
    session.execute(insert(AccessAuditRow).values(figures))
