"""When spaces are due again."""

from datetime import UTC, datetime, timedelta

import pytest

from hr_sync.domain.outcome import Mode
from hr_sync.domain.rounds import Cadence, Round, next_due

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)


@pytest.mark.parametrize(
    ("since", "until", "next_at"),
    [
        (NOON, NOON, NOON + HOUR),
        (NOON, NOON + timedelta(minutes=2), NOON + HOUR),
        (NOON, NOON + HOUR, NOON + 2 * HOUR),
        (NOON, NOON + timedelta(days=3, minutes=1), NOON + timedelta(days=3) + HOUR),
    ],
)
def test_an_interval_keeps_its_times_however_late_a_round_begins(
    since: datetime, until: datetime, next_at: datetime
) -> None:
    """Several rounds that nobody did are one; the next one is later than everything that belongs to this one."""
    assert next_due(Cadence(every=HOUR), since=since, until=until, others=None) == next_at


def test_what_is_done_later_is_due_again_with_the_others() -> None:
    """So that one run does all spaces, whoever did them before."""
    others = NOON + timedelta(minutes=50)

    assert next_due(Cadence(every=HOUR), since=NOON, until=NOON, others=others) == others


def test_a_cron_expression_says_when() -> None:
    """Whenever the others are due."""
    cadence = Cadence(next_at=NOON + HOUR)

    assert next_due(cadence, since=NOON, until=NOON, others=NOON + timedelta(minutes=5)) == NOON + HOUR


def test_a_delay_is_added_to_an_interval() -> None:
    """Not everybody begins at once."""
    cadence = Cadence(every=HOUR, delay=timedelta(seconds=7))

    assert next_due(cadence, since=NOON, until=NOON, others=None) == NOON + HOUR + timedelta(seconds=7)


def test_a_round_began_within_one_interval() -> None:
    """A space that is never done stays due since an earlier round."""
    normal = Round(mode=Mode.FULL, since=NOON, until=NOON + HOUR / 60, next_at=NOON + HOUR)
    stuck = Round(mode=Mode.FULL, since=NOON - 9 * HOUR, until=NOON, next_at=NOON + HOUR)

    assert normal.began_at == NOON
    assert stuck.began_at == NOON - HOUR
