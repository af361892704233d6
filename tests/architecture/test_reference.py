"""The reference pages of docs/ are what the code says, and every link and file that documents name is there."""

import re
from pathlib import Path

import pytest
from pictures_of_docs.__main__ import FOLDER, drawn
from reference_pages.__main__ import pages
from reference_pages.settings import BETWEEN
from site_pages.links import for_site, linked

ROOT = Path(__file__).parents[2]
DOCUMENTS = [*sorted(ROOT.glob("*.md")), ROOT / "scripts/README.md", *sorted((ROOT / "docs").rglob("*.md"))]


def test_the_reference_pages_follow_from_the_code() -> None:
    """`./scripts/reference` writes them anew."""
    written = pages()
    outdated = [path.name for path, text in written.items() if path.read_text(encoding="utf-8") != text]

    assert len(written) == 6
    assert BETWEEN.search((ROOT / "docs/configuration.md").read_text(encoding="utf-8"))
    assert outdated == [], "type ./scripts/reference"


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda document: str(document.relative_to(ROOT)))
def test_links_lead_to_files(document: Path) -> None:
    """Anchors and the navigation are checked by `./scripts/docs`."""
    path = document.relative_to(ROOT).as_posix()

    assert [
        each for each in linked(document.read_text(encoding="utf-8"), path, ROOT) if not (ROOT / each).is_file()
    ] == []


def test_every_page_of_the_site_is_in_its_navigation() -> None:
    """Without building it; decisions are reached by their table."""
    named = set(re.findall(r"[\w/-]+\.md", (ROOT / "scripts/site_pages/mkdocs.yml").read_text(encoding="utf-8")))
    written = {path.relative_to(ROOT / "docs").as_posix() for path in (ROOT / "docs").rglob("*.md")}

    assert named - {"index.md"} == {path for path in written if not path.startswith("adr/0")}


def test_links_are_those_of_the_site(tmp_path: Path) -> None:
    """Pages of docs/ by their place there, README.md as the first page, all else below repository/, code as it is."""
    (tmp_path / "examples/rag").mkdir(parents=True)
    text = "[a](../README.md#more) [b](feed.md) [c](../examples/rag) [d](https://example.org/x)\n```\n[e](f)\n```\n"

    assert for_site(text, "docs/search.md", tmp_path) == text.replace("../README.md", "index.md").replace(
        "../examples/rag", "repository/examples/rag/README.md"
    )
    assert for_site("[a](docs/adr/0001.md)", "README.md", tmp_path) == "[a](adr/0001.md)"
    assert for_site("[a](../docs/feed.md)", "scripts/README.md", tmp_path) == "[a](../../feed.md)"


def test_the_pictures_follow_from_the_code() -> None:
    """`./scripts/pictures --drawn` draws them anew: layers, tables, figures."""
    pictures = drawn()
    outdated = [name for name, text in pictures.items() if (FOLDER / name).read_text(encoding="utf-8") != text]

    assert len(pictures) == 5
    assert outdated == [], "type ./scripts/pictures --drawn"


def test_no_picture_loads_anything() -> None:
    """A font or a picture of another host would tell that host who reads the documentation."""
    pictures = sorted(FOLDER.glob("*.svg"))

    assert len(pictures) == 6
    assert [
        path.name for path in pictures if re.search(r"url\(['\"]?\w+:|@import|href=", path.read_text("utf-8"))
    ] == []


def test_the_summary_of_performance_is_short() -> None:
    """Its tables are a page of their own."""
    assert len((ROOT / "docs/performance.md").read_text(encoding="utf-8").split()) <= 1200
