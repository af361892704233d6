"""What audits compare with Confluence: rows, bodies, and what the mirror lets people read."""

from collections.abc import Collection, Mapping, Sequence

from hr_sync.store.read.audit import (
    AuditedPage,
    AuditRow,
    audit_rows,
    live_elsewhere,
    may_read,
    pages_to_audit,
    stored_bodies,
)
from hr_sync.store.transaction import Transactions
from hr_sync.store.write.audits import record_access_audit


class AuditStore:
    """Part of a Store: every method is one transaction. Raises what the Store raises."""

    def __init__(self, transactions: Transactions) -> None:
        self._transactions = transactions

    def pages_to_audit(self, number: int) -> list[AuditedPage]:
        """Draw so many live pages at random, from each stratum of access alike; some twice if there are fewer."""
        return self._transactions.run(lambda session: pages_to_audit(session, number))

    def may_read(self, user: str, page_id: str) -> bool:
        """Return True if the mirror lets a user read a page, by the mirrored groups."""
        return self._transactions.run(lambda session: may_read(session, user, page_id))

    def record_access_audit(self, **figures: float) -> None:
        """Write the result of an audit of access: the columns of its row."""
        self._transactions.run(lambda session: record_access_audit(session, **figures))

    def audit_rows(self, space_key: str) -> Mapping[str, AuditRow]:
        """Return the rows of a space that are not removed, by page id."""
        return self._transactions.run(lambda session: audit_rows(session, space_key))

    def live_elsewhere(self, space_keys: Collection[str]) -> list[tuple[str, str]]:
        """Return id and space of every row that is live in a space other than these, sorted."""
        return self._transactions.run(lambda session: live_elsewhere(session, space_keys))

    def stored_bodies(self, page_ids: Sequence[str]) -> Mapping[str, str]:
        """Return the stored bodies of these pages, by page id."""
        return self._transactions.run(lambda session: stored_bodies(session, page_ids))
