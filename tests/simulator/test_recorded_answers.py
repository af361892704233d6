"""Simulated answers have the members of recorded ones, at every level."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from confluence_simulator import Simulator
from confluence_simulator.links import tiny

from tests.simulator.api_documents import fixture
from tests.simulator.sites import client, furnished_world, titled

# Facts of a recording of April 2026 (NangoHQ/integration-templates); the recording itself is not shipped.
V2_PAGE = {
    "parentType",
    "parentId",
    "createdAt",
    "ownerId",
    "lastOwnerId",
    "authorId",
    "position",
    "version",
    "spaceId",
    "status",
    "body",
    "title",
    "id",
    "_links",
}
V2_VERSION = {"number", "message", "minorEdit", "authorId", "createdAt", "ncsStepVersion"}
V2_SPACE = {
    "spaceOwnerId",
    "homepageId",
    "createdAt",
    "authorId",
    "icon",
    "name",
    "key",
    "id",
    "type",
    "description",
    "status",
    "_links",
    "currentActiveAlias",
}
V2_ATTACHMENT = {
    "mediaTypeDescription",
    "webuiLink",
    "createdAt",
    "comment",
    "version",
    "fileId",
    "pageId",
    "mediaType",
    "downloadLink",
    "status",
    "title",
    "fileSize",
    "id",
    "_links",
}


def key_paths(document: Any, place: str = "") -> set[str]:
    """Every member's path; lists count as their first row."""
    if isinstance(document, list):
        return key_paths(document[0], f"{place}[]") if document else set()
    if not isinstance(document, dict):
        return set()
    found: set[str] = set()
    for name, value in document.items():
        found |= {f"{place}.{name}", *key_paths(value, f"{place}.{name}")}
    return found


def difference(recorded: Any, simulated: Any) -> set[str]:
    return key_paths(recorded) ^ key_paths(simulated)


def test_v2_rows_have_the_recorded_members(cloud: Simulator) -> None:
    """Pages, their versions, spaces and attachments of v2 have exactly the members that were recorded."""
    site = client(cloud)
    page = site.get("/api/v2/pages")["results"][0]
    leave = titled(cloud.world, "Leave")

    assert set(page) == V2_PAGE
    assert set(page["version"]) == V2_VERSION
    assert set(page["_links"]) == {"editui", "webui", "edituiv2", "tinyui"}
    assert set(site.get("/api/v2/spaces")["results"][0]) == V2_SPACE
    assert set(site.get(f"/api/v2/pages/{leave.id}/attachments")["results"][0]) == V2_ATTACHMENT


def test_cloud_v1_page_has_the_recorded_members() -> None:
    """A v1 page with space, version and body has the members of a recorded one."""
    recorded = fixture("sooperset+mcp-atlassian/mock_page_response.json")
    recorded.pop("children")  # was put together by hand from another answer: its attachments lack most members
    recorded["_expandable"]["children"] = ""
    with Simulator(furnished_world(), removed_v1=False) as simulator:
        page = titled(simulator.world, "Home")
        simulated = client(simulator).get(f"/rest/api/content/{page.id}", expand="space,version,body.storage")

    assert difference(recorded, simulated) == set()


def test_cloud_search_has_the_recorded_members(cloud: Simulator) -> None:
    """A v1 search answer has the members of a recorded one; `next` and `archivedResultCount` came with newer ones."""
    recorded = fixture("sooperset+mcp-atlassian/mock_cql_search_response.json")

    simulated = client(cloud).get("/rest/api/search", cql="title = Leave", limit=50)

    assert difference(recorded, simulated) == {".archivedResultCount"}


def test_cloud_v1_spaces_have_the_recorded_members() -> None:
    """A v1 space has the members of a recorded one."""
    recorded = fixture("sooperset+mcp-atlassian/mock_spaces_response.json")
    with Simulator(furnished_world(), removed_v1=False) as simulator:
        simulated = client(simulator).get("/rest/api/space", limit=1)

    assert difference(recorded, simulated) == set()


@pytest.mark.parametrize(
    ("recorded", "path", "query"),
    [
        ("content_list_limit2.json", "/rest/api/content", {"limit": 2}),
        ("content_list_limit2_start2.json", "/rest/api/content", {"limit": 2, "start": 2}),
        ("content_scan_first.json", "/rest/api/content/scan", {"limit": 2}),
        ("content_scan_second.json", "/rest/api/content/scan", {"limit": 2, "cursor": "content:false:98350"}),
    ],
)
def test_datacenter_lists_have_the_documented_members(
    datacenter: Simulator, recorded: str, path: str, query: dict[str, Any]
) -> None:
    """Data Center's lists and scans have the members of Atlassian's own examples."""
    example = fixture(f"atlassian-docs-dc-examples/{recorded}")

    simulated = client(datacenter).get(path, **query)

    assert difference(example, simulated) == set()


def test_datacenter_page_has_the_recorded_members(datacenter: Simulator) -> None:
    """A Data Center page has the members of a recorded one, whose space was cut to its key."""
    recorded = fixture("KelkooGroup+theGardener/pageWithMarkdown.json")
    page = titled(datacenter.world, "Home")

    simulated = client(datacenter).get(f"/rest/api/content/{page.id}", expand="version,body.editor")

    assert difference(recorded, simulated) == {".space", ".space.key"}


@pytest.mark.parametrize(
    ("page_id", "link"),
    [("98400", "/x/YIAB"), ("98432", "/x/gIAB"), ("393239", "/x/FwAG"), ("130913238", "/x/1pPNBw")],
)
def test_short_links_are_as_recorded(page_id: str, link: str) -> None:
    """The short link of a page follows from its id."""
    assert tiny(page_id) == link


def test_datacenter_dates_carry_the_offset() -> None:
    """Dates are written with the server's offset, which is the same moment as the world's."""
    world = furnished_world()
    offset = timedelta(hours=10)
    page = titled(world, "Home")
    with Simulator(world, flavor="datacenter", utc_offset=offset) as simulator:
        version = client(simulator).get(f"/rest/api/content/{page.id}", expand="version")["version"]

    assert version["when"].endswith("+10:00")
    assert datetime.fromisoformat(version["when"]) == page.modified_at
