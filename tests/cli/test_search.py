"""`search` shows what fits, for an asker or the audience, and says how to make texts where there are none."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine

from tests.cli.program import Ended, typed
from tests.cli.stage import Stage
from tests.cli.test_readers import Site, mirrored
from tests.cli.test_remedies import commands, said
from tests.support.database import execute, fingerprint, rows


class TextsSite(Site):
    """The site of the readers, with words on its pages; a process that forks runs the program."""

    def __init__(self, home: Path, database_url: str, stage: Stage) -> None:
        super().__init__(home, database_url)
        self.stage = stage
        self.world.edit_page(self.open.id, storage="<h1>Days</h1><p>The holidays of everybody.</p>")
        self.world.edit_page(self.closed.id, storage="<p>Holiday bonus for managers.</p>")

    def run(self, *arguments: str) -> Ended:
        return self.stage.forking.run(self.home, *arguments)

    def makes_texts(self, *, now: bool = True, **values: str) -> None:
        """Set text.sections, and make the texts."""
        config = self.home / "config.toml"
        lines = [f"{name} = {value}" for name, value in values.items()]
        config.write_text(
            "\n".join([config.read_text().partition("\n[text]")[0], "[text]", "sections = true", *lines, ""])
        )
        if now:
            assert self.run("run").exit_code == 0


@pytest.fixture
def site(home: Path, prepared_url: str, stage: Stage) -> Iterator[TextsSite]:
    """Mirror the site, without texts, and keep Confluence there."""
    made = TextsSite(home, prepared_url, stage)
    with mirrored(made):
        yield made


def test_without_texts_the_message_makes_them(site: TextsSite) -> None:
    """First the setting, then the command that it prints."""
    off = site.run("search", "holiday")
    assert (off.exit_code, off.stdout) == (78, f"{off.messages[0]}\n" if off.stdout else "")
    assert "Set text.sections = true" in said(off)
    site.makes_texts(now=False)
    empty = site.run("search", "holiday", "--json")
    assert (empty.exit_code, empty.document["exit_code"]) == (2, 2)
    (command,) = commands(empty.document["error"])

    assert typed(site.home, command).exit_code == 0

    found = site.run("search", "holiday")
    assert found.exit_code == 0
    assert "1. HR: HR00 > Days" in found.stdout
    assert "The holidays of everybody." in found.stdout
    assert f"/pages/{site.open.id}/" in found.stdout
    assert re.search(r"changed 2\d\d\d-\d\d-\d\d, checked \d+ s ago", found.stdout)
    assert found.messages == []


def test_each_asker_finds_what_he_may_read(site: TextsSite, engine: Engine) -> None:
    """By e-mail address, or as somebody of a group; the document names the asker. Nothing is written."""
    site.makes_texts()
    execute(engine, f"INSERT INTO identities (user_id, email) VALUES ('{site.zoe.account_id}', 'Zoe@Example.com')")
    before = (fingerprint(engine), rows(engine, "SELECT count(*) FROM sync_runs"))

    audience = site.run("search", "holidays", "--json").document
    zoe = site.run("search", "holidays", "--as", "zoe@example.com", "--json").document
    managers = site.run("search", "holiday", "bonus", "--group", "managers", "--json").document
    stranger = site.run("search", "bonus", "--as", "712020:new")

    assert [found["page_id"] for found in audience["results"]] == [site.open.id]
    assert audience["asker"] is None
    assert {found["page_id"] for found in zoe["results"]} == {site.open.id, site.closed.id}
    assert zoe["asker"] == {"user": site.zoe.account_id, "groups": None}
    assert [found["snippet"] for found in managers["results"]] == ["Holiday bonus for managers."]
    assert managers["asker"] == {"user": None, "groups": [site.world.group("managers").id]}
    assert stranger.stdout.startswith("Nothing found.")
    assert "Nothing in the mirror names 712020:new" in said(stranger)
    assert "No members of groups are mirrored" in said(stranger)
    assert (fingerprint(engine), rows(engine, "SELECT count(*) FROM sync_runs")) == before


def test_what_a_search_misses_is_said(site: TextsSite, engine: Engine) -> None:
    """Pages without a current text, and an asker or an audience that may read nothing; each remedy works."""
    site.makes_texts()
    execute(engine, f"DELETE FROM page_texts WHERE page_id = '{site.open.id}'")
    missing = site.run("search", "holidays")
    assert "1 live page without a current text cannot be found: `hr-sync run` makes it." in said(missing)
    site.makes_texts(now=False, search_languages='["german"]')
    document = site.run("search", "holidays", "--json").document
    assert document["pages_without_text"] == 4
    assert document["notes"][0].startswith("4 live pages without a current text")
    site.makes_texts()
    assert site.run("search", "holidays", "--json").document["notes"] == []

    execute(engine, "UPDATE sync_spaces SET access_checked_at = now() - interval '2 days'")
    for arguments, words in (
        ((), "The audience may read no section"),
        (("--as", "it's me"), "it's me may read no section"),
        (("--group", "managers"), "These groups may read no section"),
    ):
        nothing = site.run("search", "holidays", *arguments)
        assert nothing.exit_code == 0
        assert words in said(nothing)
        (command,) = commands(said(nothing))
        assert typed(site.home, command).exit_code == 0


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("the",), "no word to search for"),
        (("--", "-", "!!"), "no word to search for"),
        (("holiday", "--as", "nobody@example.com"), "no user with the address nobody@example.com"),
        (("holiday", "--group", "nobody"), "No group nobody is known"),
        (("holiday", "--limit", "0"), "--limit"),
        ((), "WORDS"),
    ],
)
def test_a_mistake_is_one_message(site: TextsSite, arguments: tuple[str, ...], words: str) -> None:
    """Exit code 2."""
    site.makes_texts()

    refused = site.run("search", *arguments)

    assert refused.exit_code == 2
    assert len(refused.messages) == 1
    assert words in refused.messages[0]
