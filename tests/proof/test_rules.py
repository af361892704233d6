"""Rules that one page, one fault or one setting is enough to show. Each is broken by a mutant in `mutants.py`."""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from confluence_simulator import Fault
from confluence_simulator.world import Page
from confluence_simulator.world.access import ANONYMOUS

from hr_sync.domain.deletion_limit import DeletionLimit
from hr_sync.sync.context import SyncPolicy
from tests.proof.stage import MIRRORED, Stage
from tests.support.oracle import Wanted, differences, expected
from tests.support.wiring import context_for, full, incremental

LISTING = r"/spaces/\d+/pages"
LOOK = r"status=trashed"
ALONE = r"/api/v2/pages/\d+$"
SPACE = r"/api/v2/spaces/\d+$"
ACCOUNT = r"user/current"
WANTED = Wanted(spaces=MIRRORED)


class Mirrored:
    """A stage whose world has just been mirrored."""

    def __init__(self, stage: Stage) -> None:
        self.stage = stage
        self.world = stage.site.world
        stage.begin()
        assert self.run() == 0

    def run(
        self, wanted: Wanted = WANTED, *, mode: str = "full", guard: DeletionLimit | None = None, **order: bool
    ) -> int:
        """Run once and give the exit code."""
        changes: dict[str, Any] = {} if guard is None else {"policy": SyncPolicy(limit=guard)}
        mirror = context_for(self.stage.site.site_url, self.stage.engine, wanted, **changes)
        return (full(mirror, **order) if mode == "full" else incremental(mirror)).exit_code

    def faults(self, *faults: Fault) -> None:
        """Plan faults for the next run, and count its requests from nothing."""
        self.stage.site.faults.clear()
        self.stage.site.faults.add(*faults)
        self.stage.site.requests.clear()

    def fired(self) -> set[str]:
        """Name the kinds that happened."""
        return {fault.kind for fault in self.stage.site.faults.fired}

    def differences(self, wanted: Wanted = WANTED) -> list[str]:
        """Compare every row."""
        return differences(expected(self.world, self.stage.site.site_url, wanted), self.stage.stored())

    def page(self, beginning: str) -> Page:
        """Find a page by the beginning of its title."""
        return next(page for page in self.world.pages() if page.title.startswith(beginning))

    def space_row(self, key: str, column: str) -> datetime | None:
        """Read one column of a space."""
        query = f"SELECT {column} FROM sync_spaces WHERE space_key = %s"
        row = self.stage.connection.execute(query.encode(), (key,)).fetchone()
        assert row is not None
        return row[0]  # type: ignore[return-value] # asked for columns of times only


@pytest.fixture
def mirrored(stage: Stage) -> Mirrored:
    """Return a mirrored world without faults."""
    return Mirrored(stage)


def test_an_anonymous_visitor_finds_nothing_gone(mirrored: Mirrored) -> None:
    """The space is public and shows a known page to everybody; only asking who we are tells that the token is dead."""
    victim = mirrored.page("Far below A")
    mirrored.world.restrict_page(victim.id, users=("hr-bot",))
    mirrored.world.permit_space("A", everyone=ANONYMOUS)
    mirrored.faults(
        Fault(kind="page-hidden", match=LISTING, argument=victim.id),
        Fault(kind="anonymous-200", match=ACCOUNT, at=2, times=0),
        Fault(kind="anonymous-200", match=f"{SPACE}|{LOOK}|{ALONE}", times=0),
    )

    assert mirrored.run() == 77
    assert mirrored.differences() == []
    assert {"page-hidden", "anonymous-200"} <= mirrored.fired()


@pytest.mark.parametrize("passes_first", [False, True])
def test_an_account_that_sees_no_page_finds_nothing_gone(mirrored: Mirrored, passes_first: bool) -> None:
    """Account and space are there, no page is: before the lookups none is made, after them no answer counts."""
    victim = mirrored.page("Far below A")
    mirrored.faults(
        Fault(kind="page-hidden", match=LISTING, argument=victim.id),
        Fault(kind="empty-list", match=LOOK, times=0),
        Fault(kind="not-found-404-v2", match=ALONE, at=2 if passes_first else 1, times=0),
    )

    assert mirrored.run() == 3
    assert mirrored.differences() == []
    asked = [
        record
        for record in mirrored.stage.site.requests
        if victim.id in (*record.path.split("/"), *dict(record.query).values())
    ]
    assert bool(asked) == passes_first
    assert mirrored.fired() >= {"page-hidden", "not-found-404-v2"}


def test_a_mass_is_hidden_at_once_held_whole_and_released_once(mirrored: Mirrored) -> None:
    """Also where some pages are gone and others left a page tree by themselves: what counts is how many."""
    guard = DeletionLimit(max_removed_pages=2, max_removed_fraction=0.1)
    top = mirrored.page("Below A").id
    trees = replace(WANTED, page_trees=frozenset({top, mirrored.page("Home of B").id}))
    pages = [mirrored.world.create_page(space_key="A", title=f"Leaf {n}", storage="", parent_id=top) for n in range(6)]
    assert mirrored.run(trees, allow_mass_delete=True) == 0

    for number, page in enumerate(pages[:4]):
        mirrored.world.trash_page(page.id) if number % 2 else mirrored.world.move_page(page.id)
    assert mirrored.run(trees, guard=guard) == 4
    assert mirrored.differences(trees) == []
    assert len(mirrored.stage.stored().hidden) == 4

    assert mirrored.run(trees, guard=guard, allow_mass_delete=True) == 0
    assert mirrored.differences(trees) == []

    for page in (*pages[4:], mirrored.page("Far below A")):
        mirrored.world.trash_page(page.id)
    assert mirrored.run(trees, guard=guard) == 4


def test_a_narrower_scope_hides_and_removal_waits_for_a_decision(mirrored: Mirrored) -> None:
    """Other settings are no deletion at the source."""
    trees = replace(WANTED, page_trees=frozenset({mirrored.page("Below A").id, mirrored.page("Below B").id}))

    assert mirrored.run(trees) == 4
    assert mirrored.differences(trees) == []
    assert mirrored.stage.stored().removed == {}
    assert mirrored.run(trees, allow_mass_delete=True) == 0
    assert len(mirrored.stage.stored().removed) == 2
    assert mirrored.differences(trees) == []


def test_a_wider_scope_is_filled_by_the_next_run_of_any_kind(mirrored: Mirrored) -> None:
    """An incremental run sees what changed; what came into scope has not changed."""
    trees = replace(WANTED, page_trees=frozenset({mirrored.page("Below A").id}))
    mirrored.world.advance(timedelta(days=1))
    for home in ("Home of A", "Home of B"):
        mirrored.world.edit_page(mirrored.page(home).id, storage="<p>Newer</p>")
    assert mirrored.run(trees, allow_mass_delete=True) == 0

    assert mirrored.run(mode="incremental") == 0
    assert mirrored.differences() == []


def test_a_listing_that_missed_something_moves_no_position(mirrored: Mirrored) -> None:
    """Neither the watermark nor the freshness of the space."""
    victim = mirrored.page("Far below A")
    mirrored.world.edit_page(mirrored.page("Below A").id, storage="<p>Newer</p>")
    before = [mirrored.space_row("A", column) for column in ("watermark", "last_complete_at")]
    mirrored.faults(Fault(kind="page-hidden", match=LISTING, argument=victim.id))

    assert mirrored.run() == 3
    assert [mirrored.space_row("A", column) for column in ("watermark", "last_complete_at")] == before
    mirrored.faults()
    assert mirrored.run() == 0
    assert [mirrored.space_row("A", column) for column in ("watermark", "last_complete_at")] != before


def test_an_incremental_run_looks_back_behind_its_position(mirrored: Mirrored) -> None:
    """A page that the last pass was not shown arrives, though a later change of another page was stored already."""
    mirrored.world.advance(timedelta(days=1))
    late = mirrored.world.create_page(space_key="A", title="Late", storage="<p>Late</p>").id
    mirrored.world.edit_page(mirrored.page("Below A").id, storage="<p>Newer</p>")
    mirrored.faults(Fault(kind="page-hidden", match=LISTING, argument=late))
    assert mirrored.run() == 0
    assert mirrored.differences() == [f"{late} is missing"]
    assert mirrored.fired() == {"page-hidden"}

    mirrored.faults()
    assert mirrored.run(mode="incremental") == 0
    assert mirrored.differences() == []


def test_a_body_that_is_older_than_its_listed_head_is_not_believed(mirrored: Mirrored) -> None:
    """It comes from a replica that lags; the next run asks for it again."""
    page = mirrored.page("Below A")
    mirrored.world.advance(timedelta(days=1))
    mirrored.world.edit_page(page.id, storage="<p>Newer</p>")
    mirrored.world.advance(timedelta(minutes=5))
    mirrored.faults(Fault(kind="stale-read", match="body-format=storage", argument=600))

    assert mirrored.run() == 3
    assert mirrored.stage.stored().live[page.id].version == 1
    assert mirrored.fired() == {"stale-read"}

    mirrored.faults()
    assert mirrored.run() == 0
    assert mirrored.differences() == []


@pytest.mark.parametrize("away", ["trash_page", "hide_page"])
@pytest.mark.parametrize("runs_away", [1, 2])
def test_a_page_that_comes_back_is_live_in_the_same_version(mirrored: Mirrored, away: str, runs_away: int) -> None:
    """Whether it was hidden or removed meanwhile."""
    page = mirrored.page("Far below A")
    getattr(mirrored.world, away)(page.id)
    for _ in range(runs_away):
        assert mirrored.run() == 0
    assert page.id not in mirrored.stage.stored().live

    mirrored.world.restore_page(page.id) if away == "trash_page" else mirrored.world.unrestrict_page(page.id)
    assert mirrored.run() == 0
    assert mirrored.differences() == []


def test_a_page_that_breaks_every_batch_costs_only_itself(mirrored: Mirrored) -> None:
    """The others arrive, by ever smaller requests."""
    pages = [mirrored.world.create_page(space_key="A", title=f"Leaf {n}", storage="<p>1</p>") for n in range(9)]
    broken = pages[4].id
    mirrored.faults(Fault(kind="page-breaks-batch", times=0, argument=broken))

    assert mirrored.run() == 3
    assert mirrored.differences() == [f"{broken} is missing"]
    assert mirrored.stage.failing() == 1


@pytest.mark.parametrize("has_pages", [True, False])
def test_a_space_that_has_gone_leaves_no_failure_behind(mirrored: Mirrored, has_pages: bool) -> None:
    """Nobody would try its pages again, and `status` would show them for ever."""
    world, gone = mirrored.world, MIRRORED[1]
    if not has_pages:
        for page in [page for page in world.pages() if page.space_key == gone]:
            world.purge_page(page.id)
        for _ in range(2):
            mirrored.run(allow_mass_delete=True)
    refused = world.create_page(space_key=gone, title="Refused", storage="<p>New</p>")
    mirrored.stage.refuse([refused.id])
    assert mirrored.run() == 3
    assert mirrored.stage.failing() == 1

    world.forbid_space(gone, group="confluence-users")
    mirrored.run(allow_mass_delete=True)

    assert mirrored.stage.failing() == 0


SECRET = replace(WANTED, exclude_labels=frozenset({"secret"}))


def test_lists_of_labels_that_lag_let_no_new_text_in(mirrored: Mirrored) -> None:
    """A page that got an excluded label and was then edited is asked for its labels itself."""
    world, page = mirrored.world, mirrored.page("Below A")
    for number in range(12):  # more pages than are asked one by one
        world.create_page(space_key="A", title=f"Leaf {number}", storage="<p>1</p>", labels=("other",))
    assert mirrored.run(SECRET) == 0
    world.advance(timedelta(days=1))
    world.label_page(page.id, "secret")
    world.edit_page(page.id, storage="<p>Salaries</p>")
    mirrored.faults(
        Fault(kind="stale-read", match=r"content/labels|/api/v2/labels|content/search", argument=3600, times=0)
    )

    mirrored.run(SECRET)

    assert mirrored.fired() == {"stale-read"}
    found = mirrored.stage.stored()
    assert "Salaries" not in found.bodies[page.id]
    assert page.id not in found.live


def test_a_text_that_changed_after_its_labels_were_read_is_not_stored(mirrored: Mirrored) -> None:
    """Nobody knows the labels of that version; the next run asks again."""
    page = mirrored.world.create_page(space_key="A", title="New", storage="<p>New</p>")
    mirrored.faults(Fault(kind="edit-during-walk", match="body-format=storage", argument=page.id))

    assert mirrored.run(SECRET) == 3

    assert mirrored.fired() == {"edit-during-walk"}
    assert page.id not in mirrored.stage.stored().bodies
    mirrored.faults()
    assert mirrored.run(SECRET) == 0
    assert mirrored.differences(SECRET) == []


def test_a_listing_that_lags_does_not_move_the_position_to_its_beginning(mirrored: Mirrored) -> None:
    """What it was too late to show arrives by the next incremental run."""
    mirrored.world.advance(timedelta(days=1))
    mirrored.world.edit_page(mirrored.page("Below A").id, storage="<p>Newer</p>")
    mirrored.world.advance(timedelta(minutes=30))
    mirrored.stage.lag(lists=timedelta(hours=1))
    assert mirrored.run() == 0
    assert mirrored.differences() != []

    mirrored.stage.lag()
    assert mirrored.run(mode="incremental") == 0
    assert mirrored.differences() == []
