"""What to do with each page, decided from a listing and from what is stored. No I/O happens here.

The decision table, first line that fits:

    listing shows it       stored                      action
    ------------------     ------------------------    ---------
    yes                    no                          INSERT
    yes                    hidden or removed           RESTORE    also when its version is equal
    yes                    another version             UPDATE     also a lower one: spaces are imported and restored
    yes                    other title, place, ...     MOVE       no body is fetched: versions are equal
    yes                    the same                    NOTHING
    yes, but unreadable    anything                    FAIL       its last good row stays
    no                     live or hidden              QUESTION   absence is a question, not an answer
    no                     removed, or not at all      NOTHING

RELABEL and RESTRICT are decided by a table of their own, in `badge.py`: no listing shows labels and restrictions.

A manual resync of a space fetches and writes every page that is listed, whatever the table says of it.
"""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum

from hr_sync.domain.content import Head, Listing, RecentChanges, StoredPage, metadata_digest


class Action(StrEnum):
    """What happens to one page."""

    INSERT = "insert"
    UPDATE = "update"
    MOVE = "move"
    RESTORE = "restore"
    RELABEL = "relabel"
    RESTRICT = "restrict"
    FAIL = "fail"
    QUESTION = "question"
    NOTHING = "nothing"


FETCHES = frozenset({Action.INSERT, Action.UPDATE, Action.RESTORE})  #: the actions that need a body


@dataclass(frozen=True, kw_only=True, slots=True)
class Step:
    """One action and why. `head` is None where the listing shows none that can be read."""

    action: Action
    page_id: str
    head: Head | None
    reason: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Plan:
    """The steps of one space, sorted by page id so that two writers cannot deadlock, and how many pages need none."""

    steps: tuple[Step, ...]
    unchanged: int

    def having(self, *actions: Action) -> tuple[Step, ...]:
        """Return the steps with one of these actions, in order."""
        return tuple(step for step in self.steps if step.action in actions)

    @property
    def fetches(self) -> tuple[Step, ...]:
        """Return the steps that need a body."""
        return self.having(*FETCHES)


def decide(head: Head | None, stored: StoredPage | None) -> tuple[Action, str]:
    """Look one page up in the decision table. Gives the action and the reason, in words for an operator."""
    match head, stored:
        case Head(), None:
            return Action.INSERT, "new"
        case Head(), StoredPage(removed=True):
            return Action.RESTORE, "was removed, is listed again"
        case Head(), StoredPage(hidden=True):
            return Action.RESTORE, "was hidden, is listed again"
        case Head(version=listed), StoredPage(version=kept) if listed != kept:
            return Action.UPDATE, f"version {kept} → {listed}"
        case Head() as shown, StoredPage(metadata_digest=digest) if metadata_digest(shown) != digest:
            return Action.MOVE, "title, place, status or address changed"
        case None, StoredPage(removed=False):
            return Action.QUESTION, "stored, not in the listing"
    return Action.NOTHING, "unchanged"


def make_plan(listing: Listing, stored: Mapping[str, StoredPage], *, every_page: bool = False) -> Plan:
    """Compare one complete listing with the stored pages of its space (`stored` by page id)."""
    steps = sorted(_steps(listing, stored, every_page=every_page), key=lambda step: step.page_id)
    touched = {step.page_id for step in steps}
    return Plan(steps=tuple(steps), unchanged=sum(page_id not in touched for page_id in listing.heads))


def plan_recent(recent: RecentChanges, stored: Mapping[str, StoredPage], *, due: Collection[str]) -> Plan:
    """Compare the pages that changed lately with their stored rows. Asks no question: nothing is absent here.

    A lower version than the stored one is a stale read, unlike in a complete listing. `due` are pages that failed
    before and are tried again, whatever the answer shows of them.
    """
    steps = {}
    for page_id, head in recent.heads.items():
        kept = stored.get(page_id)
        action, reason = decide(head, kept)
        if action is not Action.NOTHING and not (kept is not None and head.version < kept.version):
            steps[page_id] = Step(action=action, page_id=page_id, head=head, reason=reason)
    for page_id, reason in recent.unreadable.items():
        steps[page_id] = Step(action=Action.FAIL, page_id=page_id, head=None, reason=reason)
    for page_id in set(due) - steps.keys():
        action = Action.UPDATE if page_id in stored else Action.INSERT
        steps[page_id] = Step(action=action, page_id=page_id, head=None, reason="failed before, tried again")
    ordered = tuple(steps[page_id] for page_id in sorted(steps))
    return Plan(steps=ordered, unchanged=len(recent.heads.keys() - steps.keys()))


def _steps(listing: Listing, stored: Mapping[str, StoredPage], *, every_page: bool) -> Iterator[Step]:
    for page_id, head in listing.heads.items():
        action, reason = decide(head, stored.get(page_id))
        if every_page and action not in FETCHES:
            action, reason = Action.UPDATE, "asked for"
        if action is not Action.NOTHING:
            yield Step(action=action, page_id=page_id, head=head, reason=reason)
    for page_id, reason in listing.unreadable.items():
        yield Step(action=Action.FAIL, page_id=page_id, head=None, reason=reason)
    for page_id, page in stored.items():
        if page_id not in listing:
            action, reason = decide(None, page)
            if action is not Action.NOTHING:
                yield Step(action=action, page_id=page_id, head=None, reason=reason)
