"""Data Center read whole: what both flavours share is the same, under any address and clock."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from confluence_simulator import Fault, World

from hr_sync.confluence.http.credentials import Credentials
from hr_sync.domain.content import ContentNode, Space
from hr_sync.domain.deletion import LookupResult, LookupStatus
from hr_sync.errors import AnswerNotTrusted, NotFound, ServerFailed
from tests.confluence.clients import BASIC, BEARER, kinds_fired
from tests.confluence.flavors import BEFORE_SCAN, alike, in_the_cloud, on_premises, only_space, routes, world_of

PAGES = 60


@pytest.fixture(scope="module")
def world() -> World:
    """Sixty pages that no test edits."""
    return world_of(PAGES)


@pytest.mark.parametrize("credentials", [BASIC, BEARER], ids=["basic", "bearer"])
@pytest.mark.parametrize(
    "switches",
    [
        {"context_path": ""},
        {"context_path": "/confluence"},
        {"context_path": "/a/b", "utc_offset": timedelta(hours=10)},
        {"version": BEFORE_SCAN, "utc_offset": timedelta(hours=-3, minutes=-30)},
        {"version": BEFORE_SCAN, "context_path": "/a/b"},
    ],
    ids=["root", "context", "deep+10", "old-3:30", "old-deep"],
)
def test_both_flavours_give_the_same_model(world: World, credentials: Credentials, switches: dict[str, Any]) -> None:
    """Spaces, heads and bodies differ in nothing but the page's address; dates come in UTC from any offset."""
    with (
        in_the_cloud(world) as (_, cloud),
        on_premises(world, credentials=credentials, **switches) as (site, datacenter),
    ):
        datacenter.check_account()
        space = only_space(cloud)
        expected, found = cloud.listing(space), datacenter.listing(only_space(datacenter))
        ids = sorted(expected.heads)
        bodies, others = cloud.pages(ids, space), datacenter.pages(ids, space)

    assert replace(found.space, alias=space.alias) == space  # Data Center knows no aliases
    assert len(found.heads) == PAGES
    assert {key: alike(head) for key, head in found.heads.items()} == {
        key: alike(head) for key, head in expected.heads.items()
    }
    assert found.unreadable == {}
    assert {key: page.storage for key, page in others.pages.items()} == {
        key: page.storage for key, page in bodies.pages.items()
    }
    assert {alike(page.head) for page in others.pages.values()} == set(map(alike, found.heads.values()))
    assert all(head.url.startswith(f"{site.site_url}/display/S00/") for head in found.heads.values())


def test_keys_choose_spaces_and_unseen_ones_are_absent() -> None:
    """Archived spaces are not current, and a key that nobody has is no error."""
    world = world_of(6, spaces=3)
    world.archive_space("S02")
    with on_premises(world) as (_, reader):
        everything = reader.spaces().spaces
        chosen = reader.spaces(["s01", "S02", "NONE"]).spaces

    assert [space.key for space in everything] == ["S00", "S01"]
    assert chosen == everything[1:]
    assert not any(space.archived for space in everything)


def test_spaces_that_were_not_asked_for_are_left_out() -> None:
    """A server that overlooks `spaceKey` would widen the scope to everything."""
    with on_premises(world_of(6, spaces=3)) as (site, reader):
        everything = reader.client.get("rest/api/space")
        site.faults.add(Fault(kind="status", argument={"status": 200, "body": everything}))
        chosen = reader.spaces(["S01"]).spaces

    assert kinds_fired(site) == ["status"]
    assert len(everything["results"]) == 3
    assert [space.key for space in chosen] == ["S01"]


def test_a_space_is_checked_by_its_id(world: World) -> None:
    """Also by a reader that has listed nothing yet; a key that belongs to another space by now is no proof."""
    with on_premises(world) as (_, reader), in_the_cloud(world) as (_, cloud):
        space = only_space(cloud)
        reader.find_space(space)
        with pytest.raises(AnswerNotTrusted):
            reader.find_space(replace(space, id="1"))


def test_a_space_that_was_closed_is_not_found(world: World) -> None:
    """Asked again, not remembered from the run's beginning."""
    with on_premises(world) as (site, reader):
        space = only_space(reader)
        site.faults.add(Fault(kind="not-found-404-v1", match="/rest/api/space/S00"))
        with pytest.raises(NotFound):
            reader.find_space(space)

    assert kinds_fired(site) == ["not-found-404-v1"]


def test_parents_are_found_one_by_one(world: World) -> None:
    """As in the listing; None at the top and for what nobody sees."""
    with on_premises(world) as (_, reader):
        heads = reader.listing(only_space(reader)).heads
        found = {page_id: reader.parent_of(ContentNode(id=page_id, kind="page")) for page_id in list(heads)[:10]}

        with pytest.raises(NotFound):
            reader.parent_of(ContentNode(id="1", kind=None))
    assert {page_id: parent and parent.id for page_id, parent in found.items()} == {
        page_id: heads[page_id].parent_id for page_id in found
    }
    assert None in found.values()
    assert len(set(found.values())) > 1


def states(world: World) -> dict[str, str]:
    """Put pages into every state and name them."""
    trashed, purged, hidden, moved, kept, archived = [page.id for page in world.pages(space_key="S00")[-6:]]
    world.trash_page(trashed)
    world.purge_page(purged)
    world.hide_page(hidden)
    world.move_page(moved, space_key="S01")
    world.archive_page(archived)
    return {"trashed": trashed, "purged": purged, "hidden": hidden, "moved": moved, "kept": kept, "archived": archived}


def test_a_look_gives_the_same_evidence_as_on_cloud() -> None:
    """In each state that a page can be in."""
    world = world_of(40, spaces=2)
    ids = states(world)
    with in_the_cloud(world) as (_, cloud), on_premises(world) as (_, reader):
        expected = {page_id: cloud.lookup(page_id) for page_id in (*ids.values(), "1")}
        found = {page_id: reader.lookup(page_id) for page_id in (*ids.values(), "1")}

    assert found == expected
    assert found[ids["trashed"]].status == "trashed"
    assert found[ids["archived"]].status == "archived"
    assert found[ids["moved"]].status == "current"
    assert found[ids["moved"]].space_id != found[ids["kept"]].space_id
    assert {page_id for page_id, seen in found.items() if seen.result is LookupStatus.NOT_FOUND} == {
        ids["purged"],
        ids["hidden"],
        "1",
    }


@pytest.mark.parametrize(
    "kind", ["html-200", "site-gone-404", "not-found-404-gateway", "error-500", "empty-object-200", "bad-request-400"]
)
def test_what_is_no_answer_about_the_page_is_no_evidence(world: World, kind: str) -> None:
    """Only a 404 or 403 of Confluence's own counts as not seeing."""
    page_id = world.pages()[3].id
    with on_premises(world) as (site, reader):
        site.faults.add(Fault(kind=kind, match=f"/content/{page_id}", times=0))
        found = reader.lookup(page_id)

    assert set(kinds_fired(site)) == {kind}
    assert found == LookupResult(page_id=page_id, result=LookupStatus.UNKNOWN)


def test_bodies_do_not_come_from_the_search_index() -> None:
    """An edit of a second ago is fetched, though the index is days behind."""
    world = world_of(10)
    page = world.pages()[4]
    with on_premises(world, search_lag=timedelta(days=9)) as (site, reader):
        world.edit_page(page.id, storage="<p>Of this second</p>")
        fetched = reader.pages([page.id], only_space(reader))

    assert fetched.pages[page.id].storage == "<p>Of this second</p>"
    assert fetched.pages[page.id].head.version == page.version + 1
    assert not any("search" in route for route in routes(site))


def test_pages_that_are_not_here_any_more_are_absent() -> None:
    """Trashed, archived, purged, hidden, moved to another space: asked for, not given, and the others come."""
    world = world_of(40, spaces=2)
    ids = states(world)
    with on_premises(world) as (_, reader):
        fetched = reader.pages(list(ids.values()), reader.spaces(["S00"]).spaces[0])

    assert set(fetched.pages) == {ids["kept"]}
    assert fetched.unreadable == {}
    assert fetched.absent == set(ids.values()) - {ids["kept"]}


def test_a_broken_page_costs_only_itself(world: World) -> None:
    """A body that makes the server fail is unreadable; its neighbours come."""
    ids = [page.id for page in world.pages()[:5]]
    with on_premises(world) as (site, reader):
        site.faults.add(Fault(kind="page-breaks-batch", argument=ids[2], match="body.storage", times=0))
        fetched = reader.pages(ids, only_space(reader))

    assert set(fetched.unreadable) == {ids[2]}
    assert set(fetched.pages) == set(ids) - {ids[2]}
    assert fetched.absent == set()
    assert len(kinds_fired(site)) == 5 + 2  # three tries for the broken one


def test_a_server_that_is_down_is_not_asked_for_every_page(world: World) -> None:
    """The first page that fails makes the reader ask whether it is the page or the server."""
    ids = [page.id for page in world.pages()]
    with on_premises(world) as (site, reader):
        space = only_space(reader)
        site.faults.add(Fault(kind="unavailable-503", times=0))
        with pytest.raises(ServerFailed):
            reader.pages(ids, space)

    assert len(kinds_fired(site)) == 6  # three tries for the page, three for the account


def test_another_page_than_the_one_asked_for_is_unreadable(world: World) -> None:
    """A cache that mixes up answers would write one page's text into another's row."""
    first, second = (page.id for page in world.pages()[:2])
    with on_premises(world) as (_, reader):
        space = only_space(reader)
        answer = reader.client.get(f"rest/api/content/{first}", {"expand": "version,space,ancestors,body.storage"})
    with on_premises(world) as (site, reader):
        site.faults.add(Fault(kind="status", argument={"status": 200, "body": answer}))
        fetched = reader.pages([second], space)

    assert kinds_fired(site) == ["status"]
    assert fetched.unreadable[second].startswith("Confluence answered with a page that was not requested.")


def test_a_listing_of_another_space_is_refused(world: World) -> None:
    """A server that overlooks `spaceKey` would put the whole site into one space."""
    stranger = Space(id="1", key="S00", name="Other")
    with on_premises(world) as (_, reader), pytest.raises(AnswerNotTrusted, match="another space"):
        reader.listing(stranger)
