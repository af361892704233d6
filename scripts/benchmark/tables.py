"""The figures of a case as a table for people and as JSON for machines. Pure."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict
from statistics import median
from typing import Any

from benchmark.steps import Case, Sample, Samples, Target

_COLUMNS: Sequence[tuple[str, Callable[[Sample], float], str]] = (
    ("CPU s", lambda sample: sample.cpu_seconds, ".2f"),
    ("peak RSS MB", lambda sample: sample.peak_megabytes, ".0f"),
    ("requests", lambda sample: sample.requests, ".0f"),
    ("MB", lambda sample: sample.megabytes, ".1f"),
    ("bodies", lambda sample: sample.bodies, ".0f"),
    ("at once", lambda sample: sample.peak_concurrency, ".0f"),
    ("database CPU s", lambda sample: sample.database_cpu_seconds, ".2f"),
    ("simulator CPU s", lambda sample: sample.simulator_cpu_seconds, ".2f"),
)


def table(case: Case, repetitions: Sequence[Samples]) -> str:
    """Return a case as Markdown: medians, wall time with its spread, then the targets."""
    heads = ["step", "wall s", "pages/s", *(name for name, _, _ in _COLUMNS)]
    lines = [f"### {case.name}: {case.about}", "", _row(heads), _row(["---", *["--:"] * (len(heads) - 1)])]
    for step in case.steps:
        samples = [repetition[step.name] for repetition in repetitions]
        wall = [sample.wall_seconds for sample in samples]
        figures = (format(median(map(figure, samples)), style) for _, figure, style in _COLUMNS)
        lines.append(_row([step.name, spread(wall), f"{case.pages / median(wall):,.0f}", *figures]))
    lines += ["", *_target_results(case, repetitions)]
    return "\n".join(lines)


def document(case: Case, repetitions: Sequence[Samples]) -> Mapping[str, Any]:
    """Return a case as JSON-ready values, every sample included."""
    return {
        "case": case.name,
        "about": case.about,
        "repetitions": [{name: asdict(sample) for name, sample in each.items()} for each in repetitions],
        "targets": [
            {
                "name": target.name,
                "wanted": target.wanted,
                "median": _median(target, repetitions),
                "met": target.met_by(_median(target, repetitions)),
            }
            for target in case.targets
        ],
    }


def spread(values: Sequence[float]) -> str:
    """Return the median, and from where to where the values lie when there are several."""
    if len(values) == 1:
        return f"{values[0]:.2f}"
    return f"{median(values):.2f} ({min(values):.2f} to {max(values):.2f})"


def _target_results(case: Case, repetitions: Sequence[Samples]) -> Iterator[str]:
    for target in case.targets:
        values = [target.figure(samples) for samples in repetitions]
        result = "met" if target.met_by(median(values)) else "NOT MET"
        yield f"- {target.name}: {spread(values)}, wanted {target.wanted}: {result}"


def _median(target: Target, repetitions: Sequence[Samples]) -> float:
    return median(target.figure(samples) for samples in repetitions)


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"
