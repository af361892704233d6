"""What the macros of pages show, as a pass over the texts reads and writes it."""

from collections.abc import Iterable, Sequence
from datetime import timedelta

from hr_sync.store.read.renderings import DuePage, may_be_rendered, renderings_due
from hr_sync.store.transaction import Transactions
from hr_sync.store.write.renderings import RenderingWrite, withdraw_renderings, write_renderings


class RenderingStore:
    """Part of a Store: every method is one transaction. Raises what the Store raises."""

    def __init__(self, transactions: Transactions) -> None:
        self._transactions = transactions

    def are_allowed(self) -> bool:
        """Return whether consumers see what the account sees, so that what macros show it may be shown."""
        return self._transactions.run(may_be_rendered)

    def due(self, max_age: timedelta, after: str, limit: int) -> Sequence[DuePage]:
        """Return the next pages by id whose macros are to be carried out, those after `after`."""
        return self._transactions.run(lambda session: renderings_due(session, max_age, after, limit))

    def write(self, writes: Iterable[RenderingWrite]) -> bool:
        """Write renderings. Return False, and write nothing, where consumers do not see what the account sees."""
        given = list(writes)
        return self._transactions.run(lambda session: write_renderings(session, given))

    def withdraw(self) -> int:
        """Delete every rendering, and take what macros show out of every text. Return how many texts."""
        return self._transactions.run(lambda session: withdraw_renderings(session, 0))
