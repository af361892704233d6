"""The figures of docs/performance-tables.md as bars. Nothing is typed in twice."""

import re
from collections.abc import Sequence
from pathlib import Path

from pictures_of_docs.svg import FILLS, QUIET, Drawing

TABLES = Path(__file__).parents[2] / "docs" / "performance-tables.md"
_BARS: Sequence[tuple[str, str, Sequence[tuple[str, str]]]] = (
    (
        "first-20000x10",
        "First run, 20,000 pages in 10 spaces",
        (
            ("first run", "hr_sync"),
            ("tutorial worker", "tutorial worker"),
            ("bare worker", "bare worker"),
            ("floor", "floor of the machine"),
        ),
    ),
    (
        "latency-20000x10",
        "The same, 150 ms a request",
        (("first run, 150 ms", "hr_sync"), ("bare worker, 150 ms", "bare worker")),
    ),
    (
        "later-20000x10",
        "Later runs of hr_sync over 20,000 pages",
        (
            ("nothing changed, full", "nothing changed, full"),
            ("nothing changed, incremental", "nothing changed, incremental"),
            ("1 % changed, full", "1 % changed, full"),
            ("all changed, full", "all changed, full"),
        ),
    ),
)


_OTHERS = {"tutorial worker", "bare worker", "floor of the machine"}


def seconds(case: str, step: str) -> float:
    """Return the median wall time of a step of a case, as the tables have it."""
    part = TABLES.read_text(encoding="utf-8").split(f"### {case}:", 1)[1].split("\n###", 1)[0]
    (found,) = re.findall(rf"^\| {re.escape(step)} \| ([\d.]+)", part, re.MULTILINE)
    return float(found)


def performance() -> str:
    """Return the picture."""
    lines = sum(len(bars) for _, _, bars in _BARS)
    drawing = Drawing(title="Wall time of runs in seconds", width=900, height=44 + lines * 30 + len(_BARS) * 44)
    y = 20.0
    for case, title, bars in _BARS:
        drawing.words(20, y + 16, [f"*{title}"], anchor="start")
        y += 30
        times = [seconds(case, step) for step, _ in bars]
        for (_, name), time in zip(bars, times, strict=True):
            width = 520 * time / max(times)
            drawing.words(226, y + 16, [name], size=12, anchor="end")
            drawing.bar(236, y, max(width, 2), 22, FILLS["grey" if name in _OTHERS else "blue"])
            drawing.words(244 + width, y + 16, [f"{time:.2f} s"], size=12, anchor="start")
            y += 30
        y += 14
    drawing.words(
        20,
        y + 12,
        ["Medians on two cores. hr_sync alone reads who may read a page. Each group has a scale of its own."],
        size=11,
        anchor="start",
        colour=QUIET,
    )
    return drawing.text()
