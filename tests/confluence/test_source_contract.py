"""What every `Source` promises, on both flavours, over a simulated site that is whole or broken."""

from collections.abc import Callable
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from confluence_simulator import Fault, Simulator, World

from hr_sync.confluence.source import Source, open_source
from hr_sync.domain.access import Principal, PrincipalKind, Restriction
from hr_sync.domain.content import ContentNode, Space
from hr_sync.domain.deletion import LookupStatus
from hr_sync.domain.sanitize import content_hash
from hr_sync.errors import (
    AccessDenied,
    AnswerNotTrusted,
    AnswerTooSlow,
    ConfluenceError,
    ConfluenceUnavailable,
    CredentialsRefused,
    NotFound,
    ScopeMissing,
    ServerFailed,
)
from tests.confluence.clients import RecordedWaits, kinds_fired, open_client
from tests.confluence.flavors import FLAVORS, Open, is_cloud, only_space, world_of

PAGES = 40


def test_every_member_is_there(serve: Open) -> None:
    """The protocol is not checked at run time by anything else."""
    _, source = serve(world_of(1))
    names = {name for name in vars(Source) if not name.startswith("_")} | set(Source.__annotations__)

    assert len(names) >= 14
    assert [name for name in names if not hasattr(source, name)] == []


def test_a_space_is_read_from_the_list_to_the_last_body(serve: Open) -> None:
    """Heads, bodies, hashes, and the server's clock at the beginning."""
    world = world_of(PAGES)
    _, source = serve(world)
    source.check_account()
    space = only_space(source)
    listing = source.listing(space)
    fetched = source.pages(sorted(listing.heads), space)
    recent = source.recent(space, world.now - timedelta(days=9000))

    assert set(listing.heads) == set(fetched.pages) == set(recent.heads) == {page.id for page in world.pages()}
    assert (listing.unreadable, fetched.unreadable, fetched.absent, recent.unreadable) == ({}, {}, frozenset(), {})
    assert all(fetched.pages[page_id].head == head for page_id, head in listing.heads.items())
    assert all(page.content_hash == content_hash(page.storage) for page in fetched.pages.values())
    assert listing.began_at is not None
    assert recent.began_at is not None
    assert listing.began_at.tzinfo is UTC
    assert abs(listing.began_at - world.now) < timedelta(minutes=5)


@pytest.mark.parametrize("switches", [{"date_header": False}])
def test_without_a_date_the_beginning_is_not_known(serve: Open, switches: dict[str, Any]) -> None:
    """Never our own clock."""
    world = world_of(5)
    _, source = serve(world, **switches)
    space = only_space(source)

    assert source.listing(space).began_at is None
    assert source.recent(space, world.now).began_at is None


def test_the_beginning_is_that_of_the_walk_that_succeeded(serve: Open) -> None:
    """Its first answer counts, not a later one, and not one of a walk that was given up."""
    world = world_of(400)
    site, source = serve(world)
    space = only_space(source)
    pattern = r"/spaces/\d+/pages|/content/scan\?.*spaceKey|/rest/api/content\?"
    site.faults.add(
        Fault(kind="error-500", at=2, match=pattern, times=3),
        Fault(kind="date-shifted", at=6, match=pattern, times=3),  # the rest of the walk that is twice as narrow
    )
    began = source.listing(space).began_at

    assert {"error-500", "date-shifted"} == set(kinds_fired(site))
    assert began is not None
    assert abs(began - world.now) < timedelta(minutes=5)


def test_an_unsound_account_is_refused(serve: Open) -> None:
    """An anonymous visitor, 403 in Confluence's own words, and a token without the scope for the question."""
    for kind in ("anonymous-200", "forbidden-json-403", "unauthorized-401-scope", "forbidden-403"):
        site, source = serve(world_of(1))
        site.faults.add(Fault(kind=kind, match="user/current"))
        with pytest.raises(CredentialsRefused) as caught:
            source.check_account()
        assert type(caught.value) is CredentialsRefused
        assert kinds_fired(site) == [kind]


@pytest.mark.parametrize("kind", ["not-found-404-v1", "forbidden-html-403", "html-200", "error-500"])
def test_an_account_that_cannot_be_checked_is_not_a_page_that_is_gone(serve: Open, kind: str) -> None:
    """NotFound would be taken for evidence by whoever looks a page up."""
    site, source = serve(world_of(1))
    site.faults.add(Fault(kind=kind, match="user/current", times=0))
    with pytest.raises((AnswerNotTrusted, ServerFailed)):
        source.check_account()
    assert set(kinds_fired(site)) == {kind}


def three_spaces() -> World:
    world = World()
    for key, name in (("HR", "People"), ("FIN", "Finance"), ("~ann", "Ann")):
        world.create_space(key, name, type="personal" if key[0] == "~" else "global")
    return world


def test_spaces_are_found_by_key_in_any_case(serve: Open) -> None:
    """Unknown keys are absent, archived spaces too, and personal ones are known by their key."""
    world = three_spaces()
    world.create_space("OLD", "Old")
    world.archive_space("OLD")
    _, source = serve(world)

    assert {space.key for space in source.spaces().spaces} == {"HR", "FIN", "~ann"}
    assert [space.key for space in source.spaces(["hr", "OLD", "NONE"]).spaces] == ["HR"]
    assert source.spaces(["hr"]).unreadable == []


@pytest.mark.parametrize("finds", [True, False])
def test_a_space_is_found_by_its_alias(serve: Open, flavor: str, *, finds: bool) -> None:
    """On Cloud, whether or not the server looks for aliases under `keys`."""
    world = three_spaces()
    world.alias_space("FIN", "MONEY")
    _, source = serve(world, keys_find_aliases=finds, keys_ignore_case=finds)
    found = source.spaces(["money", "hr"]).spaces

    assert {space.key for space in found} == ({"FIN", "HR"} if is_cloud(flavor) else {"HR"})


@pytest.mark.parametrize(
    "kind", ["space-null-name", "space-without-name", "space-without-type", "space-without-status"]
)
def test_what_a_space_lacks_costs_nothing(serve: Open, kind: str) -> None:
    """Name, type and status are not needed."""
    site, source = serve(three_spaces())
    site.faults.add(Fault(kind=kind, argument="FIN", times=0))
    found = source.spaces()

    assert set(kinds_fired(site)) == {kind}
    assert (len(found.spaces), found.unreadable) == (3, [])


def test_a_space_without_an_id_costs_only_itself(serve: Open) -> None:
    """It is named, so that nobody takes it for gone."""
    site, source = serve(three_spaces())
    site.faults.add(Fault(kind="space-null-id", argument="FIN", times=0))

    assert ({space.key for space in source.spaces().spaces}, source.spaces().unreadable) == ({"HR", "~ann"}, ["FIN"])
    assert [space.key for space in source.spaces(["HR"]).spaces] == ["HR"]
    assert source.spaces(["FIN", "HR"]).unreadable == ["FIN"]
    assert kinds_fired(site)


def test_a_space_is_found_again_by_what_it_is(serve: Open) -> None:
    """Archived or not; another space's answer is refused, and an invisible one is not found."""
    world = three_spaces()
    site, source = serve(world)
    space = source.spaces(["HR"]).spaces[0]
    assert source.find_space(space) == space
    world.archive_space("HR")
    assert source.find_space(space).archived

    site.faults.add(Fault(kind="space-null-id", argument="HR"))
    with pytest.raises(AnswerNotTrusted):
        source.find_space(space)
    site.faults.add(Fault(kind="forbidden-foreign-json-403"))
    with pytest.raises(AnswerNotTrusted):
        source.find_space(space)
    missing = Space(id="999", key="NONE", name="")
    with pytest.raises(NotFound):
        source.find_space(missing)


PAGE_FAULTS = [
    "page-control-byte",
    "page-not-utf8",
    "page-html-200",
    "page-bad-request-400",
    "page-unprocessable-422",
    "page-breaks-batch",
    "page-too-large",
]
BODIES = "body-format|body.storage"


@pytest.mark.parametrize("kind", PAGE_FAULTS)
def test_a_page_that_spoils_its_answer_costs_only_itself(serve: Open, kind: str) -> None:
    """Whatever the answer fails with, its neighbours come, and the reason is given."""
    world = world_of(20)
    bad = world.pages()[7].id
    site, source = serve(world, {"max_answer_bytes": 500_000})
    space = only_space(source)
    argument = {"page": bad, "bytes": 600_000} if kind == "page-too-large" else bad
    site.faults.add(Fault(kind=kind, argument=argument, match=BODIES, times=0))
    fetched = source.pages([page.id for page in world.pages()], space)

    assert set(kinds_fired(site)) == {kind}
    assert set(fetched.unreadable) == {bad}
    assert len(fetched.unreadable[bad]) > 20
    assert set(fetched.pages) == {page.id for page in world.pages()} - {bad}
    assert fetched.absent == frozenset()


@pytest.mark.parametrize("kind", ["forbidden-json-403", "gone-410"])
def test_a_page_that_is_refused_costs_only_itself(serve: Open, kind: str) -> None:
    """Every answer about one page is a refusal of Confluence's own, which may also be about the account or the site."""
    world = world_of(20)
    bad = world.pages()[7].id
    site, source = serve(world)
    space = only_space(source)
    asked = rf"[?&]id=([\d,]*%2C)?{bad}\b|/{bad}\?" if is_cloud(site.tenant.flavor) else rf"/{bad}\?"
    site.faults.add(Fault(kind=kind, match=asked, times=0))
    fetched = source.pages([page.id for page in world.pages()], space)

    assert set(kinds_fired(site)) == {kind}
    assert set(fetched.pages) == {page.id for page in world.pages()} - {bad}
    assert fetched.unreadable.keys() | fetched.absent == {bad}


def test_a_token_without_the_scope_for_bodies_is_no_failure_of_each_page(serve: Open) -> None:
    """It would repeat for every page, so it is raised at once."""
    site, source = serve(world_of(20))
    space = only_space(source)
    if not is_cloud(site.tenant.flavor):
        pytest.skip("Data Center has no scopes")
    site.faults.add(Fault(kind="unauthorized-401-scope", match=BODIES, times=0))
    asked = len(site.requests)
    with pytest.raises(ScopeMissing):
        source.pages([page.id for page in site.world.pages()], space)

    assert set(kinds_fired(site)) == {"unauthorized-401-scope"}
    assert len(site.requests) - asked <= 2


def test_a_page_that_hangs_costs_only_itself(serve: Open) -> None:
    """It is tried twice at most for each width, and never ends the run."""
    world = world_of(6)
    bad = world.pages()[3].id
    site, source = serve(world, {"request_timeout_seconds": 0.2, "max_attempts": 5})
    space = only_space(source)
    site.faults.add(Fault(kind="page-stalls", argument=bad, match=BODIES, times=0))
    fetched = source.pages([page.id for page in world.pages()], space)

    assert set(fetched.unreadable) == {bad}
    assert "in time" in fetched.unreadable[bad]
    assert len(fetched.pages) == 5
    assert len(kinds_fired(site)) <= 2 * 4


def test_many_slow_pages_are_asked_for_in_smaller_parts(serve: Open) -> None:
    """An answer takes as long as it is wide; half as many pages come in time."""
    world = world_of(60)
    _, source = serve(world, {"request_timeout_seconds": 0.5}, row_latency_seconds=0.02)
    space = only_space(source)

    assert len(source.listing(space).heads) == 60
    assert len(source.pages([page.id for page in world.pages()][:30], space).pages) == 30


def test_a_site_that_hangs_is_not_asked_for_less_and_less(serve: Open) -> None:
    """After a time-out the account is checked first."""
    world = world_of(20)
    site, source = serve(world, {"request_timeout_seconds": 0.2})
    space = only_space(source)
    site.faults.add(Fault(kind="stall", times=0))
    for ask in (
        lambda: source.pages([page.id for page in world.pages()], space),
        lambda: source.recent(space, world.now),
    ):
        site.requests.clear()
        with pytest.raises(AnswerTooSlow):
            ask()
        assert len(site.requests) <= 4 + 2  # Data Center asks for its scan besides


def test_a_site_that_is_down_is_unavailable(flavor: str) -> None:
    """At once, without halving, and it is about every space."""
    world = world_of(20)
    ids = [page.id for page in world.pages()]
    with ExitStack() as stack:
        site = stack.enter_context(Simulator(world, **FLAVORS[flavor]))
        source = open_source(stack.enter_context(open_client(site.site_url)))
        space = only_space(source)
        stack.pop_all().close()
    waits = source.client.cancellation
    assert isinstance(waits, RecordedWaits)
    for ask in (lambda: source.pages(ids, space), lambda: source.lookup(ids[0]), lambda: source.listing(space)):
        waits.seconds.clear()
        with pytest.raises(ConfluenceUnavailable, match="could not be reached: it refused the connection") as caught:
            ask()
        assert not isinstance(caught.value, ServerFailed)
        assert len(waits.seconds) == 2


def test_an_account_that_is_refused_in_the_middle_makes_no_page_unreadable(serve: Open) -> None:
    """The page alone fails, and so does the check of the account."""
    world = world_of(3)
    site, source = serve(world)
    space = only_space(source)
    site.faults.add(Fault(kind="html-200", match=BODIES, times=0), Fault(kind="anonymous-200", match="user/current"))
    with pytest.raises(CredentialsRefused):
        source.pages([world.pages()[0].id], space)
    assert set(kinds_fired(site)) == {"html-200", "anonymous-200"}


@pytest.mark.parametrize("kind", ["row-without-id", "row-number-id", "row-empty-id"])
def test_an_entry_that_cannot_be_named_ends_the_listing(serve: Open, kind: str) -> None:
    """Nobody knows which page it is."""
    site, source = serve(world_of(PAGES))
    space = only_space(source)
    site.faults.add(Fault(kind=kind, match=r"/pages\?|/content(/scan)?\?.*spaceKey", times=0))
    with pytest.raises(AnswerNotTrusted, match="without an id"):
        source.listing(space)
    assert set(kinds_fired(site)) == {kind}


@pytest.mark.parametrize("kind", ["row-without-version", "row-null-title"])
def test_an_entry_that_is_described_badly_costs_itself(serve: Open, kind: str) -> None:
    """It is listed, so it is not looked up as absent."""
    site, source = serve(world_of(PAGES))
    space = only_space(source)
    site.faults.add(Fault(kind=kind, match=r"/pages\?|/content(/scan)?\?.*spaceKey", times=0))
    listing = source.listing(space)

    assert len(listing.unreadable) == 1
    assert len(listing.heads) == PAGES - 1
    assert all(page_id in listing for page_id in (*listing.heads, *listing.unreadable))


def test_pages_of_another_status_are_left_out(serve: Open) -> None:
    """A server that shows them ignored our filter."""
    site, source = serve(world_of(PAGES))
    space = only_space(source)
    site.faults.add(Fault(kind="row-unknown-status", match=r"/pages\?|/content(/scan)?\?.*spaceKey", times=0))
    listing = source.listing(space)

    assert kinds_fired(site)
    assert (len(listing.heads), listing.unreadable) == (PAGES - 1, {})


def test_lookups_show_a_page_in_every_state(serve: Open, flavor: str) -> None:
    """The list by ids shows what is there; what it lacks is evidence of nothing."""
    world = world_of(20)
    current, trashed, archived, hidden, purged = (page.id for page in world.pages()[:5])
    world.trash_page(trashed)
    world.archive_page(archived)
    world.hide_page(hidden)
    world.purge_page(purged)
    _, source = serve(world)
    space = only_space(source)
    ids = [current, trashed, archived, hidden, purged]
    single = {page_id: source.lookup(page_id) for page_id in ids}

    assert [single[page_id].status for page_id in ids] == ["current", "trashed", "archived", None, None]
    assert [single[page_id].result for page_id in ids[3:]] == [LookupStatus.NOT_FOUND] * 2
    assert single[current].space_id == space.id
    many = source.lookup_many(ids)
    assert many == ({page_id: single[page_id] for page_id in ids[:3]} if is_cloud(flavor) else {})


UNKNOWN = [
    "forbidden-html-403",
    "forbidden-foreign-json-403",
    "not-found-foreign-json-404",
    "not-found-404-gateway",
    "site-gone-404",
    "unauthorized-401-scope",
    "gone-410",
    "html-200",
    "empty-object-200",
    "error-500",
    "bad-request-400",
    "stall",
]


@pytest.mark.parametrize("kind", UNKNOWN)
def test_an_answer_that_is_not_confluences_own_is_no_evidence(serve: Open, kind: str) -> None:
    """A filter, a proxy, a missing scope or a removed endpoint says nothing about a page."""
    world = world_of(3)
    site, source = serve(world, {"request_timeout_seconds": 0.2})
    page_id = world.pages()[1].id
    site.faults.add(Fault(kind=kind, match=page_id, times=0))

    assert source.lookup(page_id).result is LookupStatus.UNKNOWN
    assert source.lookup_many([page_id]) == {}
    assert set(kinds_fired(site)) == {kind}


@pytest.mark.parametrize("kind", ["forbidden-json-403", "not-found-404-v2", "not-found-404-v1"])
def test_confluences_own_refusal_is_evidence(serve: Open, kind: str) -> None:
    """403 and 404, in both shapes of the API."""
    world = world_of(3)
    site, source = serve(world)
    site.faults.add(Fault(kind=kind, match=world.pages()[1].id))

    assert source.lookup(world.pages()[1].id).result is LookupStatus.NOT_FOUND


def test_an_answer_to_an_anonymous_visitor_ends_the_run(serve: Open) -> None:
    """404 in Confluence's own words, but not to our account."""
    world = world_of(3)
    site, source = serve(world)
    site.faults.add(Fault(kind="anonymous-header", match=world.pages()[1].id))
    with pytest.raises(CredentialsRefused, match="anonymous"):
        source.lookup(world.pages()[1].id)


def chain_in(world: World) -> list[ContentNode]:
    """Make a chain of every kind of content; return it from the top down to a page."""
    world.create_space("HR", "People")
    top = world.create_page(space_key="HR", title="Top", storage="")
    folder = world.create_folder(space_key="HR", title="Folder", parent_id=top.id)
    board = world.create_page(space_key="HR", title="Board", parent_id=folder.id, kind="whiteboard")
    database = world.create_page(space_key="HR", title="Database", parent_id=board.id, kind="database")
    embed = world.create_page(space_key="HR", title="Embed", parent_id=database.id, kind="embed")
    low = world.create_page(space_key="HR", title="Low", storage="", parent_id=embed.id)
    return [ContentNode(id=node.id, kind=node.kind) for node in (top, folder, board, database, embed, low)]


@pytest.mark.parametrize("wrong_kind", [400, 404])
def test_parents_of_every_kind(serve: Open, flavor: str, wrong_kind: int) -> None:
    """One by one, and all at once; also of a node whose kind nobody named."""
    if not is_cloud(flavor):
        pytest.skip("only pages stand above pages on Data Center")
    world = World()
    chain = chain_in(world)
    _, source = serve(world, wrong_kind_status=wrong_kind)

    assert [source.parent_of(node) for node in chain] == [None, *chain[:-1]]
    assert source.ancestors(chain[-1].id) == tuple(reversed(chain[:-1]))
    assert source.parent_of(ContentNode(id=chain[1].id, kind=None)) == chain[0]
    assert source.parent_of(ContentNode(id=chain[-1].id, kind=None)) == chain[-2]


def test_parents_of_pages(serve: Open) -> None:
    """The nearest first; nothing above the top."""
    world = World()
    world.create_space("HR", "People")
    pages = [world.create_page(space_key="HR", title="0", storage="")]
    for title in range(1, 40):  # deeper than the list of ancestors that Cloud gives at once
        pages.append(world.create_page(space_key="HR", title=str(title), storage="", parent_id=pages[-1].id))
    nodes = [ContentNode(id=page.id, kind="page") for page in pages]
    site, source = serve(world)

    assert source.ancestors(nodes[-1].id) == tuple(reversed(nodes[:-1]))
    assert source.ancestors(nodes[0].id) == ()
    assert source.parent_of(nodes[-1]) == nodes[-2]
    assert source.parent_of(nodes[0]) is None
    site.faults.add(Fault(kind="lowered-limit", match="/ancestors", argument=25, times=0))
    assert len(source.ancestors(nodes[-1].id)) == 39


def test_a_parent_that_is_not_visible_or_not_known_is_not_the_top(serve: Open) -> None:
    """An error each, and never None."""
    world = world_of(5)
    site, source = serve(world)
    page = ContentNode(id=world.pages()[1].id, kind="page")
    with pytest.raises(NotFound):
        source.parent_of(ContentNode(id="1", kind="page"))
    with pytest.raises(NotFound):
        source.parent_of(ContentNode(id="1", kind=None))
    with pytest.raises(NotFound):
        source.ancestors("1")
    with pytest.raises(AnswerNotTrusted, match="kind of content"):
        source.parent_of(ContentNode(id="1", kind="canvas"))
    site.faults.add(Fault(kind="bad-request-400", match="/folders/"))
    with pytest.raises(NotFound):
        source.parent_of(ContentNode(id="1", kind=None))
    for kind, expected in (("forbidden-json-403", AccessDenied), ("html-200", AnswerNotTrusted)):
        site.faults.add(Fault(kind=kind, match=page.id, times=2))
        for ask in (lambda: source.parent_of(page), lambda: source.ancestors(page.id)):
            with pytest.raises(expected):
                ask()


def labelled_world(pages: int = 20) -> World:
    world = world_of(pages)
    for page in world.pages()[::3]:
        world.label_page(page.id, "policy")
    world.label_page(world.pages()[1].id, "mine", prefix="my")
    return world


def labels_in(world: World) -> dict[str, frozenset[str]]:
    return {page.id: frozenset(label.name for label in page.labels if label.prefix != "my") for page in world.pages()}


@pytest.mark.parametrize("few", [True, False])
def test_labels_of_many_pages_are_those_of_each(serve: Open, *, few: bool) -> None:
    """By few requests, whether some pages or all are asked for; `my` labels are left out."""
    world = labelled_world()
    site, source = serve(world)
    space = only_space(source)
    ids = [page.id for page in world.pages()][: 4 if few else None]
    site.requests.clear()
    found = source.labels(space, ids)

    assert found == {page_id: labels for page_id, labels in labels_in(world).items() if page_id in ids}
    assert {page_id: source.labels_of(page_id) for page_id in ids[:4]} == {
        page_id: found[page_id] for page_id in ids[:4]
    }
    assert len(site.requests) <= 12


@pytest.mark.parametrize(
    "kind",
    ["forbidden-json-403", "not-found-404-v2", "forbidden-html-403", "html-200", "error-500", "gone-410", "no-results"],
)
def test_labels_that_cannot_be_read_are_not_known(serve: Open, kind: str) -> None:
    """None is not "no labels": that would let an excluded page in, or remove an included one."""
    world = labelled_world()
    site, source = serve(world)
    space = only_space(source)
    page_id = world.pages()[0].id
    site.faults.add(Fault(kind=kind, match=rf"{page_id}/label", times=0))

    assert source.labels_of(page_id) is None
    assert source.labels(space, [page_id]) == {page_id: None}
    assert set(kinds_fired(site)) == {kind}


def test_the_index_alone_is_not_believed(serve: Open) -> None:
    """It lags by a day; the labels are of this second."""
    world = labelled_world()
    _, source = serve(world, search_lag=timedelta(days=1))
    space = only_space(source)
    ids = [page.id for page in world.pages()]
    for page in world.pages()[1:3]:
        world.label_page(page.id, "secret")

    assert source.labels(space, ids) == labels_in(world)
    assert source.attributes(space, ids).labels == labels_in(world)


@pytest.mark.parametrize("has_site_list", [True, False])
def test_a_list_of_a_spaces_labels_without_global_ones_proves_nothing(
    serve: Open, flavor: str, *, has_site_list: bool
) -> None:
    """By Atlassian's document it holds `my` and `team` labels unless asked otherwise."""
    if not is_cloud(flavor):
        pytest.skip("Data Center expands labels in its own list of pages")
    world = labelled_world()
    site, source = serve(world, search_lag=timedelta(days=1))
    space = only_space(source)
    ids = [page.id for page in world.pages()]
    team = {"results": [{"id": "1", "name": "t", "prefix": "team"}], "_links": {}}
    site.faults.add(
        Fault(kind="status", match="content/labels", argument={"status": 200, "body": team}, times=0),
        *([] if has_site_list else [Fault(kind="forbidden-json-403", match=r"/api/v2/labels\?", times=0)]),
    )

    assert source.labels(space, ids) == labels_in(world)
    assert "status" in kinds_fired(site)


def test_a_label_that_only_the_index_shows_is_asked_of_the_page(serve: Open, flavor: str) -> None:
    """The list of a space's labels may lack one."""
    if not is_cloud(flavor):
        pytest.skip("Data Center expands labels in its own list of pages")
    world = labelled_world()
    for page in world.pages()[1::4]:
        world.label_page(page.id, "secret")
    site, source = serve(world)
    space = only_space(source)
    site.faults.add(Fault(kind="missing-rows", match="content/labels", times=0))

    assert source.labels(space, [page.id for page in world.pages()]) == labels_in(world)
    assert set(kinds_fired(site)) == {"missing-rows"}


def test_an_unindexed_page_is_asked_itself(serve: Open, flavor: str) -> None:
    """The lists of labels may lag as the index does: a page that the index lacks is too new for both."""
    if not is_cloud(flavor):
        pytest.skip("Data Center expands labels in its own list of pages")
    world = labelled_world()
    site, source = serve(world)
    space = only_space(source)
    site.faults.add(
        Fault(kind="missing-rows", match="content/search", times=0),
        Fault(kind="empty-list", match=r"/labels/\d+/pages", times=0),
    )

    assert source.labels(space, [page.id for page in world.pages()]) == labels_in(world)
    assert set(kinds_fired(site)) == {"missing-rows", "empty-list"}


def test_restrictions_and_labels_come_together(serve: Open) -> None:
    """Own restrictions by page; a node that is not visible is an error and not open."""
    world = labelled_world()
    restricted, *_ = world.pages()
    world.restrict_page(restricted.id, groups=("confluence-users",))
    site, source = serve(world)
    space = only_space(source)
    ids = [page.id for page in world.pages()]
    found = source.attributes(space, ids)

    assert found.labels == labels_in(world)
    assert {page_id for page_id in ids if found.restrictions[page_id]} == {restricted.id}
    assert source.restriction_of(restricted.id) == found.restrictions[restricted.id]
    assert source.restriction_of(ids[1]) == Restriction()
    with pytest.raises(NotFound):
        source.restriction_of("1")
    site.faults.add(Fault(kind="forbidden-json-403", match="restriction"))
    with pytest.raises(AccessDenied):
        source.restriction_of(ids[1])


@pytest.mark.parametrize("style", ["repeated", "comma"])
def test_lists_of_ids_are_sent_as_the_server_reads_them(serve: Open, flavor: str, style: str) -> None:
    """It shows in the answer: one style is found out once, and kept."""
    world = world_of(PAGES)
    site, source = serve(world, list_parameters=style)
    space = only_space(source)
    ids = [page.id for page in world.pages()]
    world.trash_page(ids[0])
    for _ in range(2):
        site.requests.clear()
        fetched = source.pages(ids, space)
        assert set(fetched.pages) == set(ids[1:])
        assert fetched.absent == {ids[0]}
    if is_cloud(flavor):
        assert len(site.requests) == 1
        assert len(source.lookup_many(ids)) == PAGES
    assert {each.key for each in source.spaces([space.key, "NONE"]).spaces} == {space.key}


@pytest.mark.parametrize("links", [{}, {"next": "/wiki/api/v2/pages?cursor=x"}])
def test_a_server_that_ignores_the_ids_is_found_out(serve: Open, flavor: str, links: dict[str, str]) -> None:
    """Its answer holds what was not asked for; each page is then unreadable, and nothing is stored under its name."""
    if not is_cloud(flavor):
        pytest.skip("Data Center asks for each page by its address")
    world = world_of(4)
    site, source = serve(world)
    space = only_space(source)
    stranger = {"results": [{"id": "1"}], "_links": links}
    site.faults.add(Fault(kind="status", match=r"/api/v2/pages\?", argument={"status": 200, "body": stranger}, times=0))
    ids = [page.id for page in world.pages()]

    assert set(source.pages(ids, space).unreadable) == set(ids)
    assert source.lookup_many(ids) == {}
    assert kinds_fired(site)


def test_an_older_entry_among_newer_ones_does_not_end_the_walk(serve: Open) -> None:
    """A move may count as a modification without a new version, so that old versions come first."""
    world = world_of(120)
    edited = [page.id for page in world.pages()[:60]]
    for page_id in edited:
        world.advance(timedelta(minutes=1))
        world.edit_page(page_id, storage="<p>New</p>")
    since = world.now - timedelta(hours=2)
    world.advance(timedelta(minutes=1))
    world.move_page(world.pages()[90].id)
    _, source = serve(world, moves_touch_modified=True)

    assert set(edited) <= set(source.recent(only_space(source), since).heads)


def test_errors_are_of_the_documented_kinds(serve: Open) -> None:
    """Nothing but a ConfluenceError comes out of any method, whatever an answer holds."""
    world = world_of(5)
    site, source = serve(world, {"request_timeout_seconds": 0.2})
    space = only_space(source)
    ids = [page.id for page in world.pages()]
    node = ContentNode(id=ids[0], kind="page")
    calls: list[Callable[[], object]] = [
        source.check_account,
        source.spaces,
        lambda: source.spaces(["HR"]),
        lambda: source.find_space(space),
        lambda: source.listing(space),
        lambda: source.recent(space, datetime.now(UTC)),
        lambda: source.pages(ids, space),
        lambda: source.lookup(ids[0]),
        lambda: source.lookup_many(ids),
        lambda: source.parent_of(node),
        lambda: source.ancestors(ids[0]),
        lambda: source.labels(space, ids * 4),
        lambda: source.labels_of(ids[0]),
        lambda: source.attributes(space, ids),
        lambda: source.restriction_of(ids[0]),
        lambda: source.node_facts(space),
        source.site_roles,
        lambda: source.viewers(space),
        lambda: source.members("staff"),
        source.licence_groups,
        lambda: source.identities(["712020:a", "k"]),
        lambda: source.may_read(ids[0], Principal(PrincipalKind.USER, "712020:a")),
    ]
    bodies: list[Any] = [
        {"results": [None]},
        {"results": [{"id": "1"}]},
        {"results": [{"id": ids[0], "_links": [], "version": 7, "ancestors": {}, "metadata": []}], "_links": []},
        {"id": ids[0], "type": 7, "read": [], "ancestors": [7], "spaceId": [], "space": {}},
        {"results": {}, "type": "known"},
        {"results": [{"id": 7, "operation": [], "principal": 7, "subject": [], "spacePermissions": {}}], "mode": 7},
        [{"operation": {"operationKey": "read", "targetType": "space"}, "subject": {"type": "user", "userKey": 7}}],
        [7],
        {"results": [{"id": ids[0], "name": None, "prefix": [], "key": 1, "type": None}], "type": "known", "key": 7},
    ]
    for body in bodies:
        site.faults.clear()
        site.faults.add(Fault(kind="status", argument={"status": 200, "body": body}, times=0))
        for call in calls:
            try:
                call()
            except ConfluenceError:
                continue
        assert kinds_fired(site)
