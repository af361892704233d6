"""Own restrictions and parents of the nodes of a space: from v1's chains, and from a walk over each flavour."""

from typing import Any, TypeAlias

import pytest
from confluence_simulator import Fault, World

from hr_sync.confluence.access_json import CLOUD
from hr_sync.confluence.nodes import WalkedNodes
from hr_sync.confluence.source import Source
from hr_sync.domain.access import NodeFact, Restriction
from hr_sync.domain.content import ContentNode
from hr_sync.errors import AccessDenied, AnswerNotTrusted, ConfluenceError, NotFound, ServerFailed
from tests.confluence.clients import kinds_fired
from tests.confluence.flavors import Open, is_cloud, only_space, routes, world_of

NOBODY = {"results": [], "limit": 200, "size": 0}
OPEN = {"read": {"operation": "read", "restrictions": {"user": NOBODY, "group": NOBODY}}}
TOP = ContentNode(id="1", kind="page")
FOLDER = ContentNode(id="2", kind="folder")


def found(node_id: str, *above: ContentNode, **changes: Any) -> dict[str, Any]:
    """Return one entry of a listing."""
    ancestors = [{"id": each.id, "type": each.kind} for each in above]
    return {"id": node_id, "type": "page", "restrictions": OPEN, "ancestors": ancestors} | changes


Facts: TypeAlias = dict[str, NodeFact]


def own(facts: Facts) -> dict[str, Restriction]:
    """Return the restrictions that are known."""
    return {node_id: fact.restriction for node_id, fact in facts.items() if fact.restriction is not None}


def parents(facts: Facts) -> dict[str, str | None]:
    """Return the parents that are known."""
    return {node_id: fact.parent_id for node_id, fact in facts.items() if fact.parent_known}


def kinds(facts: Facts) -> dict[str, str | None]:
    return {node_id: fact.kind for node_id, fact in facts.items()}


def taken(*entries: dict[str, Any]) -> Facts:
    walked = WalkedNodes()
    walked.take({"results": list(entries)}, CLOUD)
    return walked.facts


def test_a_chain_names_the_parent_of_each_of_its_nodes() -> None:
    """From the top down, folders among them; only the entry itself has a restriction."""
    facts = taken(found("3", TOP, FOLDER))

    assert parents(facts) == {"3": "2", "2": "1", "1": None}
    assert kinds(facts) == {"3": "page", "2": "folder", "1": "page"}
    assert own(facts) == {"3": Restriction()}


def test_the_parent_that_two_chains_show_otherwise_is_not_known() -> None:
    """It was moved during the walk; its own restriction is what it was shown with."""
    facts = taken(found("3", TOP, FOLDER), found("2", type="folder"), found("4", FOLDER))

    assert parents(facts) == {"1": None, "3": "2", "4": "2"}
    assert own(facts).keys() == {"2", "3", "4"}
    assert taken(found("5"), found("5", type="folder"))["5"].kind is None


@pytest.mark.parametrize(
    "changes",
    [
        {"ancestors": None},
        {"ancestors": {}},
        {"ancestors": [None]},
        {"ancestors": [{"type": "page"}]},
        {"ancestors": [{"id": "1"}]},
        {"ancestors": [{"id": 1, "type": "page"}]},
        {"ancestors": [{"id": "3", "type": "page"}]},
        {"ancestors": [{"id": "1", "type": "page"}, {"id": "1", "type": "page"}]},
        {"type": None},
    ],
)
def test_a_chain_that_cannot_be_read_is_not_known(changes: dict[str, Any]) -> None:
    """Not the top of the space: that would leave out every restriction above."""
    assert "3" not in parents(taken(found("3", **changes)))
    assert "3" not in parents(taken(found("3", TOP), found("3", **changes)))


@pytest.mark.parametrize("restrictions", [None, {}, {"read": {}}, {"read": {"operation": "read", "restrictions": {}}}])
def test_a_restriction_that_cannot_be_read_is_not_open(restrictions: Any) -> None:
    """It is not known."""
    assert taken(found("3", TOP, restrictions=restrictions))["3"].restriction is None


def shaped_world() -> World:
    """Return a world with a page, a restricted page below it, and one below that."""
    world = world_of(12)
    world.restrict_page(world.pages()[3].id, groups=("confluence-users",))
    return world


def parents_by_id(source: Source, facts: Facts) -> dict[str, str | None]:
    found = {fact.id: source.parent_of(ContentNode(id=fact.id, kind=fact.kind)) for fact in facts.values()}
    return {node_id: parent.id if parent else None for node_id, parent in found.items()}


def test_facts_are_what_each_node_says_itself(serve: Open) -> None:
    """By one request for all of them on Cloud."""
    world = shaped_world()
    site, source = serve(world)
    space = only_space(source)
    site.requests.clear()
    facts = source.node_facts(space)
    assert len(site.requests) <= (1 if is_cloud(site.tenant.flavor) else 3)

    ids = {page.id for page in world.pages()}
    assert own(facts) == {page_id: source.restriction_of(page_id) for page_id in ids}
    assert [page_id for page_id in ids if own(facts)[page_id]] == [world.pages()[3].id]
    assert parents(facts) == parents_by_id(source, facts)
    assert kinds(facts) == dict.fromkeys(ids, "page")


def test_facts_take_a_request_for_two_hundred_nodes(serve: Open) -> None:
    """However many pages there are."""
    world = world_of(401)
    site, source = serve(world)
    space = only_space(source)
    site.requests.clear()
    assert len(own(source.node_facts(space))) == 401
    if is_cloud(site.tenant.flavor):
        assert routes(site) == ["/rest/api/content/search"] * 3


def deep_world() -> World:
    """Return a world with one page below a folder, a whiteboard, a database and an embed."""
    world = World()
    world.create_space("HR", "People")
    above = world.create_page(space_key="HR", title="Top", storage="")
    for kind in ("folder", "whiteboard", "database", "embed"):
        above = world.create_page(space_key="HR", title=kind, storage="", parent_id=above.id, kind=kind)
    world.create_page(space_key="HR", title="Low", storage="", parent_id=above.id)
    return world


@pytest.mark.parametrize("knows_kinds", [True, False])
def test_facts_of_nodes_that_are_no_pages(serve: Open, flavor: str, *, knows_kinds: bool) -> None:
    """A site whose search does not know one of the kinds shows pages, and what stands above them."""
    if not is_cloud(flavor):
        pytest.skip("only pages stand above pages on Data Center")
    world = deep_world()
    site, source = serve(world)
    space = only_space(source)
    if not knows_kinds:
        site.faults.add(Fault(kind="bad-request-400", match="content/search.*whiteboard", times=0))
    facts = source.node_facts(space)

    assert sorted(map(str, kinds(facts).values())) == ["database", "embed", "folder", "page", "page", "whiteboard"]
    assert parents(facts) == parents_by_id(source, facts)
    pages = {page.id for page in world.pages() if page.kind == "page"}
    assert own(facts).keys() == (facts.keys() if knows_kinds else pages)
    if not knows_kinds:
        assert kinds_fired(site)
        site.requests.clear()
        source.node_facts(space)
        assert len(site.requests) == 1  # the kinds are not tried again


def test_what_the_index_lacks_is_absent(serve: Open) -> None:
    """And not open: it is asked for by id."""
    world = shaped_world()
    site, source = serve(world)
    space = only_space(source)
    site.faults.add(Fault(kind="missing-rows", match="content/(search|scan)|content[?]", times=0))
    facts = source.node_facts(space)

    assert set(kinds_fired(site)) == {"missing-rows"}
    assert 0 < len(own(facts)) < len(world.pages())


def test_a_list_of_readers_that_is_cut_is_not_known(serve: Open) -> None:
    """A request for the node reads it to its end."""
    world = shaped_world()
    readers = [world.add_user(f"reader-{number}").account_id for number in range(201)]
    page_id = world.pages()[3].id
    world.restrict_page(page_id, users=tuple(readers))
    _, source = serve(world)

    assert source.node_facts(only_space(source))[page_id].restriction is None
    assert len(source.restriction_of(page_id).users) > 200


@pytest.mark.parametrize(
    ("kind", "error"),
    [
        ("forbidden-json-403", AccessDenied),
        ("not-found-404-v1", NotFound),
        ("error-500", ServerFailed),
        ("html-200", AnswerNotTrusted),
        ("no-results", AnswerNotTrusted),
    ],
)
def test_a_walk_that_fails_is_an_error(serve: Open, kind: str, error: type[ConfluenceError]) -> None:
    """Half of a space's facts is none."""
    site, source = serve(shaped_world())
    space = only_space(source)
    site.faults.add(Fault(kind=kind, match="restrictions", times=0))
    with pytest.raises(error):
        source.node_facts(space)
    assert set(kinds_fired(site)) == {kind}


def test_restrictions_of_ancestors_are_not_expanded(serve: Open) -> None:
    """One ancestor in the trash would break the whole answer."""
    site, source = serve(shaped_world())
    source.node_facts(only_space(source))
    asked = [value for record in site.requests for name, value in record.query if name == "expand"]

    assert any("ancestors" in value.split(",") for value in asked)
    assert not any("ancestors.restrictions" in value for value in asked)
