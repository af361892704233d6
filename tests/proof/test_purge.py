"""`purge` erases for good: afterwards no table holds a word of the page, only that it was erased."""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from pathlib import Path

import pytest

from hr_sync.cancellation import Cancellation
from hr_sync.store.orm import Base
from hr_sync.store.store import Store
from hr_sync.store.values import Worker
from hr_sync.sync.purge import purge
from tests.cli import program
from tests.proof.stage import MIRRORED, Stage
from tests.support.oracle import Wanted
from tests.support.wiring import context_for, full

WANTED = Wanted(spaces=MIRRORED)
SECRET = "Salary of Ann Lee"
TEXT = "4711 a month"


def everything(stage: Stage) -> str:
    """Dump every row of every table as text."""
    names = [table.name for table in Base.metadata.sorted_tables]
    rows = [row for name in names for row in stage.connection.execute(f"SELECT t::text FROM {name} t".encode())]
    return "\n".join(str(row[0]) for row in rows)


def run(stage: Stage) -> int:
    """Run in full."""
    return full(context_for(stage.site.site_url, stage.engine, WANTED)).exit_code


def erase(store: Store, which: Mapping[str, Sequence[str]]) -> int:
    """Purge these pages."""
    return purge(store, Worker.current(), which, version="test", cancellation=Cancellation())


@pytest.fixture
def secret(stage: Stage) -> str:
    """Mirror a page that has a history: written, edited, failed, put into the trash. Gives its id."""
    stage.begin()
    page_id = stage.site.world.create_page(space_key="A", title=SECRET, storage=f"<p>{TEXT}</p>").id
    assert run(stage) == 0
    stage.site.world.edit_page(page_id, storage=f"<p>{TEXT}, raised</p>")
    stage.refuse([page_id])
    assert run(stage) == 3
    assert SECRET in everything(stage)
    assert TEXT in everything(stage)
    return page_id


@pytest.mark.parametrize("chosen", ["page", "space", "age"])
def test_no_word_of_a_purged_page_is_left(stage: Stage, secret: str, chosen: str) -> None:
    """Whichever way it was chosen; the feed tells that it was erased, and nothing else of it."""
    stage.site.world.trash_page(secret)
    stage.refuse(())
    if chosen == "age":
        assert run(stage) == 0
    store = Store(stage.engine)
    which = {
        "page": store.pages_to_purge(page_ids=[secret]),
        "space": store.pages_to_purge(space_keys=["A"]),
        "age": store.pages_to_purge(removed_for=timedelta(0)),
    }[chosen]

    assert erase(store, which) == (4 if chosen == "space" else 1)

    assert SECRET not in everything(stage)
    assert TEXT not in everything(stage)
    assert stage.stored().last_action[secret] == ("purge", None)
    assert secret not in stage.stored().hashes
    rows = stage.connection.execute("SELECT action FROM content_changes WHERE page_id = %s", (secret,)).fetchall()
    assert rows == [("purge",)]


def test_what_is_still_in_scope_comes_back(stage: Stage, secret: str) -> None:
    """Purging is about the mirror alone."""
    stage.refuse(())
    store = Store(stage.engine)
    assert erase(store, store.pages_to_purge(page_ids=[secret])) == 1

    assert run(stage) == 0
    assert stage.stored().live[secret].title == SECRET


def test_nobody_is_no_yes(stage: Stage, secret: str, tmp_path: Path) -> None:
    """Where there is no terminal the command asks for --yes and erases nothing; with it, it does."""
    groups = program.settings(stage.site.site_url, stage.url, api_token="simulated-token", spaces=list(MIRRORED))
    program.written(tmp_path, groups)

    refused = program.run(tmp_path, "purge", "--page", secret)
    assert refused.exit_code == 2
    assert "--yes" in refused.stderr
    assert SECRET in everything(stage)

    assert program.run(tmp_path, "purge", "--page", secret, "--yes").exit_code == 0
    assert SECRET not in everything(stage)
