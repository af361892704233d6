"""The first mirror and the freshness of the sizing model as lines over the number of pages. Nothing is typed in."""

from collections.abc import Callable, Sequence
from math import log10

from sizing_model.costs import measured_costs
from sizing_model.sizing import PAGES, SITES, Sizing, grid
from sizing_model.tables import duration

from pictures_of_docs.svg import FILLS, QUIET, Drawing

_STROKES = ("#2563eb", "#16a34a", "#d97706")
_WIDTH, _HEIGHT, _LEFT, _TOP = 330, 240, 70, 56


def scaling() -> str:
    """Return the picture."""
    rows = grid(measured_costs())
    drawing = Drawing(title="First mirror and freshness by pages and sites", width=900, height=390)
    _plot(drawing, _LEFT, "First mirror", rows, lambda row: row.first.seconds)
    _plot(drawing, _LEFT + _WIDTH + 100, "A change is shown after", rows, lambda row: row.shown_after_seconds)
    for number, (sites, stroke) in enumerate(zip(SITES, _STROKES, strict=True)):
        x = _LEFT + number * 150
        drawing.line([(x, 352), (x + 28, 352)], stroke)
        drawing.words(x + 36, 356, [f"{sites:,} sites"], size=12, anchor="start")
    drawing.words(
        20,
        380,
        ["Simulated: 10 requests a second a site, 150 ms each, the default intervals. Both scales are logarithmic."],
        size=11,
        anchor="start",
        colour=QUIET,
    )
    return drawing.text()


def _plot(drawing: Drawing, left: float, title: str, rows: Sequence[Sizing], figure: Callable[[Sizing], float]) -> None:
    low, high = 60.0, 86_400.0

    def x(pages: int) -> float:
        return left + _WIDTH * log10(pages / PAGES[0]) / log10(PAGES[-1] / PAGES[0])

    def y(seconds: float) -> float:
        return _TOP + _HEIGHT * (1 - log10(max(seconds, low) / low) / log10(high / low))

    drawing.words(left, _TOP - 22, [f"*{title}"], anchor="start")
    for seconds in (60, 600, 3_600, 6 * 3_600, 86_400):
        drawing.line([(left, y(seconds)), (left + _WIDTH, y(seconds))], FILLS["grey"])
        drawing.words(left - 8, y(seconds) + 4, [_ticks(seconds)], size=11, anchor="end", colour=QUIET)
    for pages in PAGES:
        drawing.words(x(pages), _TOP + _HEIGHT + 18, [f"{pages:,}"], size=11, colour=QUIET)
    drawing.words(left + _WIDTH / 2, _TOP + _HEIGHT + 36, ["pages of all sites"], size=11, colour=QUIET)
    for sites, stroke in zip(SITES, _STROKES, strict=True):
        points = [(x(row.pages), y(figure(row))) for row in rows if row.sites == sites]
        drawing.line(points, stroke)
    last = max(rows, key=figure)
    drawing.words(x(last.pages), y(figure(last)) - 8, [duration(figure(last))], size=11, anchor="end")


def _ticks(seconds: float) -> str:
    return {60: "1 min", 600: "10 min", 3_600: "1 h", 21_600: "6 h", 86_400: "1 d"}[int(seconds)]
