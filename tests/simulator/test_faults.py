"""Every kind of fault does what its name says, where and as often as planned."""

import json
from typing import Any

import pytest
from confluence_simulator import Fault, Simulator
from confluence_simulator.faults import KINDS

from tests.simulator.fault_effects import EXPECTED
from tests.simulator.fault_probes import PATH, ask, parts, raw
from tests.simulator.sites import client, furnished_world


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_kind_does_what_it_says(cloud: Simulator, kind: str) -> None:
    """Each kind shows its effect on the first request, and is reported as fired."""
    cloud.faults.add(Fault(kind=kind))

    EXPECTED[kind](cloud, client(cloud))

    assert cloud.faults.fired[0].kind == kind
    assert cloud.requests[0].fault == kind


def test_there_are_many_kinds() -> None:
    """At least 60, each with a description, each tested here."""
    assert len(KINDS) >= 60
    assert set(EXPECTED) == set(KINDS)
    for kind in KINDS.values():
        acts = (kind.before, kind.instead, kind.after, kind.sending)
        assert sum(act is not None for act in acts) == 1
        assert kind.about


@pytest.mark.parametrize(
    ("argument", "expected"),
    [
        (503, 503),
        ({"status": 429, "headers": {"Retry-After": "7"}}, 429),
        ({"status": 418, "body": "teapot"}, 418),
        ({"status": 500, "body": {"results": []}}, 500),
    ],
)
def test_any_status_can_be_asked_for(cloud: Simulator, argument: Any, expected: int) -> None:
    """With any headers and any body, text or JSON."""
    cloud.faults.add(Fault(kind="status", argument=argument))

    answer = ask(client(cloud))

    assert answer.status_code == expected
    if isinstance(argument, dict):
        assert answer.headers.get("Retry-After") == argument.get("headers", {}).get("Retry-After")
        wanted = argument.get("body")
        assert wanted in (None, answer.text) or wanted == answer.json()
    assert cloud.faults.fired


@pytest.mark.parametrize("kind", ["cut-length", "cut-chunked", "cut-until-close", "reset-in-body"])
@pytest.mark.parametrize("count", [0, 1, 17, 500])
def test_bodies_can_be_cut_at_any_byte(kind: str, count: int) -> None:
    """As many bytes of the body arrive as asked for, in each framing."""
    with Simulator(furnished_world(), faults=[Fault(kind=kind, argument=count)]) as simulator:
        received = raw(simulator)

        content = parts(received)[1].removesuffix(b"ConnectionResetError")
        assert len(content) == (count or kind == "cut-chunked")
        assert simulator.faults.fired


def test_planned_for_the_nth_matching_request(cloud: Simulator) -> None:
    """`at` counts matching requests from the moment of adding; `times` is for how many in a row."""
    site = client(cloud)
    site.ask("/api/v2/spaces")
    cloud.faults.add(Fault(kind="error-500", at=2, match="/pages", times=2))

    statuses = []
    for _ in range(4):
        assert site.ask("/api/v2/spaces").status_code == 200
        statuses.append(site.ask(PATH).status_code)

    assert statuses == [200, 500, 500, 200]
    assert len(cloud.faults.fired) == 2
    assert cloud.requests.count(PATH) == 4


def test_for_ever_and_until_cleared(cloud: Simulator) -> None:
    """`times=0` never stops; clear() forgets plans and what fired."""
    site = client(cloud)
    cloud.faults.add(Fault(kind="error-500", times=0))
    assert {site.ask(PATH).status_code for _ in range(5)} == {500}
    assert len(cloud.faults.fired) == 5
    cloud.faults.clear()

    assert site.ask(PATH).status_code == 200
    assert cloud.faults.fired == []


def test_two_faults_at_once(cloud: Simulator) -> None:
    """A changed answer can also be cut; both are reported."""
    cloud.faults.add(Fault(kind="duplicate-rows"), Fault(kind="chunked"))

    answer = ask(client(cloud))

    assert (len(answer.json()["results"]), answer.headers["Transfer-Encoding"]) == (3, "chunked")
    assert cloud.requests[0].fault == "duplicate-rows, chunked"


def test_a_spoiled_fixed_answer_is_whole_again(cloud: Simulator) -> None:
    """Answers that faults hold ready are not changed by a second fault on top."""
    cloud.faults.add(Fault(kind="partial-206", times=2), Fault(kind="no-results"))

    assert [set(ask(client(cloud)).json()) for _ in range(2)] == [set(), {"results"}]
    assert len(cloud.faults.fired) == 3


def test_faults_spoil_nothing_afterwards(cloud: Simulator) -> None:
    """The next answer is the right one again, byte for byte."""
    site = client(cloud)
    before = ask(site).content
    for kind in sorted(KINDS):
        if KINDS[kind].after is not None:
            cloud.faults.add(Fault(kind=kind))
            ask(site)

    assert ask(site).content == before
    assert len(cloud.faults.fired) > 20


@pytest.mark.parametrize(
    "wrong",
    [
        {"kind": "html200"},
        {"kind": "html-200", "at": 0},
        {"kind": "html-200", "times": -1},
        {"kind": "html-200", "match": "("},
        {"kind": "html-200", "after": 3},
        {"at": 3},
    ],
)
def test_wrong_faults_are_refused(wrong: dict[str, Any]) -> None:
    """Unknown kinds (with a suggestion), impossible numbers, bad patterns and unknown keys raise at once."""
    with pytest.raises((ValueError, TypeError), match=r".+"):
        Fault.from_data(wrong)


def test_a_misspelt_kind_gets_a_suggestion() -> None:
    """The nearest name is in the message."""
    with pytest.raises(ValueError, match="did you mean 'html-200'"):
        Fault(kind="html200")


def test_faults_are_plain_data(cloud: Simulator) -> None:
    """A list of faults survives a trip through JSON."""
    planned = [{"at": 3, "kind": "html-200"}, {"kind": "status", "argument": 503, "match": "/pages", "times": 2}]

    faults = [Fault.from_data(fault) for fault in json.loads(json.dumps(planned))]

    assert faults == [Fault(kind="html-200", at=3), Fault(kind="status", argument=503, match="/pages", times=2)]
    assert cloud.faults.fired == []
