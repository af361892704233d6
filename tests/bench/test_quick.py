"""The quick form of the benchmark judges by ratios alone."""

from dataclasses import replace

from benchmark.cases import CASES, TUTORIAL
from benchmark.quick import CASE, ratios, regressions
from benchmark.steps import Sample, Samples, Target
from benchmark.tables import spread, table

SAMPLE = Sample(
    wall_seconds=2.0,
    cpu_seconds=1.0,
    peak_megabytes=100.0,
    requests=50,
    megabytes=3.0,
    bodies=2_000,
    peak_concurrency=8,
    simulator_cpu_seconds=0.1,
    database_cpu_seconds=0.5,
)


def samples(**changed: float) -> Samples:
    slower = replace(SAMPLE, wall_seconds=8.0, cpu_seconds=changed.get("tutorial_cpu_seconds", 4.0))
    return {step.name: slower if step.name == TUTORIAL.name else SAMPLE for step in CASE.steps}


def test_a_machine_that_is_slower_in_everything_has_not_regressed() -> None:
    """Twice the seconds everywhere leave each ratio as it was."""
    twice = {
        name: replace(sample, wall_seconds=sample.wall_seconds * 2, cpu_seconds=sample.cpu_seconds * 2)
        for name, sample in samples().items()
    }

    assert ratios([twice]) == ratios([samples()])
    assert regressions(ratios([samples()]), ratios([twice])) == []


def test_a_ratio_more_than_thirty_percent_worse_is_a_regression() -> None:
    """The line names the ratio and both of its values."""
    stored = ratios([samples()])
    worse = ratios([samples(tutorial_cpu_seconds=3.0)])

    assert regressions(stored, worse) == ["first run by tutorial worker, processor time: 0.333, was 0.25"]
    assert regressions(stored, ratios([samples(tutorial_cpu_seconds=3.2)])) == []


def test_a_ratio_is_the_median_of_the_repetitions() -> None:
    """One bad repetition of three changes nothing."""
    bad = samples(tutorial_cpu_seconds=0.5)

    assert ratios([samples(), bad, samples()]) == ratios([samples()])


def test_a_target_is_met_at_its_limit() -> None:
    """At least and at most both include the limit itself."""
    at_least = Target(name="times as fast", figure=lambda _: 4.0, at_least=4.0)
    at_most = Target(name="seconds", figure=lambda _: 1.2, at_most=1.2)

    assert at_least.met_by(4.0)
    assert not at_least.met_by(3.99)
    assert at_most.met_by(1.2)
    assert not at_most.met_by(1.21)


def test_the_table_has_a_row_for_each_step_and_a_line_for_each_target() -> None:
    """For every case that can be named."""
    for case in CASES.values():
        filled = {step.name: replace(SAMPLE, parts={"slope": 0.0}) for step in case.steps}
        lines = table(case, [filled, filled, filled]).splitlines()

        assert len([line for line in lines if line.startswith("| ")]) == len(case.steps) + 2
        assert len([line for line in lines if line.startswith("- ")]) == len(case.targets)


def test_a_spread_is_told_where_there_is_one() -> None:
    """Median, then the least and the most."""
    assert spread([1.0]) == "1.00"
    assert spread([1.0, 3.0, 2.0]) == "2.00 (1.00 to 3.00)"
