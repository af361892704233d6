"""The quick form: a few ratios of one run, compared with the stored ones. Lower is better for every one of them.

Only ratios are compared, since seconds say more about the machine and its other users than about the program.
"""

from collections.abc import Mapping, Sequence
from statistics import median

from benchmark.cases import AT_150_MS, FIRST, FULL_AGAIN, INCREMENTAL, TUTORIAL
from benchmark.steps import Case, Samples, Step

TOLERANCE = 0.3  #: a ratio may be this much worse than the stored one

FAR = Step(name="first run, database 1.5 ms away", round_trip_ms=1.5, database="far")
_LATE = Step(name=AT_150_MS.name, conditions=AT_150_MS.conditions, database="late")

CASE = Case(
    name="quick",
    about="2,000 pages in 10 spaces, what a change of the code may have made slower",
    pages=2_000,
    spaces=10,
    steps=(FIRST, TUTORIAL, FULL_AGAIN, INCREMENTAL, FAR, _LATE),
)


def ratios(repetitions: Sequence[Samples]) -> Mapping[str, float]:
    """Return the median of each ratio, taken repetition by repetition."""
    taken = [_ratios(samples) for samples in repetitions]
    return {name: round(median(each[name] for each in taken), 3) for name in taken[0]}


def regressions(stored: Mapping[str, float], measured: Mapping[str, float]) -> list[str]:
    """Name the ratios that are more than 30 % worse than stored, each with both values."""
    return [
        f"{name}: {value:g}, was {stored[name]:g}"
        for name, value in measured.items()
        if name in stored and value > stored[name] * (1 + TOLERANCE)
    ]


def _ratios(samples: Samples) -> Mapping[str, float]:
    first, tutorial = samples[FIRST.name], samples[TUTORIAL.name]
    return {
        "first run by tutorial worker, processor time": first.cpu_seconds / tutorial.cpu_seconds,
        "first run by tutorial worker, wall time": first.wall_seconds / tutorial.wall_seconds,
        "first run by tutorial worker, database's processor time": (
            first.database_cpu_seconds / tutorial.database_cpu_seconds
        ),
        "nothing changed, full, by first run, processor time": samples[FULL_AGAIN.name].cpu_seconds / first.cpu_seconds,
        "nothing changed, incremental, by first run, processor time": (
            samples[INCREMENTAL.name].cpu_seconds / first.cpu_seconds
        ),
        "database 1.5 ms away by database at hand, wall time": samples[FAR.name].wall_seconds / first.wall_seconds,
        "150 ms a request by none, wall time": samples[_LATE.name].wall_seconds / first.wall_seconds,
        "requests of a first run by lists of the tutorial worker": first.requests / tutorial.requests,
    }
