"""Faults of one page or one space spoil the answers that hold it, whatever the request, and leave all others alone."""

import time
from collections.abc import Callable, Iterator

import pytest
import requests
from confluence_simulator import Fault, Simulator

from tests.simulator.fault_probes import PATH, no_json
from tests.simulator.sites import Client, client, furnished_world, titled

SPOILED: dict[str, Callable[[requests.Response], bool]] = {
    "page-control-byte": no_json,
    "page-not-utf8": lambda answer: b"\xff" in answer.content,
    "page-html-200": lambda answer: answer.status_code == 200 and no_json(answer),
    "page-bad-request-400": lambda answer: answer.status_code == 400,
    "page-unprocessable-422": lambda answer: answer.status_code == 422,
    "page-too-large": lambda answer: len(answer.content) == 3_000_000,
}


@pytest.fixture
def datacenter_root() -> Iterator[Simulator]:
    with Simulator(furnished_world(), flavor="datacenter") as simulator:
        yield simulator


def spoil(simulator: Simulator, kind: str, page_id: str) -> None:
    argument = {"page": page_id, "bytes": 3_000_000} if kind == "page-too-large" else page_id
    simulator.faults.add(Fault(kind=kind, argument=argument, times=0))


def asked(site: Client, targets: list[str]) -> list[requests.Response]:
    return [site.ask(target) for target in targets]


@pytest.mark.parametrize("kind", SPOILED)
def test_cloud_answers_that_hold_the_page(cloud: Simulator, kind: str) -> None:
    """Lists by ids, listings of a space, search and the single read are spoiled; the other pages can be read."""
    world, site = cloud.world, client(cloud)
    leave, annual, space = titled(world, "Leave").id, titled(world, "Annual leave").id, world.space("HR").id
    spoil(cloud, kind, leave)
    holding = [
        f"{PATH}?id={leave}&id={annual}&body-format=storage",
        f"/api/v2/spaces/{space}/pages",
        f"{PATH}/{leave}?body-format=storage",
        "/rest/api/search?cql=type=page",
        "/rest/api/content/search?cql=type=page",
    ]
    others = [
        f"{PATH}?id={annual}",
        f"{PATH}/{annual}",
        "/api/v2/spaces",
        f"/api/v2/spaces/{world.space('OLD').id}/pages",
        f"/rest/api/content/{leave}/restriction/byOperation",
    ]

    assert [SPOILED[kind](answer) for answer in asked(site, holding)] == [True] * len(holding)
    assert [answer.status_code for answer in asked(site, others)] == [200] * len(others)
    assert all(answer.json() for answer in asked(site, others))
    assert len(cloud.faults.fired) == len(holding)
    assert [record.fault for record in cloud.requests if record.fault] == [kind] * len(holding)


@pytest.mark.parametrize("kind", SPOILED)
def test_data_center_answers_that_hold_the_page(datacenter_root: Simulator, kind: str) -> None:
    """The scan, the listing and the single read."""
    world, site = datacenter_root.world, client(datacenter_root)
    leave, annual = titled(world, "Leave").id, titled(world, "Annual leave").id
    spoil(datacenter_root, kind, leave)
    holding = ["scan", "?spaceKey=HR", f"/{leave}?expand=body.storage"]
    holding = ["/rest/api/content" + ("/" if end == "scan" else "") + end for end in holding]

    assert [SPOILED[kind](answer) for answer in asked(site, holding)] == [True] * len(holding)
    assert site.get(f"/rest/api/content/{annual}")["id"] == annual
    assert len(datacenter_root.faults.fired) == len(holding)


def test_a_page_that_stalls(cloud: Simulator) -> None:
    """The answer that holds it never comes; the one without it comes at once."""
    world, site = cloud.world, client(cloud)
    leave, annual = titled(world, "Leave").id, titled(world, "Annual leave").id
    spoil(cloud, "page-stalls", leave)

    with pytest.raises(requests.ReadTimeout):
        site.session.get(f"{cloud.site_url}{PATH}/{leave}", timeout=0.1)
    assert site.get(f"{PATH}/{annual}")["id"] == annual
    assert len(cloud.faults.fired) == 1


def test_only_answers_that_hold_the_page_are_counted(cloud: Simulator) -> None:
    """`at` and `times` count them; `match` can name those with bodies alone."""
    world, site = cloud.world, client(cloud)
    leave, annual = titled(world, "Leave").id, titled(world, "Annual leave").id
    cloud.faults.add(Fault(kind="page-bad-request-400", argument=leave, at=2, times=1, match="body-format=storage"))
    body = {"body-format": "storage"}
    statuses = []
    for _ in range(3):
        assert site.ask(PATH, id=leave).status_code == 200
        assert site.ask(PATH, id=annual, **body).status_code == 200
        statuses.append(site.ask(PATH, id=leave, **body).status_code)

    assert statuses == [200, 400, 200]
    assert len(cloud.faults.fired) == 1


def test_two_faults_of_a_page_at_once(cloud: Simulator) -> None:
    """The first replaces the document, the second finds none to change."""
    leave = titled(cloud.world, "Leave").id
    cloud.faults.add(*(Fault(kind=kind, argument=leave) for kind in ("page-html-200", "page-control-byte")))

    assert client(cloud).ask(f"{PATH}/{leave}").text.startswith("<!DOCTYPE html>")
    assert len(cloud.faults.fired) == 2


@pytest.mark.parametrize("flavor", ["cloud", "datacenter"])
@pytest.mark.parametrize("kind", ["space-null-name", "space-without-type", "space-without-status", "space-null-id"])
def test_one_space_is_described_badly(flavor: str, kind: str) -> None:
    """The space that the argument names, in lists and alone; the others are whole."""
    world = furnished_world()
    with Simulator(world, flavor="cloud" if flavor == "cloud" else "datacenter") as simulator:
        site = client(simulator)
        path = "/api/v2/spaces" if flavor == "cloud" else "/rest/api/space"
        whole = site.get(path)["results"]
        simulator.faults.add(Fault(kind=kind, argument="OLD", times=0))
        rows = site.get(path)["results"]

        assert [row == right for row, right in zip(rows, whole, strict=True)] == [True, False, True]
        assert rows[1]["key"] == "OLD"
        assert len(simulator.faults.fired) == 1


def test_wide_lists_can_be_slow() -> None:
    """With row_latency_seconds each row of a list costs time, so that half the rows come in half the time."""
    with Simulator(furnished_world(), row_latency_seconds=0.05) as simulator:
        site, took = client(simulator), {}
        for limit in (1, 6):
            began = time.monotonic()
            assert len(site.get(PATH, limit=limit)["results"]) == limit
            took[limit] = time.monotonic() - began

    assert took[6] >= 0.3
    assert 0.05 <= took[1] < 0.3
