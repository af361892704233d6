"""Keeps the counts of what is not mirrored."""

from collections.abc import Sequence
from datetime import datetime

from hr_sync.domain.not_mirrored import NotMirrored
from hr_sync.store.transaction import Transactions
from hr_sync.store.write.not_mirrored import were_counted_since, write_not_mirrored


class NotMirroredStore:
    """Part of a Store: every method is one transaction. Raises what the Store raises."""

    def __init__(self, transactions: Transactions) -> None:
        self._transactions = transactions

    def were_counted_since(self, moment: datetime) -> bool:
        """Return True if everything was counted after this moment, and something was; what could not be is not."""
        return self._transactions.run(lambda session: were_counted_since(session, moment))

    def replace(self, counts: Sequence[NotMirrored]) -> None:
        """Replace the counts by these."""
        self._transactions.run(lambda session: write_not_mirrored(session, counts))
