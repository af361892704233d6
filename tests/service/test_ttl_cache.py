"""One answer serves many threads, and no number of them reaches the database."""

import threading
import time
from collections.abc import Callable, Iterator

import pytest

from hr_sync.errors import DatabaseUnavailable
from hr_sync.service import ttl_cache
from hr_sync.service.ttl_cache import TtlCache


def in_threads(number: int, call: Callable[[], object]) -> list[threading.Thread]:
    threads = [threading.Thread(target=call) for _ in range(number)]
    for thread in threads:
        thread.start()
    return threads


def test_an_answer_is_kept_for_its_time() -> None:
    """And asked for again after it."""
    asked: list[int] = []

    def ask() -> int:
        asked.append(1)
        return len(asked)

    cache = TtlCache(ask, keep_seconds=0.1)
    assert [cache(), cache()] == [1, 1]
    time.sleep(0.15)
    assert cache() == 2


def test_the_last_answer_serves_while_a_thread_asks_for_a_new_one() -> None:
    """Nobody waits for a slow database that answered lately."""
    release = threading.Event()
    answers = iter([1, 2])

    def ask() -> int:
        answer = next(answers)
        if answer == 2:
            release.wait(10)
        return answer

    cache = TtlCache(ask, keep_seconds=0)
    assert cache() == 1
    (asking,) = in_threads(1, cache)
    while not cache._asking.locked():
        time.sleep(0.001)
    began = time.monotonic()
    assert cache() == 1
    assert time.monotonic() - began < 1
    release.set()
    asking.join()


def test_few_wait_for_the_first_answer_and_the_others_are_refused_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """So that a database that hangs holds few of the server's threads; whoever waits gives up after a while."""
    monkeypatch.setattr(ttl_cache, "_STALE_SECONDS", 0)
    release, refused = threading.Event(), []
    cache = TtlCache(lambda: release.wait(10), wait_seconds=0.5)

    def call() -> None:
        began = time.monotonic()
        try:
            cache()
        except DatabaseUnavailable:
            refused.append(time.monotonic() - began)

    asking = in_threads(1, call)
    while not cache._asking.locked():
        time.sleep(0.001)
    others = in_threads(20, call)
    for thread in others:
        thread.join()
    assert sum(seconds < 0.3 for seconds in refused) == 18
    assert sum(0.4 < seconds < 3 for seconds in refused) == 2
    release.set()
    asking[0].join()


def test_a_failure_is_not_kept() -> None:
    """The next call asks again."""
    answers: Iterator[int | Exception] = iter([DatabaseUnavailable("Away."), 7])

    def ask() -> int:
        answer = next(answers)
        if isinstance(answer, Exception):
            raise answer
        return answer

    cache = TtlCache(ask)
    with pytest.raises(DatabaseUnavailable):
        cache()
    assert cache() == 7
