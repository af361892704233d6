"""Page trees in scope: a chain of parents that breaks off says nothing about what hangs on it."""

from collections.abc import Mapping
from dataclasses import replace

import pytest
from confluence_simulator import Fault
from confluence_simulator.faults.answers import ANSWERS

from tests.proof.stage import MIRRORED, Saved, Stage
from tests.support.oracle import Wanted, differences, expected
from tests.support.wiring import context_for, full

FOLDER = r"/api/v2/folders/\d+$"


def wanted(stage: Stage, *, excluded: bool) -> Wanted:
    """Choose the trees below which the folders lie, or leave them out."""
    tops = frozenset(page.id for page in stage.site.world.pages() if page.title.startswith("Below"))
    whole = Wanted(spaces=MIRRORED)
    return replace(whole, exclude_page_trees=tops) if excluded else replace(whole, page_trees=tops)


@pytest.fixture(scope="module")
def complete(stage: Stage) -> Mapping[bool, Saved]:
    """Return the rows of a complete mirror, where the trees are left out and where they are chosen."""
    saved = {}
    for excluded in (False, True):
        stage.begin()
        scope = wanted(stage, excluded=excluded)
        assert full(context_for(stage.site.site_url, stage.engine, scope)).exit_code == 0
        assert differences(expected(stage.site.world, stage.site.site_url, scope), stage.stored()) == []
        saved[excluded] = stage.save(f"excluded_{excluded}")
    return saved


@pytest.mark.parametrize("excluded", [False, True])
@pytest.mark.parametrize("kind", ANSWERS)
def test_a_folder_that_is_not_seen_moves_no_page(
    stage: Stage, complete: Mapping[bool, Saved], kind: str, excluded: bool
) -> None:
    """Whatever answers for the folder: its pages stay in, or out, as they were."""
    stage.begin()
    scope = wanted(stage, excluded=excluded)
    right = expected(stage.site.world, stage.site.site_url, scope)
    complete[excluded].go_back()

    stage.site.faults.add(Fault(kind=kind, match=FOLDER, times=0))
    full(context_for(stage.site.site_url, stage.engine, scope))

    assert stage.site.faults.fired
    assert differences(right, stage.stored()) == []


@pytest.mark.parametrize("narrowed", [False, True])
def test_a_page_that_moves_to_another_space_and_out_of_the_tree_leaves(stage: Stage, narrowed: bool) -> None:
    """The space that it left knows nothing of its tree, and the one that lists it now has no row of it."""
    stage.begin()
    world = stage.site.world
    titles = {page.title: page.id for page in world.pages()}
    scope = Wanted(spaces=MIRRORED, page_trees=frozenset({titles["Below A"]}))
    before = Wanted(spaces=MIRRORED) if narrowed else scope
    assert full(context_for(stage.site.site_url, stage.engine, before)).exit_code == 0
    assert titles["Far below A"] in stage.stored().live

    world.move_page(titles["Far below A"], space_key=MIRRORED[1])
    full(context_for(stage.site.site_url, stage.engine, scope), allow_mass_delete=narrowed)

    found = stage.stored()
    assert found.removed[titles["Far below A"]] == "out_of_scope"
    assert differences(expected(world, stage.site.site_url, scope), found) == []
