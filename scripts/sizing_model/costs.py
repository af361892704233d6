"""What jobs cost, from the samples in `measured.json`. Pure but for reading that file.

Three worlds were measured: few pages in ten spaces, many pages in ten spaces, many pages in one space. What the second
one costs more than the first is the cost of pages, what it costs more than the third is that of spaces, and the rest is
the cost of a run. Requests and waits for answers follow from how long lists are; only the rest of them is measured.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from math import ceil
from pathlib import Path
from typing import Any

MEASURED = Path(__file__).with_name("measured.json")
SPACES_AT_ONCE = 6  # of one process (`sync/jobs.py`)
_FEW, _MANY, _ONE_SPACE = (200, 10), (2_000, 10), (2_000, 1)
_PAGES_A_LIST, _NODES_A_LIST = 250, 200
_PAGES_ALONE, _NODES_ALONE = 8, 3  # answers after which a listing goes on from both ends (docs/adr/0031)
_IN_VAIN = 2  # requests of a walk from both ends, at most three

Sample = Mapping[str, Any]


class Kind(StrEnum):
    """What a run does."""

    FIRST = "first"
    FULL = "full"
    INCREMENTAL = "incremental"
    ACCESS = "access"


@dataclass(frozen=True, kw_only=True)
class Cost:
    """A cost of a run, of each of its spaces and of each of their pages."""

    run: float
    space: float
    page: float = 0.0

    def of(self, spaces: int, pages: int) -> float:
        """Return the cost of a run over so many spaces with so many pages."""
        return self.run + spaces * self.space + pages * self.page


@dataclass(frozen=True, kw_only=True)
class JobCosts:
    """The costs of one kind of run. What lists need is not in `requests` and `waits`."""

    requests: Cost
    waits: Cost  #: answers that must be there before the next request can be made
    cpu: Cost  #: seconds of the worker
    database_cpu: Cost  #: seconds of PostgreSQL


@dataclass(frozen=True, kw_only=True)
class Costs:
    """All that was measured."""

    jobs: Mapping[Kind, JobCosts]
    requests_an_edit: float
    cpu_an_edit: float
    database_cpu_an_edit: float
    bytes_a_page: float  #: in PostgreSQL, with texts and their index
    megabytes_a_process: float


def requests_of_lists(kind: Kind, pages: int) -> int:
    """Return how many requests the lists of a space take."""
    of_pages, of_nodes = ceil(pages / _PAGES_A_LIST), ceil(pages / _NODES_A_LIST)
    in_vain = _IN_VAIN * (of_nodes > _NODES_ALONE)
    match kind:
        case Kind.FIRST:
            return of_pages + of_nodes + in_vain + _IN_VAIN * (of_pages > _PAGES_ALONE)
        case Kind.FULL:
            return of_pages + of_nodes + in_vain
        case Kind.ACCESS:
            return of_nodes + in_vain
        case Kind.INCREMENTAL:
            return 1


def waits_of_lists(kind: Kind, pages: int) -> float:
    """Return how many of them have to be answered one after another."""
    of_pages, of_nodes = ceil(pages / _PAGES_A_LIST), ceil(pages / _NODES_A_LIST)
    nodes = _from_both_ends(of_nodes, _NODES_ALONE)
    match kind:
        case Kind.FIRST:
            return _from_both_ends(of_pages, _PAGES_ALONE) + nodes
        case Kind.FULL:
            return of_pages + nodes
        case Kind.ACCESS:
            return nodes
        case Kind.INCREMENTAL:
            return 1


def measured_costs(file: Path = MEASURED) -> Costs:
    """Return the costs that follow from the samples of a file."""
    samples: Sequence[Sample] = json.loads(file.read_text(encoding="utf-8"))["samples"]
    return costs_of(samples)


def costs_of(samples: Sequence[Sample]) -> Costs:
    """Return the costs that follow from samples."""
    edits = _sample(samples, "edited", _MANY)["edited"]

    def an_edit(figure: str) -> float:
        before, after = (_sample(samples, step, _MANY)[figure] for step in ("incremental", "edited"))
        return float(after - before) / float(edits)

    first_few, first_many = (_sample(samples, "first", world) for world in (_FEW, _MANY))
    return Costs(
        jobs={kind: _job_costs(samples, kind) for kind in Kind},
        requests_an_edit=an_edit("requests"),
        cpu_an_edit=an_edit("cpu_seconds"),
        database_cpu_an_edit=an_edit("database_cpu_seconds"),
        bytes_a_page=(first_many["database_bytes"] - first_few["database_bytes"]) / (_MANY[0] - _FEW[0]),
        megabytes_a_process=max(sample.get("peak_megabytes", 0) for sample in samples),
    )


def _job_costs(samples: Sequence[Sample], kind: Kind) -> JobCosts:
    requests = {world: float(_sample(samples, kind, world)["requests"]) for world in (_MANY, _ONE_SPACE)}
    waits = {world: _waits(samples, kind, world) for world in (_MANY, _ONE_SPACE)}
    return JobCosts(
        requests=_without_lists(requests, _MANY[1], lambda pages: requests_of_lists(kind, pages)),
        waits=_without_lists(waits, ceil(_MANY[1] / SPACES_AT_ONCE), lambda pages: waits_of_lists(kind, pages)),
        cpu=_divided(samples, kind, "cpu_seconds"),
        database_cpu=_divided(samples, kind, "database_cpu_seconds"),
    )


def _divided(samples: Sequence[Sample], kind: Kind, figure: str) -> Cost:
    few, many, one = (float(_sample(samples, kind, world)[figure]) for world in (_FEW, _MANY, _ONE_SPACE))
    page = max(0.0, (many - few) / (_MANY[0] - _FEW[0]))
    space = max(0.0, (many - one) / (_MANY[1] - _ONE_SPACE[1]))
    return Cost(run=max(0.0, many - page * _MANY[0] - space * _MANY[1]), space=space, page=page)


def _without_lists(figures: Mapping[tuple[int, int], float], times: int, lists: Callable[[int], float]) -> Cost:
    """Return what is left for the run and for a space; `times`: how often that of a space counts in ten spaces."""
    many = figures[_MANY] - times * lists(_MANY[0] // _MANY[1])
    one = figures[_ONE_SPACE] - lists(_ONE_SPACE[0])
    space = max(0.0, (many - one) / (times - 1))
    return Cost(run=max(0.0, one - space), space=space)


def _waits(samples: Sequence[Sample], kind: Kind, world: tuple[int, int]) -> float:
    """Return how many answers a run waits for, one after another: what it takes longer where answers are late."""
    late, soon = _sample(samples, kind, world, late=True), _sample(samples, kind, world)
    return float(late["wall_seconds"] - soon["wall_seconds"]) / float(late["latency_ms"] / 1000)


def _from_both_ends(answers: int, alone: int) -> float:
    """Return how many answers a listing waits for. That the two walks have met is seen one answer later."""
    return answers if answers <= alone else alone + (answers - alone) / 2 + 1


def _sample(samples: Sequence[Sample], step: str, world: tuple[int, int], *, late: bool = False) -> Sample:
    (found,) = (
        each
        for each in samples
        if (each["step"], each["pages"], each["spaces"], bool(each["latency_ms"])) == (step, *world, late)
    )
    return found
