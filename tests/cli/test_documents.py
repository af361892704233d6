"""`text --file` prints what a document shows, without settings and without a database, and why it cannot be read."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.program import Ended
from tests.cli.stage import Stage
from tests.cli.test_remedies import said
from tests.documents.good import PDF_PAGES, encrypted, pdf, word_document

HIDING = """
import importlib.util
find = importlib.util.find_spec
importlib.util.find_spec = lambda name: None if name == "pypdf" else find(name)
from hr_sync.cli.main import main
main()
"""


@pytest.fixture
def text(home: Path, stage: Stage) -> "Text":
    return Text(home, stage)


class Text:
    """A folder with one document in it, and the command."""

    def __init__(self, home: Path, stage: Stage) -> None:
        self.home = home
        self.stage = stage

    def __call__(self, name: str, data: bytes, *arguments: str) -> Ended:
        (self.home / name).write_bytes(data)
        return self.stage.forking.run(self.home, "text", "--file", name, *arguments)


def test_the_text_of_a_document(text: Text) -> None:
    """As Markdown, and nothing else on standard output."""
    printed = text("policy.docx", word_document())

    assert (printed.exit_code, printed.messages) == (0, [])
    assert "# Entitlement\n\nEverybody has thirty days. Überstunden count." in printed.stdout


def test_the_sections_of_a_document(text: Text) -> None:
    """As a page's, with what is missing beside them."""
    broken = pdf(PDF_PAGES).replace(b"/Contents 7 0 R", b"/Contents 99 0 R")

    document = text("policy.pdf", broken, "--json").document

    assert document["kind"] == "pdf"
    assert document["pages"] == 3
    assert document["is_complete"] is False
    assert document["missing"] == [{"part": "Page 2", "reason": "damaged"}]
    assert [section["heading_path"] for section in document["sections"]] == [["Page 1"], ["Page 3"]]


def test_what_is_missing_is_told(text: Text) -> None:
    """To people, beside the text."""
    printed = text("policy.pdf", pdf(PDF_PAGES).replace(b"/Contents 7 0 R", b"/Contents 99 0 R"))

    assert printed.exit_code == 0
    assert printed.messages == ["hr-sync: Not in the text: Page 2 (damaged)."]


@pytest.mark.parametrize(
    ("name", "data", "why"),
    [
        ("a.pdf", encrypted(pdf(PDF_PAGES), password="secret"), "needs a password"),
        ("a.pdf", pdf([], contents=[b"/Im1 Do"]), "text recognition"),
        ("a.pdf", b"%PDF-", "damaged"),
        ("a.pdf", b"words", "not of the type"),
        ("a.exe", b"MZ\0", "docs/documents.md"),
        ("a.txt", b"", "no word"),
        ("a.txt", b"x" * 20_000_001, "20,000,000 bytes"),
    ],
)
def test_what_cannot_be_read_has_its_reason_and_a_remedy(text: Text, name: str, data: bytes, why: str) -> None:
    """Exit code 3, also in the JSON document."""
    refused = text(name, data, "--json")

    assert (refused.exit_code, refused.document["exit_code"]) == (3, 3)
    assert why in refused.document["error"]
    assert refused.document["error"].startswith(f"{name} cannot be read: ")


def test_a_file_name_steers_no_terminal(text: Text) -> None:
    """Its control characters are shown."""
    refused = text("a\x1b[31m.txt", b"")

    assert "\x1b" not in said(refused)
    assert "a\\x1b[31m.txt cannot be read" in said(refused)


def test_one_page_or_one_document(home: Path, stage: Stage) -> None:
    """Neither both nor none; a file that is not there."""
    for arguments in ((), ("98304", "--file", "a.txt"), ("--file", "missing.txt"), ("--file", ".")):
        assert stage.forking.run(home, "text", *arguments).exit_code == 2


def test_without_the_libraries_the_remedy_is_printed(tmp_path: Path) -> None:
    """One line, exit code 78, no traceback."""
    (tmp_path / "a.txt").write_text("words")

    ended = subprocess.run(
        [sys.executable, "-c", HIDING, "text", "--file", "a.txt"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )

    assert (ended.returncode, ended.stdout) == (78, "")
    assert ended.stderr == "hr-sync: Documents cannot be read: pypdf not installed. pip install 'hr-sync[documents]'\n"
