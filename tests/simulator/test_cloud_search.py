"""Cloud's v1: searches, restrictions, audit, and what was removed."""

from datetime import timedelta
from typing import Any

import pytest
from confluence_simulator import Simulator

from tests.simulator.sites import Client, client, furnished_world, titled


def titles(rows: list[dict[str, str]]) -> list[str]:
    return [row["title"] for row in rows]


def walk(site: Client, document: dict[str, Any]) -> list[dict[str, str]]:
    """v1 links lack the context path: they are joined to `base`."""
    rows: list[dict[str, str]] = list(document["results"])
    while "next" in document["_links"]:
        answer = site.session.get(document["_links"]["base"] + document["_links"]["next"], timeout=5)
        assert answer.status_code == 200, answer.text
        document = answer.json()
        rows += document["results"]
    return rows


@pytest.mark.parametrize("path", ["/rest/api/search", "/rest/api/content/search"])
@pytest.mark.parametrize("limit", [1, 2, 100])
def test_search_is_walked_by_cursor(cloud: Simulator, path: str, limit: int) -> None:
    """Complete and in order, also in descending orders of text and time."""
    site = client(cloud)
    for order, expected in (
        ("title desc", ["Leave", "Home", "Claim form", "Annual leave"]),
        ("lastmodified desc", ["Claim form", "Annual leave", "Leave", "Home"]),
        ("created", ["Home", "Leave", "Annual leave", "Claim form"]),
    ):
        document = site.get(path, cql=f"type = page and space = HR order by {order}", limit=limit)

        assert titles(walk(site, document)) == expected


def test_next_of_a_search_lacks_the_context(cloud: Simulator) -> None:
    """`/rest/api/...`, with next=true, a cursor that begins with _t_, limit, start and the query."""
    document = client(cloud).get("/rest/api/search", cql="type = page", limit=2)
    following = document["_links"]["next"]

    assert following.startswith("/rest/api/search?next=true&cursor=_t_")
    assert following.endswith("&limit=2&start=2&cql=type%20%3D%20page")
    assert document["totalSize"] == 5  # the archived space is not searched
    assert document["size"] == 2
    assert document["cqlQuery"] == "type = page"


def test_start_is_ignored(cloud: Simulator) -> None:
    """Who pages by `start` gets the first page for ever."""
    site = client(cloud)
    first = site.get("/rest/api/search", cql="type = page", limit=2)
    again = site.get("/rest/api/search", cql="type = page", limit=2, start=2)

    assert titles(again["results"]) == titles(first["results"])


def test_changed_query_spoils_a_search_cursor(cloud: Simulator) -> None:
    """Another query, limit or expansion is refused with 400."""
    site = client(cloud)
    following = site.get("/rest/api/content/search", cql="type = page", limit=1)["_links"]["next"]

    for old, new in (("type", "space"), ("limit=1", "limit=2"), ("&start=1", "&start=1&expand=version"), ("_t_", "")):
        answer = site.session.get(cloud.site_url + following.replace(old, new), timeout=5)
        assert (answer.status_code, answer.json()["statusCode"]) == (400, 400)


@pytest.mark.parametrize(
    ("expand", "limit"),
    [("", 1000), ("version", 200), ("body.storage,version", 50), ("body.export_view", 25), ("body.styled_view", 25)],
)
def test_limit_is_lowered_by_expansion(cloud: Simulator, expand: str, limit: int) -> None:
    """Without a word but the answer's own `limit`."""
    document = client(cloud).get("/rest/api/content/search", cql="type = page", limit=5000, expand=expand)

    assert document["limit"] == limit


def test_expansions_are_checked(cloud: Simulator) -> None:
    """Unknown ones and more than eight are refused."""
    site = client(cloud)

    assert site.ask("/rest/api/content/search", cql="type=page", expand="colour").status_code == 400
    many = ",".join(f"body.storage{'' if number == 0 else ',version'}" for number in range(5))
    assert site.ask("/rest/api/content/search", cql="type=page", expand=many).status_code == 400


def test_archived_and_trashed_content_in_searches(cloud: Simulator) -> None:
    """The trash never; archived pages by cqlcontext; archived spaces by includeArchivedSpaces."""
    site, world = client(cloud), cloud.world
    world.trash_page(titled(world, "Claim form").id)
    world.archive_page(titled(world, "Annual leave").id)

    def found(**query: str) -> list[str]:
        return titles(site.get("/rest/api/search", cql="type = page", **query)["results"])

    assert found() == ["Home", "Leave", "Notes"]
    assert found(includeArchivedSpaces="true") == ["Home", "Leave", "Rules of 2019", "Notes"]
    archived = found(cqlcontext='{"contentStatuses":["current","archived"]}')
    assert archived == ["Home", "Leave", "Annual leave", "Notes"]


def test_search_may_lag() -> None:
    """The index shows the world of a while ago, v2 the present."""
    world = furnished_world()
    with Simulator(world, search_lag=timedelta(minutes=5)) as simulator:
        site = client(simulator)
        world.advance(timedelta(minutes=10))
        world.rename_page(titled(world, "Home").id, "Start")

        assert titles(site.get("/rest/api/search", cql='title = "Home"')["results"]) == ["Home"]
        assert site.get("/rest/api/search", cql="title = Start")["results"] == []
        assert titles(site.get("/api/v2/pages", title="Start")["results"]) == ["Start"]
        world.advance(timedelta(minutes=5))
        assert titles(site.get("/rest/api/search", cql="title = Start")["results"]) == ["Start"]


def test_hidden_pages_are_not_found_by_searches(cloud: Simulator) -> None:
    """The page and what is below it."""
    world = cloud.world
    world.hide_page(titled(world, "Leave").id)

    found = client(cloud).get("/rest/api/search", cql="space = HR and type in (page, comment, attachment)")["results"]
    assert titles(found) == ["Home"]


def test_search_results_show_whole_seconds_and_excerpts(cloud: Simulator) -> None:
    """LastModified is cut to seconds; the excerpt is plain text; spaces are found by their type."""
    site, world = client(cloud), cloud.world
    world.advance(timedelta(milliseconds=345))
    world.edit_page(titled(world, "Leave").id, storage="<p>Leave&nbsp;rules &rarr; <strong>here</strong></p>")

    result = site.get("/rest/api/search", cql="title = Leave")["results"][0]

    assert result["lastModified"].endswith(".000Z")
    assert result["excerpt"] == "Leave rules → here"
    spaces = site.get("/rest/api/search", cql="type = space")["results"]
    assert [(row["entityType"], row["space"]["key"]) for row in spaces] == [("space", "HR"), ("space", "~ann")]


def test_bad_cql_is_400(cloud: Simulator) -> None:
    """With v1's error object, by both searches."""
    for path in ("/rest/api/search", "/rest/api/content/search"):
        answer = client(cloud).ask(path, cql="foo")

        assert answer.status_code == 400
        assert answer.json()["message"].endswith("BadRequestException: Could not parse cql : foo")


def test_restrictions_are_the_pages_own(cloud: Simulator) -> None:
    """Read and update are there even when empty; what an ancestor restricts is not shown below it."""
    site, world = client(cloud), cloud.world
    leave, annual = titled(world, "Leave"), titled(world, "Annual leave")
    own = site.get(f"/rest/api/content/{leave.id}/restriction/byOperation")
    below = site.get(f"/rest/api/content/{annual.id}/restriction/byOperation")

    users = [row["accountId"] for row in own["read"]["restrictions"]["user"]["results"]]
    assert users == [world.author.account_id, world.bot.account_id]
    assert [row["name"] for row in own["update"]["restrictions"]["group"]["results"]] == ["people-operations"]
    assert below["read"]["restrictions"]["user"] == {"results": [], "start": 0, "limit": 200, "size": 0}
    assert set(below) == {"read", "update", "_links"}


def test_restrictions_in_bulk(cloud: Simulator) -> None:
    """content/search expands them with ancestors, for every page of a space at once."""
    rows = client(cloud).get(
        "/rest/api/content/search",
        cql="space = HR and type = page",
        expand="restrictions.read.restrictions.user,restrictions.read.restrictions.group,ancestors",
    )["results"]

    groups = {
        row["title"]: [group["name"] for group in row["restrictions"]["read"]["restrictions"]["group"]["results"]]
        for row in rows
    }
    assert groups == {"Home": [], "Leave": ["people-operations"], "Annual leave": [], "Claim form": []}
    claim = next(row for row in rows if row["title"] == "Claim form")
    assert [(row["type"], row["title"]) for row in claim["ancestors"]] == [
        ("page", "Home"),
        ("page", "Leave"),
        ("folder", "Forms"),
    ]


def test_audit_tells_who_changed_what(cloud: Simulator) -> None:
    """Newest first, by time and text."""
    site, world = client(cloud), cloud.world
    before = int(world.now.timestamp() * 1000) + 1
    world.move_page(titled(world, "Leave").id, parent_id=None)

    records = site.get("/rest/api/audit", startDate=before)["results"]

    assert [record["summary"] for record in records] == ["Page moved"]
    assert records[0]["affectedObject"]["name"] == "Leave"
    assert site.get("/rest/api/audit", searchString="permissions")["size"] == 2


REMOVED = [
    "/rest/api/content",
    "/rest/api/content/{id}",
    "/rest/api/content/{id}/history",
    "/rest/api/content/{id}/version",
    "/rest/api/content/{id}/label",
    "/rest/api/content/{id}/child/attachment",
    "/rest/api/content/{id}/descendant/page",
    "/rest/api/space",
    "/rest/api/space/HR",
    "/rest/api/space/HR/content",
]


@pytest.mark.parametrize("path", REMOVED)
def test_removed_endpoints(path: str) -> None:
    """410 after the removal; before it 200 with a warning in the headers."""
    world = furnished_world()
    path = path.replace("{id}", titled(world, "Leave").id)
    with Simulator(world) as after, Simulator(world, removed_v1=False) as before:
        gone, alive = client(after).ask(path), client(before).ask(path)

    assert (gone.status_code, alive.status_code) == (410, 200)
    assert "GoneException" in gone.json()["message"]
    assert alive.headers["Deprecation"] == "Wed, 1 Mar 2023 00:00:00 GMT"


def test_scan_does_not_exist_on_cloud() -> None:
    """It is Data Center's."""
    with Simulator(furnished_world(), removed_v1=False) as simulator:
        assert client(simulator).ask("/rest/api/content/scan").status_code == 404
