"""A space ends as complete only after a check of the account that began after every answer that it used."""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any, cast

import pytest

from hr_sync.cancellation import Cancellation
from hr_sync.confluence.http.width import Tasks, Width
from hr_sync.confluence.source import Source
from hr_sync.errors import CredentialsRefused
from hr_sync.sync.context import AccountProof


@dataclass
class Site:
    """Counts answers as a source does. `before` is called before a check is sent, `during` after that."""

    answers: int = 1
    checks: int = 0
    sent_at: float = 0.0
    is_refused: bool = False
    before: Callable[[], None] = field(default=lambda: None)
    during: Callable[[], None] = field(default=lambda: None)

    @property
    def client(self) -> Any:
        stats = SimpleNamespace(counts=lambda: SimpleNamespace(requests=self.answers))
        cancellation = Cancellation()
        return SimpleNamespace(
            http_stats=stats, admission=SimpleNamespace(sent_at=self.sent_at), cancellation=cancellation
        )

    def check_account(self) -> None:
        self.before()
        self.sent_at = time.monotonic()
        self.during()
        self.answers += 1
        self.checks += 1
        if self.is_refused:
            raise CredentialsRefused("The token is not valid any more.")


def proof_of(site: Site, tasks: Tasks | None = None) -> AccountProof:
    return AccountProof(cast("Source", site), tasks or Tasks(Width()))


def test_one_check_is_for_all_that_was_answered_before_it() -> None:
    site = Site()
    proof = proof_of(site)
    for _ in range(3):
        proof.prove()

    assert site.checks == 1


def test_what_is_answered_later_needs_another_check() -> None:
    site = Site()
    proof = proof_of(site)
    proof.prove()
    site.answers += 1
    proof.prove()

    assert site.checks == 2


def test_an_answer_during_a_check_is_not_covered_by_it() -> None:
    """It may have been given before the account was refused, and after the check."""
    site = Site()
    proof = proof_of(site)

    def other_answer() -> None:
        site.answers += 1

    site.during = other_answer
    proof.prove()
    site.during = lambda: None
    proof.prove()
    proof.prove()

    assert site.checks == 2


@pytest.mark.parametrize(("moment", "checks"), [("before", 1), ("during", 2)])
def test_a_check_that_waits_for_its_turn_is_for_all_that_call_meanwhile(moment: str, checks: int) -> None:
    """A limited site is asked once for many spaces. A check that was sent before they called proves nothing."""
    site, others = Site(), list[threading.Thread]()
    proof = proof_of(site)

    def others_call() -> None:
        site.answers += 1
        called = [threading.Event() for _ in range(3)]

        def prove(event: threading.Event) -> None:
            event.set()
            proof.prove()

        others.extend(threading.Thread(target=prove, args=(event,)) for event in called)
        setattr(site, moment, lambda: None)
        for thread, event in zip(others, called, strict=True):
            thread.start()
            assert event.wait(5)
        time.sleep(0.05)  # all of them have called when the check goes on

    setattr(site, moment, others_call)
    proof.prove()
    for thread in others:
        thread.join()

    assert len(others) == 3
    assert site.checks == checks


def test_a_check_that_failed_proves_nothing() -> None:
    site = Site(is_refused=True)
    proof = proof_of(site)
    for _ in range(2):
        with pytest.raises(CredentialsRefused):
            proof.prove()

    assert site.checks == 2


def test_spaces_of_a_slow_site_wait_for_each_other_and_share_a_check() -> None:
    """The first has nothing to ask any more while the second still reads; one check is for both."""
    width = Width()
    width.begin_with_one()
    site, tasks = Site(), Tasks(width)
    proof = proof_of(site, tasks)

    def read_and_prove(seconds: float) -> None:
        with tasks.one(bool):
            both_began.wait(5)
            time.sleep(seconds)
            site.answers += 1
            proof.prove()

    both_began = threading.Barrier(2)
    spaces = [threading.Thread(target=read_and_prove, args=(seconds,)) for seconds in (0.0, 0.3)]
    for each in spaces:
        each.start()
    for each in spaces:
        each.join()

    assert site.checks == 1
    site.answers += 1
    proof.prove()
    assert site.checks == 2
