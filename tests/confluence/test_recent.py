"""What changed lately on Data Center: more than was asked for, never less."""

from datetime import timedelta
from typing import Any

import pytest
from confluence_simulator import Fault, World

from hr_sync.confluence.datacenter_json import HEAD_PARTS
from tests.confluence.clients import kinds_fired
from tests.confluence.flavors import alike, in_the_cloud, on_premises, only_space, world_of

ZONES = ("UTC", "Pacific/Kiritimati", "Etc/GMT+12", "Asia/Kathmandu")


@pytest.fixture(scope="module")
def world() -> World:
    """Pages whose versions spread over weeks, none of them at a whole minute."""
    world = world_of(40)
    for page in world.pages():
        world.advance(timedelta(hours=7, minutes=13, seconds=17))
        world.edit_page(page.id, storage=f"<p>{page.id}</p>")
    return world


@pytest.mark.parametrize("zone", ZONES)
@pytest.mark.parametrize("server", [{}, {"utc_offset": timedelta(hours=10)}])
def test_every_newer_version_is_among_them_in_any_time_zone(world: World, zone: str, server: dict[str, Any]) -> None:
    """CQL dates have no seconds and are read in a zone that nobody tells."""
    moments = [page.modified_at for page in world.pages()[::6]]
    with on_premises(world, user_timezone=zone, **server) as (site, reader):
        space = only_space(reader)
        for moment in moments:
            found = reader.recent(space, moment)
            assert {page.id for page in world.pages() if page.modified_at >= moment} <= set(found.heads)
            assert found.unreadable == {}

    asked = [dict(record.query)["cql"] for record in site.requests if "search" in record.route]
    assert len(set(asked)) == len(moments)
    assert not any("now(" in cql for cql in asked)


def test_the_index_is_not_asked_for_everything(world: World) -> None:
    """At most two and a half days more than was asked for, and a zone's offset."""
    since = world.now - timedelta(hours=1)
    with on_premises(world) as (_, reader):
        found = reader.recent(only_space(reader), since)

    assert 1 < len(found.heads) < 12
    assert min(head.last_updated for head in found.heads.values()) >= since - timedelta(hours=60)


def test_heads_are_those_of_a_listing(world: World) -> None:
    """Whatever way a page comes in, it is the same page."""
    with on_premises(world) as (_, reader), in_the_cloud(world) as (_, cloud):
        space = only_space(reader)
        heads = reader.listing(space).heads
        recent = reader.recent(space, world.now - timedelta(days=2)).heads
        from_the_cloud = cloud.recent(only_space(cloud), world.now - timedelta(days=2)).heads

    assert {key: heads[key] for key in recent} == recent
    assert from_the_cloud.keys() <= recent.keys()
    assert {alike(head) for head in from_the_cloud.values()} <= {alike(head) for head in recent.values()}


def test_an_index_that_lags_brings_back_nobody_who_left() -> None:
    """It still finds a page that has moved away and one that lies in the trash, and shows them as they are now."""
    world = world_of(40)
    since = world.now - timedelta(days=4000)
    with on_premises(world) as (site, reader):
        space = only_space(reader)
        before = reader.recent(space, since).heads
        answer = reader.client.get("rest/api/content/search", {"cql": "type = page", "expand": HEAD_PARTS})
        moved, trashed, *others = answer["results"]
        moved["space"]["id"] = 1
        trashed["status"] = "trashed"
        del answer["_links"]["next"]
        site.faults.add(Fault(kind="status", argument={"status": 200, "body": answer}, match="search"))
        found = reader.recent(space, since)

    assert kinds_fired(site) == ["status"]
    assert {moved["id"], trashed["id"]} <= before.keys()
    assert set(found.heads) == {item["id"] for item in others}
    assert found.unreadable == {}


@pytest.mark.parametrize("key", ["~ann.lee", 'odd"key', "back\\slash"])
def test_keys_are_quoted(key: str) -> None:
    """A key is a name and never a part of the query."""
    world = World()
    world.create_space(key, "Odd", type="personal")
    page = world.create_page(space_key=key, title="One", storage="<p>1</p>")
    with on_premises(world) as (_, reader):
        space = only_space(reader)
        found = reader.recent(space, world.now - timedelta(days=1))
        listing = reader.listing(space)
        reader.find_space(space)

    assert set(found.heads) == set(listing.heads) == {page.id}
