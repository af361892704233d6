"""The model of many sites: its costs, its runs and its fleets by hand, and how far it is from what was measured."""

import json
from dataclasses import replace
from typing import Any

import pytest
from sizing_model.__main__ import main
from sizing_model.costs import MEASURED, Cost, Costs, JobCosts, Kind, costs_of, measured_costs, requests_of_lists
from sizing_model.documents import DOCUMENT, with_tables
from sizing_model.fleet import enough_workers, first_mirror, loads_of, some_hours
from sizing_model.limits import Limit, allowance
from sizing_model.runs import Conditions, Schedule, load_of, makespan, work_of
from sizing_model.sites import Site, sites, unequal
from sizing_model.tables import duration

SAMPLES: list[dict[str, Any]] = json.loads(MEASURED.read_text(encoding="utf-8"))["samples"]
NONE = Cost(run=0, space=0)
JOB = JobCosts(requests=Cost(run=2, space=1), waits=Cost(run=2, space=1), cpu=Cost(run=1, space=0.5), database_cpu=NONE)
COSTS = Costs(
    jobs=dict.fromkeys(Kind, JOB),
    requests_an_edit=4,
    cpu_an_edit=0.01,
    database_cpu_an_edit=0.01,
    bytes_a_page=1_000,
    megabytes_a_process=100,
)
FAST = Conditions(latency_seconds=0.1, connections=8, requests_a_second=1e9)


def made_up_samples(job: JobCosts) -> list[dict[str, Any]]:
    """Return what would be measured if jobs cost exactly this."""
    worlds = ((200, 10), (2_000, 10), (2_000, 1))
    return [
        {
            "step": step,
            "pages": pages,
            "spaces": spaces,
            "latency_ms": latency_ms,
            "edited": 100 if step == "edited" else 0,
            "requests": job.requests.of(spaces, 0)
            + sum(requests_of_lists(Kind.ACCESS, pages // spaces) for _ in range(spaces))
            + (400 if step == "edited" else 0),
            "wall_seconds": 1.0,
            "cpu_seconds": job.cpu.of(spaces, pages),
            "database_cpu_seconds": 0.0,
            "database_bytes": 1_000_000 + pages * 5_000,
            "peak_megabytes": 100,
        }
        for pages, spaces in worlds
        for latency_ms in (0, 1_000)
        for step in ("first", "full", "incremental", "access", "edited")
    ]


def test_costs_are_told_apart() -> None:
    """Those of a run, of a space, of a page and of an edit, from samples that were made of them."""
    job = replace(JOB, cpu=Cost(run=1, space=0.5, page=0.001), requests=Cost(run=4, space=3))

    costs = costs_of(made_up_samples(job))

    found = costs.jobs[Kind.ACCESS]
    assert (found.cpu.run, found.cpu.space, found.cpu.page) == pytest.approx((1, 0.5, 0.001))
    assert (found.requests.run, found.requests.space) == pytest.approx((4, 3))
    assert (costs.requests_an_edit, costs.bytes_a_page) == pytest.approx((4, 5_000))


def test_a_run_by_hand() -> None:
    """Seven equal spaces on six threads are two turns; one second of start, two waits of the run."""
    turn = (1 + 1) * 0.1 + 0.5

    work = work_of(Kind.INCREMENTAL, (10,) * 7, COSTS, FAST)

    assert work.requests == 2 + 7 + 7
    assert work.cpu_seconds == 1 + 7 * 0.5
    assert work.seconds == pytest.approx(1 + 2 * 0.1 + max(2 * turn, 7 * 0.5))
    assert makespan([3, 3, 3, 1], 2) == 6


def test_the_limit_of_a_site_stretches_its_rounds_and_workers_do_not_help() -> None:
    """Half of what the schedule wants: every interval is twice as long, and a change waits for two of them."""
    site = Site(spaces=(10,) * 600)
    schedule, wide = Schedule(), load_of(Site(spaces=(10,) * 600), COSTS, FAST, Schedule(), replicas=1)
    narrow = replace(FAST, requests_a_second=wide.requests_a_second / 2)
    loads = loads_of([site], COSTS, narrow, schedule)

    assert loads[0].is_over_limit
    assert sum(load.seconds[Kind.INCREMENTAL] for load in loads) == pytest.approx(600)
    assert some_hours(loads, schedule, 100).age(0.95) == pytest.approx(1_200)
    assert enough_workers(loads, schedule) <= 3 * loads[0].replicas


def test_more_workers_are_never_later_and_one_less_than_enough_is_not_enough() -> None:
    """A hundred sites; 19 of 20 pages are shown in time."""
    costs, schedule = measured_costs(), Schedule()
    loads = loads_of(sites(100, 1_000_000), costs, Conditions(), schedule)
    enough = enough_workers(loads, schedule)
    ages = [some_hours(loads, schedule, workers).age(0.95) for workers in range(enough - 1, enough + 4)]

    assert enough > 1
    assert ages[0] > 450
    assert ages[1] <= 450
    assert ages == sorted(ages, reverse=True)


def test_a_first_mirror_waits_for_what_is_scarce() -> None:
    """Workers, the source, PostgreSQL."""
    costs, every = measured_costs(), sites(10, 100_000)
    loads = loads_of(every, costs, Conditions(), Schedule())

    def limit(*, rate: float = 1e6, workers: int = 100, cores: int = 1_000) -> str:
        conditions = Conditions(requests_a_second=rate)
        return first_mirror(every, loads, costs, conditions, workers=workers, database_cores=cores).limit

    assert [limit(workers=1), limit(rate=0.1), limit(cores=1)] == ["workers", "source", "PostgreSQL"]


def test_no_page_is_lost_when_they_are_divided() -> None:
    """Unequal sizes, the largest first, the same each time."""
    every = sites(7, 123_457)

    assert sum(site.pages for site in every) == 123_457
    assert every == sites(7, 123_457)
    assert every[0].pages > 3 * every[-1].pages
    assert unequal(3, 5, 1.0).count(0) >= 2


def test_points_count_objects() -> None:
    """1,000 pages twice, in two spaces: 2 and 2 times 1 requests, 2 and 3 lists each, 2,000 objects."""
    allowed = allowance(Limit(name="", points_an_hour=2_014), 1_000, COSTS)

    assert allowed.first_seconds == pytest.approx(3600)
    assert allowance(Limit(name="", requests_a_second=7), 1_000, COSTS).first_seconds == pytest.approx(2)


def measured(step: str, pages: int, *, late: bool) -> dict[str, Any]:
    (found,) = (
        each
        for each in SAMPLES
        if (each["step"], each["pages"], each["spaces"], bool(each["latency_ms"])) == (step, pages, 10, late)
    )
    return found


@pytest.mark.parametrize("kind", Kind)
def test_a_world_that_no_wait_was_fitted_to_is_near(kind: Kind) -> None:
    """200 pages in ten spaces at two seconds an answer; docs/scaling.md names the error."""
    late = measured(kind, 200, late=True)

    work = work_of(kind, (20,) * 10, measured_costs(), Conditions(latency_seconds=late["latency_ms"] / 1000))

    assert 1.05 < late["wall_seconds"] / work.seconds < 1.2
    assert late["requests"] / work.requests == pytest.approx(0.8, abs=0.2)


@pytest.mark.parametrize(("kind", "seconds"), [(Kind.FULL, 1.2), (Kind.INCREMENTAL, 0.9)])
def test_rounds_on_an_idle_machine_are_near(kind: Kind, seconds: float) -> None:
    """2,000 pages in ten spaces without waits, as docs/performance.md has them; docs/scaling.md names the error."""
    text = (DOCUMENT.parent / "performance.md").read_text(encoding="utf-8")

    work = work_of(kind, (200,) * 10, measured_costs(), Conditions(latency_seconds=0))

    assert "nothing changed, full 1.2 s, incremental 0.9 s" in text
    assert 0.75 < seconds / work.seconds < 0.85


@pytest.mark.parametrize("pages", [200, 2_000])
def test_two_processes_side_by_side_are_near(pages: int) -> None:
    """Half of the spaces each; docs/scaling.md names the error."""
    both = measured("full by two", pages, late=True)

    half = work_of(Kind.FULL, (pages // 10,) * 5, measured_costs(), Conditions(latency_seconds=2))

    assert 1.3 < both["wall_seconds"] / half.seconds < 1.4
    assert "9 to 18 %" in DOCUMENT.read_text(encoding="utf-8")
    assert "33 to 35 %" in DOCUMENT.read_text(encoding="utf-8")


def test_the_document_has_these_tables() -> None:
    """And says it in 950 words."""
    text = DOCUMENT.read_text(encoding="utf-8")
    prose = [line for line in text.splitlines() if not line.startswith(("|", "<!--"))]

    assert with_tables(text, measured_costs()) == text, "type ./scripts/sizing --write"
    assert text.count("\n| ") > 15
    assert len(" ".join(prose).split()) <= 950


def test_the_command_prints_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    """For numbers of one's own."""
    main(["--sites", "2", "--pages", "3000", "--rate", "1"])

    assert capsys.readouterr().out.splitlines()[2].startswith("| 2 | 3,000 | 6 | 1 | 2 | 0.1 GB |")


def test_durations_are_read_in_their_unit() -> None:
    """Seconds, minutes, hours, days."""
    assert [duration(each) for each in (0.2, 60, 89, 330, 7_200, 200_000)] == [
        "< 1 s",
        "60 s",
        "89 s",
        "5.5 min",
        "2.0 h",
        "2.3 d",
    ]
