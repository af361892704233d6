"""Clients that nobody here wrote find the right pages. Run by ./scripts/test-peers, which installs them."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from confluence_simulator import Simulator

from tests.simulator.sites import TOKEN, USERNAME, furnished_world, titled

FOLDER = os.environ.get("HR_SYNC_PEERS", "")
PROGRAMS = Path(__file__).parent / "peers"
HR_PAGES = ["Home", "Leave", "Annual leave", "Claim form"]

pytestmark = [
    pytest.mark.peers,
    pytest.mark.skipif(not FOLDER, reason="needs foreign clients: run ./scripts/test-peers, which installs them"),
]


def printed(*command: str) -> Any:
    """Return the JSON document that a peer's program prints on its last line."""
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


def langchain(*arguments: str) -> Any:
    return printed(f"{FOLDER}/venv/bin/python", "-W", "ignore", str(PROGRAMS / "langchain_loader.py"), *arguments)


def atlassian(*arguments: str) -> Any:
    """With the release of the library that this project locks."""
    return printed(sys.executable, "-W", "ignore", str(PROGRAMS / "atlassian_calls.py"), *arguments)


def test_confluence_js(cloud: Simulator) -> None:
    """Walks both searches to their end by their cursors; reads restrictions and the current user."""
    found = printed("node", str(PROGRAMS / "confluence_js.mjs"), FOLDER, cloud.origin, USERNAME, TOKEN)

    assert found["search"] == sorted(HR_PAGES)
    assert found["content"] == [["Annual leave", 2], ["Claim form", 1], ["Home", 1], ["Leave", 1]]
    assert found["groups"] == ["people-operations"]
    assert found["user"] == "known"


@pytest.mark.parametrize("wanted", ["space=HR", "cql=space = HR and type = page"])
def test_langchain_loader_on_datacenter(wanted: str) -> None:
    """Loads every page of the space, with its body, by listing and by query."""
    with Simulator(furnished_world(), flavor="datacenter") as simulator:
        found = langchain(simulator.site_url, USERNAME, TOKEN, wanted)

    assert [title for title, _ in found] == HR_PAGES
    assert dict(found)["Annual leave"] == "31 days"


def test_langchain_loader_on_cloud(cloud: Simulator) -> None:
    """Follows the cursors of content/search, whose links lack the context path."""
    found = langchain(cloud.site_url, USERNAME, TOKEN, "cql=space = HR and type = page")

    assert [title for title, _ in found] == HR_PAGES


def test_atlassian_calls_on_datacenter() -> None:
    """Lists, single pages, labels, searches, history, attachments and restrictions by the library's own methods."""
    world = furnished_world()
    leave = titled(world, "Leave").id
    with Simulator(world, flavor="datacenter") as simulator:
        found = atlassian("datacenter", simulator.site_url, USERNAME, TOKEN, leave, "0")

    assert found == {
        "pages": HR_PAGES,
        "listed": HR_PAGES,
        "spaces": ["HR", "OLD", "~ann"],
        "page": "Leave",
        "labels": ["leave"],
        "cql": HR_PAGES,
        "history": "ann.lee",
        "attachments": ["leave plan.pdf"],
        "groups": ["people-operations"],
    }


def test_atlassian_calls_on_cloud(cloud: Simulator) -> None:
    """The class for v2, through the gateway: pages, spaces, a page and its labels."""
    world = cloud.world
    leave, space = titled(world, "Leave").id, world.space("HR").id
    found = atlassian("cloud", cloud.gateway_url, USERNAME, TOKEN, leave, space)

    assert found["pages"] == HR_PAGES
    assert (found["page"], found["labels"]) == ("Leave", ["leave"])
    assert found["spaces"] == ["HR", "OLD", "~ann"]
