"""Which pages carry which labels, and restrictions beyond the first two hundred."""

from typing import Literal

import pytest
from confluence_simulator import Fault, Simulator, World

from tests.simulator.sites import client

LABELS = "metadata.labels"


def labelled_world() -> World:
    """Two spaces: three labelled pages in the first, one in the second, a blog post."""
    world = World()
    for key in ("A", "B"):
        world.create_space(key)
    for number in range(3):
        world.create_page(space_key="A", title=f"Page {number}", labels=("all", f"own-{number}"))
    world.create_page(space_key="B", title="Other", labels=("all", "far"))
    world.label_page(world.create_blog_post(space_key="A", title="Post").id, "posted")
    return world


def test_labels_of_a_space_lead_to_its_pages() -> None:
    """Each label once, with one id wherever it stands; blog posts lend theirs and are no pages."""
    world = labelled_world()
    with Simulator(world) as simulator:
        site, space = client(simulator), world.space("A")
        labels = site.get(f"/api/v2/spaces/{space.id}/content/labels", limit=250)["results"]
        pages = {
            label["name"]: [
                row["title"]
                for row in site.get(f"/api/v2/labels/{label['id']}/pages", **{"space-id": space.id})["results"]
            ]
            for label in labels
        }
        everywhere = site.get(f"/api/v2/labels/{labels[0]['id']}/pages")["results"]

        assert sorted(label["name"] for label in labels) == ["all", "own-0", "own-1", "own-2", "posted"]
        assert pages == {
            "all": ["Page 0", "Page 1", "Page 2"],
            "own-0": ["Page 0"],
            "own-1": ["Page 1"],
            "own-2": ["Page 2"],
            "posted": [],
        }
        assert [row["title"] for row in everywhere] == ["Page 0", "Page 1", "Page 2", "Other"]
        assert site.ask("/api/v2/labels/7/pages").status_code == 404


def test_what_is_hidden_lends_no_label() -> None:
    """Only labels that the account may see are returned, and only pages."""
    world = labelled_world()
    first = world.pages(space_key="A")[0]
    world.hide_page(first.id)
    with Simulator(world) as simulator:
        site = client(simulator)
        labels = site.get(f"/api/v2/spaces/{world.space('A').id}/content/labels")["results"]

        assert "own-0" not in {label["name"] for label in labels}
        assert site.ask(f"/api/v2/labels/{first.labels[1].id}/pages").status_code == 404


@pytest.mark.parametrize("flavor", ["cloud", "datacenter"])
def test_labels_expanded_over_a_list_are_cut(flavor: Literal["cloud", "datacenter"]) -> None:
    """At two hundred in all, silently: `size` is what is shown."""
    world = World()
    world.create_space("A")
    for number in range(3):
        world.create_page(space_key="A", title=f"Page {number}", labels=[f"l-{number}-{each}" for each in range(90)])
    with Simulator(world, flavor=flavor) as simulator:
        answer = client(simulator).get("/rest/api/content/search", cql="space = A and type = page", expand=LABELS)

        sizes = [row["metadata"]["labels"]["size"] for row in answer["results"]]
        assert sizes == [len(row["metadata"]["labels"]["results"]) for row in answer["results"]] == [90, 90, 20]


def test_restrictions_of_one_operation_go_on() -> None:
    """From `start`, users and groups alike, also where lists are cut shorter than asked for."""
    world = World()
    world.create_space("A")
    page = world.create_page(space_key="A", title="Page")
    world.restrict_page(page.id, users=[world.add_user(f"user-{number}").username for number in range(6)])
    with Simulator(world) as simulator:
        simulator.faults.add(Fault(kind="permissions-cut", argument=4, times=0))
        site, path = client(simulator), f"/rest/api/content/{page.id}/restriction/byOperation/read"
        first, second = (site.get(path, start=start, limit=100)["restrictions"]["user"] for start in (0, 4))

        assert [first[name] for name in ("start", "limit", "size")] == [0, 4, 4]
        assert [second[name] for name in ("start", "limit", "size")] == [4, 4, 3]
        assert site.ask(f"/rest/api/content/{page.id}/restriction/byOperation/delete").status_code == 400
