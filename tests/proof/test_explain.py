"""`explain` tells the right story for each fate of a page."""

from collections.abc import Callable
from dataclasses import replace

import pytest
from confluence_simulator import World

from hr_sync.sync.explain import Explanation, explain
from tests.proof.stage import MIRRORED, Stage
from tests.support.oracle import Wanted
from tests.support.wiring import context_for, full

WANTED = Wanted(spaces=MIRRORED)
LEAF = "Far below A"
UNKNOWN = "Not in the mirror, and Confluence has no such page, or does not show it to the account."


class Explained:
    """A mirrored stage, and explanations of its pages."""

    def __init__(self, stage: Stage) -> None:
        self.stage = stage
        self.world: World = stage.site.world
        stage.begin()
        self.run()

    def run(self, wanted: Wanted = WANTED, **order: bool) -> int:
        """Run in full."""
        return full(context_for(self.stage.site.site_url, self.stage.engine, wanted), **order).exit_code

    def about(self, page_id: str, wanted: Wanted = WANTED) -> Explanation:
        """Ask for one page."""
        return explain(context_for(self.stage.site.site_url, self.stage.engine, wanted), page_id)

    def id_of(self, title: str) -> str:
        """Find a page."""
        return next(page.id for page in self.world.pages() if page.title == title)


@pytest.fixture
def pages(stage: Stage) -> Explained:
    """Return a mirrored stage."""
    return Explained(stage)


def actions(explanation: Explanation) -> list[str]:
    """Return what was decided about the page, newest first."""
    return [change.action for change in explanation.history.changes]


def test_a_live_page(pages: Explained) -> None:
    """Its version, the rule that puts it in, and the run that brought it."""
    found = pages.about(pages.id_of(LEAF))

    assert found.summary == "Shown, in version 1."
    assert found.scope == "every current page of its space is in scope"
    assert actions(found) == ["insert"]
    assert found.history.stored is not None
    assert found.history.stored.last_written_run_id == found.history.changes[0].run_id


def test_a_page_that_was_edited_and_moved(pages: Explained) -> None:
    """Each decision with its reason."""
    page_id = pages.id_of(LEAF)
    pages.world.edit_page(page_id, storage="<p>Newer</p>")
    pages.run()
    pages.world.move_page(page_id)
    pages.run()
    found = pages.about(page_id)

    assert found.summary == "Shown, in version 2."
    assert actions(found) == ["move", "update", "insert"]
    assert found.history.changes[1].reason == "version 1 → 2"


@pytest.mark.parametrize(
    ("gone", "reason"),
    [
        (lambda world, page_id: world.trash_page(page_id), "trashed"),
        (lambda world, page_id: world.archive_page(page_id), "archived"),
        (lambda world, page_id: world.move_page(page_id, space_key="C"), "moved"),
    ],
)
def test_a_page_that_was_removed(pages: Explained, gone: Callable[[World, str], object], reason: str) -> None:
    """For the reason that the source gave."""
    page_id = pages.id_of(LEAF)
    gone(pages.world, page_id)
    pages.run()
    found = pages.about(page_id)

    assert found.summary.startswith("Not shown: removed at ")
    assert found.summary.endswith(f"({reason}).")
    assert actions(found) == ["hide", "insert"]


def test_a_page_that_is_not_seen(pages: Explained) -> None:
    """Hidden by the first run, removed by the second; each says so."""
    page_id = pages.id_of(LEAF)
    pages.world.hide_page(page_id)
    assert pages.about(page_id).summary.startswith("Shown, although the source says otherwise by now")

    pages.run()
    hidden = pages.about(page_id)
    assert hidden.summary.startswith("Not shown: hidden at ")
    assert hidden.scope == "Confluence does not show it to this account"

    pages.run()
    assert pages.about(page_id).summary.endswith("(not_visible).")
    assert actions(pages.about(page_id)) == ["hide", "insert"]


def test_a_page_that_came_back(pages: Explained) -> None:
    """With its whole story."""
    page_id = pages.id_of(LEAF)
    pages.world.trash_page(page_id)
    pages.run()
    pages.world.restore_page(page_id)
    pages.run()

    assert pages.about(page_id).summary == "Shown, in version 1."
    assert actions(pages.about(page_id)) == ["restore", "hide", "insert"]


def test_a_page_that_fails(pages: Explained) -> None:
    """The new one is not there, the known one keeps its last good version; both say what failed."""
    known = pages.id_of(LEAF)
    pages.world.edit_page(known, storage="<p>Newer</p>")
    new = pages.world.create_page(space_key="A", title="New", storage="<p>New</p>").id
    pages.stage.refuse([known, new])
    assert pages.run() == 3

    assert pages.about(known).summary.startswith("Shown, in version 1. A newer version fails: ")
    assert pages.about(new).summary.startswith("Not in the mirror: it fails in stage store: ")


def test_a_page_that_never_was_in_scope(pages: Explained) -> None:
    """Of another space, outside of every tree, in an excluded tree, or unknown to everybody."""
    elsewhere, leaf, top = pages.id_of("Below C"), pages.id_of(LEAF), pages.id_of("Below A")
    assert pages.about(elsewhere).summary == "Not in the mirror: out of scope."
    assert pages.about(elsewhere).scope.startswith("its space is not in confluence.spaces")

    trees = replace(WANTED, page_trees=frozenset({top}))
    assert pages.about(leaf, trees).scope == f"it is in confluence.page_trees ({top})"
    assert pages.about(pages.id_of("Home of A"), trees).scope == "it is in none of confluence.page_trees"
    without = replace(WANTED, exclude_page_trees=frozenset({top}))
    assert pages.about(leaf, without).scope == f"it is in confluence.exclude_page_trees ({top})"

    unknown = pages.about("1")
    assert (unknown.summary, unknown.history.stored) == (UNKNOWN, None)


def test_a_page_that_waits_for_the_next_run(pages: Explained) -> None:
    """It is there and in scope, and nobody has listed it yet."""
    page_id = pages.world.create_page(space_key="A", title="New", storage="").id

    assert pages.about(page_id).summary == "Not in the mirror; the next full run brings it."
