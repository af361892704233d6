"""Cloud's tree of a space: a page may stand below a folder, a whiteboard, a database or an embed."""

import pytest
from confluence_simulator import Simulator, World
from confluence_simulator.world import Page, WorldError
from confluence_simulator.world.records import Kind

from tests.simulator.sites import client, furnished_world, titled

COLLECTIONS: dict[Kind, str] = {
    "folder": "folders",
    "whiteboard": "whiteboards",
    "database": "databases",
    "embed": "embeds",
}
KINDS: tuple[Kind, ...] = tuple(COLLECTIONS)


def below_leave(world: World, kind: Kind) -> tuple[Page, Page]:
    """Make a node of this kind below the page Leave, and a page below the node."""
    node = world.create_page(space_key="HR", title=f"A {kind}", parent_id=titled(world, "Leave").id, kind=kind)
    return node, world.create_page(space_key="HR", title="Deep page", parent_id=node.id)


@pytest.mark.parametrize("kind", KINDS)
def test_each_kind_can_be_a_parent(cloud: Simulator, kind: Kind) -> None:
    """The page names it as its parent; the single read of the node names its own parent and space."""
    site, world = client(cloud), cloud.world
    node, page = below_leave(world, kind)
    found = site.get(f"/api/v2/{COLLECTIONS[kind]}/{node.id}")
    listed = site.get("/api/v2/pages", id=page.id)["results"][0]
    alone = site.get(f"/api/v2/pages/{page.id}")

    assert [(seen["parentType"], seen["parentId"]) for seen in (listed, alone)] == [(kind, node.id)] * 2
    assert {name: found[name] for name in ("id", "type", "status", "title", "parentId", "parentType", "spaceId")} == {
        "id": node.id,
        "type": kind,
        "status": "current",
        "title": f"A {kind}",
        "parentId": titled(world, "Leave").id,
        "parentType": "page",
        "spaceId": world.space("HR").id,
    }


@pytest.mark.parametrize("kind", KINDS)
def test_ancestors_pass_through_each_kind(cloud: Simulator, kind: Kind) -> None:
    """Root first, with ids and types, of the page and of the node; children and descendants go the same way."""
    site, world = client(cloud), cloud.world
    node, page = below_leave(world, kind)
    above = [{"id": titled(world, title).id, "type": "page"} for title in ("Home", "Leave")]
    collection = f"/api/v2/{COLLECTIONS[kind]}/{node.id}"

    assert site.get(f"/api/v2/pages/{page.id}/ancestors")["results"] == [*above, {"id": node.id, "type": kind}]
    assert site.get(f"{collection}/ancestors")["results"] == above
    assert [row["id"] for row in site.get(f"{collection}/direct-children")["results"]] == [page.id]
    assert [row["id"] for row in site.get(f"{collection}/descendants")["results"]] == [page.id]
    assert [ancestor.kind for ancestor in world.ancestors(page)] == ["page", "page", kind]


@pytest.mark.parametrize("kind", KINDS)
def test_each_kind_moves_with_what_is_below(cloud: Simulator, kind: Kind) -> None:
    """Within a space and into another one; no node moves below itself."""
    site, world = client(cloud), cloud.world
    node, page = below_leave(world, kind)
    world.move_page(node.id, parent_id=titled(world, "Claim form").id)
    chain = [row["type"] for row in site.get(f"/api/v2/pages/{page.id}/ancestors")["results"]]
    with pytest.raises(WorldError, match="under itself"):
        world.move_page(node.id, parent_id=page.id)

    world.move_page(node.id, space_key="OLD")

    assert chain == ["page", "page", "folder", "page", kind]
    assert site.get(f"/api/v2/{COLLECTIONS[kind]}/{node.id}")["parentId"] is None
    assert site.get(f"/api/v2/pages/{page.id}")["spaceId"] == world.space("OLD").id


@pytest.mark.parametrize("kind", KINDS)
def test_a_hidden_node_hides_what_is_below(cloud: Simulator, kind: Kind) -> None:
    """A restriction of the node counts for every page below it."""
    site, world = client(cloud), cloud.world
    node, page = below_leave(world, kind)
    world.hide_page(node.id)

    assert site.ask(f"/api/v2/{COLLECTIONS[kind]}/{node.id}").status_code == 404
    assert site.ask(f"/api/v2/pages/{page.id}").status_code == 404
    assert site.get("/api/v2/pages", id=page.id)["results"] == []


@pytest.mark.parametrize(("switch", "expected"), [(None, 404), (404, 404), (400, 400)])
def test_an_id_of_another_kind(switch: int | None, expected: int) -> None:
    """`/folders/{id of a page}` is 404, or 400 by a switch; an id that nothing has is always 404."""
    world = furnished_world()
    page, folder = titled(world, "Leave").id, titled(world, "Forms").id
    with Simulator(world, wrong_kind_status=400 if switch == 400 else 404) as simulator:
        site = client(simulator)

        asked = [site.ask(f"/api/v2/{collection}/{page}") for collection in COLLECTIONS.values()]
        assert {answer.status_code for answer in asked} == {expected}
        assert {tuple(answer.json()) for answer in asked} == {("errors",)}
        assert site.ask(f"/api/v2/whiteboards/{folder}").status_code == expected
        assert site.ask(f"/api/v2/pages/{folder}").status_code == 404
        assert site.ask("/api/v2/folders/1").status_code == 404


def test_nodes_without_a_space() -> None:
    """By a switch the single read of a node does not name its space, as in older documents of the API."""
    world = furnished_world()
    with Simulator(world, node_space_id=False) as simulator:
        assert "spaceId" not in client(simulator).get(f"/api/v2/folders/{titled(world, 'Forms').id}")
