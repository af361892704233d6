"""Single reads of Cloud's v2, and what hangs on a page or a space."""

import requests
from confluence_simulator import Simulator

from tests.simulator.sites import client, titled


def titles(rows: list[dict[str, str]]) -> list[str]:
    return [row["title"] for row in rows]


def test_single_read_shows_trash_and_archive(cloud: Simulator) -> None:
    """200 with its status for trashed and archived pages, 404 for purged ones."""
    site, world = client(cloud), cloud.world
    ids = {title: titled(world, title).id for title in ("Home", "Leave", "Notes")}
    world.trash_page(ids["Home"])
    world.archive_page(ids["Leave"])
    world.purge_page(ids["Notes"])

    assert site.get(f"/api/v2/pages/{ids['Home']}")["status"] == "trashed"
    assert site.get(f"/api/v2/pages/{ids['Leave']}")["status"] == "archived"
    assert site.ask(f"/api/v2/pages/{ids['Notes']}").status_code == 404


def test_bodies_come_when_asked_for(cloud: Simulator) -> None:
    """Storage and atlas_doc_format in lists, rendered ones in single reads alone."""
    site = client(cloud)
    leave = titled(cloud.world, "Leave")
    listed = site.get("/api/v2/pages", id=leave.id, **{"body-format": "storage"})["results"][0]

    assert listed["body"]["storage"] == {"representation": "storage", "value": leave.storage}
    adf = site.get("/api/v2/pages", id=leave.id, **{"body-format": "atlas_doc_format"})["results"][0]
    assert adf["body"]["atlas_doc_format"]["value"].startswith('{"type":"doc"')
    assert site.ask("/api/v2/pages", **{"body-format": "view"}).status_code == 400
    assert site.ask("/api/v2/pages", **{"body-format": "none"}).status_code == 400
    assert "view" in site.get(f"/api/v2/pages/{leave.id}", **{"body-format": "view"})["body"]


def test_old_versions_can_be_read(cloud: Simulator) -> None:
    """The list of versions is newest first, and a page can be asked for as it was."""
    site = client(cloud)
    annual = titled(cloud.world, "Annual leave")

    rows = site.get(f"/api/v2/pages/{annual.id}/versions", **{"body-format": "storage"})["results"]
    old = site.get(f"/api/v2/pages/{annual.id}", version=1, **{"body-format": "storage"})

    assert [row["number"] for row in rows] == [2, 1]
    assert rows[0]["message"] == "One more"
    assert old["body"]["storage"]["value"] == rows[1]["page"]["body"]["storage"]["value"] == "<p>30 days</p>"
    assert site.ask(f"/api/v2/pages/{annual.id}", version=9).status_code == 404


def test_tree_of_pages_and_folders(cloud: Simulator) -> None:
    """A page's parent may be a folder; ancestors are root first; descendants end at the depth without a word."""
    site, world = client(cloud), cloud.world
    home, leave, folder, claim = (titled(world, title) for title in ("Home", "Leave", "Forms", "Claim form"))
    page = site.get(f"/api/v2/pages/{claim.id}")

    assert (page["parentType"], page["parentId"]) == ("folder", folder.id)
    assert site.get(f"/api/v2/pages/{claim.id}/ancestors")["results"] == [
        {"id": home.id, "type": "page"},
        {"id": leave.id, "type": "page"},
        {"id": folder.id, "type": "folder"},
    ]
    assert titles(site.get(f"/api/v2/pages/{leave.id}/direct-children")["results"]) == ["Annual leave", "Forms"]
    assert titles(site.get(f"/api/v2/folders/{folder.id}/direct-children")["results"]) == ["Claim form"]
    assert titles(site.get(f"/api/v2/pages/{home.id}/descendants")["results"]) == ["Leave", "Annual leave", "Forms"]
    assert len(site.get(f"/api/v2/pages/{home.id}/descendants", depth=3)["results"]) == 4
    assert titles(site.get(f"/api/v2/folders/{folder.id}/descendants")["results"]) == ["Claim form"]


def test_comments_and_attachments(cloud: Simulator) -> None:
    """Footer and inline comments are separate lists, replies are under their comment; bytes come by redirect.

    Of the version that is asked for, from another origin; the path of `downloadLink` takes no tokens.
    """
    site = client(cloud)
    leave = titled(cloud.world, "Leave")
    footer = site.get(f"/api/v2/pages/{leave.id}/footer-comments", **{"body-format": "storage"})["results"]
    inline = site.get(f"/api/v2/pages/{leave.id}/inline-comments")["results"]
    attachment = site.get(f"/api/v2/pages/{leave.id}/attachments")["results"][0]
    replies = site.get(f"/api/v2/footer-comments/{footer[0]['id']}/children", **{"body-format": "storage"})["results"]

    assert [row["body"]["storage"]["value"] for row in footer] == ["<p>Clear.</p>"]
    assert [row["body"]["storage"]["value"] for row in replies] == ["<p>Thanks!</p>"]
    assert inline[0]["properties"]["inlineOriginalSelection"] == "Leave rules"
    refused = site.ask(attachment["downloadLink"])
    assert refused.status_code == 401
    assert refused.headers["WWW-Authenticate"].startswith("OAuth realm=")
    path = f"/rest/api/content/{leave.id}/child/attachment/{attachment['id']}/download"
    cloud.world.attach(leave.id, filename=attachment["title"], payload=b"second", media_type="application/pdf")
    answers = {version: site.ask(f"{path}?version={version}") for version in (1, 2, 3)}
    assert [answer.status_code for answer in answers.values()] == [302, 302, 400]
    locations = [answers[version].headers["Location"] for version in (1, 2)]
    assert all(each.startswith(f"{cloud.media_origin}/") for each in locations)
    assert cloud.media_origin != cloud.origin
    assert [requests.get(each, timeout=5).content for each in locations] == [b"%PDF-1.7", b"second"]
    assert requests.get(locations[0].replace(cloud.media_origin, cloud.origin), timeout=5).status_code == 404


def test_space_filters(cloud: Simulator) -> None:
    """ids, keys, type, status and labels; personal keys begin with a tilde."""
    site = client(cloud)

    def keys(**query: object) -> list[str]:
        return [row["key"] for row in site.get("/api/v2/spaces", **query)["results"]]

    assert keys() == ["HR", "OLD", "~ann"]
    assert keys(status="archived") == ["OLD"]
    assert keys(type="personal") == ["~ann"]
    assert keys(keys="HR,~ann") == ["HR", "~ann"]
    assert keys(ids=cloud.world.space("OLD").id) == ["OLD"]
    assert keys(labels="handbook") == ["HR"]
    assert keys(sort="-key") == ["~ann", "OLD", "HR"]
    assert [row["key"] for row in site.walk("/api/v2/spaces", limit=1)] == ["HR", "OLD", "~ann"]
