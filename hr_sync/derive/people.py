"""Names of the people whom texts mention: those that the mirror knows, and asked for where it knows none.

Names are asked for between transactions, a hundred by one request where Confluence has such a list, and no more than
`MOST_ASKED` in one pass: the texts of the others show the placeholder until the next pass.
"""

from collections.abc import Callable, Collection, Iterable, Mapping
from datetime import timedelta
from typing import TypeAlias

import structlog

from hr_sync.domain.people import NameState, PublicName
from hr_sync.domain.principal_words import number
from hr_sync.errors import ConfluenceError
from hr_sync.render.mentioned import is_user_id, mentioned_in
from hr_sync.store.mention_store import MentionStore

log = structlog.get_logger(__name__)

MOST_ASKED = 500  #: people in one pass
DEFAULT_INTERVAL = timedelta(days=7)

#: Takes account ids or user keys. Returns what Confluence says of them; absent: not asked.
AskNames: TypeAlias = Callable[[Collection[str]], Mapping[str, PublicName]]


class People:
    """The names of people, for one pass over the texts."""

    def __init__(self, store: MentionStore, ask: AskNames | None, *, interval: timedelta = DEFAULT_INTERVAL) -> None:
        """`ask` None: names that the mirror does not know are not asked for."""
        self.unread: set[str] = set()  #: people of whom Confluence did not answer
        self._store = store
        self._ask = ask
        self._interval = interval
        self._left = MOST_ASKED
        self._names: dict[str, str | None] = {}

    def refresh(self) -> None:
        """Ask for the names that were not asked for so long, or never."""
        if self._ask is not None and (due := self._store.names_due(self._interval, self._left)):
            self._ask_for(due)

    def know(self, bodies: Iterable[str]) -> None:
        """Read the names of the people whom bodies mention, and ask for those that were never asked for."""
        wanted = frozenset().union(*map(mentioned_in, bodies)) - self._names.keys()
        if not wanted:
            return
        self._names.update(self._store.known_names(wanted))
        if unknown := sorted(wanted - self._names.keys()):
            self._ask_for(unknown)
        self._names.update(dict.fromkeys(wanted - self._names.keys()))

    def name_of(self, user_id: str) -> str | None:
        """Return the name of a person as a text shows it; None if the placeholder must stand."""
        return self._names.get(user_id)

    def warnings(self) -> list[str]:
        """Return what an operator should know, in words."""
        if not self.unread:
            return []
        people = number(len(self.unread), "person", "people")
        what = f"Confluence did not show the names of {people} whom pages mention"
        shown = "texts keep the name that they have, or show @unknown user"
        remedy = "See that the account may read profiles (scope read:confluence-user), or set text.people = false"
        return [f"{what}; {shown}. They are asked for again in an hour. {remedy}."]

    def _ask_for(self, user_ids: Collection[str]) -> None:
        some = sorted(user_ids)[: self._left]
        if self._ask is None or not some:
            return
        self._left -= len(some)
        try:
            answers = dict(self._ask(some))
        except ConfluenceError as error:  # names are no reason to make no texts
            log.warning("names.unread", people=len(some), error=str(error))
            answers, self._left = {}, 0
        unread = [each for each in some if each not in answers or answers[each].state is NameState.UNREAD]
        self.unread.update(unread)
        answers |= {each: PublicName(user_id=each, state=NameState.UNREAD) for each in unread}
        self._store.write_names(answers.values())
        self._names.update((user_id, each.shown) for user_id, each in answers.items() if user_id not in unread)


class Mentions:
    """The people whom the text of one page mentions: a `ResolveUser` that records whom it was asked for."""

    def __init__(self, people: People) -> None:
        self.shown: dict[str, str | None] = {}
        self._people = people

    def __call__(self, user_id: str) -> str | None:
        """Return the name to show; None if the placeholder must stand."""
        if not is_user_id(user_id):
            return None
        name = self.shown[user_id] = self._people.name_of(user_id)
        return name


class NoPeople(People):
    """Nobody has a name: what was known is deleted, and every text shows the placeholder."""

    def __init__(self, store: MentionStore) -> None:
        super().__init__(store, None)

    def refresh(self) -> None:
        """Delete the names."""
        self._store.forget_names()

    def know(self, bodies: Iterable[str]) -> None:
        """Read nothing."""
