"""Each construct of the storage format has its Markdown beside it. After a change on purpose: `UPDATE_GOLDEN=1`."""

import os
from pathlib import Path

import pytest

from hr_sync.render.page import render_page

GOLDEN = Path(__file__).parent / "golden"
CASES = sorted(path for path in GOLDEN.iterdir() if path.suffix in {".xhtml", ".json"})
PAGES = {("Sick leave", "HR"): ("Sick leave", "https://wiki.example/pages/7")}
USERS = {"42": "Alex Vale"}


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.stem)
def test_markdown_is_as_written_beside_the_body(case: Path) -> None:
    """The file beside the body holds its Markdown, and then what was found out about the page."""
    body = case.read_text(encoding="utf-8")
    page = render_page(
        body if case.suffix == ".xhtml" else None,
        adf=body if case.suffix == ".json" else None,
        title="A page",
        space="HR",
        page_id="1",
        resolve=lambda title, space: PAGES.get((title, space)),
        resolve_user=USERS.get,
    )
    facts = {
        "includes": [(each.title, each.space_key, each.excerpt) for each in page.includes],
        "excerpts": [(each.name, each.markdown, each.hidden) for each in page.excerpts],
        "unknown macros": page.unknown_macros,
        "computed macros": page.computed_macros,
        "hidden characters": page.hidden_text_removed,
        "parsed as": page.parsed_as.value,
    }
    written = "\n".join([page.markdown, "", *(f"%% {name}: {value}" for name, value in facts.items() if value), ""])
    golden = case.with_suffix(".txt")
    if os.environ.get("UPDATE_GOLDEN"):
        golden.write_text(written, encoding="utf-8")

    assert written == golden.read_text(encoding="utf-8")
    assert page.has_computed_content == bool(page.computed_macros)
