"""Blog posts beside pages: lists of their own, other statuses and orders, no scan."""

import pytest
from confluence_simulator import Simulator

from tests.simulator.sites import client, titled


def test_each_kind_has_a_list_and_a_single_read_of_its_own(cloud: Simulator) -> None:
    """The requests of one kind do not find the other; a post in the trash is shown by its single read alone."""
    site, post = client(cloud), titled(cloud.world, "New benefits")
    page = titled(cloud.world, "Leave")

    assert [row["id"] for row in site.get(f"/api/v2/spaces/{post.space_id}/blogposts")["results"]] == [post.id]
    assert post.id not in [row["id"] for row in site.get(f"/api/v2/spaces/{post.space_id}/pages")["results"]]
    assert (
        site.ask(f"/api/v2/pages/{post.id}").status_code == site.ask(f"/api/v2/blogposts/{page.id}").status_code == 404
    )
    cloud.world.trash_page(post.id)
    assert site.get(f"/api/v2/spaces/{post.space_id}/blogposts")["results"] == []
    assert site.get(f"/api/v2/blogposts/{post.id}")["status"] == "trashed"
    assert [row["id"] for row in site.get("/api/v2/blogposts", id=post.id, status="trashed")["results"]] == [post.id]


@pytest.mark.parametrize("query", [{"status": "archived"}, {"sort": "title"}, {"sort": "-title"}])
def test_posts_are_not_archived_and_not_sorted_by_title(cloud: Simulator, query: dict[str, str]) -> None:
    """Pages are; Atlassian's document has neither word for posts."""
    site = client(cloud)

    assert site.ask("/api/v2/pages", **query).status_code == 200
    assert site.ask("/api/v2/blogposts", **query).status_code == 400


def test_a_label_lists_the_posts_that_carry_it(cloud: Simulator) -> None:
    """Apart from the pages."""
    site, post = client(cloud), titled(cloud.world, "New benefits")
    (label,) = post.labels

    assert [row["id"] for row in site.get(f"/api/v2/labels/{label.id}/blogposts")["results"]] == [post.id]
    assert site.get(f"/api/v2/labels/{label.id}/pages")["results"] == []


def test_the_address_of_a_post_holds_its_day_and_its_id(cloud: Simulator) -> None:
    """In both APIs."""
    site, post = client(cloud), titled(cloud.world, "New benefits")
    path = f"/spaces/HR/blog/{post.created_at:%Y/%m/%d}/{post.id}/New+benefits"
    found = site.get("/rest/api/content/search", cql="type = blogpost")["results"]

    assert site.get(f"/api/v2/blogposts/{post.id}")["_links"]["webui"] == path
    assert [row["_links"]["webui"] for row in found] == [path]


def test_the_scan_of_data_center_gives_pages_alone(datacenter: Simulator) -> None:
    """Whatever type is asked for; posts are in the list by offset."""
    site, post = client(datacenter), titled(datacenter.world, "New benefits")

    scanned = site.get("/rest/api/content/scan", spaceKey="HR", type="blogpost")["results"]
    listed = site.get("/rest/api/content", spaceKey="HR", type="blogpost")["results"]
    assert {row["type"] for row in scanned} == {"page"}
    assert [row["id"] for row in listed] == [post.id]
