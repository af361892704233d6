"""Labels and readers on both flavours, by a run of their own or with a full one; not known is never open."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import pytest
from confluence_simulator import Fault, Simulator, World
from confluence_simulator.world import Page
from sqlalchemy import Engine

from hr_sync.confluence import cloud
from hr_sync.confluence.cloud import CloudSource
from hr_sync.confluence.datacenter import DataCenterSource
from hr_sync.domain.access import AccessPolicy, SpaceViewers
from hr_sync.domain.content import ContentKind
from hr_sync.domain.outcome import RunReport
from hr_sync.sync.access import facts_of_listing
from hr_sync.sync.context import SyncContext, SyncPolicy
from hr_sync.sync.fetch import BodyFetcher
from tests.support.database import changes, fingerprint, rows, state_of
from tests.support.wiring import EVERY, access, context_of, fault, fired, full

WITH_ACCESS = SyncPolicy(access=AccessPolicy(), compares_labels=True, busy_wait_seconds=0.0, open_spaces=EVERY)
ATTRIBUTES = """
    SELECT labels, access_set_id, ARRAY(
        SELECT to_jsonb(array_agg(principal)) FROM access_layers JOIN access_principals USING (layer)
        WHERE set_id = access_set_id GROUP BY layer HAVING array_agg(principal) <> '{c:everyone}'
    ) AS layers
    FROM confluence_pages WHERE id = %s"""
SEARCH = "/rest/api/content/search"
UNKNOWN = None


@dataclass(frozen=True)
class Scene:
    """A space, Home > Leave > (folder Forms > Claim), and Notes, and its mirror."""

    world: World
    site: Simulator
    engine: Engine
    context: SyncContext

    def page(self, title: str) -> Page:
        return next(page for page in self.world.pages() if page.title == title)

    def run(self) -> RunReport:
        """Compare labels and readers alone."""
        return access(self.context)

    def attributes(self, title: str) -> tuple[list[str] | None, list[set[str]] | None]:
        """Return labels, and the names of users and groups that each restriction on the way lets through."""
        row = rows(self.engine, ATTRIBUTES, self.page(title).id)[0]
        if row["access_set_id"] is None:
            return row["labels"], UNKNOWN
        return row["labels"], [{self._name(token) for token in layer} for layer in row["layers"]]

    def _name(self, token: str) -> str:
        subject = token.partition(":")[2]
        groups = {name: group.name for group in self.world.groups() for name in (group.id, group.name)}
        return groups[subject] if subject in groups else self.world.user(subject).username


def world_of_forms() -> World:
    world = World()
    world.add_group("managers")
    world.create_space("HR")
    home = world.create_page(space_key="HR", title="Home", storage="<p>1</p>", labels=("start", "all"))
    world.set_homepage("HR", home.id)
    leave = world.create_page(space_key="HR", title="Leave", storage="<p>2</p>", parent_id=home.id, labels=("all",))
    folder = world.create_folder(space_key="HR", title="Forms", parent_id=leave.id)
    world.create_page(space_key="HR", title="Claim", storage="<p>3</p>", parent_id=folder.id)
    world.create_page(space_key="HR", title="Notes", storage="<p>4</p>")
    world.label_page(home.id, "favourite", prefix="my")
    world.restrict_page(leave.id, groups=("managers",))
    return world


@pytest.fixture(params=["cloud", "scan", "offset"])
def scene(request: pytest.FixtureRequest, engine: Engine) -> Iterator[Scene]:
    """Serve a mirrored space whose labels and readers are not known."""
    switches: dict[str, Any] = {
        "cloud": {},
        "scan": {"flavor": "datacenter"},
        "offset": {"flavor": "datacenter", "version": "7.17.4"},
    }[request.param]
    world = world_of_forms()
    with Simulator(world, **switches) as site:
        context = context_of(site, engine, source=DataCenterSource if switches else CloudSource)
        assert full(context).outcome == "complete"
        site.requests.clear()
        yield Scene(world, site, engine, context)


@pytest.fixture
def known(scene: Scene) -> Scene:
    """Return the same with labels and readers known."""
    assert scene.run().outcome == "complete"
    return scene


EVERYTHING = {
    "Home": (["all", "start"], []),
    "Leave": (["all"], [{"managers", "hr-bot"}]),
    "Claim": ([], [{"managers", "hr-bot"}]),
    "Notes": ([], []),
}


def attributes(scene: Scene) -> dict[str, Any]:
    return {title: scene.attributes(title) for title in EVERYTHING}


def test_a_full_run_leaves_them_unknown_unless_the_settings_say_so(scene: Scene) -> None:
    """Null, and no request for them."""
    assert [scene.attributes(title) for title in EVERYTHING] == [(None, UNKNOWN)] * 4

    report = full(replace(scene.context, policy=WITH_ACCESS))

    assert (report.outcome, report.counts.relabelled, report.counts.restricted) == ("complete", 4, 4)
    assert attributes(scene) == EVERYTHING


def test_a_run_of_their_own_writes_them_and_nothing_else(scene: Scene) -> None:
    """Each is in the feed once, with its field; the run after it writes no row."""
    scene.world.edit_page(scene.page("Notes").id, storage="<p>newer</p>")

    report = scene.run()

    assert (report.outcome, report.exit_code, report.mode) == ("complete", 0, "access")
    assert attributes(scene) == EVERYTHING
    notes = scene.page("Notes").id
    in_feed = [change for change in changes(scene.engine, report.run_id) if change[0] == notes]
    assert in_feed == [(notes, "restrict", ["restrictions"]), (notes, "relabel", ["labels"])]
    assert rows(scene.engine, "SELECT version FROM confluence_pages WHERE id = %s", notes)[0]["version"] == 1

    before = fingerprint(scene.engine)
    again = scene.run()
    assert (again.outcome, again.counts.relabelled, again.counts.restricted) == ("complete", 0, 0)
    assert fingerprint(scene.engine) == before


def test_what_people_change_arrives(known: Scene) -> None:
    """A label, a restriction far above, one that is lifted, and a move below another page: without any version."""
    world = known.world
    world.unlabel_page(known.page("Home").id, "all")
    world.label_page(known.page("Notes").id, "new\u200b")
    world.restrict_page(known.page("Home").id, users=("ann.lee",))
    world.unrestrict_page(known.page("Leave").id)
    known.site.requests.clear()

    report = known.run()

    home = [{"ann.lee", "hr-bot"}]
    assert attributes(known) == {
        "Home": (["start"], home),
        "Leave": (["all"], home),
        "Claim": ([], home),
        "Notes": (["new"], []),
    }
    assert (report.counts.relabelled, report.counts.restricted, report.counts.bodies) == (2, 3, 0)

    world.move_page(known.page("Notes").id, parent_id=known.page("Leave").id)
    assert known.run().outcome == "complete"
    assert known.attributes("Notes") == (["new"], home)


def test_a_folder_restricts_too(scene: Scene) -> None:
    """It is one more node on the way to the top."""
    folder = scene.world.pages(kind="folder")[0]
    scene.world.restrict_page(folder.id, users=("ann.lee",))

    assert scene.run().outcome == "complete"
    assert scene.attributes("Claim")[1] in (
        [{"ann.lee", "hr-bot"}, {"managers", "hr-bot"}],
        [{"managers", "hr-bot"}, {"ann.lee", "hr-bot"}],
    )


def test_more_labels_than_an_answer_expands_arrive(scene: Scene) -> None:
    """Expanded labels are cut at 200 in all without a word."""
    labels = {title: sorted(f"{title.lower()}-{number}" for number in range(120)) for title in ("Claim", "Notes")}
    for title, names in labels.items():
        scene.world.label_page(scene.page(title).id, *names)

    assert scene.run().outcome == "complete"
    assert {title: scene.attributes(title)[0] for title in EVERYTHING} == {
        "Home": ["all", "start"],
        "Leave": ["all"],
        **labels,
    }


def test_lists_that_were_cut_are_read_to_their_end(scene: Scene) -> None:
    """One that is as long as its limit may go on."""
    names = [scene.world.add_user(f"user-{number}").username for number in range(7)]
    scene.world.restrict_page(scene.page("Notes").id, users=names)
    fault(scene.site, "permissions-cut", "restriction", argument=3, times=0)

    assert scene.run().outcome == "complete"
    assert fired(scene.site) == {"permissions-cut"}
    assert scene.attributes("Notes")[1] == [{*names, "hr-bot"}]


@pytest.mark.parametrize("scene", ["cloud"], indirect=True)
@pytest.mark.parametrize("kind", ["whiteboard", "database", "embed"])
def test_a_parent_that_cannot_be_read_leaves_readers_unknown(scene: Scene, kind: str) -> None:
    """What stands above it cannot be read, even where its own restriction can."""
    node = scene.world.create_page(space_key="HR", title="Node", parent_id=scene.page("Leave").id, kind=kind)  # type: ignore[arg-type] # a word
    below = scene.world.create_page(space_key="HR", title="Under", storage="<p>5</p>", parent_id=node.id)
    source = scene.context.source
    (space,) = source.spaces(["HR"]).spaces
    listing = source.listing(space)
    for match in (f"/{kind}s/{node.id}", f"/pages/{below.id}/ancestors"):
        fault(scene.site, "not-found-404-v2", match, times=0)

    with BodyFetcher(source, 2) as fetcher:
        viewers = SpaceViewers(layer=frozenset(), source="permissions")
        facts = facts_of_listing(source, fetcher, viewers, listing, {below.id: ContentKind.PAGE})

    assert fired(scene.site) == {"not-found-404-v2"}
    assert (facts.access_sets([below.id]), facts.unanswered) == ({below.id: None}, 0)


@pytest.mark.parametrize("scene", ["cloud"], indirect=True)
@pytest.mark.parametrize("kind", ["whiteboard", "database", "embed"])
def test_the_restriction_above_any_kind_of_parent_counts(scene: Scene, kind: str) -> None:
    """A page below a whiteboard, database or embed below a restricted page has the readers of that page."""
    node = scene.world.create_page(space_key="HR", title="Node", parent_id=scene.page("Leave").id, kind=kind)  # type: ignore[arg-type] # a word
    scene.world.create_page(space_key="HR", title="Below", storage="<p>5</p>", parent_id=node.id)
    assert full(scene.context).outcome == "complete"

    assert scene.run().outcome == "complete"
    assert scene.attributes("Below") == ([], [{"managers", "hr-bot"}])


def test_what_has_left_its_space_is_read_by_nobody(known: Scene) -> None:
    """The viewers of the space say nothing of a page that is in another one, which answers by id as before."""
    known.world.create_space("IT", readers=())
    known.world.move_page(known.page("Notes").id, space_key="IT")

    assert known.run().outcome == "complete"
    assert known.attributes("Notes")[1] is UNKNOWN
    assert known.attributes("Home")[1] == []


def test_what_moves_between_the_listing_and_the_walk_has_its_new_place(scene: Scene) -> None:
    """The listing is older than the texts that are fetched after it."""
    source = scene.context.source
    (space,) = source.spaces(["HR"]).spaces
    listing = source.listing(space)
    notes, leave = scene.page("Notes").id, scene.page("Leave").id
    scene.world.move_page(notes, parent_id=leave)

    with BodyFetcher(source, 2) as fetcher:
        facts = facts_of_listing(
            source, fetcher, SpaceViewers(layer=frozenset(), source="permissions"), listing, {notes: ContentKind.PAGE}
        )

    assert {node.id: node.parent_id for node in facts.nodes}[notes] == leave


KINDS = "whiteboard"  #: in the address of the walk over nodes of every kind, and of no other


@pytest.mark.parametrize("kind", ["forbidden-403", "not-found-404-v1"])
def test_a_node_that_is_not_visible_leaves_readers_unknown(known: Scene, kind: str) -> None:
    """Of all pages below it; the run is complete, since that was an answer."""
    folder = known.world.pages(kind="folder")[0]
    known.site.faults.add(Fault(kind="bad-request-400", match=KINDS, times=0))  # a site that searches pages alone
    fault(known.site, kind, f"/content/{folder.id}/restriction", times=0)

    report = known.run()

    assert fired(known.site) >= {kind}
    assert (report.outcome, report.counts.restricted) == ("complete", 1)
    assert attributes(known) == EVERYTHING | {"Claim": ([], UNKNOWN)}
    known.site.faults.clear()
    assert known.run().counts.restricted == 1
    assert attributes(known) == EVERYTHING


@pytest.mark.parametrize(
    "kind", ["error-500", "login-page-200", "empty-object-200", "list-200", "gone-410", "unauthorized-401-scope"]
)
def test_a_restriction_that_is_not_answered_makes_the_run_partial(known: Scene, kind: str) -> None:
    """And readers unknown, which is never open."""
    folder = known.world.pages(kind="folder")[0]
    known.site.faults.add(Fault(kind="bad-request-400", match=KINDS, times=0))  # a site that searches pages alone
    fault(known.site, kind, f"/content/{folder.id}/restriction", times=0)

    report = known.run()

    assert fired(known.site) >= {kind}
    assert (report.outcome, report.exit_code) == ("partial", 3)
    assert attributes(known) == EVERYTHING | {"Claim": ([], UNKNOWN)}


def test_a_page_that_the_walk_does_not_show_is_asked_itself(known: Scene) -> None:
    """Nothing passes for open because a list is short."""
    known.world.restrict_page(known.page("Notes").id, users=("ann.lee",))
    fault(known.site, "missing-rows", "expand=restrictions", argument=3, times=0)

    assert known.run().outcome == "complete"
    assert fired(known.site) == {"missing-rows"}
    assert known.attributes("Notes")[1] == [{"ann.lee", "hr-bot"}]


def test_a_hidden_page_has_no_known_readers(known: Scene) -> None:
    """Nothing compares them; when the page is back, the next comparison finds them."""
    notes = known.page("Notes").id
    known.world.hide_page(notes)
    full(known.context)
    assert (state_of(known.engine, notes), known.attributes("Notes")[1]) == ("hidden", UNKNOWN)

    known.world.unrestrict_page(notes)
    full(known.context)
    assert (state_of(known.engine, notes), known.attributes("Notes")[1]) == ("live", UNKNOWN)
    assert known.run().outcome == "complete"
    assert attributes(known) == EVERYTHING


def test_a_page_that_is_live_and_not_listed_is_not_open(known: Scene) -> None:
    """Until a full run looks it up, its labels stay and its readers are not known."""
    known.world.hide_page(known.page("Leave").id)

    assert known.run().outcome == "complete"
    assert attributes(known) == EVERYTHING | {"Leave": (["all"], UNKNOWN), "Claim": ([], UNKNOWN)}
    assert state_of(known.engine, known.page("Leave").id) == "live"


@pytest.mark.parametrize("scene", ["cloud"], indirect=True)
@pytest.mark.parametrize(
    "match", [SEARCH, r"/content/labels", r"/api/v2/labels/", "/restriction/", r"/api/v2/folders/"]
)
@pytest.mark.parametrize("kind", ["forbidden-403", "error-500", "login-page-200", "empty-object-200"])
def test_what_fails_with_a_full_run_costs_no_page(
    known: Scene, match: str, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever breaks, the run is partial at worst, pages are written, and nothing is hidden or removed."""
    monkeypatch.setattr(cloud, "_FEW_PAGES", 0)  # so that labels are listed as in a large space
    if match == "/restriction/":
        known.site.faults.add(Fault(kind="bad-request-400", match=KINDS, times=0))
    known.world.edit_page(known.page("Notes").id, storage="<p>newer</p>")
    fault(known.site, kind, match, times=0)

    report = full(replace(known.context, policy=WITH_ACCESS))

    assert fired(known.site) >= {kind}
    assert report.exit_code in (0, 3)
    assert (report.counts.updated, report.counts.removed, report.counts.hidden) == (1, 0, 0)
    for title, (labels, readers) in EVERYTHING.items():
        assert known.attributes(title) in ((labels, readers), (labels, UNKNOWN))
    known.site.faults.clear()
    assert full(replace(known.context, policy=WITH_ACCESS)).outcome == "complete"
    assert attributes(known) == EVERYTHING


@pytest.mark.parametrize("scene", ["cloud"], indirect=True)
def test_labels_that_the_index_shows_are_asked_of_the_page(known: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    """When the list of a space's labels holds none of a kind, or a page is missing in the list of a label."""
    monkeypatch.setattr(cloud, "_FEW_PAGES", 0)
    known.world.label_page(known.page("Notes").id, "late")
    for match in ("/content/labels", "/api/v2/labels/"):
        known.site.faults.clear()
        known.site.faults.add(Fault(kind="empty-list", match=match, times=0))
        assert known.run().outcome == "complete"
        assert fired(known.site) == {"empty-list"}
        assert attributes(known) == EVERYTHING | {"Notes": (["late"], [])}


@pytest.mark.parametrize("scene", ["cloud"], indirect=True)
@pytest.mark.parametrize(("account_too", "exit_code"), [(False, 3), (True, 77)])
def test_a_missing_scope_is_not_a_refused_credential(known: Scene, account_too: bool, exit_code: int) -> None:
    """The account is checked again: the one makes the space partial, the other ends the run."""
    fault(known.site, "unauthorized-401", SEARCH, times=0)
    if account_too:
        fault(known.site, "unauthorized-401", "user/current", at=2, times=0)

    assert full(replace(known.context, policy=WITH_ACCESS)).exit_code == exit_code
    assert attributes(known) == EVERYTHING


def test_a_page_that_moved_to_another_space_has_no_known_readers(known: Scene) -> None:
    """It has the viewers of that space now. Nothing but a lookup by id shows it to a pass that reads no listing."""
    known.world.create_space("BOARD")
    notes = known.page("Notes").id
    known.world.move_page(notes, space_key="BOARD")

    assert known.run().outcome == "complete"
    assert known.attributes("Notes")[1] == UNKNOWN
    assert full(replace(known.context, policy=WITH_ACCESS)).outcome == "complete"
    assert known.attributes("Notes")[1] == []
