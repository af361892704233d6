"""Lists of Cloud's v2: who is in them, how they page, what they refuse."""

from datetime import timedelta
from urllib.parse import unquote

import pytest
from confluence_simulator import Simulator, generated_world

from tests.simulator.sites import client, furnished_world, titled


def titles(rows: list[dict[str, str]]) -> list[str]:
    return [row["title"] for row in rows]


def test_default_list_holds_current_and_archived_pages(cloud: Simulator) -> None:
    """Of all spaces, archived ones too, in order of id; trash and other kinds are left out."""
    world = cloud.world
    world.archive_page(titled(world, "Claim form").id)
    world.trash_page(titled(world, "Notes").id)

    rows = client(cloud).get("/api/v2/pages")["results"]

    assert titles(rows) == ["Home", "Leave", "Annual leave", "Claim form", "Rules of 2019"]
    assert [row["status"] for row in rows] == ["current", "current", "current", "archived", "current"]
    assert rows[0]["body"] == {}


def test_filters_of_the_page_list(cloud: Simulator) -> None:
    """id, space-id, status and title, repeated or joined by commas, narrow the list."""
    site, world = client(cloud), cloud.world
    home, leave, notes = (titled(world, title).id for title in ("Home", "Leave", "Notes"))
    world.trash_page(notes)
    spaces = [world.space(key).id for key in ("OLD", "~ann")]

    assert titles(site.get("/api/v2/pages", id=[leave, home, "1"])["results"]) == ["Home", "Leave"]
    assert titles(site.get("/api/v2/pages", id=f"{home},{leave}")["results"]) == ["Home", "Leave"]
    assert titles(site.get("/api/v2/pages", **{"space-id": spaces})["results"]) == ["Rules of 2019"]
    assert titles(site.get("/api/v2/pages", status="trashed")["results"]) == ["Notes"]
    assert titles(site.get("/api/v2/pages", status=["trashed", "current"], title="Notes")["results"]) == ["Notes"]
    assert titles(site.get(f"/api/v2/spaces/{spaces[0]}/pages")["results"]) == ["Rules of 2019"]
    roots = site.get(f"/api/v2/spaces/{world.space('HR').id}/pages", depth="root")["results"]
    assert titles(roots) == ["Home", "Leave"]


@pytest.mark.parametrize(
    ("sort", "first", "last"),
    [
        ("id", "Home", "Notes"),
        ("-id", "Notes", "Home"),
        ("title", "Annual leave", "Rules of 2019"),
        ("-title", "Rules of 2019", "Annual leave"),
        ("modified-date", "Home", "Notes"),
        ("-created-date", "Notes", "Home"),
    ],
)
@pytest.mark.parametrize("limit", [1, 2, 250])
def test_sorted_walk_is_complete(cloud: Simulator, sort: str, first: str, last: str, limit: int) -> None:
    """Every order lists each page once, whatever the width of its pages."""
    rows = client(cloud).walk("/api/v2/pages", sort=sort, limit=limit)

    assert (rows[0]["title"], rows[-1]["title"]) == (first, last)
    assert len(titles(rows)) == len(set(titles(rows))) == 6


def test_ids_are_ordered_as_numbers() -> None:
    """99999 comes before 100000."""
    world = generated_world(pages=200)
    with Simulator(world) as simulator:
        rows = client(simulator).walk("/api/v2/pages", limit=50)

    assert [row["id"] for row in rows] == [page.id for page in world.pages()]


def test_next_is_a_path_of_the_host_in_body_and_header(cloud: Simulator) -> None:
    """With the context path, with every parameter of the query, and in the Link header beside the base."""
    answer = client(cloud).ask("/api/v2/pages", status=["current", "archived"], limit=2, sort="id")
    links = answer.json()["_links"]

    assert links["next"].startswith("/wiki/api/v2/pages?cursor=")
    assert links["next"].endswith("&status=current&status=archived&sort=id&limit=2")
    assert answer.headers["Link"] == f'<{links["next"]}>; rel="next", <{cloud.site_url}>; rel="base"'
    assert answer.headers["Content-Type"] == "application/json"
    assert links["base"] == cloud.site_url


def test_last_page_has_no_next(cloud: Simulator) -> None:
    """Neither in the body nor in the header, also when the rows end exactly at the limit."""
    answer = client(cloud).ask("/api/v2/pages", limit=6)

    assert len(answer.json()["results"]) == 6
    assert "next" not in answer.json()["_links"]
    assert answer.headers["Link"] == f'<{cloud.site_url}>; rel="base"'


@pytest.mark.parametrize(
    "change",
    [
        ("limit=2", "limit=3"),
        ("status=current", "status=archived"),
        ("&status=current", ""),
        ("sort=id", "sort=-id"),
        ("cursor=", "cursor=A"),
        ("/pages?", "/blogposts?"),
        ("limit=2", "limit=2&body-format=storage"),
    ],
)
def test_changed_query_spoils_its_cursor(cloud: Simulator, change: tuple[str, str]) -> None:
    """A cursor belongs to its whole query: another limit, filter, order, path or cursor is refused with 400."""
    site = client(cloud)
    following = site.get("/api/v2/pages", limit=2, status="current", sort="id")["_links"]["next"]

    assert site.session.get(cloud.origin + following, timeout=5).status_code == 200
    refused = site.session.get(cloud.origin + following.replace(*change), timeout=5)
    assert refused.status_code == 400
    assert refused.json()["errors"][0]["code"] == "INVALID_REQUEST_PARAMETER"


def test_cursor_stands_reordering_and_default_limit(cloud: Simulator) -> None:
    """The order of parameters means nothing, and a default that is written out is still the default."""
    site = client(cloud)
    world = cloud.world
    for number in range(40):
        world.create_page(space_key="HR", title=f"More {number}")
    document = site.get("/api/v2/pages", sort="id")
    cursor = unquote(document["_links"]["next"].split("cursor=")[1].split("&")[0])

    assert len(document["results"]) == 25
    assert len(site.get("/api/v2/pages", sort="id", cursor=cursor)["results"]) == 21
    assert len(site.get("/api/v2/pages", limit=25, cursor=cursor, sort="id")["results"]) == 21


def test_walk_by_id_neither_skips_nor_repeats_while_the_world_moves(cloud: Simulator) -> None:
    """Edits, new pages and trashing behind the cursor leave a keyset walk by id whole."""
    site, world = client(cloud), cloud.world
    first = site.get("/api/v2/pages", limit=3, sort="id")
    world.edit_page(titled(world, "Home").id, storage="<p>Edited</p>")
    world.trash_page(titled(world, "Leave").id)
    world.create_page(space_key="HR", title="Late")

    rest = site.walk(first["_links"]["next"].removeprefix("/wiki"))

    assert titles(first["results"]) + titles(rest) == [
        "Home",
        "Leave",
        "Annual leave",
        "Claim form",
        "Rules of 2019",
        "Notes",
        "Late",
    ]


def test_walk_by_modified_date_loses_rows_that_move(cloud: Simulator) -> None:
    """A row that is edited before its turn jumps over the cursor of a descending walk and is missed."""
    site, world = client(cloud), cloud.world
    first = site.get("/api/v2/pages", limit=3, sort="-modified-date")
    world.edit_page(titled(world, "Home").id, storage="<p>Edited</p>")

    rest = site.session.get(cloud.origin + first["_links"]["next"], timeout=5).json()["results"]

    assert "Home" not in titles(first["results"]) + titles(rest)


def test_hidden_pages_are_not_listed_and_not_found(cloud: Simulator) -> None:
    """A restricted page and all below it look exactly as if they did not exist."""
    site, world = client(cloud), cloud.world
    leave = titled(world, "Leave")
    world.hide_page(leave.id)

    assert titles(site.get("/api/v2/pages")["results"]) == ["Home", "Rules of 2019", "Notes"]
    hidden, absent = site.ask(f"/api/v2/pages/{leave.id}"), site.ask("/api/v2/pages/1")
    assert hidden.status_code == absent.status_code == 404
    assert hidden.text.replace(leave.id, "1") == absent.text


@pytest.mark.parametrize(
    "query",
    [
        {"limit": 0},
        {"limit": 251},
        {"limit": "many"},
        {"sort": "version"},
        {"status": "sealed"},
        {"id": "abc"},
        {"id": [str(number) for number in range(251)]},
        {"space-id": [str(number) for number in range(101)]},
        {"cursor": "e30"},
        {"cursor": "%%%"},
    ],
)
def test_wrong_parameters_are_refused(cloud: Simulator, query: dict[str, object]) -> None:
    """400 with v2's error object, which has no `message`."""
    answer = client(cloud).ask("/api/v2/pages", **query)

    assert answer.status_code == 400
    assert list(answer.json()) == ["errors"]


def test_lists_may_lag_while_single_reads_do_not() -> None:
    """With list_lag a list shows the world of a while ago, a single read the present."""
    world = furnished_world()
    with Simulator(world, list_lag=timedelta(minutes=10)) as simulator:
        site = client(simulator)
        world.advance(timedelta(minutes=30))
        page = world.create_page(space_key="HR", title="Fresh")

        assert "Fresh" not in titles(site.get("/api/v2/pages")["results"])
        assert site.get(f"/api/v2/pages/{page.id}")["title"] == "Fresh"
        world.advance(timedelta(minutes=10))
        assert "Fresh" in titles(site.get("/api/v2/pages")["results"])
