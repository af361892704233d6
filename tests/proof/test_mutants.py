"""The list of mutants stays true: each still breaks a rule that is there, and readers see it."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.proof.mutants import MUTANTS, Mutant
from tests.proof.mutation import README, ROOT, MissingRuleError, mutated, with_table

MODULE = """
class Limit:
    def is_met(self, key):
        return key == 1

def is_met(key):
    return key == 1
"""


def broken(where: str, pattern: str, change: str) -> str:
    """Mutate the module above."""
    mutant = Mutant(rule="", where=f"limit.py:{where}", pattern=pattern, change=change, tests=("",))
    return mutated(MODULE, mutant)


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.rule)
def test_a_mutant_finds_its_rule(mutant: Mutant) -> None:
    """Its function holds it in one place, and the tests that it runs are there."""
    text = (ROOT / "hr_sync" / mutant.file).read_text(encoding="utf-8")

    assert mutated(text, mutant) != text
    assert (ROOT / mutant.tests[0]).is_file()


def test_mutants_name_nothing_that_is_not_there(tmp_path: Path) -> None:
    """A name that is gone would end any test that comes there, and count as killed."""
    for number, mutant in enumerate(MUTANTS):
        text = (ROOT / "hr_sync" / mutant.file).read_text(encoding="utf-8")
        (tmp_path / f"mutant_{number}.py").write_text(mutated(text, mutant), encoding="utf-8")
    command = [sys.executable, "-m", "ruff", "check", "--isolated", "--select", "F821", str(tmp_path)]
    found = subprocess.run(command, capture_output=True, text=True, check=False)

    assert (found.returncode, found.stdout) == (0, "All checks passed!\n")


def test_the_table_for_readers_is_made_from_the_list() -> None:
    """`./scripts/mutants --table` writes it."""
    readme = README.read_text(encoding="utf-8")

    assert with_table(readme) == readme
    assert len({mutant.rule for mutant in MUTANTS}) == len(MUTANTS) >= 50


def test_a_mutant_changes_its_function_alone() -> None:
    """The same text in another function stays."""
    assert broken("Limit.is_met", "== 1", "== 2").count("== 2") == 1
    assert broken("Limit.is_met", "== 1", "== 2").index("== 2") < MODULE.index("def is_met(key)")
    assert broken("is_met", "== 1", "== 2").index("== 2") > MODULE.index("def is_met(key)")


@pytest.mark.parametrize(
    ("where", "pattern", "change"),
    [("is_not", "1", "2"), ("is_met", "3", "2"), ("is_met", "e", "x"), ("is_met", "== 1", "=="), ("is_met", "1", "1")],
)
def test_a_mutant_that_breaks_nothing_is_an_error(where: str, pattern: str, change: str) -> None:
    """A function that is not there, no match or several, no program, no change."""
    with pytest.raises(MissingRuleError):
        broken(where, pattern, change)
