"""Scope has three answers: what is not known hides a stored page, lets no new one in, and removes nothing."""

from datetime import timedelta

import pytest
from confluence_simulator import Simulator, World
from sqlalchemy import Engine

from hr_sync.domain.scope import PageScope
from tests.support.wiring import ask, context_of, fault, fired, full, incremental, live_titles, preview

EXCLUDED = PageScope(exclude_labels=frozenset({"confidential"}))
KINDS = ("folder", "whiteboard", "database", "embed")
PARENTS = r"/(folders|whiteboards|databases|embeds|pages)/\d+($|\?|/ancestors)"


def tree_world(kind: str) -> tuple[World, str, str]:
    """Make Home, Secret below it, a node of this kind, and two pages below that. Return root and node too."""
    world = World()
    world.create_space("HR")
    home = world.create_page(space_key="HR", title="Home", storage="<p>h</p>")
    secret = world.create_page(space_key="HR", title="Secret", storage="<p>s</p>", parent_id=home.id)
    if kind == "folder":
        node = world.create_folder(space_key="HR", title="Node", parent_id=secret.id)
    else:
        node = world.create_page(space_key="HR", title="Node", parent_id=secret.id, kind=kind)  # type: ignore[arg-type]
    below = world.create_page(space_key="HR", title="Below", storage="<p>salaries</p>", parent_id=node.id)
    world.create_page(space_key="HR", title="Deeper", storage="<p>salaries</p>", parent_id=below.id)
    return world, secret.id, node.id


@pytest.mark.parametrize("kind", KINDS)
def test_pages_below_any_kind_of_parent_stay_excluded(engine: Engine, kind: str) -> None:
    """An excluded page tree does not end at a folder, whiteboard, database or embed."""
    world, secret, _ = tree_world(kind)
    with Simulator(world) as site:
        report = full(context_of(site, engine, pages=PageScope(exclude_page_trees=frozenset({secret}))))

    assert report.outcome == "complete"
    assert live_titles(engine) == ["Home"]


@pytest.mark.parametrize("kind", KINDS)
def test_pages_below_any_kind_of_parent_are_chosen(engine: Engine, kind: str) -> None:
    """A chosen page tree does not end there either."""
    world, secret, _ = tree_world(kind)
    with Simulator(world) as site:
        full(context_of(site, engine, pages=PageScope(page_trees=frozenset({secret}))))

    assert live_titles(engine) == ["Below", "Deeper", "Secret"]


@pytest.mark.parametrize("kind", KINDS)
def test_a_parent_that_cannot_be_read_hides_what_is_below(engine: Engine, kind: str) -> None:
    """Stored pages are hidden with that reason, new ones do not come in, nothing is removed, and the run is partial."""
    world, _, node = tree_world(kind)
    with Simulator(world) as site:
        assert full(context_of(site, engine)).outcome == "complete"
        new = world.create_page(space_key="HR", title="New", storage="<p>x</p>", parent_id=node)
        fault(site, "forbidden-403", PARENTS, times=0)
        context = context_of(site, engine, pages=PageScope(exclude_page_trees=frozenset({"424242"})))

        report = full(context)

        assert "forbidden-403" in fired(site)
        assert report.exit_code == 3
        assert live_titles(engine) == ["Home", "Secret"]
        reasons = dict(ask(engine, "SELECT title, hidden_reason FROM confluence_pages WHERE hidden_at IS NOT NULL"))
        assert reasons == {"Below": "scope_unknown", "Deeper": "scope_unknown"}
        assert ask(engine, "SELECT count(*) FROM confluence_pages WHERE removed_at IS NOT NULL") == [(0,)]
        assert ask(engine, "SELECT stage FROM page_failures WHERE page_id = %s", new.id) == [("scope",)]
        site.faults.clear()
        full(context)
        assert live_titles(engine) == ["Below", "Deeper", "Home", "New", "Secret"]


def labelled_world(pages: int, labelled: int) -> World:
    """Make pages of which the first ones carry the excluded label."""
    world = World()
    world.create_space("HR")
    for number in range(pages):
        page = world.create_page(space_key="HR", title=f"P{number:02d}", storage="<p>x</p>")
        if number < labelled:
            world.label_page(page.id, "confidential")
    return world


def test_an_exclusion_never_trusts_the_search_index(engine: Engine) -> None:
    """On the first pass neither: each page whose text is written is asked itself."""
    with Simulator(labelled_world(20, 8), search_lag=timedelta(days=365)) as site:
        report = full(context_of(site, engine, pages=EXCLUDED))

    assert report.outcome == "complete"
    assert live_titles(engine) == [f"P{number:02d}" for number in range(8, 20)]


@pytest.mark.parametrize("kind", ["forbidden-403", "not-found-404-v2", "forbidden-html-403", "error-500"])
def test_labels_that_cannot_be_read_are_not_no_labels(engine: Engine, kind: str) -> None:
    """A page with an excluded label whose question is refused leaves the view; a new one does not come in."""
    world = labelled_world(6, 0)
    with Simulator(world) as site:
        context = context_of(site, engine, pages=EXCLUDED)
        full(context)
        page = world.pages()[0]
        world.label_page(page.id, "confidential")
        world.edit_page(page.id, storage="<p>now confidential</p>")
        world.create_page(space_key="HR", title="New", storage="<p>x</p>", labels=("confidential",))
        fault(site, kind, r"/labels", times=0)

        incremental(context)
        report = full(context)

        assert kind in fired(site)
        assert report.exit_code == 3
        assert not {"P00", "New"} & set(live_titles(engine))
        assert ask(engine, "SELECT count(*) FROM page_bodies WHERE storage LIKE %s", "%now confidential%") == [(0,)]
        assert ask(engine, "SELECT count(*) FROM confluence_pages WHERE removed_at IS NOT NULL") == [(0,)]


def test_included_labels_that_cannot_be_read_remove_nothing(engine: Engine) -> None:
    """The index lacks half of the pages and their own labels are refused: they are hidden, not removed."""
    world = World()
    world.create_space("HR")
    for number in range(30):
        world.create_page(space_key="HR", title=f"P{number:02d}", storage="x", labels=("policy",))
    scope = PageScope(include_labels=frozenset({"policy"}))
    with Simulator(world) as site:
        full(context_of(site, engine, pages=scope))
        assert len(live_titles(engine)) == 30
    with Simulator(world, search_lag=timedelta(minutes=15, seconds=1)) as site:
        fault(site, "forbidden-403", r"/pages/\d+/labels", times=0)
        context = context_of(site, engine, pages=scope)

        report = full(context)

        assert fired(site) == {"forbidden-403"}
        assert report.exit_code == 3
        assert ask(engine, "SELECT count(*) FROM confluence_pages WHERE removed_at IS NOT NULL") == [(0,)]
        site.faults.clear()
        assert full(context).outcome == "complete"
        assert len(live_titles(engine)) == 30


@pytest.mark.parametrize("how", ["moved", "labelled"])
def test_text_is_never_written_under_a_scope_that_was_not_known_for_it(engine: Engine, how: str) -> None:
    """A live page is put out of scope and then edited: the incremental run hides it and stores no new text."""
    world = World()
    world.create_space("HR")
    secret = world.create_page(space_key="HR", title="Secret", storage="s")
    page = world.create_page(space_key="HR", title="Page", storage="old")
    scope = PageScope(exclude_page_trees=frozenset({secret.id}), exclude_labels=frozenset({"confidential"}))
    with Simulator(world) as site:
        context = context_of(site, engine, pages=scope)
        full(context)
        assert live_titles(engine) == ["Page"]
        if how == "moved":
            world.move_page(page.id, parent_id=secret.id)
        else:
            world.label_page(page.id, "confidential")
        world.edit_page(page.id, storage="SECRET")

        incremental(context)

        assert live_titles(engine) == []
        assert ask(engine, "SELECT storage FROM page_bodies WHERE page_id = %s", page.id) == [("old",)]
        assert ask(engine, "SELECT hidden_reason, removed_at FROM confluence_pages WHERE id = %s", page.id) == [
            ("out_of_scope", None)
        ]


def test_a_new_page_arrives_by_an_incremental_run_where_its_place_is_known(engine: Engine) -> None:
    """In a folder beside an excluded tree, and in a folder of a chosen one, without waiting for the full run."""
    world, secret, _ = tree_world("folder")
    with Simulator(world) as site:
        context = context_of(site, engine, pages=PageScope(exclude_page_trees=frozenset({secret})))
        full(context)
        beside = world.create_folder(space_key="HR", title="Beside", parent_id=None)
        world.create_page(space_key="HR", title="New", storage="x", parent_id=beside.id)
        world.create_page(space_key="HR", title="New secret", storage="x", parent_id=secret)

        incremental(context)

        assert live_titles(engine) == ["Home", "New"]


def test_a_page_tree_that_is_not_seen_is_reported_as_a_space_that_is_not_seen(engine: Engine) -> None:
    """A mistyped root is not a complete run over nothing."""
    world = labelled_world(3, 0)
    with Simulator(world) as site:
        report = full(context_of(site, engine, spaces=("HR",), pages=PageScope(page_trees=frozenset({"424242"}))))

    assert report.exit_code in {3, 78}
    assert "424242" in " ".join(filter(None, (space.error for space in report.spaces)))


def test_pages_out_of_scope_are_not_asked_again_in_every_incremental_run(engine: Engine) -> None:
    """The position moves by everything that was seen, in scope or not."""
    world = World()
    world.create_space("HR")
    for number in range(120):
        labels = ("policy",) if number < 10 else ()
        world.create_page(space_key="HR", title=f"P{number:03d}", storage="x", labels=labels)
    with Simulator(world) as site:
        context = context_of(site, engine, pages=PageScope(include_labels=frozenset({"policy"})))
        full(context)
        asked = []
        for start in (20, 60):
            world.advance(timedelta(days=1))
            for page in world.pages()[start : start + 40]:
                world.edit_page(page.id, storage="y")
            site.requests.clear()
            incremental(context)
            asked.append(sum("/labels" in call.path for call in site.requests))
        overlap = 15  # pages that changed in the 15 minutes before, as one changes each minute
        assert asked[0] <= 40 + overlap
        assert asked[1] <= 40 + overlap


def test_a_narrower_scope_does_not_turn_incremental_runs_into_full_ones(engine: Engine) -> None:
    """The first one is; after it the position belongs to the new scope, whether or not somebody has decided."""
    world = World()
    world.create_space("HR")
    top = world.create_page(space_key="HR", title="Top", storage="x")
    for number in range(300):
        parent = top.id if number < 270 else None
        world.create_page(space_key="HR", title=f"P{number}", storage="x", parent_id=parent)
    with Simulator(world) as site:
        full(context_of(site, engine))
        context = context_of(site, engine, pages=PageScope(page_trees=frozenset({top.id})))
        assert full(context).outcome == "held"
        assert len(live_titles(engine)) == 271
        site.requests.clear()

        incremental(context)

        assert (
            len(site.requests) <= 5
        )  # the account twice, the spaces, and recent changes until a whole answer is older


def test_the_dry_run_says_what_the_run_then_does_after_a_narrower_scope(engine: Engine) -> None:
    """It hides, holds, and names the remedy that works."""
    world, secret, _ = tree_world("folder")
    with Simulator(world) as site:
        full(context_of(site, engine))
        context = context_of(site, engine, pages=PageScope(exclude_page_trees=frozenset({secret})))
        before = preview(context)["HR"].deletions
        allowed = preview(context, allow_mass_delete=True)["HR"].deletions

        report = full(context)

        assert len(before.hide) == report.counts.hidden == 3
        assert (len(before.held), report.outcome) == (3, "held")
        assert len(allowed.remove) == full(context, allow_mass_delete=True).counts.removed == 3


def test_space_keys_do_not_differ_by_case(engine: Engine) -> None:
    """Neither in the exclusions nor in the spaces; an exclusion that matches nothing is reported."""
    world = World()
    for key in ("BOARD", "HR"):
        world.create_space(key)
        world.create_page(space_key=key, title=key, storage="x")
    with Simulator(world) as site:
        report = full(context_of(site, engine, exclude_spaces=("board", "GONE")))
        assert live_titles(engine) == ["HR"]
        assert [warning for warning in report.warnings if "GONE" in warning]
        assert full(context_of(site, engine, spaces=("hr",))).outcome == "complete"
        assert live_titles(engine) == ["HR"]
