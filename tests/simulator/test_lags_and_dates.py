"""Lists and searches that are behind, and versions whose date is not when they were made."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from confluence_simulator import Simulator, World
from confluence_simulator.links import zulu
from confluence_simulator.world import Page

from tests.simulator.sites import Client, client, furnished_world, titled

LAG = timedelta(minutes=30)
FUTURE = datetime(2099, 12, 31, 23, 59, 58, 123_456, tzinfo=UTC)
PAST = datetime(2001, 1, 1, tzinfo=UTC)
PAGES = "/api/v2/pages"


def names(rows: list[dict[str, Any]], member: str = "title") -> list[str]:
    return [row[member] for row in rows]


def seen_in_lists(site: Client, world: World, page: Page) -> dict[str, str]:
    """Return the title under which each list shows the page, or "" where it does not."""
    space, label = world.space("HR").id, page.labels[0].id
    paths = {
        "all": PAGES,
        "ids": f"{PAGES}?id={page.id}",
        "space": f"/api/v2/spaces/{space}/pages",
        "label": f"/api/v2/labels/{label}/pages",
    }
    found = {name: site.get(path)["results"] for name, path in paths.items()}
    return {name: next((row["title"] for row in rows if row["id"] == page.id), "") for name, rows in found.items()}


def test_every_list_of_pages_lags_and_no_single_read() -> None:
    """Listings of the site, of a space, of ids and of a label show the state before; reads by id the present."""
    world = furnished_world()
    world.advance(timedelta(hours=1))
    leave = titled(world, "Leave")
    with Simulator(world, list_lag=LAG) as simulator:
        site = client(simulator)
        world.rename_page(leave.id, "Leave of absence")

        assert set(seen_in_lists(site, world, leave).values()) == {"Leave"}
        assert site.get(f"{PAGES}/{leave.id}")["title"] == "Leave of absence"
        world.advance(LAG)
        assert set(seen_in_lists(site, world, leave).values()) == {"Leave of absence"}


def test_labels_of_a_space_lag() -> None:
    """A new label is on the page at once, and later in the list of the space's labels and in that of its pages."""
    world = furnished_world()
    world.advance(timedelta(hours=1))
    home, space = titled(world, "Home"), world.space("HR").id
    with Simulator(world, list_lag=LAG) as simulator:
        site = client(simulator)
        world.label_page(home.id, "fresh")
        label = world.page(home.id).labels[0].id
        listed = f"/api/v2/spaces/{space}/content/labels"

        assert "fresh" in names(site.get(f"{PAGES}/{home.id}/labels")["results"], "name")
        assert "fresh" not in names(site.get(listed)["results"], "name")
        assert site.ask(f"/api/v2/labels/{label}/pages").status_code == 404
        world.advance(LAG)
        assert "fresh" in names(site.get(listed)["results"], "name")
        assert names(site.get(f"/api/v2/labels/{label}/pages")["results"]) == ["Home"]


def test_trashed_pages_stay_in_lists_that_lag() -> None:
    """And are trashed in the single read."""
    world = furnished_world()
    world.advance(timedelta(hours=1))
    leave = titled(world, "Leave")
    with Simulator(world, list_lag=LAG) as simulator:
        site = client(simulator)
        world.trash_page(leave.id)

        assert set(seen_in_lists(site, world, leave).values()) == {"Leave"}
        assert site.get(f"{PAGES}/{leave.id}")["status"] == "trashed"


@pytest.mark.parametrize("moment", [FUTURE, PAST])
@pytest.mark.parametrize("new_version", [True, False])
def test_a_version_can_be_misdated(cloud: Simulator, moment: datetime, new_version: bool) -> None:
    """A new version or the present one; lists by modified date and CQL go by that date, the world's clock does not."""
    site, world = client(cloud), cloud.world
    page, before = titled(world, "Leave"), world.now
    dated = world.edit_page(page.id, at=moment) if new_version else world.misdate_page(page.id, moment)
    rows = site.get(PAGES, sort="-modified-date")["results"]

    assert dated.version == page.version + new_version
    assert rows[0 if moment == FUTURE else -1]["id"] == page.id
    assert site.get(f"{PAGES}/{page.id}")["version"]["createdAt"] == zulu(moment)
    later = site.get("/rest/api/search", cql='lastmodified >= "2090/01/01"')["results"]
    assert names(later) == (["Leave"] if moment == FUTURE else [])
    assert world.now - before == timedelta(seconds=61)
    world.edit_page(page.id)
    assert site.get(f"{PAGES}/{page.id}")["version"]["createdAt"] == zulu(world.now)


def test_dates_are_read_in_any_zone(cloud: Simulator) -> None:
    """An offset is converted, and what Confluence does not show is cut off."""
    world = cloud.world
    page = titled(world, "Leave")
    dated = world.edit_page(page.id, at=datetime.fromisoformat("2020-05-01T02:00:00.123456+02:00"))

    assert dated.modified_at == datetime(2020, 5, 1, 0, 0, 0, 123_000, tzinfo=UTC)


@pytest.mark.parametrize("touch", [True, False])
def test_moves_in_the_order_by_modified_date(touch: bool) -> None:
    """Off by default; by a switch a move comes first in the order and in CQL, while the version stays as it was."""
    world = furnished_world()
    home, annual = titled(world, "Home"), titled(world, "Annual leave")
    with Simulator(world, moves_touch_modified=touch) as simulator:
        site = client(simulator)
        world.advance(timedelta(days=2))
        moved = world.move_page(annual.id, parent_id=home.id)
        rows = site.get(PAGES, sort="-modified-date")["results"]
        query = f'lastmodified >= "{world.now:%Y/%m/%d}" order by lastmodified desc'
        found = site.get("/rest/api/search", cql=query)["results"]

        assert (rows[0]["id"] == annual.id) is touch
        assert names(found) == (["Annual leave"] if touch else [])
        shown = site.get(f"{PAGES}/{annual.id}")["version"]
        assert (shown["number"], shown["createdAt"]) == (annual.version, zulu(annual.modified_at))
        assert moved.moved_at == world.now
        edited = world.rename_page(home.id, "Start")
        assert site.get(PAGES, sort="-modified-date")["results"][0]["id"] == edited.id
