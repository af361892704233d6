"""The `Date` header is the clock of the world."""

from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

import pytest
import requests
from confluence_simulator import Fault, Simulator
from confluence_simulator.world.clock import DEFAULT_START

from tests.simulator.fault_probes import PATH, ask
from tests.simulator.sites import client, furnished_world


def date_of(answer: requests.Response) -> datetime:
    return parsedate_to_datetime(answer.headers["Date"])


@pytest.mark.parametrize("flavor", ["cloud", "datacenter"])
@pytest.mark.parametrize("path", ["/rest/api/user/current", "/api/v2/pages", "/no/such/path"])
def test_every_answer_carries_the_clock_of_the_world(flavor: str, path: str) -> None:
    """Found, refused or unknown: the answer is dated in whole seconds of the world's time."""
    start = datetime(2031, 5, 6, 7, 8, 9, 999_000, tzinfo=UTC)
    world = furnished_world()
    world.advance(start - world.now)
    with Simulator(world, flavor="cloud" if flavor == "cloud" else "datacenter") as simulator:
        right, wrong = client(simulator).ask(path), client(simulator, token="no").ask(path)

    assert right.headers["Date"] == wrong.headers["Date"] == "Tue, 06 May 2031 07:08:09 GMT"


def test_the_date_follows_the_world(cloud: Simulator) -> None:
    """An edit and time that passes both move it, also for an equal question whose answer is kept."""
    site = client(cloud)
    before = date_of(ask(site))
    cloud.world.rename_page(cloud.world.pages()[0].id, "Renamed")
    edited = date_of(ask(site))
    cloud.world.advance(timedelta(hours=2))

    assert before >= DEFAULT_START
    assert edited - before == timedelta(seconds=61)
    assert date_of(ask(site)) - edited == timedelta(hours=2)


def test_lags_do_not_change_the_date() -> None:
    """An old list and an old index are dated now."""
    world = furnished_world()
    lag = timedelta(hours=1)
    with Simulator(world, list_lag=lag, search_lag=lag, faults=[Fault(kind="stale-read", at=3)]) as simulator:
        site = client(simulator)
        answers = [ask(site), site.ask("/rest/api/search", cql="type = page"), ask(site)]

        assert [answer.json()["results"] for answer in answers] == [[], [], []]
        assert {date_of(answer) for answer in answers} == {world.now.replace(microsecond=0)}
        assert simulator.faults.fired


def test_the_date_can_be_absent_or_ahead() -> None:
    """By switch for every answer."""
    world = furnished_world()
    with Simulator(world, date_header=False) as simulator:
        assert "Date" not in ask(client(simulator)).headers
    with Simulator(world, date_offset=timedelta(minutes=-5)) as simulator:
        assert date_of(ask(client(simulator))) == world.now.replace(microsecond=0) - timedelta(minutes=5)


@pytest.mark.parametrize("argument", [-90, 30, None])
def test_a_fault_shifts_the_date_of_one_answer(cloud: Simulator, argument: int | None) -> None:
    """By seconds in either direction; the next answer is dated rightly again."""
    cloud.faults.add(Fault(kind="date-shifted", match=PATH, argument=argument))

    shifted, following = ask(client(cloud)), ask(client(cloud))

    assert date_of(shifted) - date_of(following) == timedelta(seconds=3600 if argument is None else argument)
    assert shifted.json() == following.json()
    assert cloud.faults.fired
