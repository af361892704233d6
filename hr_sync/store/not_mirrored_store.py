"""Keeps the counts of what is not mirrored."""

from collections.abc import Sequence

from hr_sync.domain.not_mirrored import NotMirrored
from hr_sync.store.transaction import Transactions
from hr_sync.store.write.not_mirrored import write_not_mirrored


class NotMirroredStore:
    """Part of a Store: every method is one transaction. Raises what the Store raises."""

    def __init__(self, transactions: Transactions) -> None:
        self._transactions = transactions

    def replace(self, counts: Sequence[NotMirrored]) -> None:
        """Replace the counts by these."""
        self._transactions.run(lambda session: write_not_mirrored(session, counts))
