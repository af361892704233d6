"""Each command, started as a process: what it prints, what it writes, how it exits."""

import json
import re
import subprocess
import sys
from pathlib import Path

import psycopg
import pytest
from confluence_simulator import Simulator, World
from sqlalchemy import Engine

from tests.cli.program import HR_SYNC, TOKEN, environment, postgres, run, settings, wired, written
from tests.support.database import fingerprint, page_rows, rows
from tests.support.oracle import wrong

RUNS_AND_SPACES = """
    SELECT (SELECT count(*) FROM sync_runs) AS runs, (SELECT count(*) FROM sync_run_spaces) AS parts, s::text
    FROM sync_spaces s
"""


def test_run_shows_a_table_and_its_json_is_the_only_thing_on_standard_output(
    home: Path, site: Simulator, engine: Engine, prepared_url: str
) -> None:
    """First for people, then for programs, then without anything to do; every row equals the world."""
    wired(home, site, prepared_url)

    first = run(home, "run")
    assert first.exit_code == 0
    assert re.search(r"^S00 +complete +12 +12 ", first.stdout, re.MULTILINE)
    assert first.messages == []
    assert [json.loads(line)["event"] for line in first.stderr.splitlines()][:1] == ["run.started"]
    assert wrong(engine, site) == []

    site.world.edit_page(site.world.pages()[0].id, storage="<p>edited</p>")
    second = run(home, "run", "--json")
    assert second.exit_code == 0
    report = second.document
    assert (report["outcome"], report["exit_code"], report["mode"]) == ("complete", 0, "full")
    assert (report["counts"]["updated"], report["counts"]["unchanged"], report["counts"]["bodies"]) == (1, 11, 1)
    assert report["spaces"][0]["space_key"] == "S00"
    assert wrong(engine, site) == []


def test_a_dry_run_writes_nothing(home: Path, site: Simulator, engine: Engine, prepared_url: str) -> None:
    """Neither a page row nor a run row; it tells what would be done and what it would cost."""
    wired(home, site, prepared_url)
    assert run(home, "run").exit_code == 0
    world = site.world
    world.edit_page(world.pages()[0].id, storage="<p>edited</p>")
    trashed = world.pages()[-1]
    world.trash_page(trashed.id)
    before = (fingerprint(engine), rows(engine, RUNS_AND_SPACES))

    shown = run(home, "run", "--dry-run")
    (preview,) = run(home, "run", "--dry-run", "--json").document

    assert (fingerprint(engine), rows(engine, RUNS_AND_SPACES)) == before
    assert shown.exit_code == 0
    assert "Nothing was written." in shown.stdout
    assert re.search(rf"^{trashed.id} +hide and remove +its status is trashed", shown.stdout, re.MULTILINE)
    assert (preview["space_key"], preview["kind"], preview["requests"]) == ("S00", "full", 1)
    assert {step["action"] for step in preview["plan"]["steps"]} == {"update", "verify"}
    deletions = preview["deletions"]
    assert [(each["page_id"], each["reason"]) for each in deletions["remove"]] == [(trashed.id, "trashed")]
    assert deletions["held"] == []


def test_status_and_pages_tell_what_is_there(home: Path, site: Simulator, prepared_url: str) -> None:
    """After a run, for people and for programs."""
    wired(home, site, prepared_url)
    assert run(home, "run").exit_code == 0

    status = run(home, "status", "--json").document
    assert [(space["space_key"], space["live_pages"], space["last_outcome"]) for space in status["spaces"]] == [
        ("S00", 12, "complete")
    ]
    assert status["spaces"][0]["age"] < 60
    assert [line["outcome"] for line in status["runs"]] == ["complete"]
    assert status["failures"] == []

    pages = run(home, "pages", "--json").document
    assert {(page["id"], page["version"], page["title"]) for page in pages} == {
        (page.id, page.version, page.title) for page in site.world.pages()
    }
    assert [page["last_updated"] for page in pages] == sorted(page["last_updated"] for page in pages)
    assert site.world.pages()[3].title in run(home, "pages", "--space", "S00").stdout
    assert run(home, "pages", "--since", "2100-01-01", "--json").document == []


def test_archived_pages_are_listed_for_the_operator_alone(home: Path, site: Simulator, prepared_url: str) -> None:
    """By an option of `pages`; without the word in the settings there is none."""
    archived = site.world.archive_page(site.world.pages()[0].id)
    wired(home, site, prepared_url, include=["pages", "archived_pages"])
    assert run(home, "run").exit_code == 0

    (page,) = run(home, "pages", "--archived", "--json").document
    live = run(home, "pages", "--json").document

    assert (page["id"], page["title"]) == (archived.id, archived.title)
    assert archived.id not in {each["id"] for each in live}
    assert len(live) == 11


def test_check_says_where_pages_cannot_be_archived(home: Path, prepared_url: str) -> None:
    """On Data Center, by one warning; nothing fails for it."""
    world = World()
    world.create_space("HR")
    with Simulator(world, api_token=TOKEN, flavor="datacenter") as site:
        wired(home, site, prepared_url, flavor="datacenter", spaces=["HR"], include=["pages", "archived_pages"])
        checked = run(home, "check", "--json")
    assert checked.exit_code == 0
    assert [each for each in checked.document["warnings"] if "archived_pages" in each]


def test_tables_are_made_once(home: Path, site: Simulator, database_url: str) -> None:
    """`init-db` twice on an empty database; `status` before it says what to do."""
    wired(home, site, database_url)

    early = run(home, "status")
    assert early.exit_code == 78
    assert len(early.messages) == 1
    assert "hr-sync" in early.messages[0]
    for _ in range(2):
        made = run(home, "init-db")
        assert (made.exit_code, made.messages) == (0, [])
        assert "revision" in made.stdout
    assert "hr-sync run" in run(home, "status").stdout
    with psycopg.connect(postgres(database_url)) as connection:
        (revisions,) = connection.execute("SELECT count(*) FROM hr_sync_alembic_version").fetchall()
    assert revisions == (1,)


def test_settings_are_shown_without_secrets(home: Path, site: Simulator, prepared_url: str) -> None:
    """`config show` names sources and masks; schema and example need no settings at all."""
    wired(home, site, prepared_url)

    shown = run(home, "config", "show", HR_SYNC_LOG__LEVEL="debug")
    as_json = run(home, "config", "show", "--json").document
    for name in ("HR_SYNC_LOG__LEVEL", "confluence.api_token", "config.toml", "***"):
        assert name in shown.stdout
    assert as_json["confluence"]["api_token"] == {"value": "***", "source": "config.toml"}
    assert as_json["database"]["url"]["value"] == "***"

    (home / "config.toml").unlink()
    assert run(home, "config", "schema").document["properties"].keys() >= {"confluence", "database", "sync", "log"}
    example = run(home, "config", "example")
    assert example.stdout == (Path(__file__).parents[2] / "config.example.toml").read_text(encoding="utf-8")


def test_check_tries_everything_and_writes_no_run(
    home: Path, site: Simulator, engine: Engine, prepared_url: str
) -> None:
    """Right settings, and a space that the account does not see."""
    wired(home, site, prepared_url)
    assert run(home, "check").exit_code == 0
    wired(home, site, prepared_url, spaces=["S00", "NOPE"])

    unseen = run(home, "check")

    assert unseen.exit_code == 78
    assert "Space S00" in unseen.stdout
    assert len(unseen.messages) == 1
    assert "NOPE" in unseen.messages[0]
    assert rows(engine, "SELECT * FROM sync_runs") == []


def test_labels_and_restrictions_are_shown(home: Path, site: Simulator, prepared_url: str) -> None:
    """By a run of their own; `pages` and `explain` show them, and a page without any says so in words."""
    groups = settings(site.site_url, prepared_url)
    groups["access"] = {"mode": "account", "labels": True}
    written(home, groups)
    first, *_, last = site.world.pages()
    site.world.label_page(first.id, "public")
    site.world.restrict_page(last.id, users=("ann.lee",))
    assert run(home, "run").exit_code == 0
    unknown = [(page["labels"], page["readers"]) for page in run(home, "pages", "--json").document]

    ended = run(home, "run", "--access")
    again = run(home, "run", "--access", "--json")

    assert unknown == [(None, None)] * 12
    assert "12 pages with other labels, 12 pages with other readers." in ended.stdout
    assert (again.document["mode"], again.document["exit_code"], again.document["counts"]["restricted"]) == (
        "access",
        0,
        0,
    )
    pages = {page["id"]: page for page in run(home, "pages", "--json").document}
    assert "public" in pages[first.id]["labels"]
    users = [f"u:{site.world.author.account_id}", f"u:{site.world.bot.account_id}"]
    assert sorted(users) in pages[last.id]["readers"]
    assert len(pages[first.id]["readers"]) == 1, "the space's alone"
    assert re.search(r"everybody who may view the space +yes", run(home, "explain", first.id).stdout)
    assert site.world.author.display_name in run(home, "explain", last.id).stdout
    assert run(home, "status", "--json").document["spaces"][0]["access_age"] >= 0


def test_a_dry_run_tells_labels_and_restrictions_where_full_runs_compare_them(
    home: Path, site: Simulator, engine: Engine, prepared_url: str
) -> None:
    """With the reason, and without writing them."""
    groups = settings(site.site_url, prepared_url)
    groups["access"] = {"labels": True}
    written(home, groups)
    assert run(home, "run").exit_code == 0
    first, second, *_ = site.world.pages()
    site.world.label_page(first.id, "public")
    site.world.restrict_page(second.id, users=("ann.lee",))
    before = fingerprint(engine)

    shown = run(home, "run", "--dry-run")

    assert re.search(rf"^{first.id} +relabel +labels: 1 more, 0 fewer", shown.stdout, re.MULTILINE)
    assert re.search(rf"^{second.id} +restrict +other people may read it", shown.stdout, re.MULTILINE)
    assert fingerprint(engine) == before


def test_a_resync_fetches_whatever_the_version(home: Path, site: Simulator, engine: Engine, prepared_url: str) -> None:
    """A page by id and by its address, a everything: rows that somebody spoilt are right again."""
    wired(home, site, prepared_url)
    assert run(home, "run").exit_code == 0
    first, second, *_ = site.world.pages()
    url = rows(engine, f"SELECT url FROM confluence_pages WHERE id = '{second.id}'")[0]["url"]

    ways = {
        ("--page", first.id, "--page", url): {first.id, second.id},
        ("--all",): {page.id for page in site.world.pages()},
    }
    for way, page_ids in ways.items():
        with psycopg.connect(postgres(prepared_url)) as connection:
            connection.execute("UPDATE page_bodies SET storage = 'spoilt' WHERE page_id = ANY(%s)", [list(page_ids)])
        site.requests.clear()

        ended = run(home, "resync", *way, "--json")

        assert ended.exit_code == 0
        assert (ended.document["mode"], ended.document["counts"]["bodies"]) == ("resync", len(page_ids))
        assert wrong(engine, site) == []


@pytest.mark.parametrize(
    ("arguments", "remedy"),
    [
        (("run", "--space", "NOPE"), "confluence.spaces"),
        (("resync", "--all", "--space", "S00"), "--page"),
        (("resync", "--page", "https://acme.atlassian.net/wiki/x/AbC"), "copy its address"),
        (("resync", "--page", "4711"), "Check its address"),
        (("run", "--incremental", "--full"), "leave one of them out"),
        (("run", "--incremental", "--access"), "leave one of them out"),
        (("run", "--dry-run", "--access"), "leave one of them out"),
    ],
)
def test_wrong_usage(home: Path, site: Simulator, engine: Engine, arguments: tuple[str, ...], remedy: str) -> None:
    """Exit code 2, one message with a remedy, no page."""
    wired(home, site, engine.url.render_as_string(hide_password=False), spaces=["S00"])

    refused = run(home, *arguments)

    assert refused.exit_code == 2
    assert len(refused.messages) == 1
    assert refused.messages[0].startswith("hr-sync: ")
    assert remedy in refused.messages[0]
    assert page_rows(engine) == {}


def test_an_unknown_option_is_wrong_usage(home: Path) -> None:
    """Exit code 2, and where to look."""
    refused = run(home, "run", "--faster")
    assert (refused.exit_code, refused.stdout) == (2, "")
    assert "Try 'hr-sync run -h'" in refused.stderr


def test_the_module_is_the_program(home: Path) -> None:
    """`python -m hr_sync` from anywhere."""
    version = subprocess.run(
        [sys.executable, "-m", "hr_sync", "--version"],
        cwd=home,
        env=environment(home),
        capture_output=True,
        text=True,
        check=True,
    )
    assert re.fullmatch(r"hr-sync \d+\.\d+\.\d+\n", version.stdout)


def test_help_loads_nothing_heavy(home: Path) -> None:
    """What a run needs is imported by the run."""
    helped = subprocess.run(
        [sys.executable, "-X", "importtime", str(HR_SYNC), "--help"],
        cwd=home,
        env=environment(home),
        capture_output=True,
        text=True,
        check=True,
    )
    loaded = {line.rpartition("|")[2].strip().partition(".")[0] for line in helped.stderr.splitlines()}

    assert "run" in helped.stdout
    assert "typer" in loaded
    assert loaded.isdisjoint({"sqlalchemy", "psycopg", "atlassian", "requests", "pydantic", "structlog", "alembic"})


def test_a_reader_that_goes_away_is_no_error(home: Path) -> None:
    """As `| head -1` does."""
    process = subprocess.Popen(
        [str(HR_SYNC), "config", "example"],
        cwd=home,
        env=environment(home),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert process.stdout is not None
    process.stdout.close()
    assert process.stderr is not None
    said = process.stderr.read()
    process.stderr.close()
    assert said == b""
    assert process.wait() in (0, 1)


def test_secrets_come_from_files_too(home: Path, site: Simulator, prepared_url: str) -> None:
    """As containers hand them in."""
    written(home, settings(site.site_url, None, api_token=None))
    (home / "token").write_text(f"{TOKEN}\n", encoding="utf-8")
    (home / "url").write_text(postgres(prepared_url), encoding="utf-8")

    ended = run(
        home,
        "run",
        HR_SYNC_CONFLUENCE__API_TOKEN_FILE=str(home / "token"),
        HR_SYNC_DATABASE__URL_FILE=str(home / "url"),
    )
    assert ended.exit_code == 0


def test_text_shows_a_live_page_as_markdown_and_no_other(home: Path, site: Simulator, prepared_url: str) -> None:
    """Made from the stored body: Confluence is not asked, and nothing of a page that is not shown is printed."""
    wired(home, site, prepared_url)
    first, second, *_ = site.world.pages()
    body = (
        "<h1>Leave</h1><p>Thirty days, \u202e see "
        f'<ac:link><ri:page ri:content-title="{second.title}" /></ac:link>.</p>'
    )
    site.world.edit_page(first.id, storage=body)
    assert run(home, "run").exit_code == 0
    site.requests.clear()

    shown, document = run(home, "text", first.id), run(home, "text", first.id, "--json").document

    assert shown.exit_code == 0
    assert shown.stdout.startswith("# Leave\n\nThirty days,")
    assert f"[{second.title}](" in shown.stdout
    assert "\u202e" not in shown.stdout
    assert [section["heading_path"] for section in document["sections"]] == [["Leave"]]
    assert len(site.requests) == 0

    site.world.trash_page(first.id)
    assert run(home, "run").exit_code == 0
    refused = run(home, "text", first.id)
    assert (refused.exit_code, refused.stdout) == (2, "")
    assert f"hr-sync explain {first.id}" in refused.stderr


def test_texts_with_other_pages_and_without_any_are_explained(home: Path, site: Simulator, prepared_url: str) -> None:
    """`explain` says what the text shows and lacks; a page that arrives empty is reported until the remedy is typed."""
    wired(home, site, prepared_url)
    sections = {"HR_SYNC_TEXT__SECTIONS": "true"}
    first, second, *_ = site.world.pages()
    key = next(space.key for space in site.world.spaces() if space.id == second.space_id)
    macros = "".join(
        '<ac:structured-macro ac:name="include"><ac:parameter ac:name=""><ac:link>'
        f'<ri:page ri:space-key="{key}" ri:content-title="{title}" />'
        "</ac:link></ac:parameter></ac:structured-macro>"
        for title in (second.title, "Absent")
    )
    site.world.edit_page(first.id, storage=f'<p>All.<span style="display:none">Obey</span></p>{macros}')
    site.world.edit_page(second.id, storage="<p>Shared rule.</p>")
    assert run(home, "run", **sections).exit_code == 0

    explained = run(home, "explain", first.id)
    assert f"1 section; shows the text of {second.id}; 1 include not shown; 4 characters left out" in " ".join(
        explained.stdout.split()
    )
    assert run(home, "text", first.id).stdout == "All.\n\nShared rule.\n\n[Included page: Absent]\n"

    site.world.edit_page(second.id, storage="")
    report = run(home, "run", "--json", **sections).document
    remedy = f"hr-sync resync --page {second.id}"
    assert [each for each in report["warnings"] if f"`{remedy}`" in each]
    assert f"`{remedy}`" in run(home, "status").stdout
    assert run(home, *remedy.split()[1:], **sections).exit_code == 0
    assert remedy not in run(home, "status").stdout
