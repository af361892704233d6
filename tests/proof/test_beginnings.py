"""What is taken for the same beginning of a run."""

from collections.abc import Iterator

import pytest

from tests.proof.beginnings import beginning_of
from tests.proof.stage import MIRRORED, Stage
from tests.support.oracle import Wanted
from tests.support.wiring import context_for, full

WANTED = Wanted(spaces=MIRRORED)
EDITS = (
    "UPDATE confluence_pages SET version = version + 1",
    "UPDATE confluence_pages SET hidden_at = now(), hidden_reason = 'not_visible'",
    "UPDATE confluence_pages SET missing_since_run_id = 1 WHERE space_key = 'A'",
    "UPDATE page_bodies SET storage = storage || ' '",
    "UPDATE sync_spaces SET full_pass_due = NOT full_pass_due",
    "UPDATE sync_spaces SET watermark = watermark - interval '1 second'",
    "UPDATE sync_spaces SET lease_holder = 'another', lease_expires_at = now()",
    "UPDATE sync_spaces SET last_complete_at = NULL",
    "INSERT INTO page_failures VALUES ('1', 'A', 'read', 'x', 'x', 1, 1, now(), now(), now(), 1)",
    "DELETE FROM content_changes",
)


@pytest.fixture
def mirror(stage: Stage) -> Iterator[Stage]:
    """Return a mirror after two full runs."""
    stage.begin()
    for _ in range(2):
        assert full(context_for(stage.site.site_url, stage.engine, WANTED)).exit_code == 0
    yield stage
    stage.begin()


def test_a_run_that_changes_nothing_leaves_the_same_beginning(mirror: Stage) -> None:
    """Times, runs and numbers of the feed are others each time."""
    before = beginning_of(mirror.reading, mirror.site.world)
    assert full(context_for(mirror.site.site_url, mirror.engine, WANTED)).exit_code == 0
    assert beginning_of(mirror.reading, mirror.site.world) == before


def test_whatever_a_run_may_look_at_makes_another_beginning(mirror: Stage) -> None:
    """Each column of a row, and each page of the site, also one that nobody sees."""
    saved = mirror.save("whole")
    before = beginning_of(mirror.reading, mirror.site.world)
    for edit in EDITS:
        saved.go_back()
        assert beginning_of(mirror.reading, mirror.site.world) == before
        mirror.connection.execute(edit.encode())
        assert beginning_of(mirror.reading, mirror.site.world) != before, edit

    saved.go_back()
    hidden = mirror.site.world.pages()[1]
    mirror.site.world.hide_page(hidden.id)
    assert beginning_of(mirror.reading, mirror.site.world) != before
