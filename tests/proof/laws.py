"""What holds after every run of a history, as functions over two snapshots of the database and the simulated world.

Each law raises AssertionError with the pages that break it. None of them asks the worker what it meant to do, but for
`as_previewed`, which holds a full run to its own dry run.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

from confluence_simulator import World
from confluence_simulator.faults.answers import ANSWERS
from confluence_simulator.faults.wire import WIRE
from confluence_simulator.world import Page

from hr_sync.domain.content import ItemKind
from hr_sync.domain.deletion import DeletionDecision
from hr_sync.domain.deletion_limit import DeletionLimit
from hr_sync.sync.dry_run import SpacePreview
from tests.support.oracle import FileRow, Hidden, Row, Stored, Wanted, contradictions, visible

LIMIT = DeletionLimit(max_removed_pages=2, max_removed_fraction=0.1)
#: Faults whose answers cannot be taken for complete ones: after them a space is fresh only if its rows are right.
LOUD = frozenset(ANSWERS) | frozenset(WIRE)
FIRST_SIGHT = "not_visible"  # hidden by the first full run that misses a page, removed by the next one
NEVER_REMOVED = "scope_unknown"
WRITES = ("insert", "update", "move", "restore")


@dataclass(frozen=True, kw_only=True, slots=True)
class Before:
    """How it was before a run."""

    right: Mapping[str, Page]
    files: Mapping[str, FileRow]
    found: Stored


@dataclass(kw_only=True)
class Memory:
    """What a history remembers of its world, so that what must never be there is known."""

    texts: set[tuple[str, int]] = field(default_factory=set)  #: page id and version that were in scope at some moment
    withdrawn: set[str] = field(default_factory=set)  #: ids that a complete look found gone, and that did not come back

    def note(self, world: World, wanted: Wanted) -> None:
        """Remember the world as it is now."""
        shown = visible(world, wanted)
        self.texts |= {(page.id, page.version) for page in shown.values()}
        self.withdrawn -= shown.keys()

    def looked(self, found: Stored, right: Collection[str]) -> None:
        """Remember that a run has just looked at everything."""
        self.withdrawn |= found.hashes.keys() - set(right)


def nothing_wrong(found: Stored, memory: Memory, relisted: Collection[str] = ()) -> None:
    """Hold at every quiescent point: no contradiction, nothing withdrawn is shown, no text that never was in scope.

    `relisted` are spaces that a full pass has just read from a listing which may lag: it shows what it lists.
    """
    assert list(contradictions(found)) == []
    memory.withdrawn -= {page_id for page_id, row in found.live.items() if row.space_id in relisted}
    assert not found.live.keys() & memory.withdrawn, "shown although a complete look found them gone"
    strange = {page_id: found.versions[page_id] for page_id in found.bodies}.items() - memory.texts
    assert not strange, f"texts that never were in scope: {strange}"


def nothing_lost(before: Before, found: Stored, right: Collection[str], *, faults: int, is_scoped: bool) -> None:
    """Hold after every run: what was there before and after is neither removed nor, but for two reasons, hidden.

    A scope that could not be read hides. Two faults at once may agree on a lie, and cost a page until the next run.
    """
    there = before.right.keys() & set(right)
    gone = (before.found.live.keys() - found.live.keys()) & there
    removed = (found.removed.keys() - before.found.removed.keys()) & there
    if faults > 1:
        return
    assert not removed, f"removed although they are there: {removed}"
    excused = {"scope_unknown", "out_of_scope"} if faults and is_scoped else set()
    lost = {page_id for page_id in gone if page_id not in found.hidden or found.hidden[page_id].reason not in excused}
    assert not lost, f"not shown although they are there: {lost}"


def no_file_lost(before: Before, found: Stored, right: Mapping[str, FileRow]) -> None:
    """Hold after a run that met one fault at most: a file that was there before and after is not withdrawn."""
    there = before.files.keys() & right.keys()
    lost = {
        each: found.files[each]
        for each in there
        if (was := before.found.files.get(each)) is not None and was.live and not found.files[each].live
    }
    assert not lost, f"withdrawn although they are there: {lost}"


def few_files_removed(before: Before, found: Stored) -> None:
    """Hold after every run that nobody allowed a mass: no more files than the limit are removed as they are missed."""
    was = before.found.files
    most = max(LIMIT.max_removed_pages, int(LIMIT.max_removed_fraction * len(was)))
    new = {
        each
        for each, file in found.files.items()
        if file.removed is not None and each in was and was[each].removed is None and was[each].hidden != file.removed
    }
    assert len(new) <= most, f"removed in the run that found them gone: {new}"


def few_removed(before: Before, found: Stored) -> None:
    """Hold after every run that nobody allowed a mass: it removes no more than the limit.

    Pages that begin to leave in this run and pages that an earlier one has hidden are counted apart.
    """
    allowed = max((space.allowed_run or 0 for space in found.spaces.values()), default=0)
    most = max(LIMIT.max_removed_pages, int(LIMIT.max_removed_fraction * before.found.kept))
    new, hidden_before = set(), set()
    for page_id in found.removed.keys() - before.found.removed.keys():
        hidden = before.found.hidden.get(page_id)
        if hidden is None or hidden.reason != found.removed[page_id]:
            new.add(page_id)
        elif not _was_allowed(hidden, allowed):
            hidden_before.add(page_id)
    assert len(new) <= most, f"removed in the run that found them gone: {new}"
    assert len(hidden_before) <= most, f"removed after they were hidden: {hidden_before}"


def _was_allowed(hidden: Hidden | None, allowed_run: int) -> bool:
    return hidden is not None and hidden.reason == FIRST_SIGHT and (hidden.since_run or 0) <= allowed_run


def only_looked(before: Before, found: Stored) -> None:
    """Hold after a run over labels and readers alone: no page comes or goes, no text, no hold changes."""
    assert found.live.keys() == before.found.live.keys()
    assert (found.hidden, found.removed) == (before.found.hidden, before.found.removed)
    assert found.hashes == before.found.hashes
    same_holds(before, found)


def same_holds(before: Before, found: Stored, space_ids: Collection[str] | None = None) -> None:
    """Hold where no full pass was made: what waits goes on waiting."""
    for space_id, space in before.found.spaces.items():
        if (space_ids is None or space_id in space_ids) and space_id in found.spaces:
            assert found.spaces[space_id].held == space.held, space.key


def incremental_removes_nothing(before: Before, found: Stored, *, may_lie_about_time: bool) -> None:
    """Hold after an incremental run, but in spaces where it had to be a full pass."""
    full = passed_in_full(before, found)
    if may_lie_about_time:
        return
    same_holds(before, found, before.found.spaces.keys() - full)
    removed = found.removed.keys() - before.found.removed.keys()
    if not full:
        assert not removed, removed


def passed_in_full(before: Before, found: Stored) -> set[str]:
    """Return the ids of spaces over which an incremental run made, or had to make, a full pass."""
    return {
        space_id
        for space_id, now in found.spaces.items()
        if (was := before.found.spaces.get(space_id)) is None
        or was.watermark is None
        or was.full_pass_due
        or (now.fingerprint, now.last_full_at) != (was.fingerprint, was.last_full_at)
    }


def holds_are_right(world: World, before: Before, found: Stored, run_id: int, *, allowed: bool) -> None:
    """Hold after a full run that met no fault: a space holds removals exactly when hidden pages of it wait."""
    most = max(LIMIT.max_removed_pages, int(LIMIT.max_removed_fraction * before.found.kept))
    waiting = {page_id for page_id, hidden in found.hidden.items() if _waits(hidden, run_id)}
    fresh = {page_id for page_id, hidden in found.hidden.items() if hidden.reason == FIRST_SIGHT} - waiting
    holding = {space_id for space_id, space in found.spaces.items() if space.held}
    for page_id in waiting:
        assert _places(world, page_id, found.hidden[page_id]) & holding, f"{page_id} waits, and no space holds it"
    for space_id in holding:
        mine = {page_id for page_id in waiting | fresh if space_id in _places(world, page_id, found.hidden[page_id])}
        assert len(mine) >= found.spaces[space_id].held, f"{found.spaces[space_id].key} holds more than waits: {mine}"
    if allowed:
        assert not holding, "somebody allowed it"
    elif len(fresh) > most:
        assert holding, f"a mass became invisible and nothing is held: {fresh}"


def _waits(hidden: Hidden, run_id: int) -> bool:
    """Return True if nothing but a hold keeps a hidden page from being removed in this run."""
    if hidden.reason == NEVER_REMOVED:
        return False
    return hidden.reason != FIRST_SIGHT or (hidden.since_run or 0) < run_id


def _places(world: World, page_id: str, hidden: Hidden) -> set[str | None]:
    """Return the spaces that may decide about a row: where it is stored, and where the page is now."""
    page = world.find(page_id)
    return {hidden.space_id, *([page.space_id] if isinstance(page, Page) else [])}


def fresh_is_right(before: Before, found: Stored, right: Mapping[str, Row], refused: Collection[str]) -> None:
    """Hold after a full run under loud faults: a space is called complete only if each of its pages is right."""
    excused = set(refused) | found.failing.keys()
    for space_id, space in found.spaces.items():
        was = before.found.spaces.get(space_id)
        if was is not None and space.last_complete_at == was.last_complete_at:
            continue
        if space.last_complete_at is None:
            continue
        mine = {page_id for page_id, row in right.items() if row.space_id == space_id}
        mine |= {page_id for page_id, row in found.live.items() if row.space_id == space_id} - right.keys()
        wrong = [page_id for page_id in mine - excused if right.get(page_id) != found.live.get(page_id)]
        assert not wrong, f"{space.key} is called complete and these are not right: {wrong}"


def feed_is_right(before: Stored, found: Stored) -> None:
    """Hold after one run: the feed has a row exactly for pages that differ for consumers."""
    new: dict[str, list[str]] = {}
    for row in found.feed[len(before.feed) :]:
        new.setdefault(row.page_id, []).append(row.action)
    for page_id in {*before.hashes, *found.hashes}:
        was = (before.live.get(page_id), before.attributes.get(page_id))
        now = (found.live.get(page_id), found.attributes.get(page_id))
        actions = new.get(page_id, [])
        assert was == now or actions, f"{page_id} changed and the feed has no row: {was} → {now}"
        assert was != now or len(actions) != 1, f"the feed has {actions} for {page_id}, and nothing changed"


def as_previewed(previews: Collection[SpacePreview], before: Stored, found: Stored, refused: Collection[str]) -> None:
    """Hold after a full run that met no fault: it did what the dry run before it had shown, space by space.

    A page of a space that is not listed, or not covered any more, may be taken over by another space in the same run.
    A dry run that failed in a space shows nothing of it; the run writes what is new before it fails in the same way.
    """
    failed = {preview.space_key for preview in previews if preview.error is not None}
    new = [row for row in found.feed[len(before.feed) :] if row.space_key not in failed or row.action not in WRITES]
    written = {
        (row.space_key, row.page_id, row.action) for row in new if row.action in WRITES and row.page_id not in refused
    }
    shown = {
        (preview.space_key, step.page_id, str(step.action))
        for preview in previews
        for step in preview.plan.steps
        if str(step.action) in WRITES and step.page_id not in refused
    }
    assert written == shown, f"written: {written ^ shown}"
    hidden = {(row.space_key, row.page_id) for row in new if row.action in ("hide", "remove")}
    taken = {page_id for _, page_id, _ in shown}
    leaves = {preview.space_key: _leaving(preview, taken) for preview in previews}
    shown_hidden = {(d.space_key, d.page_id) for hide, _, _ in leaves.values() for d in hide}
    assert hidden == shown_hidden, f"hidden: {hidden ^ shown_hidden}"
    removed = found.removed.keys() - before.removed.keys()
    shown_removed = {d.page_id for _, remove, _ in leaves.values() for d in remove}
    assert removed == shown_removed, f"removed: {removed ^ shown_removed}"
    held = {space.key: space.held for space in found.spaces.values()}
    for preview in previews:
        ids = {d.page_id for d in leaves[preview.space_key][2]}
        assert held.get(preview.space_key, 0) == len(ids), f"held in {preview.space_key}"
        assert bool(ids) <= preview.would_hold
        assert ids <= found.hidden.keys(), "held pages are hidden"


def files_as_previewed(
    previews: Collection[SpacePreview], before: Stored, found: Stored, refused: Collection[str]
) -> None:
    """Hold after a full run that met no fault: it withdrew and held the files that the dry run before it had shown."""
    left = {each for each, file in before.files.items() if file.live and not found.files[each].live}
    every = [(preview, preview.of_kind(kind)) for preview in previews for kind in ItemKind]
    shown = {d.page_id for _, items in every for d in items.deletions.hide}
    of_refused = {each for each, file in before.files.items() if file.row.page_id in refused}
    assert left - of_refused == shown - of_refused, f"withdrawn: {left ^ shown}"
    new = found.files.keys() - before.files.keys()
    written = {write.item.id for _, items in every for write in items.writes}
    assert new <= written, f"new, and not shown before: {new - written}"
    held = {space.key: space.held_files for space in found.spaces.values()}
    for preview in previews:
        waiting = sum(len(items.deletions.held) for each, items in every if each is preview)
        assert held.get(preview.space_key, 0) == waiting, f"held in {preview.space_key}"


_Leaving = tuple[Sequence[DeletionDecision], Sequence[DeletionDecision], Sequence[DeletionDecision]]


def _leaving(preview: SpacePreview, taken: Collection[str]) -> _Leaving:
    """Return what a space hides, removes and holds, without what another space takes over before it."""
    plan = preview.deletions
    if not preview.kind.is_away:
        return plan.hide, plan.remove, plan.held
    hide, remove, held = ([d for d in each if d.page_id not in taken] for each in (plan.hide, plan.remove, plan.held))
    return hide, remove, held
