"""`purge --user` and `verify --erased`: a person's traces go, what is left is told, and what is printed works."""

import re
import shlex
from pathlib import Path

import pytest
from sqlalchemy import Engine

from tests.cli.program import Ended, run, settings, written
from tests.cli.test_readers import Site, mirrored
from tests.cli.test_remedies import said
from tests.support.database import execute, rows

JANE = "712020:jane"


@pytest.fixture
def site(home: Path, prepared_url: str) -> Site:
    """Return a site that is not mirrored yet."""
    return Site(home, prepared_url)


def names_of(engine: Engine) -> list[str]:
    return [row["principal"] for row in rows(engine, "SELECT DISTINCT principal FROM access_principals ORDER BY 1")]


def printed_command(ended: Ended) -> list[str]:
    """Return the command that the output says to type."""
    (command,) = set(re.findall(r"`hr-sync ([^`]*)`", ended.stdout))
    return shlex.split(command)


def test_a_person_is_erased_and_what_is_left_is_told(site: Site, engine: Engine) -> None:
    """By id or address; asked for first; the texts of pages are Confluence's, and are named by their table."""
    with mirrored(site):
        zoe = site.zoe.account_id
        execute(
            engine,
            f"INSERT INTO identities (user_id, display_name, email) VALUES ('{zoe}', 'Zoe Quark', 'zoe@example.com')",
        )
        site.world.create_page(space_key="HR", title="Team", storage=f"<p>{zoe}</p>")
        assert site.run("run").exit_code == 0
        assert f"u:{zoe}" in names_of(engine)

        refused = site.run("purge", "--user", "zoe@example.com")
        assert (refused.exit_code, f"u:{zoe}" in names_of(engine)) == (2, True)
        assert f"Erase what is stored of user {zoe} for good?" in said(refused)
        before = site.run("verify", "--erased", zoe)
        assert before.exit_code == 3
        assert printed_command(before) == ["purge", "--user", zoe]

        erased = site.run("purge", "--user", "zoe@example.com", "--yes")
        assert erased.exit_code == 0
        assert f"Erased of user {zoe}: 1 account, 0 memberships, 1 restriction and 0 permissions." in erased.stdout
        assert "u:" in names_of(engine)
        last = rows(engine, "SELECT mode, outcome, exit_code FROM sync_runs ORDER BY id DESC LIMIT 1")
        assert last == [{"mode": "purge", "outcome": "complete", "exit_code": 0}]

        left = site.run(*printed_command(erased), "--json")
        assert left.exit_code == 3
        assert left.document["found"] == [{"table": "page_bodies", "column": "storage", "rows": 1}]
        execute(engine, "DELETE FROM page_bodies")
        nothing = site.run("verify", "--erased", zoe)
        assert nothing.exit_code == 0
        assert f"{zoe} stands in none of" in nothing.stdout
        assert f"Nothing of user {zoe} is stored." in site.run("purge", "--user", zoe, "--yes").stdout


def test_the_name_of_a_person_goes_out_of_the_texts(site: Site, engine: Engine) -> None:
    """They are made again at once, with the placeholder; what Confluence still shows comes back with the next run."""
    zoe = site.zoe.account_id
    mention = f'<p>Ask <ac:link><ri:user ri:account-id="{zoe}" /></ac:link>.</p>'
    site.world.create_page(space_key="HR", title="Team", storage=mention)
    shown = "SELECT text FROM page_sections WHERE text LIKE 'Ask %%'"
    with mirrored(site):
        with_texts = {"HR_SYNC_TEXT__SECTIONS": "true"}
        assert run(site.home, "run", **with_texts).exit_code == 0
        assert rows(engine, shown) == [{"text": "Ask @Zoe Quark."}]

        erased = run(site.home, "purge", "--user", zoe, "--yes", **with_texts)

        assert "the name in 1 text" in erased.stdout
        assert "a name that pages mention with the next run" in erased.stdout
        assert rows(engine, shown) == [{"text": "Ask @unknown user."}]
        left = site.run("verify", "--erased", "Zoe Quark", "--json")
        assert (left.exit_code, left.document["found"]) == (0, [])


def test_a_page_is_erased_and_searched_by_its_address(site: Site, engine: Engine) -> None:
    """The remedy that is printed erases it; the feed's row is no trace."""
    with mirrored(site):
        page = site.open
        (address,) = [row["url"] for row in rows(engine, "SELECT url FROM confluence_pages WHERE id = %s", page.id)]
        execute(engine, f"UPDATE content_nodes SET parent_id = NULL WHERE parent_id = '{page.id}'")
        execute(engine, f"UPDATE confluence_pages SET parent_id = NULL WHERE parent_id = '{page.id}'")
        found = site.run("verify", "--erased", address)
        assert found.exit_code == 3
        assert printed_command(found) == ["purge", "--page", page.id]
        assert site.run(*printed_command(found), "--yes").exit_code == 0

        ended = site.run("verify", "--erased", page.id, "--json")
        assert (ended.exit_code, ended.document["found"], ended.document["unsearched"]) == (0, [], [])


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("purge", "--user", JANE, "--page", "1"), "--user erases a person alone"),
        (("purge", "--user", "jane@example.org", "--yes"), "no user with the address"),
        (("purge", "--user", " ", "--yes"), "--user needs an account id"),
        (("verify", "--erased", JANE, "--space", "HR"), "--erased searches every table"),
        (("verify", "--erased", " "), "--erased needs a page"),
        (("verify", "--erased", "https://wiki.example.org/x/abc"), "neither a page id nor a page's address"),
    ],
)
def test_what_does_not_fit_together_is_refused(site: Site, arguments: tuple[str, ...], says: str) -> None:
    """Before anything is erased or searched."""
    written(site.home, settings("http://127.0.0.1:1", site.database_url))
    ended = run(site.home, *arguments)
    assert (ended.exit_code, says in said(ended)) == (2, True), said(ended)
