"""When the jobs run, over ten years and ten zones, and that cron means what Unix means by it."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from apscheduler.triggers.base import BaseTrigger

from hr_sync.service.schedule import CronTrigger, interval_trigger, longest_gap

ZONES = [
    "UTC",
    "Europe/Berlin",
    "Europe/London",
    "America/New_York",
    "America/Sao_Paulo",
    "Asia/Tokyo",
    "Asia/Kathmandu",
    "Australia/Lord_Howe",
    "Pacific/Apia",
    "Africa/Casablanca",
]
START = datetime(2020, 1, 1, tzinfo=UTC)
END = datetime(2030, 1, 1, tzinfo=UTC)


def fire_times(trigger: BaseTrigger, start: datetime = START, end: datetime = END) -> list[datetime]:
    """Ask as the scheduler does: with the last time, and with a now that is a moment behind it."""
    times: list[datetime] = []
    previous, now = None, start
    while (found := trigger.get_next_fire_time(previous, now)) is not None and found < end:
        times.append(found)
        previous, now = found, found + timedelta(milliseconds=3)
    return times


def changes_of(zone: ZoneInfo) -> list[datetime]:
    """Find the days of ten years on which the zone changes its clocks."""
    days = [START + timedelta(days=number) for number in range((END - START).days)]
    return [
        day for day, after in pairwise(days) if day.astimezone(zone).utcoffset() != after.astimezone(zone).utcoffset()
    ]


@pytest.mark.parametrize("name", ZONES)
def test_a_job_at_fixed_hours_runs_every_day_once(name: str) -> None:
    """Around every change of the clocks in ten years: no day without it, none with it twice, no gap over 25 hours."""
    zone = ZoneInfo(name)
    for expression in ("30 2 * * *", "0 0 * * *", "15 23 * * *"):
        trigger = CronTrigger(expression, zone)
        for change in changes_of(zone) or [START, END - timedelta(days=9)]:
            times = fire_times(trigger, change - timedelta(days=3), change + timedelta(days=5))

            assert times == sorted(set(times))
            assert max(after - before for before, after in pairwise(times)) <= timedelta(hours=25)
            days = [moment.astimezone(zone).date() for moment in times]
            assert len(days) == len(set(days)) == (days[-1] - days[0]).days + 1


@pytest.mark.parametrize("name", ZONES)
def test_an_hourly_job_follows_real_time(name: str) -> None:
    """An hour that comes twice has two runs, and one that is left out none: every hour of real time has its run."""
    zone = ZoneInfo(name)
    trigger = CronTrigger("0 * * * *", zone)
    for change in changes_of(zone)[:4]:
        times = fire_times(trigger, change - timedelta(days=1), change + timedelta(days=3))

        gaps = {after - before for before, after in pairwise(times)}
        assert max(gaps) <= timedelta(minutes=90)  # Lord Howe moves its clocks by half an hour
        assert min(gaps) >= timedelta(minutes=30)


@pytest.mark.parametrize("zone", ["Europe/Berlin", "America/New_York", "Australia/Lord_Howe"])
def test_hours_of_some_days_are_kept_when_the_clocks_change_before_them(zone: str) -> None:
    """From Friday's last run the next one is Monday's first, also when the clocks change on the Sunday between."""
    trigger = CronTrigger("0 * * * 1-5", ZoneInfo(zone))
    walls = [moment.astimezone(ZoneInfo(zone)) for moment in fire_times(trigger, end=datetime(2023, 1, 1, tzinfo=UTC))]

    assert {wall.weekday() for wall in walls} == {0, 1, 2, 3, 4}
    firsts = [after for before, after in pairwise(walls) if after.date() != before.date()]
    assert len(firsts) > 750
    assert {wall.hour for wall in firsts} == {0}


def test_summer_time_in_berlin() -> None:
    """In spring 02:30 is left out and the job runs at 03:00; in autumn it comes twice, and the first one counts."""
    trigger = CronTrigger("30 2 * * *", ZoneInfo("Europe/Berlin"))

    spring = fire_times(trigger, datetime(2026, 3, 28, 12, tzinfo=UTC), datetime(2026, 3, 30, 12, tzinfo=UTC))
    autumn = fire_times(trigger, datetime(2026, 10, 24, 12, tzinfo=UTC), datetime(2026, 10, 26, 12, tzinfo=UTC))

    assert [f"{moment:%d %H:%M}" for moment in spring] == ["29 01:00", "30 00:30"]
    assert [f"{moment:%d %H:%M}" for moment in autumn] == ["25 00:30", "26 01:30"]


def test_a_start_within_the_hour_that_comes_twice_runs_nothing_again() -> None:
    """At the second 02:10 the next 02:30 is that of the following day: the first 02:30 is over."""
    trigger = CronTrigger("30 2 * * *", ZoneInfo("Europe/Berlin"))

    found = trigger.get_next_fire_time(None, datetime(2026, 10, 25, 1, 10, tzinfo=UTC))

    assert found == datetime(2026, 10, 26, 1, 30, tzinfo=UTC)


def test_day_of_month_and_weekday_together_are_either_of_them() -> None:
    """As in every cron."""
    times = fire_times(
        CronTrigger("0 6 1 * 1", ZoneInfo("UTC")),
        datetime(2026, 1, 1, tzinfo=UTC),
        datetime(2026, 2, 1, tzinfo=UTC),
    )

    assert [moment.day for moment in times] == [1, 5, 12, 19, 26]


@pytest.mark.parametrize(
    ("expression", "weekdays"),
    [
        ("0 6 * * 1-5", {0, 1, 2, 3, 4}),
        ("0 6 * * 0", {6}),
        ("0 6 * * 7", {6}),
        ("0 6 * * sun", {6}),
        ("0 6 * * mon-fri", {0, 1, 2, 3, 4}),
        ("0 6 * * 5-7", {4, 5, 6}),
        ("0 6 * * 1,3", {0, 2}),
        ("0 6 * * */2", {6, 1, 3, 5}),
        ("@weekly", {6}),
    ],
)
def test_weekdays_are_those_of_unix(expression: str, weekdays: set[int]) -> None:
    """0 and 7 are Sunday."""
    times = fire_times(
        CronTrigger(expression, ZoneInfo("UTC")),
        datetime(2026, 1, 1, tzinfo=UTC),
        datetime(2026, 3, 1, tzinfo=UTC),
    )

    assert {moment.weekday() for moment in times} == weekdays


@pytest.mark.parametrize(
    "expression",
    [
        "",
        "* * * *",
        "61 * * * *",
        "0 25 * * *",
        "0 6 * * fri-mon",
        "0 0 * * 8",
        "0 0 * * x",
        "a b c d e",
        "@x",
        "0 0 30 2 *",
    ],
)
def test_what_makes_no_sense_is_refused(expression: str) -> None:
    """By a ValueError that names the field, the form, or that such a day never comes."""
    with pytest.raises(ValueError, match=r"^Bad |five fields|never comes"):
        CronTrigger(expression, ZoneInfo("UTC"))


def test_an_interval_is_kept() -> None:
    """Five minutes are five minutes."""
    start = datetime.now(UTC)
    times = fire_times(interval_trigger(5), start, start + timedelta(hours=1))

    assert {after - before for before, after in pairwise(times)} == {timedelta(minutes=5)}


@pytest.mark.parametrize("zone", ["UTC", "Europe/Berlin"])
@pytest.mark.parametrize(
    "expressions",
    [
        ["37 */2 * * *"],
        ["*/20 8-18 * * 1-5"],
        ["30 2 * * *"],
        ["15 */7 * * *"],
        ["0 0 31 * *"],
        ["0 * * * 1-5", "0 * * * 0,6"],
        ["*/20 6-9 1-10 * *", "5 5 * * 3"],
    ],
)
def test_the_longest_gap_is_that_of_all_times_in_a_year(zone: str, expressions: list[str]) -> None:
    """Found without asking for every time, whatever limit it is compared with, and of all jobs together."""
    triggers = [CronTrigger(each, ZoneInfo(zone)) for each in expressions]
    times = sorted({found for each in triggers for found in fire_times(each, START, START + timedelta(days=462))})
    right = max(after - before for before, after in pairwise(times) if before <= START + timedelta(days=400))
    for minutes in (6, 61, 1440, 4321):
        found = longest_gap(triggers, times[0], least=timedelta(minutes=minutes))
        assert found == (right if right >= timedelta(minutes=minutes) else None)


def test_a_gap_beside_an_interval_is_no_longer_than_it() -> None:
    """With the jitter that may come on top."""
    cron, every = CronTrigger("0 3 * * *", ZoneInfo("UTC")), interval_trigger(90, jitter_seconds=30)
    assert longest_gap([cron, every], START, least=timedelta(minutes=90)) == timedelta(minutes=90, seconds=30)
    assert longest_gap([cron, every], START, least=timedelta(minutes=91)) is None
    far = longest_gap([CronTrigger("0 0 29 2 *", ZoneInfo("UTC"))], END, least=timedelta(days=1))
    assert far is not None
    assert far > timedelta(days=365), "a first run that is years away is a gap too"
