"""`verify` finds every kind of drift that is planted behind the worker's back, and nothing else."""

from pathlib import Path

import pytest

from hr_sync.domain.access import AccessPolicy
from hr_sync.sync.audit import Audit, audit
from hr_sync.sync.context import SyncPolicy, SyncRequest
from tests.cli import program
from tests.proof.stage import MIRRORED, Stage
from tests.support.oracle import Wanted
from tests.support.wiring import access, context_for, full

WANTED = Wanted(spaces=MIRRORED)
OTHER_SET = """
    INSERT INTO access_sets (digest, layers, audience) VALUES ('planted', 1, false);
    INSERT INTO access_layers SELECT id, 'planted' FROM access_sets WHERE digest = 'planted';
    UPDATE confluence_pages SET access_set_id = (SELECT id FROM access_sets WHERE digest = 'planted') WHERE id = :page
"""
GHOST = """
    INSERT INTO confluence_pages
        (id, title, space_key, space_id, content_hash, last_updated, version, url, status, metadata_digest)
    SELECT '4711', 'Ghost', space_key, space_id, content_hash, last_updated, version, url, status, metadata_digest
    FROM confluence_pages WHERE id = :page;
    INSERT INTO page_bodies (page_id, storage) SELECT '4711', storage FROM page_bodies WHERE page_id = :page
"""
PLANTED = {
    "row dropped": ("DELETE FROM confluence_pages WHERE id = :page", {"missing"}),
    "hidden": (
        "UPDATE confluence_pages SET hidden_at = now(), hidden_reason = 'trashed' WHERE id = :page",
        {"missing"},
    ),
    "removed": (
        "UPDATE confluence_pages SET removed_at = now(), removed_reason = 'trashed' WHERE id = :page",
        {"missing"},
    ),
    "in another space": ("UPDATE confluence_pages SET space_key = 'X' WHERE id = :page", {"missing", "ghost"}),
    "ghost": (GHOST, {"ghost"}),
    "older version": ("UPDATE confluence_pages SET version = version + 1 WHERE id = :page", {"version"}),
    "title": ("UPDATE confluence_pages SET title = 'Other' WHERE id = :page", {"title"}),
    "parent": ("UPDATE confluence_pages SET parent_id = '1' WHERE id = :page", {"place"}),
    "status": ("UPDATE confluence_pages SET status = 'archived' WHERE id = :page", {"status"}),
    "address": ("UPDATE confluence_pages SET url = 'https://x' WHERE id = :page", {"address"}),
    "hash": ("UPDATE confluence_pages SET content_hash = repeat('0', 64) WHERE id = :page", {"body", "stored body"}),
    "body": ("UPDATE page_bodies SET storage = '' WHERE page_id = :page", {"stored body"}),
    "labels": ("UPDATE confluence_pages SET labels = '{other}' WHERE id = :page", {"labels"}),
    "readers": (OTHER_SET, {"readers"}),
    "no body": ("DELETE FROM page_bodies WHERE page_id = :page", {"stored body"}),
}

WITH_ACCESS = SyncPolicy(access=AccessPolicy(), compares_labels=True)


def look(stage: Stage) -> Audit:
    """Audit everything, every body too."""
    return audit(context_for(stage.site.site_url, stage.engine, WANTED), SyncRequest(), sample=1000)


def plant(stage: Stage, statement: str) -> str:
    """Change something about one page, past the worker. Gives its id, as the drift will name it."""
    page = next(page for page in stage.site.world.pages() if page.title == "Far below A")
    for part in statement.split(";"):
        stage.connection.execute(part.replace(":page", f"'{page.id}'").encode())
    return "4711" if "4711" in statement else page.id


@pytest.fixture
def mirrored(stage: Stage) -> Stage:
    """Return a stage that has just been mirrored."""
    stage.begin()
    assert (
        full(
            context_for(
                stage.site.site_url,
                stage.engine,
                WANTED,
                policy=WITH_ACCESS,
            )
        ).exit_code
        == 0
    )
    return stage


def test_a_mirror_without_labels_and_readers_is_not_asked_for_them(stage: Stage) -> None:
    """What was never compared is no drift, and costs no request."""
    stage.begin()
    assert full(context_for(stage.site.site_url, stage.engine, WANTED)).exit_code == 0
    stage.site.requests.clear()

    assert list(look(stage).drifts) == []
    assert not [record for record in stage.site.requests if "label" in record.route or "search" in record.route]


def test_labels_and_readers_that_changed_are_drift(mirrored: Stage) -> None:
    """Until they are compared again."""
    world = mirrored.site.world
    page = next(page for page in world.pages() if page.title == "Far below A")
    world.label_page(page.id, "new")
    world.restrict_page(page.id, users=("ann.lee",))
    assert {(drift.page_id, str(drift.kind)) for drift in look(mirrored).drifts} == {
        (page.id, "labels"),
        (page.id, "readers"),
    }

    assert access(context_for(mirrored.site.site_url, mirrored.engine, WANTED)).exit_code == 0
    assert list(look(mirrored).drifts) == []


def test_a_right_mirror_has_no_drift(mirrored: Stage) -> None:
    """Every page and every body was compared."""
    found = look(mirrored)

    assert (found.exit_code, list(found.drifts), found.pages, found.bodies) == (0, [], 6, 6)


@pytest.mark.parametrize("name", PLANTED)
def test_planted_drift_is_found(mirrored: Stage, name: str) -> None:
    """By page and kind, with 3 for whoever calls it; nothing is written."""
    statement, kinds = PLANTED[name]
    page_id = plant(mirrored, statement)
    before = mirrored.connection.execute("SELECT count(*), max(xmin::text::bigint) FROM confluence_pages").fetchone()

    found = look(mirrored)

    assert {(drift.page_id, str(drift.kind)) for drift in found.drifts} == {(page_id, kind) for kind in kinds}
    assert found.exit_code == 3
    after = mirrored.connection.execute("SELECT count(*), max(xmin::text::bigint) FROM confluence_pages").fetchone()
    assert before == after


def test_what_changed_at_the_source_is_drift_too(mirrored: Stage) -> None:
    """Until the next run."""
    world = mirrored.site.world
    page = next(page for page in world.pages() if page.title == "Below A")
    world.edit_page(page.id, storage="<p>Newer</p>")
    assert [(drift.page_id, str(drift.kind)) for drift in look(mirrored).drifts] == [(page.id, "version")]

    assert full(context_for(mirrored.site.site_url, mirrored.engine, WANTED)).exit_code == 0
    assert list(look(mirrored).drifts) == []


def test_the_command_ends_with_three(mirrored: Stage, tmp_path: Path) -> None:
    """And names the page without its title."""
    page_id = plant(mirrored, PLANTED["title"][0])
    groups = program.settings(mirrored.site.site_url, mirrored.url, api_token="simulated-token", spaces=list(MIRRORED))
    groups["access"] = {"open_spaces": ["*"]}
    program.written(tmp_path, groups)

    result = program.run(tmp_path, "verify", "--json")

    assert result.exit_code == 3
    assert [drift["page_id"] for drift in result.document["drifts"]] == [page_id]
    assert "Far below" not in result.stdout + result.stderr
