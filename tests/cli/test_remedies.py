"""Every command that a message prints works when it is typed into a shell, and does what the message says."""

import re
import shlex
from pathlib import Path
from typing import Any

import pytest
from confluence_simulator import Fault, Simulator, World
from sqlalchemy import Engine

from hr_sync.domain.deletion_limit import DeletionLimit
from tests.cli.program import TOKEN, Ended, run, typed, wired
from tests.support.database import page_rows, rows
from tests.support.wiring import live_ids

MASS = DeletionLimit().max_removed_pages + 10


def world_with(*keys: str, pages: int) -> World:
    """Make spaces with so many pages each."""
    world = World()
    for key in keys:
        world.create_space(key)
        for number in range(pages):
            world.create_page(space_key=key, title=f"{key}{number:02d}", storage="<p>x</p>")
    return world


def commands(text: str) -> list[str]:
    """Return the commands that a text prints, between backticks, each once."""
    return list(dict.fromkeys(re.findall(r"`(hr-sync [^`]+)`", text)))


def said(ended: Ended) -> str:
    """Return what was printed for people on standard error, without log lines."""
    return "\n".join(ended.messages)


def look_and_release(home: Path, ended: Ended, pages: int) -> None:
    """Type the two commands of a hold: the first shows what waits and writes nothing, the second removes it."""
    assert ended.exit_code == 4, ended.stderr
    look, release = (each for each in commands(said(ended)) if each.startswith("hr-sync run"))

    shown = typed(home, look)
    assert shown.exit_code == 0, shown.stderr
    assert len(re.findall(r"hide; its removal is held", shown.stdout)) == pages
    assert [each for each in commands(shown.stdout) if each.startswith("hr-sync run")] == [release]
    assert typed(home, look).stdout == shown.stdout

    done = typed(home, f"{release} --json")
    assert done.exit_code == 0, done.stderr
    assert done.document["counts"]["removed"] == pages


def removed(engine: Engine) -> set[str]:
    """Return the ids of the pages that are removed."""
    return {page_id for page_id, row in page_rows(engine).items() if row["removed_at"]}


@pytest.mark.parametrize("edit", ["hide_page", "trash_page"])
def test_a_held_space(home: Path, engine: Engine, prepared_url: str, edit: str) -> None:
    """Pages that became invisible, and pages in the trash."""
    world = world_with("HR", pages=MASS + 10)
    with Simulator(world, api_token=TOKEN) as site:
        wired(home, site, prepared_url)
        assert run(home, "run").exit_code == 0
        leaving = [page.id for page in world.pages()[:MASS]]
        for page_id in leaving:
            getattr(world, edit)(page_id)

        held = run(home, "run")
        status = run(home, "status")

        assert not set(leaving) & live_ids(engine)
        assert commands(status.stdout) == commands(said(held))
        look_and_release(home, held, MASS)
        assert removed(engine) == set(leaving)
        assert run(home, "run").exit_code == 0


@pytest.mark.parametrize("key", ["HR", "~712020"])
def test_a_lost_space_among_all_spaces(home: Path, engine: Engine, prepared_url: str, key: str) -> None:
    """Also one whose key means something to a shell."""
    world = world_with(key, "PUB", pages=MASS)
    with Simulator(world, api_token=TOKEN) as site:
        wired(home, site, prepared_url, include_personal_spaces=True)
        assert run(home, "run").exit_code == 0
        world.forbid_space(key, group="confluence-users")

        held = run(home, "run")

        assert all(f"--space {shlex.quote(key)} " in each for each in commands(said(held)) if " run " in each)
        look_and_release(home, held, MASS)
        assert rows(engine, "SELECT DISTINCT space_key FROM live_pages") == [{"space_key": "PUB"}]
        assert run(home, "run").exit_code == 0


@pytest.mark.parametrize("narrower", [{"spaces": ["PUB"]}, {"exclude_spaces": ["HR"]}, {"include_labels": ["policy"]}])
def test_a_narrowed_scope(home: Path, engine: Engine, prepared_url: str, narrower: dict[str, Any]) -> None:
    """A space that the settings no longer cover, and pages that they no longer choose."""
    world = world_with("HR", "PUB", pages=3)
    for page in world.pages(space_key="PUB"):
        world.label_page(page.id, "policy")
    with Simulator(world, api_token=TOKEN) as site:
        wired(home, site, prepared_url)
        assert run(home, "run").exit_code == 0
        wired(home, site, prepared_url, **narrower)

        held = run(home, "run")

        assert live_ids(engine) == {page.id for page in world.pages(space_key="PUB")}
        look_and_release(home, held, 3)
        assert removed(engine) == {page.id for page in world.pages(space_key="HR")}
        assert run(home, "run").exit_code == 0


@pytest.mark.parametrize("setting", ["page_trees", "exclude_page_trees"])
def test_a_page_tree_that_is_not_visible(home: Path, prepared_url: str, setting: str) -> None:
    """`explain` says that the account does not see the page."""
    with Simulator(world_with("HR", pages=2), api_token=TOKEN) as site:
        wired(home, site, prepared_url, **{setting: ["424242"]})

        refused = run(home, "run")
        checked = run(home, "check")
        (command,) = commands(said(refused))
        explained = typed(home, command)

        assert command == "hr-sync explain 424242"
        assert refused.exit_code in {3, 78}
        assert checked.exit_code == 78
        assert "page tree 424242" in checked.stderr
        assert explained.exit_code == 0, explained.stderr
        assert "Confluence does not show it to this account" in explained.stdout


def test_pages_that_fail(home: Path, prepared_url: str) -> None:
    """`status` names each of them and says why."""
    world = world_with("HR", pages=6)
    page = world.pages()[2]
    with Simulator(world, api_token=TOKEN) as site:
        wired(home, site, prepared_url)
        site.faults.add(Fault(kind="page-breaks-batch", match="body-format", times=0, argument=page.id))

        partial = run(home, "run")
        (command,) = commands(said(partial))
        status = typed(home, command)

        assert site.faults.fired
        assert (partial.exit_code, command, status.exit_code) == (3, "hr-sync status", 0)
        assert re.search(rf"^{page.id} +HR +\w+ +1 +\S+ \S+ +\S", status.stdout, re.MULTILINE)


def test_a_space_that_is_not_visible(home: Path, prepared_url: str) -> None:
    """`check` names it."""
    with Simulator(world_with("HR", pages=2), api_token=TOKEN) as site:
        wired(home, site, prepared_url, spaces=["HR", "NOPE"])

        partial = run(home, "run")
        (command,) = commands(said(partial))
        checked = typed(home, command)

        assert (partial.exit_code, command, checked.exit_code) == (3, "hr-sync check", 78)
        assert "NOPE" in checked.stderr


def test_a_database_without_tables(home: Path, site: Simulator, database_url: str) -> None:
    """What `status` says to type makes it work."""
    wired(home, site, database_url)
    refused = run(home, "status")
    assert refused.exit_code == 78

    (command,) = commands(said(refused))
    assert typed(home, command).exit_code == 0

    status = run(home, "status")
    assert status.exit_code == 0
    assert typed(home, *commands(status.stdout)).exit_code == 0


def test_credentials_that_stop_counting(home: Path, prepared_url: str) -> None:
    """`check` says that the account is not known."""
    world = world_with("HR", pages=3)
    with Simulator(world, api_token=TOKEN) as site:
        wired(home, site, prepared_url)
        assert run(home, "run").exit_code == 0
        world.trash_page(world.pages()[0].id)
        site.faults.add(Fault(kind="single-reads-404", match=".", times=0))

        partial = run(home, "run")
        (command,) = commands(said(partial))

        assert site.faults.fired
        assert (partial.exit_code, command) == (3, "hr-sync check")
        site.faults.clear()
        assert typed(home, command).exit_code == 0
        assert run(home, "run").exit_code == 0
