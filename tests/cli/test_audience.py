"""A run that leaves pages out of the view says how many, why, and what to type; typed, the pages are shown."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
from confluence_simulator import Simulator, World
from sqlalchemy import Engine

from tests.cli.program import TOKEN, Ended, run, settings, typed, written
from tests.cli.test_remedies import commands, said, world_with
from tests.cli.test_serve import eventually, lines_until, serving
from tests.support.database import execute
from tests.support.wiring import live_ids

PAGES = 4


def limited_world(*keys: str) -> World:
    """Return spaces of which the first may be viewed by the group hr-all alone, the account among them."""
    world = world_with(*keys, pages=PAGES)
    world.add_group("hr-all")
    world.set_groups("hr-bot", ("confluence-users", "hr-all"))
    world.permit_space(keys[0], group="hr-all")
    world.forbid_space(keys[0], group="confluence-users")
    return world


def configured(home: Path, site: Simulator, database_url: str, **access: Any) -> None:
    """Write the settings; `access` are those of its group."""
    groups = settings(site.site_url, database_url, flavor=site.tenant.flavor)
    groups["access"] = access
    written(home, groups)


def proposed(text: str) -> list[str]:
    """Return the groups of the setting that a text prints, as a settings file reads them."""
    (value,) = set(re.findall(r"access\.audience_groups = (\[.*?\])", text))
    groups: list[str] = json.loads(value)
    return groups


def events(ended: Ended, event: str) -> list[dict[str, Any]]:
    """Return the log lines of an event."""
    lines = [json.loads(line) for line in ended.stderr.splitlines() if line.startswith("{")]
    return [line for line in lines if line["event"] == event]


@pytest.mark.parametrize("flavor", ["cloud", "datacenter"])
def test_from_the_first_run_over_the_printed_setting_to_pages_that_are_shown(
    home: Path, engine: Engine, prepared_url: str, flavor: str
) -> None:
    """`check` says it before, `run` and `status` after; the setting and the command that are printed work."""
    world = limited_world("HR", "PUB")
    hr, pub = ({page.id for page in world.pages(space_key=key)} for key in ("HR", "PUB"))
    with Simulator(world, api_token=TOKEN, flavor=flavor) as site:  # type: ignore[arg-type] # one of its words
        configured(home, site, prepared_url)

        before = run(home, "check")
        first = run(home, "run")
        status = run(home, "status")

        assert (before.exit_code, first.exit_code, status.exit_code) == (0, 0, 0)
        assert live_ids(engine) == pub
        assert "Warning: No page of HR is open to every licensed user: its viewers are group hr-all." in said(before)
        message = "0 of 4 pages of HR are open to every licensed user: its viewers are group hr-all. If every reader"
        assert message in said(first)
        assert message in status.stdout
        assert re.search(r"^HR +HR +4 +0 ", status.stdout, re.MULTILINE)
        (warned,) = [line for line in events(first, "access.shown") if line["level"] == "warning"]
        assert (warned["space"], warned["pages"], warned["shown"], warned["space_viewers"]) == ("HR", 4, 0, 4)
        assert len(events(first, "access.shown")) == 2

        groups = proposed(said(before))
        assert groups == proposed(said(first)) == proposed(status.stdout)
        configured(home, site, prepared_url, audience_groups=groups)
        assert "Consumers are shown 4 of 4 pages of HR." in run(home, "check").stdout
        assert live_ids(engine) == pub
        (command,) = [each for each in commands(said(first)) if "--access" in each]
        assert typed(home, command).exit_code == 0
        assert live_ids(engine) == hr | pub
        assert said(run(home, "run")) == ""
        assert "not shown" not in run(home, "status").stdout


def test_the_documents_have_the_numbers(home: Path, prepared_url: str) -> None:
    """Of `run`, `status` and `check`, by space and reason."""
    world = limited_world("HR", "PUB")
    world.restrict_page(world.pages(space_key="PUB")[0].id, groups=("hr-all",))
    with Simulator(world, api_token=TOKEN) as site:
        configured(home, site, prepared_url)

        spaces = run(home, "run", "--json").document["spaces"]
        found = {each["space_key"]: each["shown"] for each in spaces}
        status = {each["space_key"]: each for each in run(home, "status", "--json").document["shown"]}
        checked = run(home, "check", "--json").document

    assert (found["HR"]["pages"], found["HR"]["shown"], found["HR"]["space_viewers"]) == (4, 0, 4)
    assert (found["PUB"]["shown"], found["PUB"]["restricted"], found["PUB"]["is_warning"]) == (3, 1, False)
    assert found["HR"]["audience_groups"] == [world.group("hr-all").id]
    assert [viewer["name"] for viewer in found["HR"]["viewers"]] == ["hr-all"]
    assert status == found
    assert {each["space_key"]: each["shown"] for each in checked["access"]} == {"HR": 0, "PUB": 3}
    assert checked["warnings"] == [found["HR"]["message"]]


def test_viewers_that_cannot_be_read_are_a_warning_with_the_remedy(
    home: Path, engine: Engine, prepared_url: str
) -> None:
    """A Data Center that does not show them: `check` and `run` say so, and `access.open_spaces` shows the pages."""
    with Simulator(world_with("HR", pages=PAGES), api_token=TOKEN, flavor="datacenter", version="8.5.4") as site:
        configured(home, site, prepared_url)

        checked, first, status = run(home, "check"), run(home, "run"), run(home, "status")

        assert (checked.exit_code, first.exit_code) == (0, 3)
        assert "No page of HR is shown: who may view the space is not known." in said(checked)
        (message,) = first.messages
        assert message.startswith("hr-sync: 0 of 4 pages of HR are shown: who may view the space is not known. ")
        for text in (said(checked), message, status.stdout):
            assert "this Data Center is 8.5, and they are shown from 9.1 on" in text
            assert "name HR in access.open_spaces if every reader may view it" in text
        assert live_ids(engine) == set()

        configured(home, site, prepared_url, open_spaces=["HR"])
        again = run(home, "check")
        assert said(again) == ""
        assert "0 of 4 pages of HR are shown until the next run has read who may read them" in again.stdout
        (command,) = commands(again.stdout)
        assert typed(home, command).exit_code == 0
        assert len(live_ids(engine)) == PAGES


def test_facts_that_are_too_old_name_the_command(home: Path, engine: Engine, prepared_url: str) -> None:
    """Typed, the pages are shown again."""
    with Simulator(world_with("HR", pages=PAGES), api_token=TOKEN) as site:
        configured(home, site, prepared_url)
        assert run(home, "run").exit_code == 0
        execute(engine, "UPDATE sync_spaces SET access_checked_at = now() - interval '30 hours'")
        assert live_ids(engine) == set()

        status = run(home, "status")
        incremental = run(home, "run", "--incremental")

        message = (
            "0 of 4 pages of HR are shown: who may read them was last read 30 h ago, and access.max_age_hours is 24."
        )
        assert message in status.stdout
        assert message in said(incremental)
        (command,) = commands(said(incremental))
        assert typed(home, command).exit_code == 0
        assert len(live_ids(engine)) == PAGES
        assert events(run(home, "run", "--incremental"), "access.shown") == []


def test_mode_account_says_nothing(home: Path, engine: Engine, prepared_url: str) -> None:
    """The account's own view is the audience, whatever the permissions."""
    world = limited_world("HR")
    world.restrict_page(world.pages()[0].id, users=("hr-bot",))
    with Simulator(world, api_token=TOKEN) as site:
        configured(home, site, prepared_url, mode="account")

        assert said(run(home, "check")) == ""
        assert said(run(home, "run")) == ""

    assert len(live_ids(engine)) == PAGES


def test_the_service_logs_it(home: Path, engine: Engine, prepared_url: str) -> None:
    """A warning at the first run, and the pages once the setting is there."""
    with Simulator(limited_world("S00"), api_token=TOKEN) as site:
        with serving(home, site, prepared_url) as service:
            lines = lines_until(home / "log", "run.ended", service.process)
        warned, *_ = [line for line in lines if line["event"] == "access.shown"]
        assert (warned["level"], warned["shown"], warned["pages"]) == ("warning", 0, PAGES)
        assert live_ids(engine) == set()

        with serving(home, site, prepared_url, access={"audience_groups": proposed(warned["message"])}):
            eventually(lambda: len(live_ids(engine)) == PAGES)
