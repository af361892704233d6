"""What a world holds: the present state of everything, every earlier state of content, and the list of events.

The rules of each edit are in `people.py`, `spaces.py`, `pages.py` and `attached.py`.
"""

import random
import threading
import uuid
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta

from confluence_simulator.world.clock import DEFAULT_START, DEFAULT_STEP, Clock
from confluence_simulator.world.records import (
    Content,
    Event,
    Group,
    Label,
    Page,
    SitePermission,
    Space,
    SpaceRole,
    User,
    WorldError,
)

FIRST_ID = 98_304
"""Ids grow from here with gaps and pass from five digits to six, so that text order and number order differ."""


class Store:
    """The data of one world and the few ways to change it. All edits hold `lock`."""

    def __init__(
        self,
        *,
        seed: int = 1,
        start: datetime = DEFAULT_START,
        step: timedelta = DEFAULT_STEP,
        first_id: int = FIRST_ID,
    ) -> None:
        self.lock = threading.RLock()
        self.clock = Clock(start, step)
        self.revision = 0
        self.events: list[Event] = []
        self.random = random.Random(seed)  # noqa: S311 - repeatable worlds, no secrets
        self._last_id = first_id
        self._contents: dict[str, Content] = {}
        self._past: dict[str, list[Content]] = {}
        self._under: dict[str, dict[str, None]] = {}
        self._title_owner: dict[tuple[str, str, str], str] = {}
        self.spaces: dict[str, Space] = {}
        self.users: dict[str, User] = {}
        self.groups: dict[str, Group] = {}
        self.permissions: tuple[SitePermission, ...] = ()
        self.roles: dict[str, SpaceRole] = {}
        self.labels: dict[tuple[str, str], Label] = {}
        self._listeners: list[Callable[[Event], None]] = []

    def become(self, other: "Store") -> None:
        """Take over everything that `other` holds; lock and listeners stay, and the revision goes on."""
        with self.lock, other.lock:
            revision = self.revision + other.revision + 1
            kept = {"lock", "_listeners"}
            vars(self).update({name: value for name, value in vars(other).items() if name not in kept})
            self.revision = revision

    def advance(self, by: timedelta) -> None:
        """Let time pass without an edit, e.g. until a lagging index has caught up."""
        with self.lock:
            self.clock.advance(by)
            self.revision += 1

    def listen(self, listener: Callable[[Event], None]) -> Callable[[], None]:
        """Call `listener` with every later event, until the returned function is called.

        It is called inside the edit, so it must return at once and not edit.
        """

        def unlisten() -> None:
            with self.lock:
                self._listeners.remove(listener)

        with self.lock:
            self._listeners.append(listener)
        return unlisten

    def find(self, content_id: str) -> Content | None:
        """Return the present state, of any kind and status; None if there never was one or it was purged."""
        content = self._contents.get(content_id)
        return None if content is None or content.status == "purged" else content

    def find_at(self, content_id: str, moment: datetime) -> Content | None:
        """Return the state at an earlier moment, as an index that lags would still hold it."""
        content = self._contents.get(content_id)
        if content is None:
            return None
        if content.changed_at > moment:
            earlier = [state for state in self._past.get(content_id, ()) if state.changed_at <= moment]
            if not earlier:
                return None
            content = earlier[-1]
        return None if content.status == "purged" else content

    def contents(self, moment: datetime | None = None) -> list[Content]:
        """Return everything that is not purged, at a moment or now, in no promised order."""
        with self.lock:
            if moment is None or moment >= self.clock.now:
                return [content for content in self._contents.values() if content.status != "purged"]
            states = (self.find_at(content_id, moment) for content_id in self._contents)
            return [state for state in states if state is not None]

    def versions(self, content_id: str) -> list[Content]:
        """Return the last state of each version, oldest first. Loaded worlds know only what happened since."""
        with self.lock:
            by_number = {state.version: state for state in self._past.get(content_id, ())}
            present = self.find(content_id)
            if present is not None:
                by_number[present.version] = present
            return [by_number[number] for number in sorted(by_number)]

    def under(self, container_id: str) -> list[Content]:
        """Return children, comments and attachments directly below a page or other node, whatever their status."""
        with self.lock:
            found = (self.find(content_id) for content_id in self._under.get(container_id, ()))
            return [content for content in found if content is not None]

    def ancestors(self, page: Page, moment: datetime | None = None) -> list[Page]:
        """Return the chain from the root to the parent, now or at a moment. A parent that was purged ends the chain."""
        chain: list[Page] = []
        while page.parent_id is not None:
            parent = self.find(page.parent_id) if moment is None else self.find_at(page.parent_id, moment)
            if not isinstance(parent, Page) or parent in chain:
                break
            chain.append(parent)
            page = parent
        return chain[::-1]

    def new_id(self) -> str:
        """Return an id that was never used; ids grow with gaps."""
        self._last_id += self.random.randint(1, 48)
        return str(self._last_id)

    def new_uuid(self) -> str:
        """Return an id of a user, a group or a role."""
        return str(uuid.UUID(int=self.random.getrandbits(128), version=4))

    def load(self, contents: Iterable[Content]) -> None:
        """Take over ready-made content at once; the clock stands still and there are no events."""
        with self.lock:
            for content in contents:
                self.put(content)

    @contextmanager
    def edit(self) -> Iterator[datetime]:
        """Give the moment of one edit; everything put inside becomes visible together."""
        with self.lock:
            yield self.clock.tick()

    def put(self, content: Content) -> None:
        """Make `content` the present state, and keep the one before; raises WorldError where its title is taken."""
        before = self._contents.get(content.id)
        self._claim_title(before, content)
        if before is not None:
            self._past.setdefault(content.id, []).append(before)
        old_place, new_place = _place(before), _place(content)
        if old_place != new_place:
            if old_place is not None:
                self._under[old_place].pop(content.id, None)
            if new_place is not None:
                self._under.setdefault(new_place, {})[content.id] = None
        self._contents[content.id] = content
        self.revision += 1

    def _claim_title(self, before: Content | None, content: Content) -> None:
        key = _title_key(content)
        if key is not None and self._title_owner.setdefault(key, content.id) != content.id:
            raise WorldError(
                f"A {content.kind} with this title already exists in space {content.space_key}: {content.title!r}"
            )
        old_key = None if before is None else _title_key(before)
        if old_key is not None and old_key != key:
            del self._title_owner[old_key]

    def publish(self, event: Event) -> None:
        """Record an event and pass it to the listeners."""
        self.events.append(event)
        for listener in self._listeners:
            listener(event)


def _place(content: Content | None) -> str | None:
    if content is None:
        return None
    return content.parent_id if isinstance(content, Page) else getattr(content, "container_id", None)


def _title_key(content: Content) -> tuple[str, str, str] | None:
    """Return what takes a title: current and archived pages alike, within their space."""
    if content.kind != "page" or content.status not in ("current", "archived"):
        return None
    return content.space_id, content.kind, content.title.casefold()
