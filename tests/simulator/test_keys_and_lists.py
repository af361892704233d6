"""How spaces are found by keys and aliases, and in which ways lists of values may be written."""

from typing import Any

import pytest
from confluence_simulator import Simulator, World
from confluence_simulator.query import ListParameters
from confluence_simulator.world import WorldError

from tests.simulator.sites import client, furnished_world, titled


def keys(rows: list[dict[str, Any]]) -> list[str]:
    return [row["key"] for row in rows]


@pytest.mark.parametrize("asked", ["HR", "hr", "Hr"])
def test_keys_are_compared_without_case(asked: str) -> None:
    """On both flavours; the answer holds the true key. A switch compares them exactly."""
    world = furnished_world()
    found = ["HR"] if asked == "HR" else []
    for ignore in (True, False):
        with Simulator(world, keys_ignore_case=ignore) as simulator:
            rows = client(simulator).get("/api/v2/spaces", keys=asked)["results"]
            assert keys(rows) == (["HR"] if ignore else found)
        with Simulator(world, flavor="datacenter", keys_ignore_case=ignore) as simulator:
            site = client(simulator)
            assert keys(site.get("/rest/api/space", spaceKey=asked)["results"]) == (["HR"] if ignore else found)
            assert site.ask(f"/rest/api/space/{asked}").status_code == (200 if ignore or found else 404)
            pages = site.get("/rest/api/content", spaceKey=asked)["results"]
            assert len(pages) == (4 if ignore or found else 0)


def test_an_alias_changes_links_and_not_the_key(cloud: Simulator) -> None:
    """`currentActiveAlias` and every link name it; key and id stay, and `keys` finds the space by either."""
    site, world = client(cloud), cloud.world
    before = world.alias_space("HR", "people")
    page = titled(world, "Annual leave")
    space = site.get(f"/api/v2/spaces/{before.id}")

    assert (space["key"], space["currentActiveAlias"], space["_links"]["webui"]) == ("HR", "people", "/spaces/people")
    assert site.get(f"/api/v2/pages/{page.id}")["_links"]["webui"].startswith(f"/spaces/people/pages/{page.id}/")
    hit = site.get("/rest/api/search", cql=f"id = {page.id}")["results"][0]
    assert hit["url"].startswith(f"/spaces/people/pages/{page.id}/")
    assert [keys(site.get("/api/v2/spaces", keys=name)["results"]) for name in ("PEOPLE", "hr")] == [["HR"], ["HR"]]
    with pytest.raises(WorldError, match="already exists"):
        world.alias_space("OLD", "hr")
    world.alias_space("HR", "")
    assert site.get(f"/api/v2/spaces/{before.id}")["currentActiveAlias"] == "HR"


def test_aliases_can_be_unknown_to_keys() -> None:
    """By a switch."""
    world = furnished_world()
    world.alias_space("HR", "people")
    with Simulator(world, keys_find_aliases=False) as simulator:
        assert client(simulator).get("/api/v2/spaces", keys="people")["results"] == []


def test_another_key(cloud: Simulator) -> None:
    """A space with another key has the same id; the old key finds nothing."""
    site, world = client(cloud), cloud.world
    space_id = world.space("HR").id
    world.rekey_space("HR", "PEOPLE")

    assert site.get("/api/v2/spaces", keys="HR")["results"] == []
    found = site.get("/api/v2/spaces", keys="people")["results"][0]
    assert (found["id"], found["key"], found["currentActiveAlias"]) == (space_id, "PEOPLE", "PEOPLE")


def answers(world: World, lists: ListParameters, path: str, name: str, values: list[str]) -> list[int]:
    """How many rows come where the values are repeated, and where they are joined by commas."""
    with Simulator(world, list_parameters=lists) as simulator:
        site = client(simulator)
        written = (values, ",".join(values))
        return [len(site.get(path, **{name: form, "limit": 250})["results"]) for form in written]


@pytest.mark.parametrize(("lists", "expected"), [("both", [2, 2]), ("repeated", [2, 0]), ("comma", [1, 2])])
def test_list_parameters(lists: ListParameters, expected: list[int]) -> None:
    """Of keys, ids, space ids and statuses: what is not understood is not refused, it finds less."""
    world = furnished_world()
    pages = [titled(world, title).id for title in ("Home", "Notes")]
    spaces = [world.space(key).id for key in ("OLD", "~ann")]

    assert answers(world, lists, "/api/v2/spaces", "keys", ["OLD", "~ann"]) == expected
    assert answers(world, lists, "/api/v2/spaces", "ids", spaces) == expected
    assert answers(world, lists, "/api/v2/pages", "id", pages) == expected
    assert answers(world, lists, "/api/v2/pages", "space-id", spaces) == expected
    world.archive_page(titled(world, "Claim form").id)
    world.trash_page(titled(world, "Annual leave").id)
    assert answers(world, lists, "/api/v2/pages", "status", ["archived", "trashed"]) == expected


def test_the_switch_is_about_version_two() -> None:
    """Data Center's own lists stay as they are."""
    world = furnished_world()
    pages = [titled(world, title).id for title in ("Home", "Notes")]
    with Simulator(world, flavor="datacenter", list_parameters="repeated") as simulator:
        assert len(client(simulator).get("/rest/api/content", ids=",".join(pages))["results"]) == 2
