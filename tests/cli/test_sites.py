"""Several sites in one settings file and one database: what the commands do of each, and that nothing crosses."""

import json
import re
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from confluence_simulator import Fault, Simulator
from structlog.testing import capture_logs

from hr_sync.cli.bootstrap import open_database
from hr_sync.cli.commands.serve import CurrentSettings, open_sites
from hr_sync.cli.stopping import HeldLeases
from hr_sync.errors import SchemaError
from hr_sync.settings import load_sites
from tests.cli.conftest import world_of
from tests.cli.program import TOKEN, USERNAME, postgres, run, start_logging
from tests.cli.test_serve import Service, eventually, port_of

PAGES = {"emea": 12, "apac": 5}


@pytest.fixture
def sites() -> Iterator[dict[str, Simulator]]:
    """Two sites with a space of the same key, whose pages have the same ids and other texts."""
    with (
        Simulator(world_of(PAGES["emea"]), api_token=TOKEN) as emea,
        Simulator(world_of(PAGES["apac"]), api_token=TOKEN) as apac,
    ):
        for name, site in (("emea", emea), ("apac", apac)):
            for page in site.world.pages():
                site.world.edit_page(page.id, title=f"{name} {page.id}", storage=f"<p>{name} only</p>")
        yield {"emea": emea, "apac": apac}


def written_sites(home: Path, sites: dict[str, Simulator], url: str, text: str = "", **of_site: str) -> Path:
    """Write the settings of the sites; `text` stands outside of them, `of_site` below the tables of one."""
    common = {"flavor": "cloud", "username": USERNAME, "first_retry_wait_seconds": 0.01, "max_attempts": 2}
    lines = ["[confluence]", *(f"{key} = {json.dumps(value)}" for key, value in common.items())]
    lines += ["[database]", f"url = {json.dumps(postgres(url))}", "[log]", 'format = "json"', text]
    for name, site in sites.items():
        lines += [f"[sites.{name}.confluence]", f'url = "{site.site_url}"', f'api_token = "{TOKEN}"']
        lines += ['spaces = ["*"]', of_site.get(name, "")]
    path = home / "config.toml"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    path.chmod(0o600)
    return path


def ask(url: str, query: str) -> list[tuple[Any, ...]]:
    """Return the rows of a query."""
    with psycopg.connect(postgres(url)) as connection:
        return connection.execute(query).fetchall()


def titles(url: str, schema: str) -> set[str]:
    """Return the first words of the titles that one schema holds."""
    return {title.partition(" ")[0] for (title,) in ask(url, f"SELECT title FROM {schema}.confluence_pages")}


def test_two_sites_in_one_database_share_nothing(home: Path, sites: dict[str, Simulator], database_url: str) -> None:
    """Each has its schema; the same ids and keys in both stay apart; every command shows each under its name."""
    written_sites(home, sites, database_url)

    first = run(home, "run")

    assert first.exit_code == 0
    assert re.search(
        r"^Site emea\n.*^S00 +complete +12 .*^Site apac\n.*^S00 +complete +5 ", first.stdout, re.MULTILINE | re.DOTALL
    )
    assert {json.loads(line).get("site") for line in first.stderr.splitlines()} == {"emea", "apac"}
    for name in sites:
        assert titles(database_url, name) == {name}
        assert ask(database_url, f"SELECT count(*) FROM {name}.live_pages") == [(PAGES[name],)]
    assert ask(database_url, "SELECT to_regclass('public.confluence_pages') IS NULL") == [(True,)]

    sites["apac"].world.trash_page(sites["apac"].world.pages()[0].id)
    document = run(home, "run", "--json").document
    assert document["exit_code"] == 0
    assert {name: each["counts"]["removed"] for name, each in document["sites"].items()} == {"emea": 0, "apac": 1}
    status = run(home, "status", "--json").document["sites"]
    assert {name: each["spaces"][0]["live_pages"] for name, each in status.items()} == {"emea": 12, "apac": 4}
    alone = run(home, "status", "--site", "apac", "--json").document
    assert alone["spaces"][0]["live_pages"] == 4


def test_the_commands_show_all_sites_or_one(home: Path, sites: dict[str, Simulator], database_url: str) -> None:
    """In one document, and the views over all sites come and go with the settings."""
    metrics = "".join(f'[sites.{name}.service]\nmetrics_file = "{home}/{name}.prom"\n' for name in sites)
    written_sites(home, sites, database_url, f"[text]\nsections = true\n{metrics}")
    assert run(home, "init-db").stdout.count("The tables exist") == 2
    assert run(home, "run", "--quiet").stdout == ""
    for name in sites:
        written = (home / f"{name}.prom").read_text(encoding="utf-8")
        assert f'hr_sync_runs_total{{mode="full",outcome="complete",site="{name}"}} 1.0' in written

    for command in ("check", "verify", "pages", "spaces", "search emea or apac", "changes consumers", "config show"):
        ended = run(home, *command.split(), "--json")
        assert ended.exit_code == ended.document["exit_code"] == 0, command
        assert list(ended.document["sites"]) == list(sites)
    found = run(home, "search", "emea or apac", "--json").document["sites"]
    shown = {name: {each["title"].partition(" ")[0] for each in found[name]["results"]} for name in sites}
    assert shown == {name: {name} for name in sites}
    assert len(run(home, "pages", "--site", "apac", "--json").document) == PAGES["apac"]
    page = sites["apac"].world.pages()[0].id
    asked = run(home, "explain", page)
    assert (asked.exit_code, "add --site emea" in asked.messages[0]) == (2, True)
    assert run(home, "explain", page, "--site", "apac").exit_code == 0
    assert run(home, "init", "--yes").exit_code == 2

    union = "SELECT site, count(*) FROM hr_sync_sites.live_pages GROUP BY site ORDER BY site"
    assert ask(database_url, union) == [("apac", PAGES["apac"]), ("emea", PAGES["emea"])]
    written_sites(home, {"emea": sites["emea"]}, database_url)
    assert run(home, "migrate").exit_code == 0
    assert ask(database_url, union) == [("emea", PAGES["emea"])]
    assert titles(database_url, "apac") == {"apac"}


def test_a_site_that_fails_keeps_no_other_from_its_turn(
    home: Path, sites: dict[str, Simulator], database_url: str
) -> None:
    """The first one is down, the second is mirrored; the message names the site, and the exit code is the worst."""
    sites["emea"].faults.add(Fault(kind="status", match=".", times=0, argument={"status": 503}))
    written_sites(home, sites, database_url)

    ended = run(home, "run")

    assert ended.exit_code == 75
    assert sites["emea"].faults.fired
    assert any(message.startswith("hr-sync: emea: ") for message in ended.messages)
    assert ask(database_url, "SELECT count(*) FROM apac.live_pages") == [(5,)]
    document = run(home, "run", "--json").document
    assert (document["exit_code"], document["sites"]["apac"]["outcome"]) == (75, "complete")
    assert document["sites"]["emea"]["exit_code"] == 75


def test_the_service_serves_each_site_and_one_that_is_blocked_costs_the_others_nothing(
    home: Path, sites: dict[str, Simulator], database_url: str
) -> None:
    """One answers 429 to everything; the other is mirrored and follows edits. Each is shown under its name."""
    sites["emea"].faults.add(
        Fault(kind="status", match=".", times=0, argument={"status": 429, "headers": {"Retry-After": "3600"}})
    )
    schedule = "[sync]\nincremental_interval_minutes = 0.0167\njitter_seconds = 0\n[service]\nport = 0\n"
    written_sites(home, sites, database_url, schedule)
    with (home / "log").open("w") as log:
        process = start_logging(home, log, "serve")
    try:
        service = Service(process, port_of(process, home / "log"))
        live = "SELECT title FROM apac.live_pages"
        eventually(lambda: "apac" in tables_of(database_url) and len(ask(database_url, live)) == 5)
        page = sites["apac"].world.pages()[0]
        sites["apac"].world.edit_page(page.id, title="apac changed")
        eventually(lambda: ("apac changed",) in ask(database_url, live))

        assert sites["emea"].faults.fired
        eventually(lambda: service.metric('hr_sync_runs_total{mode="incremental",outcome="complete",site="apac"}') > 0)
        assert service.metric('hr_sync_live_pages{site="apac",space="S00"}') == 5
        _, answer = service.get("/healthz")
        assert set(json.loads(answer)["sites"]) == {"emea", "apac"}
        assert 'href="/sites/emea/"' in service.get("/")[1]
        assert service.get("/sites/apac/healthz")[0] == 200
        assert "S00" in service.get("/sites/apac/")[1]
        assert service.get("/livez")[0] == service.get("/readyz")[0] == 200
        assert service.get("/sites/nowhere/")[0] == 404
        sites_in_log = {
            json.loads(line).get("site") for line in (home / "log").read_text().splitlines() if "run." in line
        }
        assert sites_in_log <= {"emea", "apac"}
        process.send_signal(signal.SIGTERM)
        assert process.wait(5) == 0
    finally:
        if process.poll() is None:
            process.kill()
        process.wait(10)


def test_a_site_whose_tables_are_wrong_is_not_served_and_costs_no_other_one(
    home: Path, sites: dict[str, Simulator], database_url: str
) -> None:
    """Its health says why, with a command that works. Where none can be served the start fails."""
    with psycopg.connect(postgres(database_url)) as connection:
        connection.execute("CREATE SCHEMA apac CREATE TABLE sync_spaces (theirs int)")
    current = [CurrentSettings(each) for each in load_sites(written_sites(home, sites, database_url)).values()]
    with open_database(current[0].settings, sites=2) as engine, capture_logs() as told:
        served, endpoints = open_sites(current, engine, HeldLeases())
        assert (len(served), list(endpoints)) == (1, ["emea", "apac"])
        assert ("site.not_served", "apac") in [(each["event"], each.get("site")) for each in told]
        endpoints["emea"].ready()
        for ask_it in (endpoints["apac"].ready, endpoints["apac"].overview, endpoints["apac"].activity):
            with pytest.raises(SchemaError, match="schema apac already holds sync_spaces"):
                ask_it()
        assert endpoints["apac"].alive()
        assert b"hr_sync_" in endpoints["apac"].metrics.exposition()
        with pytest.raises(SchemaError):
            open_sites(current[1:], engine, HeldLeases())


def tables_of(url: str) -> set[str]:
    """Return the schemas that hold the table of pages."""
    return {name for (name,) in ask(url, "SELECT schemaname FROM pg_tables WHERE tablename = 'confluence_pages'")}
