"""After the site has named a time nobody asks before it: no thread, no client of the process, no other worker."""

import math
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import ExitStack, suppress
from datetime import UTC, datetime
from itertools import chain, repeat
from typing import Any

import pytest
import requests
from confluence_simulator import Fault, Simulator

from hr_sync.cancellation import Cancellation
from hr_sync.confluence.http.admission import Admission
from hr_sync.confluence.http.client import HttpClient
from hr_sync.confluence.http.rate import LONGEST_HOLD_SECONDS, Allowance, OtherWorkers, RateGate, allowance_of
from hr_sync.confluence.http.stats import HttpStats
from hr_sync.confluence.http.width import Tasks, Width
from hr_sync.errors import ConfluenceUnavailable, Stopped
from tests.confluence.clients import BASIC, RecordedWaits, limits, open_client

ME = "rest/api/user/current"
NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("headers", "said"),
    [
        ({}, Allowance()),
        (
            {"X-RateLimit-Limit": "40000", "X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "2026-03-01T12:30:00Z"},
            Allowance(left=0, limit=40000, more_in_seconds=1800),
        ),
        (
            {
                "x-ratelimit-limit": "10",
                "x-ratelimit-remaining": "3",
                "x-ratelimit-interval-seconds": "60",
                "x-ratelimit-fillrate": "30",
            },
            Allowance(left=3, limit=10, more_in_seconds=2),
        ),
        (
            {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "2026-03-01T11:00:00Z"},
            Allowance(left=0, more_in_seconds=0),
        ),
        ({"X-RateLimit-Remaining": "-1", "X-RateLimit-Limit": "nan", "X-RateLimit-Reset": "soon"}, Allowance()),
        ({"X-RateLimit-Interval-Seconds": "1", "X-RateLimit-FillRate": "0"}, Allowance()),
    ],
)
def test_what_the_headers_say(headers: dict[str, str], said: Allowance) -> None:
    """Both flavours, in any case of letters; what cannot be read is not said."""
    assert allowance_of(headers, NOON) == said


def test_no_thread_asks_before_the_time_that_one_of_them_was_told(site: Simulator) -> None:
    """Eight threads ask as fast as they can; after the refusal only what was under way arrives."""
    cancellation, closed = Cancellation(), threading.Event()
    when_closed: list[int] = []

    def note(_seconds: float) -> None:
        when_closed.append(len(site.requests))
        closed.set()

    gate = RateGate()
    client = HttpClient(site.site_url, BASIC, limits(max_connections=8), cancellation, gate=gate)

    def ask() -> None:
        with suppress(Stopped):
            while True:
                client.get(ME)

    others = OtherWorkers(tell=note, ask=lambda: -math.inf)
    with gate.shared_with(others), ThreadPoolExecutor(8) as pool:
        asking = [pool.submit(ask) for _ in range(8)]
        site.faults.add(Fault(kind="retry-after-seconds", match=ME))
        assert closed.wait(10)
        time.sleep(0.4)  # of the second that was named
        arrived = len(site.requests)
        cancellation.set()
        for each in asking:
            each.result()
    assert when_closed[0] > 0
    assert arrived - when_closed[0] <= 7
    assert client.http_stats.counts().throttled_seconds < 1.5, "what all threads wait for counts once"


def test_a_client_that_comes_later_waits_too(site: Simulator) -> None:
    """As the next run of a service does, whose client is another one."""
    gate, waits = RateGate(), RecordedWaits()
    gate.close(20)

    client = HttpClient(site.site_url, BASIC, limits(), waits, gate=gate)
    client.get(ME)
    client.close()

    assert [round(each) for each in waits.seconds] == [20]


def test_a_time_that_is_too_far_away_is_not_waited_for(site: Simulator) -> None:
    """The first request ends as temporary; the others are not sent."""
    site.faults.add(Fault(kind="status", argument={"status": 429, "headers": {"Retry-After": "1847"}}))
    with open_client(site.site_url) as client:
        with pytest.raises(ConfluenceUnavailable, match="1847"):
            client.get(ME)
        with pytest.raises(ConfluenceUnavailable, match="send nothing for another 18") as held:
            client.get(ME)

        assert len(site.requests) == 1
        assert (held.value.exit_code, client.cancellation.is_set()) == (75, False)


def test_a_time_that_another_worker_was_told_is_read_before_a_request(site: Simulator) -> None:
    """So that none arrives that this worker could have kept back."""
    gate = RateGate()
    client = HttpClient(site.site_url, BASIC, limits(longest_wait_seconds=10), Cancellation(), gate=gate)
    others = OtherWorkers(tell=lambda _: None, ask=lambda: 100.0)
    with gate.shared_with(others), pytest.raises(ConfluenceUnavailable, match="send nothing for another"):
        client.get(ME)
    client.close()

    assert len(site.requests) == 0


def test_an_absurd_time_is_asked_again_after_an_hour() -> None:
    """A day, or a header that nobody meant."""
    gate = RateGate()
    gate.close(86_400)

    assert gate.rest()[1] == pytest.approx(LONGEST_HOLD_SECONDS, abs=1)


@pytest.mark.parametrize(("status", "left", "seconds"), [(200, "0", 10), (200, "1", None), (404, "0", None)])
def test_the_last_request_of_an_allowance_is_followed_by_none(status: int, left: str, seconds: int | None) -> None:
    """So that the site need not refuse one. It is waited for as long as any other wait, and no longer."""
    gate, answer = RateGate(), requests.Response()
    answer.status_code = status
    answer.headers.update(
        {"X-RateLimit-Remaining": left, "X-RateLimit-Interval-Seconds": "7200", "X-RateLimit-FillRate": "1"}
    )

    Admission(gate, limits(longest_wait_seconds=10), RecordedWaits(), HttpStats()).note(answer)

    assert gate.is_closed() == (seconds is not None)
    assert gate.rest()[1] == pytest.approx(seconds or 0, abs=1)


def test_others_are_told_once_for_each_later_time() -> None:
    """Eight threads are refused at the same moment, and one statement says so."""
    told: list[float] = []
    gate = RateGate()
    with gate.shared_with(OtherWorkers(tell=told.append, ask=lambda: 60)):
        threads = [threading.Thread(target=gate.close, args=(5,)) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        gate.close(1)
        gate.look()

    assert told == [5]
    assert gate.rest()[1] > 50


def test_a_site_that_answers_in_turn_fails_no_request_that_waits(site: Simulator) -> None:
    """Eight threads share four requests a second: each gets its answers, although one try may be refused twice."""
    with Simulator(site.world, rate_per_second=4) as limited:
        client = HttpClient(limited.site_url, BASIC, limits(max_connections=8, max_attempts=2), Cancellation())
        with ThreadPoolExecutor(8) as pool:
            for each in [pool.submit(client.get, ME) for _ in range(20)]:
                each.result()

        refused = sum(record.status == 429 for record in limited.requests)
        assert refused > 0
        assert len(limited.requests) - refused == 20
    assert client.http_stats.counts().throttled_seconds > 2


def test_one_endpoint_that_refuses_for_ever_ends(site: Simulator) -> None:
    """Although the site answers everything else meanwhile."""
    site.faults.add(Fault(kind="status", match=ME, times=0, argument={"status": 429, "headers": {"Retry-After": "1"}}))
    gate = RateGate()

    class AnsweredMeanwhile(RecordedWaits):
        def wait(self, seconds: float | None = None) -> bool:
            gate.width.widen()
            return super().wait(seconds)

    client = HttpClient(site.site_url, BASIC, limits(max_attempts=2), AnsweredMeanwhile(), gate=gate)
    with pytest.raises(ConfluenceUnavailable, match="limits the request rate"):
        client.get(ME)
    client.close()

    assert site.requests.count(f"/{ME}") == 8


def test_fewer_requests_are_under_way_after_a_refusal_and_more_after_answers() -> None:
    """Half as many, one at least; one more for as many answers as may be under way."""
    width = RateGate().width
    with width.one(), width.one(), width.one(), width.one():
        pass
    width.narrow()
    assert width.most == 2
    width.widen()
    width.widen()
    assert 2.8 < width.most < 3
    for _ in range(3):
        width.narrow()
    assert width.most == 1
    with width.one(), ThreadPoolExecutor(1) as pool:
        block = ExitStack()
        other = pool.submit(block.enter_context, width.one())
        assert wait([other], 0.2).not_done
        width.widen()
        other.result(5)
        block.close()


def test_refusals_of_one_moment_narrow_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """What was under way when the gate closed says nothing new, nor does the word of another worker."""
    monkeypatch.setattr("hr_sync.confluence.http.rate._LOOK_OFTEN_SECONDS", 0)
    gate, answers = RateGate(), chain([-math.inf], repeat(1.2))
    others = OtherWorkers(tell=lambda _: None, ask=lambda: next(answers))
    with gate.shared_with(others), gate.width.one(), gate.width.one(), gate.width.one(), gate.width.one():
        gate.look()
        for _ in range(3):
            gate.close(1)
            gate.look()

    assert gate.width.most == 2
    assert gate.rest()[1] > 1


def test_a_refusal_narrows_once_although_the_others_end_it_later(monkeypatch: pytest.MonkeyPatch) -> None:
    """The database says when, on a clock of its own, and a moment later than the process that was refused."""
    now = 1000.0
    monkeypatch.setattr("hr_sync.confluence.http.rate.time.monotonic", lambda: now)
    gate, until = RateGate(), -math.inf
    with gate.shared_with(OtherWorkers(tell=lambda _: None, ask=lambda: until - now)):
        gate.look()
        with gate.width.one(), gate.width.one(), gate.width.one(), gate.width.one():
            gate.close(1)
        assert gate.width.most == 2
        now, until = 1001.002, 1001.004
        gate.look()

    assert gate.width.most == 2
    assert gate.is_closed()


def test_what_others_were_told_is_asked_more_often_while_a_limit_is_met(monkeypatch: pytest.MonkeyPatch) -> None:
    """Seven times a second before, and twenty times after a refusal."""
    now, looks = 1000.0, list[float]()
    monkeypatch.setattr("hr_sync.confluence.http.rate.time.monotonic", lambda: now)
    gate = RateGate()

    def ask() -> float:
        looks.append(now)
        return -math.inf

    def looks_within(seconds: float) -> int:
        nonlocal now
        looks.clear()
        for _ in range(round(seconds * 100)):
            gate.look()
            now += 0.01
        return len(looks)

    with gate.shared_with(OtherWorkers(tell=lambda _: None, ask=ask)):
        assert 6 <= looks_within(1) <= 7
        gate.close(0.5)
        assert 16 <= looks_within(1) <= 21
        now += 60
        assert 6 <= looks_within(1) <= 7
    now, before = now + 60, len(looks)
    gate.look()
    assert len(looks) == before, "nobody is asked whom nothing is shared with"


@pytest.mark.parametrize(
    ("answer", "most"), [(-20.0, 1), (-0.5, 1), (5.0, 1), (-60.0, math.inf), (-math.inf, math.inf)]
)
def test_a_worker_that_begins_at_a_site_that_refused_lately_begins_with_one_request(
    monkeypatch: pytest.MonkeyPatch, answer: float, most: float
) -> None:
    """And asks as often as the others what they were told. Whoever does not say is asked again."""
    gate, answers = RateGate(), iter([None, *([answer] * 3)])
    monkeypatch.setattr("hr_sync.confluence.http.rate._LOOK_SECONDS", 0)
    with gate.shared_with(OtherWorkers(tell=lambda _: None, ask=lambda: next(answers))), gate.width.one():
        gate.look()
        assert gate.width.most == math.inf
        gate.look()
        assert gate.width.most == most
        gate.width.widen()
        gate.look()

    assert gate.width.most == (most if most == math.inf else 2)
    assert gate.is_closed() == (answer > 0)


def test_tasks_of_a_run_are_few_while_the_site_limits_the_rate() -> None:
    """As many as requests may be under way, and one more. One that is not wanted any more waits no longer."""
    width, is_over = RateGate().width, threading.Event()
    tasks = Tasks(width)
    with ExitStack() as unbounded:
        for _ in range(20):
            unbounded.enter_context(tasks.one(is_over.is_set))
    with ExitStack() as begun, ThreadPoolExecutor(2) as pool:
        with width.one(), width.one():
            width.narrow()
        for _ in range(2):
            begun.enter_context(tasks.one(is_over.is_set))
        third, fourth = (pool.submit(begun.enter_context, tasks.one(is_over.is_set)) for _ in range(2))
        assert not third.done()
        with Tasks(width).one(is_over.is_set):
            pass  # another run has tasks of its own
        width.widen()
        wait([third, fourth], 5, return_when=FIRST_COMPLETED)
        assert third.done() != fourth.done()
        is_over.set()
        third.result(5), fourth.result(5)


def limited(most: float) -> Width:
    """Return the width of a site that admits so many requests at once."""
    width = Width()
    width.begin_with_one()
    while width.most < most:
        width.widen()
    return width


class Task:
    """A task in a thread of its own: `meet` and `end` begin, and are waited for elsewhere."""

    def __init__(self, tasks: Tasks, stop: Cancellation) -> None:
        self._tasks, self._stop = tasks, stop
        self._thread = ThreadPoolExecutor(1)
        self._block = ExitStack()
        self._thread.submit(self._block.enter_context, tasks.one(bool)).result(5)

    def meet(self) -> Future[None]:
        """Wait for the others, in the thread of the task."""
        return self._thread.submit(self._tasks.meet, self._stop.check)

    def end(self) -> None:
        """End it; the thread may begin another one."""
        self._thread.submit(self._block.close).result(5)

    def end_and_begin(self) -> None:
        """End it and begin another one at once, before anybody who waits has seen it."""

        def work() -> None:
            self._block.close()
            self._block.enter_context(self._tasks.one(bool))

        self._thread.submit(work).result(5)


@pytest.fixture
def stop(monkeypatch: pytest.MonkeyPatch) -> Iterator[Cancellation]:
    """Return what stops the tasks of a test; nothing else ends their waits within it."""
    monkeypatch.setattr("hr_sync.confluence.http.width._MEETING_SECONDS", 60)
    given = Cancellation()
    yield given
    given.set()


def begun(most: float, stop: Cancellation, number: int) -> list[Task]:
    """Begin tasks at a site that admits so many requests at once."""
    tasks = Tasks(limited(most))
    return [Task(tasks, stop) for _ in range(number)]


def waits(waiting: Future[Any]) -> bool:
    """Return True if a task goes on waiting."""
    return bool(wait([waiting], 0.2).not_done)


def test_tasks_wait_for_each_other_where_requests_go_one_at_a_time(stop: Cancellation) -> None:
    """The first that has come so far goes on with the last, which waits for nobody that has come."""
    first, second = begun(1, stop, 2)
    meeting = first.meet()
    assert waits(meeting)
    second.meet().result(5)
    meeting.result(5)
    first.end()
    second.meet().result(5)


@pytest.mark.parametrize("ends", [Task.end, Task.end_and_begin])
def test_a_task_that_is_over_is_not_waited_for(stop: Cancellation, ends: Callable[[Task], None]) -> None:
    """It may have failed before it came so far, and its thread may have begun another one."""
    first, second = begun(1, stop, 2)
    meeting = first.meet()
    assert waits(meeting)
    ends(second)
    meeting.result(5)


def test_tasks_wait_only_as_long_as_the_others_use_what_the_site_admits(stop: Cancellation) -> None:
    """Three of four have come, and the last sends one request where three may be under way, or two after a refusal."""
    first, second, third, last = begun(3, stop, 4)
    meetings = [first.meet(), second.meet()]
    assert all(map(waits, meetings))
    third.meet().result(5)
    for meeting in meetings:
        meeting.result(5)
    last.end()


def test_tasks_do_not_wait_where_nothing_limits_the_rate(stop: Cancellation) -> None:
    """What they would save is less than what they could ask meanwhile."""
    tasks = Tasks(Width())
    several = [Task(tasks, stop) for _ in range(8)]
    several[0].meet().result(5)


def test_a_large_task_keeps_each_other_one_waiting_once(monkeypatch: pytest.MonkeyPatch, stop: Cancellation) -> None:
    """For a bounded time; then nobody waits for it again."""
    first, large = begun(1, stop, 2)
    monkeypatch.setattr("hr_sync.confluence.http.width._MEETING_SECONDS", 0.3)
    began = time.monotonic()
    first.meet().result(20)
    assert time.monotonic() - began >= 0.3
    monkeypatch.setattr("hr_sync.confluence.http.width._MEETING_SECONDS", 60)
    first.end_and_begin()
    first.meet().result(5)
    first.end_and_begin()
    meeting = large.meet()
    assert waits(meeting), "the large one meets the others as ever"
    first.meet().result(5)
    meeting.result(5)


def test_a_task_that_takes_long_keeps_no_other_one_from_beginning(
    monkeypatch: pytest.MonkeyPatch, stop: Cancellation
) -> None:
    """Two large spaces would let all the others of their run wait for hours."""
    tasks = Tasks(limited(1))
    large = [Task(tasks, stop) for _ in range(2)]
    with ThreadPoolExecutor(1) as pool, ExitStack() as third:
        waiting = pool.submit(third.enter_context, tasks.one(stop.is_set))
        assert waits(waiting)
        monkeypatch.setattr("hr_sync.confluence.http.width._COUNTED_SECONDS", 0.1)
        assert waiting.result(5)
    for each in large:
        each.end()


def test_a_stop_is_heard_while_tasks_wait(stop: Cancellation) -> None:
    """By those that wait for one that is large."""
    first, second = begun(1, stop, 2)
    meeting = first.meet()
    assert waits(meeting)
    stop.set()
    with pytest.raises(Stopped):
        meeting.result(5)
    second.end()


def test_a_request_was_sent_when_its_last_attempt_was(site: Simulator) -> None:
    """Not when it began to wait, nor when it was answered, and whatever another thread sends meanwhile."""
    site.faults.add(Fault(kind="status", match=ME, argument={"status": 429, "headers": {"Retry-After": "1"}}))
    site.faults.add(Fault(kind="slow", match=ME, argument=0.2, times=0))
    client = HttpClient(site.site_url, BASIC, limits(max_attempts=3), Cancellation())
    with ThreadPoolExecutor(1) as pool:
        asked = pool.submit(lambda: (client.get(ME), client.admission.sent_at))
        while not any(each.status == 429 for each in list(site.requests)):
            pass
        client.get("api/v2/spaces")
        _, sent_at = asked.result(10)
        pool.submit(client.close).result(5)
    client.close()

    refused, answered = (each for each in site.requests if ME in each.path)
    assert (refused.status, answered.status) == (429, 200)
    assert refused.answered_at < sent_at
    assert answered.began_at - 0.1 < sent_at <= answered.began_at
