"""The list of mutants stays true: each still breaks a rule that is there, and is named to readers."""

from pathlib import Path

import pytest

from tests.proof.mutants import MUTANTS, Mutant

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.rule)
def test_a_mutant_finds_its_rule(mutant: Mutant) -> None:
    """Word for word, in one place; and what it runs is there."""
    text = (ROOT / "hr_sync" / mutant.file).read_text(encoding="utf-8")

    assert text.count(mutant.old) == 1
    assert mutant.new != mutant.old
    assert (ROOT / mutant.tests[0]).is_file()


def test_the_list_for_readers_is_the_list() -> None:
    """Every rule stands in the tests' README."""
    log_fields = (ROOT / "tests" / "README.md").read_text(encoding="utf-8")
    rules = [mutant.rule for mutant in MUTANTS]

    assert [rule for rule in rules if f"| {rule} |" not in log_fields] == []
    assert len(set(rules)) == len(rules) >= 25
