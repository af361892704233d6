"""A Confluence that asks to come back later: the run ends as temporary, keeps what it has, and the next one goes on."""

import pytest
from confluence_simulator import Fault

from tests.proof.stage import MIRRORED, Stage
from tests.support.oracle import Wanted, contradictions, differences, expected
from tests.support.wiring import NoWaiting, context_for, full

BODIES = "body-format=storage"
WANTED = Wanted(spaces=MIRRORED)


@pytest.mark.parametrize("at", [1, 2])
def test_a_long_retry_after_ends_the_run_with_its_progress_kept(stage: Stage, at: int) -> None:
    """A day is not waited for; what was written stays, and nothing is removed by the run that goes on."""
    stage.begin()
    world = stage.site.world
    for number in range(270):  # two answers of the listing, which brings the bodies along
        world.create_page(space_key="A", title=f"Policy {number}", storage=f"<p>{number}</p>")
    right = expected(world, stage.site.site_url, WANTED)
    stage.site.faults.add(Fault(kind="retry-after-huge", match=BODIES, at=at, times=0))
    cancellation = NoWaiting()

    report = full(context_for(stage.site.site_url, stage.engine, WANTED, cancellation=cancellation))

    assert (report.exit_code, report.outcome) == (75, "failed")
    assert cancellation.waited == []
    found = stage.stored()
    assert list(contradictions(found)) == []
    assert (len(found.live) > 0) == (at > 1)
    assert found.live.items() <= right.items()
    assert stage.site.faults.fired

    stage.site.faults.clear()
    again = full(context_for(stage.site.site_url, stage.engine, WANTED))
    assert again.exit_code == 0
    assert again.counts.inserted == len(right) - len(found.live)
    assert differences(right, stage.stored()) == []


def test_a_short_retry_after_is_waited_for(stage: Stage) -> None:
    """At least as long as it says."""
    stage.begin()
    stage.site.faults.add(Fault(kind="retry-after-seconds", match=BODIES))
    cancellation = NoWaiting()

    report = full(context_for(stage.site.site_url, stage.engine, WANTED, cancellation=cancellation))

    assert report.exit_code == 0
    assert max(cancellation.waited) >= 1
    assert stage.site.faults.fired
