"""Searches sections, by the functions that consumers call. It writes nothing."""

from collections.abc import Sequence

from hr_sync.store.read.search import (
    FoundSection,
    SearchAsker,
    SearchState,
    count_readable_sections,
    read_search_state,
    search_sections,
)
from hr_sync.store.transaction import Transactions


class SearchReader:
    """Part of a Store: every method is one transaction. Raises what the Store raises."""

    def __init__(self, transactions: Transactions) -> None:
        self._transactions = transactions

    def sections(self, words: str, asker: SearchAsker | None, limit: int) -> list[FoundSection]:
        """Return the sections that fit words best, among those that an asker may read; None: of the audience."""
        return self._transactions.run(lambda session: search_sections(session, words, asker, limit))

    def readable_sections(self, asker: SearchAsker | None) -> int:
        """Return how many sections an asker may read; None: how many `live_sections` has."""
        return self._transactions.run(lambda session: count_readable_sections(session, asker))

    def state(self, words: str, search_languages: Sequence[str]) -> SearchState:
        """Return whether there is anything to search for, and how much a search misses."""
        return self._transactions.run(lambda session: read_search_state(session, words, search_languages))
