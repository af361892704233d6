"""Names of the people whom texts mention, as a pass over the texts reads and writes them."""

from collections.abc import Collection, Iterable, Sequence
from datetime import timedelta

from hr_sync.domain.people import PublicName
from hr_sync.store.read.mentions import known_names, names_due
from hr_sync.store.transaction import OpenTransaction, Transactions
from hr_sync.store.write.mentions import forget_names, write_names


class MentionStore:
    """Part of a Store: every method is one transaction. Raises what the Store raises."""

    def __init__(self, transactions: Transactions | OpenTransaction) -> None:
        self._transactions = transactions

    def known_names(self, user_ids: Collection[str]) -> dict[str, str | None]:
        """Return the names of these people as texts show them; absent: Confluence was never asked."""
        return self._transactions.run(lambda session: known_names(session, user_ids)) if user_ids else {}

    def names_due(self, older_than: timedelta, limit: int) -> Sequence[str]:
        """Return people whom texts mention and whose names were not asked for so long, or never; at most `limit`."""
        return self._transactions.run(lambda session: names_due(session, older_than, limit))

    def write_names(self, names: Iterable[PublicName]) -> None:
        """Write what Confluence has just said of names."""
        given = list(names)
        if given:
            self._transactions.run(lambda session: write_names(session, given))

    def forget_names(self) -> int:
        """Delete every name, so that the texts which show one are made again. Return how many there were."""
        return self._transactions.run(forget_names)
