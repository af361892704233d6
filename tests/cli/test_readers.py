"""`who` and `sees` say who may read what, by the facts that consumers get; they write nothing."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from confluence_simulator import Simulator, World
from confluence_simulator.world import Page, User
from sqlalchemy import Engine

from tests.cli.program import TOKEN, Ended, run, settings, written
from tests.cli.test_remedies import said, world_with
from tests.support.database import execute, fingerprint, rows

WRITTEN = """SELECT (SELECT count(*) FROM groups) AS groups, (SELECT count(*) FROM identities) AS identities,
    (SELECT count(*) FROM access_sets) AS sets, (SELECT count(*) FROM sync_runs) AS runs"""


class Site:
    """A space in which a page and what is below it is Zoe's and the managers' alone, mirrored in mode enforce."""

    def __init__(self, home: Path, database_url: str) -> None:
        self.home = home
        self.world: World = world_with("HR", pages=3)
        for name in ("hr-all", "managers"):
            self.world.add_group(name)
        self.zoe: User = self.world.add_user("zoe", display_name="Zoe Quark", email="zoe@example.com")
        self.world.set_groups("hr-bot", ("confluence-users", "hr-all", "managers"))
        self.open, self.closed, _ = self.world.pages(space_key="HR")
        self.leaf: Page = self.world.create_page(
            space_key="HR", title="Leaf", storage="<p>1</p>", parent_id=self.closed.id
        )
        self.world.restrict_page(self.closed.id, groups=("managers",), users=("zoe",))
        self.database_url = database_url

    def run(self, *arguments: str) -> Ended:
        """Run the program."""
        return run(self.home, *arguments)


@pytest.fixture
def site(home: Path, prepared_url: str) -> Iterator[Site]:
    """Mirror the site and keep Confluence there."""
    made = Site(home, prepared_url)
    with mirrored(made):
        yield made


@contextmanager
def mirrored(site: Site) -> Iterator[None]:
    with Simulator(site.world, api_token=TOKEN) as confluence:
        written(site.home, settings(confluence.site_url, site.database_url))
        assert site.run("run").exit_code == 0
        yield


def test_who_may_read_a_page_by_layer(site: Site, engine: Engine) -> None:
    """The space, everything above it and the page itself, by names; nothing is written."""
    before = (fingerprint(engine), rows(engine, WRITTEN))

    shown = site.run("who", site.leaf.id)
    document = site.run("who", site.leaf.id, "--json").document
    everybody = site.run("who", site.open.id).stdout

    assert shown.exit_code == 0
    assert (
        f"Page {site.leaf.id}: Leaf. Not shown to consumers: not open to every licensed user: "
        f"page {site.closed.title} lets group managers and 2 users pass."
    ) in shown.stdout
    assert re.search(r"^space +\S+ +HR +every licensed user, group confluence-users +yes", shown.stdout, re.MULTILINE)
    assert re.search(r"^page +\d+ +HR01 +group managers, .*user Zoe Quark +no", shown.stdout, re.MULTILINE)
    assert re.search(r"^page +\d+ +Leaf +everybody who may view the space +yes", shown.stdout, re.MULTILINE)
    assert (document["is_shown"], document["is_known"], document["title"]) == (False, True, "Leaf")
    assert [layer["id"] for layer in document["layers"][1:]] == [site.closed.id, site.leaf.id]
    assert [layer["lets_audience_pass"] for layer in document["layers"]] == [True, False, True]
    assert "Shown to consumers: open to every licensed user." in everybody
    assert (fingerprint(engine), rows(engine, WRITTEN)) == before


def test_what_a_restriction_would_change(site: Site, engine: Engine) -> None:
    """Each page of the subtree, before and after; nothing is written, and the change itself has that effect."""
    group = site.world.group("hr-all").id
    execute(
        engine,
        f"INSERT INTO groups VALUES ('{group}', 'hr-all', true, now());\n"
        f"INSERT INTO group_members VALUES ('{group}', 'ann'), ('{group}', 'bob')",
    )
    before = (fingerprint(engine), rows(engine, WRITTEN))

    shown = site.run("who", site.open.id, "--if-restricted", f"{site.open.id}:hr-all")
    document = site.run("who", site.open.id, "--if-restricted", f"{site.closed.id}:hr-all", "--json").document

    assert "consumers are shown 1 now and 0 then." in shown.stdout
    assert re.search(rf"^{site.open.id} +HR00 +yes +no +2 *$", shown.stdout, re.MULTILINE)
    assert "Nothing was written." in shown.stdout
    pages = {page["page_id"]: page for page in document["if_restricted"]["pages"]}
    assert pages.keys() == {site.closed.id, site.leaf.id}
    assert {page["readers_after"] for page in pages.values()} == {2}
    assert {page["readers_before"] for page in pages.values()} == {None}, "the managers' members are not mirrored"
    assert (fingerprint(engine), rows(engine, WRITTEN)) == before

    site.world.restrict_page(site.open.id, groups=("hr-all",))
    assert site.run("run", "--access").exit_code == 0
    assert "Not shown to consumers" in site.run("who", site.open.id).stdout


def test_what_somebody_may_read(site: Site, engine: Engine) -> None:
    """By account id, by address, with groups by name, and compared with somebody else."""
    execute(
        engine,
        f"INSERT INTO identities (user_id, email) VALUES ('{site.zoe.account_id}', 'Zoe@Example.com')",
    )

    by_id = site.run("sees", site.zoe.account_id)
    by_address = site.run("sees", "zoe@example.com", "--json").document
    as_manager = site.run("sees", "712020:new", "--group", "managers", "--json").document
    compared = site.run("sees", "zoe@example.com", "--diff", "712020:new")
    same = site.run("sees", "zoe@example.com", "--diff", "712020:new", "--diff-group", "managers", "--json").document

    assert by_id.exit_code == 0
    assert f"{site.zoe.account_id} may read 4 pages." in by_id.stdout
    assert "No members of groups are mirrored" in said(by_id)
    assert (by_address["user"], len(by_address["pages"]), by_address["groups"]) == (site.zoe.account_id, 4, None)
    assert (len(as_manager["pages"]), as_manager["is_known"]) == (4, False)
    assert as_manager["groups"] == [site.world.group("managers").id]
    assert "Both may read 2 pages." in compared.stdout
    assert f"{site.zoe.account_id} alone may read 2 pages." in compared.stdout
    assert re.search(rf"^{site.leaf.id} +HR +Leaf", compared.stdout, re.MULTILINE)
    assert (same["both"], same["only_user"], same["only_other"]) == (4, [], [])


def test_mirrored_members_count_without_a_group_option(site: Site, engine: Engine) -> None:
    """As long as they are recent."""
    group = site.world.group("managers").id
    execute(
        engine,
        f"INSERT INTO groups VALUES ('{group}', 'managers', true, now()) ON CONFLICT (id) DO UPDATE "
        "SET members_known = true, checked_at = now();\n"
        f"INSERT INTO group_members VALUES ('{group}', '712020:new')",
    )

    document = site.run("sees", "712020:new", "--json").document
    other = site.run("sees", "712020:other", "--json").document

    assert (len(document["pages"]), document["groups"], document["is_known"]) == (4, [group], True)
    assert (len(other["pages"]), other["groups"]) == (2, [])


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("who", "424242"), "The mirror has no page 424242."),
        (("who", "{open}", "--if-restricted", "424242:managers"), "The mirror knows no page or folder 424242."),
        (("who", "{open}", "--if-restricted", "{open}:nobody"), "No group nobody is known"),
        (("who", "{open}", "--if-restricted", "{open}"), "needs a page and a group"),
        (("who", "{open}", "--if-restricted", "1:a", "--if-restricted", "2:a"), "one page or folder only"),
        (("who", "Holiday"), "neither a page id nor a page's address"),
        (("sees", "nobody@example.com"), "no user with the address nobody@example.com"),
        (("sees", "712020:a", "--group", "nobody"), "No group nobody is known"),
        (("sees", "712020:a", "--diff-group", "managers"), "--diff-group needs"),
    ],
)
def test_a_mistake_is_one_message(site: Site, arguments: tuple[str, ...], words: str) -> None:
    """Exit code 2; with --json the document has it."""
    given = [each.format(open=site.open.id) for each in arguments]

    refused = site.run(*given)
    document = site.run(*given, "--json").document

    assert (refused.exit_code, refused.stdout) == (2, f"{refused.messages[0]}\n" if refused.stdout else "")
    assert len(refused.messages) == 1
    assert words in refused.messages[0]
    assert (document["exit_code"], words in document["error"]) == (2, True)


def test_explain_does_not_say_shown_of_what_the_view_leaves_out(site: Site, engine: Engine) -> None:
    """It has the layers, and the reason."""
    closed, open_page = site.run("explain", site.leaf.id), site.run("explain", site.open.id)
    document = site.run("explain", site.leaf.id, "--json").document
    execute(engine, "UPDATE sync_spaces SET access_checked_at = now() - interval '2 days'")
    late = site.run("explain", site.open.id)

    assert f"Page {site.leaf.id}: Not shown to consumers: not open to every licensed user: page HR01" in closed.stdout
    assert "group managers" in closed.stdout
    assert f"Page {site.open.id}: Shown, in version 1, open to every licensed user." in open_page.stdout
    assert document["readers"]["is_shown"] is False
    assert "Not shown to consumers: who may read it was last read 48 h ago." in late.stdout


def test_names_are_ids_where_confluence_cannot_be_reached(home: Path, prepared_url: str) -> None:
    """The answers come from the mirror."""
    site = Site(home, prepared_url)
    with mirrored(site):
        pass

    shown = site.run("who", site.leaf.id)

    assert shown.exit_code == 0
    assert f"group {site.world.group('managers').id}" in shown.stdout
    assert site.run("sees", site.zoe.account_id).exit_code == 0
