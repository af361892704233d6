"""Every kind of fault at every request for labels and restrictions: nothing passes for open, nothing is removed."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import pytest
from confluence_simulator import Fault, World
from confluence_simulator.faults import KINDS

from hr_sync.domain.access import AccessPolicy
from hr_sync.sync.context import SyncContext, SyncPolicy
from tests.proof.histories import TOO_SLOW
from tests.proof.seeds import one_in
from tests.proof.stage import Saved, Stage
from tests.support.oracle import PageAttributes, Stored, Wanted, contradictions, expected_attributes
from tests.support.wiring import access, context_for, full

pytestmark = pytest.mark.long

WANTED = Wanted(spaces=("A",))
ROLES = (
    *("account", "groups of the licence", "spaces", "role mode", "viewers", "nodes", "new parent", "page that moved"),
    *("label", "label", "label", "label", "last account"),
)

WITH_ACCESS = SyncPolicy(access=AccessPolicy(), compares_labels=True, busy_wait_seconds=0.0)


def context_on(stage: Stage) -> SyncContext:
    """Wire a worker that enforces access, and reads who may view the space."""
    return replace(context_for(stage.site.site_url, stage.engine, WANTED), policy=WITH_ACCESS)


def page_of(world: World, title: str) -> str:
    """Return the id of a page."""
    return next(page.id for page in world.pages() if page.title == title)


def first_attributes() -> World:
    """Make a home with a page below it, a folder below that, a page in the folder, and one that stands apart."""
    world = World()
    world.create_space("A", "Space A")
    home = world.create_page(space_key="A", title="Home", storage="<p>1</p>", labels=("all",))
    below = world.create_page(space_key="A", title="Below", storage="<p>2</p>", parent_id=home.id, labels=("all", "b"))
    folder = world.create_folder(space_key="A", title="Folder", parent_id=below.id)
    world.create_page(space_key="A", title="Far below", storage="<p>3</p>", parent_id=folder.id)
    world.create_page(space_key="A", title="Apart", storage="<p>4</p>")
    world.restrict_page(page_of(world, "Apart"), users=("ann.lee",))
    return world


def later_attributes() -> World:
    """Change one of everything: labels, restrictions (one of them at the folder), a place, and who views the space."""
    world = first_attributes()
    world.unlabel_page(page_of(world, "Below"), "all")
    world.label_page(page_of(world, "Apart"), "b")
    world.unrestrict_page(page_of(world, "Apart"))
    world.restrict_page(page_of(world, "Below"), groups=("confluence-users",))
    world.restrict_page(world.pages(kind="folder")[0].id, users=("ann.lee",))
    world.move_page(page_of(world, "Apart"), parent_id=page_of(world, "Below"))
    world.permit_space("A", user="ann.lee")
    return world


@dataclass(frozen=True)
class Changed:
    """A mirror whose labels and readers were all known, and have changed since in the site."""

    stage: Stage
    saved: Saved
    before: Stored

    def begin(self) -> Stage:
        """Put everything back."""
        self.stage.begin()
        self.saved.go_back()
        self.stage.site.world.become(later_attributes())
        return self.stage


@pytest.fixture(scope="module")
def changed(stage: Stage) -> Changed:
    """Bring the first labels and readers into the database."""
    stage.begin()
    stage.site.world.become(first_attributes())
    assert full(context_on(stage)).exit_code == 0
    found = stage.stored()
    assert dict(found.attributes) == expected_attributes(stage.site.world, WANTED)
    return Changed(stage, stage.save("changed"), found)


def play(stage: Stage) -> int:
    """Compare labels and readers once. Return the exit code."""
    return access(context_on(stage)).exit_code


def test_the_run_that_is_broken_asks_for_everything_once(changed: Changed) -> None:
    """Thirteen requests; afterwards every label and reader is right."""
    ready = changed.begin()

    assert play(ready) == 0

    assert len(ready.site.requests) == len(ROLES)
    assert dict(ready.stored().attributes) == expected_attributes(ready.site.world, WANTED)


SHARE = one_in(8)  #: one request in so many meets the fault; all would take 15 minutes
PLAYED = tuple(enumerate(sorted(KINDS.keys() - TOO_SLOW)))


@pytest.mark.parametrize(("number", "kind"), PLAYED, ids=[kind for _, kind in PLAYED])
def test_nothing_passes_for_open_and_nothing_is_removed(changed: Changed, number: int, kind: str) -> None:
    """Labels and readers are right, or as they were, or not known; the run says so, and the next one heals.

    Each kind meets other requests than its neighbours; EVERY_FAULT=1 plays each kind at each request.
    """
    for at, role in enumerate(ROLES, start=1):
        if (at + number) % SHARE:
            continue
        stage, before = changed.begin(), changed.before
        at_first = expected_attributes(stage.site.world, WANTED)
        stage.site.faults.add(Fault(kind=kind, at=at))

        code = play(stage)
        found = stage.stored()

        where = f"{kind} at request {at}, {role}: {code}"
        assert [fault.at for fault in stage.site.faults.fired] == [at], where
        assert list(contradictions(found)) == [], where
        assert (found.live, found.hidden, found.removed) == (before.live, {}, {}), where
        right = expected_attributes(stage.site.world, WANTED)
        moments = [before.attributes, at_first, at_first | right]
        assert wrong_readers(moments, found) == [], where
        trusted = code == 0 and not kind.endswith("-during-walk") and kind != "stale-read"
        if trusted:
            assert readers(known(found)) == readers({page_id: right[page_id] for page_id in known(found)}), where
        if role != "label":  # the list of one page is believed; one that is not read leaves the labels as they were
            assert wrong_labels(moments, found) == [], where
            if trusted:
                assert known(found) == {page_id: right[page_id] for page_id in known(found)}, where
        stage.let_leases_run_out()
        stage.site.faults.clear()
        if dict(found.attributes) != right and kind != "hide-during-walk":
            stage.site.world.become(later_attributes())
            assert play(stage) == 0, where
            assert dict(stage.stored().attributes) == expected_attributes(stage.site.world, WANTED), where


def known(found: Stored) -> Mapping[str, PageAttributes]:
    """Return the attributes of the pages whose readers are known."""
    return {page_id: attributes for page_id, attributes in found.attributes.items() if attributes.readers is not None}


def readers(attributes: Mapping[str, PageAttributes]) -> Mapping[str, object]:
    """Return the readers alone."""
    return {page_id: each.readers for page_id, each in attributes.items()}


def wrong_labels(moments: Sequence[Mapping[str, PageAttributes]], found: Stored) -> list[str]:
    """Say which labels were right at none of these moments."""
    return [
        f"{page_id} has labels {attributes.labels}"
        for page_id, attributes in found.attributes.items()
        if attributes.labels not in {moment[page_id].labels for moment in moments}
    ]


def wrong_readers(moments: Sequence[Mapping[str, PageAttributes]], found: Stored) -> list[str]:
    """Say which readers were right at none of these moments, and are not unknown either."""
    return [
        f"{page_id} has readers {attributes.readers}"
        for page_id, attributes in known(found).items()
        if attributes.readers not in {moment[page_id].readers for moment in moments}
    ]
