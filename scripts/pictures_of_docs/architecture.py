"""The packages in their layers, from the contract of import-linter, and what stands beside them."""

import tomllib
from collections.abc import Mapping
from pathlib import Path

from pictures_of_docs.svg import QUIET, Drawing

ROOT = Path(__file__).parents[2]
_HOLDS = {
    "engines": "spaces as tasks of an orchestrator or a queue",
    "cli": "commands, settings, wiring",
    "service": "schedule, health, metrics, status page",
    "sync": "one run",
    "derive": "texts, sections",
    "feed": "changes",
    "reading": "Python API",
    "documents": "text of files, read in a process with limits",
    "confluence": "both flavours",
    "store": "PostgreSQL",
    "render": "Markdown",
    "embedded": "local server",
    "settings": "config.toml",
    "logs": "JSON lines",
    "domain": "pure decisions: scope, plan, deletion, access",
    "errors": "each failure with its exit code",
}
_HIDDEN = {"__main__", "cancellation"}
_COLOURS = {
    "engines": "grey",
    "cli": "grey",
    "service": "grey",
    "sync": "blue",
    "documents": "blue",
    "confluence": "green",
    "domain": "amber",
    "errors": "rose",
}
_LEFT, _WIDTH, _STEP, _HEIGHT = 190, 640, 84, 54


def layers() -> list[list[str]]:
    """Return the packages by layer, the highest first."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    contracts = project["tool"]["importlinter"]["contracts"]
    found = next(each["layers"] for each in contracts if each["type"] == "layers")
    rows = [[name.strip(" ()") for name in row.split("|")] for row in found]
    # The last one of its layer is beside PostgreSQL.
    return [sorted(kept, key=lambda name: name == "store") for row in rows if (kept := [*filter(_is_drawn, row)])]


def _is_drawn(name: str) -> bool:
    return name not in _HIDDEN


def architecture() -> str:
    """Return the picture."""
    rows = layers()
    height = 30 + len(rows) * _STEP
    drawing = Drawing(title="The packages of hr_sync: imports point down only", width=1020, height=height)
    tops: dict[str, tuple[float, float, float]] = {}
    for number, row in enumerate(rows):
        y = 24 + number * _STEP
        width = (_WIDTH - (len(row) - 1) * 12) / len(row)
        for place, name in enumerate(row):
            x = _LEFT + place * (width + 12)
            tops[name] = (x, y, width)
            drawing.card(x, y, width, _HEIGHT, [f"*{name}", _HOLDS.get(name, "")], fill=_COLOURS[row[0]], size=12)
        if number + 1 < len(rows):
            drawing.arrow((_LEFT + _WIDTH / 2, y + _HEIGHT + 4), (_LEFT + _WIDTH / 2, y + _STEP - 4))
    _outside(drawing, tops)
    return drawing.text()


def _outside(drawing: Drawing, tops: Mapping[str, tuple[float, float, float]]) -> None:
    """Add Confluence, PostgreSQL and the consumers."""
    _, middle, _ = tops["confluence"]
    drawing.card(14, middle, 130, _HEIGHT, ["*Confluence", "read over HTTPS"], fill="green", size=12)
    drawing.arrow((144, middle + 27), (_LEFT - 4, middle + 27))
    right = _LEFT + _WIDTH
    drawing.card(right + 46, middle, 130, _HEIGHT, ["*PostgreSQL", "views and functions"], fill="green", size=12)
    drawing.arrow((right + 4, middle + 27), (right + 42, middle + 27))
    _, above, _ = tops["reading"]
    drawing.card(right + 46, above - _STEP, 130, _HEIGHT, ["*chatbot, search", "SQL or Python"], fill="grey", size=12)
    drawing.arrow((right + 111, above - _STEP + _HEIGHT + 4), (right + 111, middle - 4))
    drawing.words(right + 104, above + 16, ["reads what its", "asker may read"], size=11, anchor="end", colour=QUIET)
    drawing.words(14, 40, ["*Imports point", "*down only"], size=12, anchor="start")
    drawing.words(14, 78, ["import-linter holds it"], size=11, anchor="start", colour=QUIET)
