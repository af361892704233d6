"""`run` reads the files of pages where text.attachments says so; search, status, explain and check tell of them."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from confluence_simulator import Simulator

from tests.cli.program import TOKEN, Ended, settings, written
from tests.cli.stage import Stage
from tests.cli.test_documents import HIDING
from tests.cli.test_remedies import said, world_with

CSV = b"country,allowance\nDenmark,75 krone\n"
TEXTS = {"sections": True, "attachments": True}


class FilesSite:
    """A space whose first page has a table, an encrypted document and an image."""

    def __init__(self, home: Path, database_url: str, stage: Stage) -> None:
        self.home = home
        self.stage = stage
        self.database_url = database_url
        self.world = world_with("HR", pages=1)
        self.page = self.world.pages(space_key="HR")[0].id
        encrypted = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + "EncryptedPackage".encode("utf-16-le")
        for name, payload, media_type in (
            ("Allowances 2027.csv", CSV, "text/csv"),
            ("secret.docx", encrypted, "application/octet-stream"),
            ("photo.png", b"\x89PNG", "image/png"),
        ):
            self.world.attach(self.page, filename=name, payload=payload, media_type=media_type)

    def set(self, confluence: Simulator, **changes: object) -> None:
        """Write the settings; `changes` are keys of the group `text`."""
        groups = settings(confluence.site_url, self.database_url, media_origins=[confluence.media_origin])
        written(self.home, groups | {"text": TEXTS | changes})

    def run(self, *arguments: str) -> Ended:
        return self.stage.forking.run(self.home, *arguments)


@pytest.fixture
def site(home: Path, prepared_url: str, stage: Stage) -> Iterator[tuple[FilesSite, Simulator]]:
    made = FilesSite(home, prepared_url, stage)
    with Simulator(made.world, api_token=TOKEN) as confluence:
        made.set(confluence)
        yield made, confluence


def test_the_files_of_pages_are_found_and_told(site: tuple[FilesSite, Simulator]) -> None:
    """What has a text is found below its name; what has none is counted by its reason, everywhere alike."""
    files, _ = site
    ran = files.run("run")
    told = "1 attachment has a text. 1 attachment has no text: 1 encrypted. 1 attachment is of types that are not read."
    assert (ran.exit_code, told in ran.stdout) == (0, True), ran
    assert files.run("run", "--json").document["attachment_texts"]["outcomes"] == {
        "complete": 1, "encrypted": 1, "unsupported_type": 1,
    }  # fmt: skip
    assert told in files.run("status").stdout
    assert told in files.run("check").stdout

    found = files.run("search", "krone", "--json").document["results"]
    assert [(each["heading_path"], each["page_id"]) for each in found] == [(["Allowances 2027.csv"], files.page)]
    assert "> Allowances 2027.csv" in files.run("search", "allowances").stdout
    explained = files.run("explain", files.page).stdout.replace("\n", " ")
    for words in ("read, 1 section", "no text: encrypted", "no text: of types that are not read"):
        assert " ".join(words.split()) in " ".join(explained.split())


def test_switching_it_off_deletes_what_was_read(site: tuple[FilesSite, Simulator]) -> None:
    """With the next run."""
    files, confluence = site
    assert files.run("run").exit_code == 0
    files.set(confluence, attachments=False)
    ran = files.run("run", "--incremental")
    assert (ran.exit_code, "attachment has" in ran.stdout) == (0, False)
    assert files.run("search", "krone", "--json").document["results"] == []


def test_what_it_needs_is_asked_for_before_anything_begins(site: tuple[FilesSite, Simulator]) -> None:
    """The texts of pages, and the libraries; `check` says the same."""
    files, confluence = site
    files.set(confluence, sections=False)
    for command, is_asked in (("run", False), ("check", True)):
        ended = files.run(command)
        assert (ended.exit_code, "Set text.sections = true" in said(ended)) == (78, True)
        assert (len(confluence.requests) > 0) is is_asked


def test_libraries_that_are_missing_are_named_with_the_extra(site: tuple[FilesSite, Simulator]) -> None:
    """One message, exit code 78."""
    files, _ = site
    hidden = subprocess.run(
        [sys.executable, "-c", HIDING, "run"], cwd=files.home, capture_output=True, text=True, timeout=60, check=False
    )
    assert hidden.returncode == 78
    assert "pip install 'hr-sync[documents]', or set text.attachments = false" in hidden.stderr
