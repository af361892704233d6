"""Draws the pictures of docs/pictures anew. With --drawn only those that follow from the code and the tables."""

import sys
from collections.abc import Mapping
from pathlib import Path

from pictures_of_docs.architecture import architecture
from pictures_of_docs.figures import performance
from pictures_of_docs.page_way import page_way
from pictures_of_docs.scaling import scaling
from pictures_of_docs.status_page import status_page
from pictures_of_docs.tables import tables
from pictures_of_docs.terminal import demo

FOLDER = Path(__file__).parents[2] / "docs" / "pictures"


def drawn() -> Mapping[str, str]:
    """Return the pictures that are the same each time, by name."""
    return {
        "architecture.svg": architecture(),
        "page-way.svg": page_way(),
        "performance.svg": performance(),
        "scaling.svg": scaling(),
        "tables.svg": tables(),
    }


if __name__ == "__main__":
    FOLDER.mkdir(exist_ok=True)
    made = dict(drawn())
    if "--drawn" not in sys.argv:
        made["demo.svg"] = demo()
        if not status_page(FOLDER / "status-page.png"):
            print("scripts/pictures: there is no chromium, so that status-page.png stays as it is", file=sys.stderr)
    for name, text in made.items():
        (FOLDER / name).write_text(text, encoding="utf-8")
