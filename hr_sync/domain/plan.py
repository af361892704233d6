"""What to write for each page, decided from a listing and from what is stored. Pure.

The decision table, first line that fits:

    listing shows it       stored                      action
    ------------------     ------------------------    ---------
    yes                    no                          INSERT
    yes                    hidden or removed           RESTORE    with its stored body when the version is equal
    yes                    another version, no body    UPDATE     also a lower one: spaces are imported and restored
    yes                    body in doubt               UPDATE     without text for a day: it is read a second time
    yes                    other title, place, ...     MOVE       no body is fetched: versions are equal
    yes                    the same                    NOTHING
    yes, but unreadable    anything                    FAIL       its last good row stays
    no                     live or hidden              VERIFY     absence is no evidence
    no                     removed, or not at all      NOTHING

The scope is applied before: the listing holds only pages in scope. Labels change without a version and no listing shows
them, so they are compared apart:

    labels shown           stored                      action
    ------------------     ------------------------    ---------
    known                  the same                    NOTHING
    known                  other ones, or not known    RELABEL
    not known              anything                    NOTHING    the last known ones stay

A manual resync of a space fetches and writes every page that is listed, whatever the table says.
"""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum

from hr_sync.domain.changes import ChangeAction
from hr_sync.domain.content import ContentKind, Head, Listing, RecentChanges, StoredPage, metadata_digest


class Action(StrEnum):
    """What happens to one page."""

    INSERT = "insert"
    UPDATE = "update"
    MOVE = "move"
    RESTORE = "restore"
    FAIL = "fail"
    VERIFY = "verify"
    NOTHING = "nothing"


#: What each action that writes a page is called in the change feed.
WRITES = {
    Action.INSERT: ChangeAction.INSERT,
    Action.UPDATE: ChangeAction.UPDATE,
    Action.MOVE: ChangeAction.MOVE,
    Action.RESTORE: ChangeAction.RESTORE,
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Step:
    """One action and its reason. `head` is None if the listing has none that can be read."""

    action: Action
    page_id: str
    head: Head | None
    reason: str
    fetch: bool = False  #: the action needs a body from the source
    seen_in_space: str | None = None  #: key of the space that the stored row was in; None if there was no row
    stored_version: int | None = None  #: version of the stored row; None if there was no row
    parent_id: str | None = None  #: parent of the page where its scope was decided; None at the top
    kind: ContentKind = ContentKind.PAGE

    @property
    def writes(self) -> ChangeAction:
        """Return the word of the feed for this action. Raises KeyError for one that writes no page."""
        return WRITES[self.action]


@dataclass(frozen=True, kw_only=True, slots=True)
class Plan:
    """The steps of one space, sorted by page id, and how many pages need none."""

    steps: tuple[Step, ...]
    unchanged: int

    def having(self, *actions: Action) -> tuple[Step, ...]:
        """Return the steps with one of these actions, in order."""
        return tuple(step for step in self.steps if step.action in actions)

    @property
    def fetches(self) -> tuple[Step, ...]:
        """Return the steps that need a body."""
        return tuple(step for step in self.steps if step.fetch)

    @property
    def without_body(self) -> tuple[Step, ...]:
        """Return the steps that write a page and keep its stored body."""
        return tuple(step for step in self.steps if step.action in WRITES and not step.fetch)


def decide(head: Head | None, stored: StoredPage | None) -> tuple[Action, bool, str]:
    """Look one page up in the decision table. Return the action, whether it needs a body, and the reason in words."""
    match head, stored:
        case Head(), None:
            return Action.INSERT, True, "new"
        case Head() as shown, StoredPage(removed=True):
            return Action.RESTORE, _needs_body(shown, stored), "was removed, is listed again"
        case Head() as shown, StoredPage(hidden=True):
            return Action.RESTORE, _needs_body(shown, stored), "was hidden, is listed again"
        case Head(version=listed), StoredPage(version=kept) if listed != kept:
            return Action.UPDATE, True, f"version {kept} → {listed}"
        case Head(), StoredPage(has_body=False):
            return Action.UPDATE, True, "the stored body is missing"
        case Head(), StoredPage(body_in_doubt=True):
            return Action.UPDATE, True, "the stored body has no text, although an older one had some"
        case Head() as shown, StoredPage(metadata_digest=digest) if metadata_digest(shown) != digest:
            return Action.MOVE, False, "title, place, status or address changed"
        case None, StoredPage(removed=False):
            return Action.VERIFY, False, "stored, not in the listing"
    return Action.NOTHING, False, "unchanged"


def _needs_body(head: Head, stored: StoredPage) -> bool:
    return head.version != stored.version or not stored.has_body


def make_plan(
    listing: Listing,
    stored: Mapping[str, StoredPage],
    *,
    every_page: bool = False,
    written: frozenset[str] = frozenset(),
    refused: frozenset[str] = frozenset(),
) -> Plan:
    """Compare one complete listing with the stored pages of its space (`stored` by page id).

    `written`, `refused`: pages that this run has stored while the listing went on, and that it could not store. The
    former are not fetched again because every page was asked for, the latter have no step.
    """
    found = _steps(listing, stored, every_page=every_page, written=written)
    steps = sorted((step for step in found if step.page_id not in refused), key=lambda step: step.page_id)
    done = {step.page_id for step in steps} | written | refused
    return Plan(steps=tuple(steps), unchanged=sum(page_id not in done for page_id in listing.heads))


def plan_incremental(recent: RecentChanges, stored: Mapping[str, StoredPage], *, due: Collection[str]) -> Plan:
    """Compare the pages that changed lately with their stored rows. Verifies nothing: no page is absent here.

    A lower version than the stored one is a stale read, unlike in a complete listing. A page that is hidden or removed
    gets no step: a list that may lag never restores it. `due` are pages that failed before and are tried again.
    """
    steps: dict[str, Step] = {}
    for page_id, head in recent.heads.items():
        kept = stored.get(page_id)
        action, fetch, reason = decide(head, kept)
        if action in {Action.NOTHING, Action.RESTORE} or (kept is not None and head.version < kept.version):
            continue
        steps[page_id] = step_of(action, page_id, head, kept, reason, fetch=fetch)
    for page_id, reason in recent.unreadable.items():
        steps[page_id] = Step(action=Action.FAIL, page_id=page_id, head=None, reason=reason)
    for page_id in set(due) - steps.keys():
        kept = stored.get(page_id)
        if kept is None or kept.live:
            action = Action.UPDATE if kept else Action.INSERT
            steps[page_id] = step_of(action, page_id, None, kept, "failed before, tried again", fetch=True)
    ordered = tuple(steps[page_id] for page_id in sorted(steps))
    return Plan(steps=ordered, unchanged=len(recent.heads.keys() - steps.keys()))


def step_of(
    action: Action,
    page_id: str,
    head: Head | None,
    stored: StoredPage | None,
    reason: str,
    *,
    fetch: bool,
    parent_id: str | None = None,
    kind: ContentKind | None = None,
) -> Step:
    """Return the step for one page, with the space that its stored row was seen in.

    `parent_id`, `kind`: as a lookup shows them, without a head; the kind of the stored row counts without both.
    """
    known = head or stored
    return Step(
        action=action,
        page_id=page_id,
        head=head,
        reason=reason,
        fetch=fetch,
        seen_in_space=stored.space_key if stored else None,
        stored_version=stored.version if stored else None,
        parent_id=head.parent_id if head else parent_id,
        kind=kind or (known.kind if known else ContentKind.PAGE),
    )


def _steps(
    listing: Listing, stored: Mapping[str, StoredPage], *, every_page: bool, written: frozenset[str]
) -> Iterator[Step]:
    for page_id, head in listing.heads.items():
        kept = stored.get(page_id)
        action, fetch, reason = decide(head, kept)
        if every_page and not fetch and page_id not in written:
            action = Action.RESTORE if action is Action.RESTORE else Action.UPDATE
            fetch, reason = True, "asked for"
        if action is not Action.NOTHING:
            yield step_of(action, page_id, head, kept, reason, fetch=fetch)
    for page_id, reason in listing.unreadable.items():
        yield Step(action=Action.FAIL, page_id=page_id, head=None, reason=reason)
    for page_id, page in stored.items():
        if page_id not in listing:
            action, fetch, reason = decide(None, page)
            if action is not Action.NOTHING:
                yield step_of(action, page_id, None, page, reason, fetch=fetch)


@dataclass(frozen=True, kw_only=True, slots=True)
class LabelStep:
    """The new labels of one page, and why they are written."""

    page_id: str
    labels: frozenset[str]
    reason: str


def decide_labels(shown: frozenset[str] | None, stored: frozenset[str] | None) -> str | None:
    """Look labels up in the decision table. Return why they are written, for an operator; None if they are not.

    None among the arguments is not known.
    """
    if shown is None or shown == stored:
        return None
    if stored is None:
        return "labels are known now"
    return f"labels: {len(shown - stored)} more, {len(stored - shown)} fewer"


def plan_labels(
    shown: Mapping[str, frozenset[str] | None], stored: Mapping[str, frozenset[str] | None]
) -> tuple[LabelStep, ...]:
    """Compare the live pages of a space with what the source shows, both by page id. Steps are sorted by page id."""
    return tuple(
        LabelStep(page_id=page_id, labels=labels, reason=reason)
        for page_id in sorted(stored)
        if (labels := shown.get(page_id)) is not None and (reason := decide_labels(labels, stored[page_id])) is not None
    )
