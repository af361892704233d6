"""Writes the tables into docs/scaling.md, between its comments."""

import re
from pathlib import Path

from sizing_model.costs import Costs
from sizing_model.sizing import grid
from sizing_model.tables import limits, sizes

DOCUMENT = Path(__file__).parents[2] / "docs" / "scaling.md"


def with_tables(text: str, costs: Costs) -> str:
    """Return the document with the tables that follow from the costs."""
    for name, table in (("sizes", sizes(grid(costs))), ("limits", limits(costs))):
        text = re.sub(
            rf"(?<=<!-- {name} -->\n).*?(?=<!-- /{name} -->)",
            f"\n{table}\n\n",
            text,
            flags=re.DOTALL,
        )
    return text


def write(costs: Costs) -> None:
    """Write the tables."""
    DOCUMENT.write_text(with_tables(DOCUMENT.read_text(encoding="utf-8"), costs), encoding="utf-8")
