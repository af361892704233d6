"""The control endpoint, and the options of the command."""

import json
import threading
from pathlib import Path
from typing import Any

import pytest
import requests
from confluence_simulator import Fault, ServeOptions, Simulator, make_simulator, serve_forever

from tests.simulator.sites import client, titled


def control(simulator: Simulator, method: str, path: str, body: Any = None) -> requests.Response:
    return requests.request(method, f"{simulator.origin}/_simulator/{path}", json=body, timeout=5)


def test_a_page_lives_and_dies_by_control(cloud: Simulator) -> None:
    """Created, edited, renamed, labelled, moved, restricted, trashed, restored and purged from outside."""
    leave = titled(cloud.world, "Leave").id

    def do(path: str, body: Any = None) -> Any:
        answer = control(cloud, "POST", path, body)
        assert answer.status_code in (200, 201), answer.text
        return answer.json()

    page = do("pages", {"space_key": "HR", "title": "New", "storage": "<p>1</p>", "labels": ["one"]})
    page_id = page["id"]
    assert (page["version"], page["labels"]) == (1, ["one"])
    assert do(f"pages/{page_id}/edit", {"storage": "<p>2</p>", "message": "Again"})["version"] == 2
    assert do(f"pages/{page_id}/rename", {"title": "Newer"})["title"] == "Newer"
    assert do(f"pages/{page_id}/label", {"labels": ["two"]})["labels"] == ["one", "two"]
    assert do(f"pages/{page_id}/unlabel", {"labels": ["one"]})["labels"] == ["two"]
    assert do(f"pages/{page_id}/move", {"parent_id": leave})["parent_id"] == leave
    do(f"pages/{page_id}/restrict", {"users": ["ann.lee"]})
    do(f"pages/{page_id}/unrestrict", {})
    do(f"pages/{page_id}/comment", {"storage": "<p>Hm</p>"})
    do(f"pages/{page_id}/attach", {"filename": "a.txt", "payload": "text"})
    do(f"pages/{page_id}/hide")
    assert do(f"pages/{page_id}/archive", {})["status"] == "archived"
    assert do(f"pages/{page_id}/restore")["status"] == "current"
    assert do(f"pages/{page_id}/trash", {"tree": True})["status"] == "trashed"
    assert control(cloud, "GET", f"pages/{page_id}").json()["storage"] == "<p>2</p>"
    do(f"pages/{page_id}/purge")
    assert control(cloud, "GET", f"pages/{page_id}").status_code == 400
    assert len(control(cloud, "GET", "pages").json()["results"]) == 6


def test_spaces_clock_and_summary(cloud: Simulator) -> None:
    """Spaces can be made, time can pass, and the whole can be looked at."""
    before = control(cloud, "GET", "world").json()
    assert control(cloud, "POST", "spaces", {"key": "NEW", "name": "New"}).json()["key"] == "NEW"
    after = control(cloud, "POST", "clock", {"advance_seconds": 3600}).json()

    assert [space["key"] for space in after["spaces"]] == ["HR", "OLD", "~ann", "NEW"]
    assert after["now"] > before["now"]
    assert after["revision"] > before["revision"]


def test_requests_can_be_read_and_forgotten(cloud: Simulator) -> None:
    """Control requests themselves are neither logged nor broken nor slowed."""
    cloud.faults.add(Fault(kind="error-500", at=2))
    client(cloud).ask("/api/v2/pages", limit=1)
    control(cloud, "GET", "world")
    log = control(cloud, "GET", "requests").json()

    assert (log["count"], log["peak_concurrency"]) == (1, 1)
    assert log["results"][0]["query"] == [["limit", "1"]]
    assert control(cloud, "DELETE", "requests").json()["count"] == 0
    assert cloud.faults.fired == []
    assert client(cloud).ask("/api/v2/pages").status_code == 500
    assert len(cloud.faults.fired) == 1


def test_faults_can_be_planned_and_cleared(cloud: Simulator) -> None:
    """One or a list of them; what fired can be read."""
    control(cloud, "POST", "faults", [{"kind": "error-500"}, {"kind": "html-200", "at": 2}])
    control(cloud, "POST", "faults", {"kind": "gone-410", "at": 3})
    statuses = [client(cloud).ask("/api/v2/pages").status_code for _ in range(4)]
    told = control(cloud, "GET", "faults").json()

    assert statuses == [500, 200, 410, 200]
    assert [fault["kind"] for fault in told["fired"]] == ["error-500", "html-200", "gone-410"]
    assert len(cloud.faults.fired) == 3
    assert control(cloud, "DELETE", "faults").json() == {"planned": [], "fired": []}


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("GET", "nothing", None, 404),
        ("PUT", "pages", {}, 404),
        ("PUT", "faults", {}, 404),
        ("POST", "pages/1/fly", {}, 404),
        ("POST", "pages/1/edit", {}, 400),
        ("POST", "pages/1/edit", {"colour": "red"}, 400),
        ("POST", "pages", {"title": "No space"}, 400),
        ("POST", "pages", [], 400),
        ("POST", "faults", {"kind": "dragons"}, 400),
        ("POST", "clock", {"advance_seconds": -1}, 400),
        ("POST", "clock", {}, 400),
    ],
)
def test_wrong_control_requests(cloud: Simulator, method: str, path: str, body: Any, status: int) -> None:
    """One sentence, the right status, and the world stays as it was."""
    before = cloud.world.contents()
    answer = control(cloud, method, path, body)

    assert (answer.status_code, list(answer.json())) == (status, ["error"])
    assert cloud.world.contents() == before


def test_options_make_a_site(tmp_path: Path) -> None:
    """Generated pages, flavour, context, credentials, latency and faults from plain values."""
    faults = tmp_path / "faults.json"
    faults.write_text(json.dumps([{"kind": "error-500", "at": 1}]))
    options = ServeOptions(
        flavor="datacenter",
        pages=30,
        spaces=2,
        seed=5,
        latency_ms=20,
        faults_file=faults,
        context_path="/wiki2",
        api_token="other",
    )
    with make_simulator(options) as simulator:
        site = client(simulator, token="other")

        assert simulator.site_url.endswith("/wiki2")
        assert site.ask("/rest/api/content").status_code == 500
        assert site.ask("/rest/api/content").elapsed.total_seconds() >= 0.02
        assert len(simulator.world.pages()) == 30
        assert len(simulator.faults.fired) == 1


def test_default_site_is_the_handbook() -> None:
    """Two spaces, whose time begins now, until it is told to stop."""
    stop, seen = threading.Event(), []

    def announce(simulator: Simulator) -> None:
        seen.append(client(simulator).get("/api/v2/spaces")["results"])
        stop.set()

    serve_forever(ServeOptions(), announce, stop.wait)

    assert [space["key"] for space in seen[0]] == ["HR", "IT"]


@pytest.mark.parametrize("text", ["{", "{}", '[{"kind": "dragons"}]', "[1]", "3", '[{"kind": "html-200", "at": "x"}]'])
def test_a_wrong_faults_file_names_itself(tmp_path: Path, text: str) -> None:
    """ValueError with the path, before anything is started."""
    path = tmp_path / "faults.json"
    path.write_text(text)

    with pytest.raises(ValueError, match=r"faults\.json"):
        make_simulator(ServeOptions(faults_file=path))


def test_a_missing_faults_file_names_itself(tmp_path: Path) -> None:
    """As a wrong one."""
    with pytest.raises(ValueError, match=r"none\.json"):
        make_simulator(ServeOptions(faults_file=tmp_path / "none.json"))
