"""A space ends as complete only after a check of the account that began after every answer that it used."""

from collections.abc import Callable
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any, cast

import pytest

from hr_sync.confluence.source import Source
from hr_sync.errors import CredentialsRefused
from hr_sync.sync.context import AccountProof


@dataclass
class Site:
    """Counts answers as a source does; `during` is called while a check is under way."""

    answers: int = 1
    checks: int = 0
    is_refused: bool = False
    during: Callable[[], None] = field(default=lambda: None)

    @property
    def client(self) -> Any:
        return SimpleNamespace(http_stats=SimpleNamespace(counts=lambda: SimpleNamespace(requests=self.answers)))

    def check_account(self) -> None:
        self.during()
        self.answers += 1
        self.checks += 1
        if self.is_refused:
            raise CredentialsRefused("The token is not valid any more.")


def proof_of(site: Site) -> AccountProof:
    return AccountProof(cast("Source", site))


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


def test_a_check_that_failed_proves_nothing() -> None:
    site = Site(is_refused=True)
    proof = proof_of(site)
    for _ in range(2):
        with pytest.raises(CredentialsRefused):
            proof.prove()

    assert site.checks == 2
