"""Breaks every rule of `mutants.py` in a scratch copy, one after the other, and runs the tests that must go red.

A mutant is a change inside one function, which is found by its name: its text may move and grow as long as the one
place that holds the rule stays. `--table` writes the table of tests/README.md.
"""

# ruff: noqa: T201 -- it is a program that tells on standard output

import ast
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.proof.mutants import MUTANTS, Mutant

ROOT = Path(__file__).parents[2]
README = ROOT / "tests" / "README.md"
SECONDS = 600
HEAD = "| rule that is broken | in | killed by |\n|---|---|---|\n"


class MissingRuleError(Exception):
    """The function is not there, or holds the rule no longer in exactly one place."""


def mutated(text: str, mutant: Mutant) -> str:
    """Return the text of a module with the rule broken. Raise MissingRuleError."""
    begin, end = _span(text, mutant.function)
    source = text[begin:end]
    found = re.findall(mutant.pattern, source)
    if len(found) != 1:
        raise MissingRuleError(f"{mutant.where}: {len(found)} places match {mutant.pattern!r}")
    changed = re.sub(mutant.pattern, mutant.change, source)
    broken = text[:begin] + changed + text[end:]
    try:
        ast.parse(broken)
    except SyntaxError as error:
        raise MissingRuleError(f"{mutant.where}: the change leaves no program: {error}") from None
    if changed == source:
        raise MissingRuleError(f"{mutant.where}: nothing changes")
    return broken


def _span(text: str, name: str) -> tuple[int, int]:
    """Return where a function, a method (`Class.method`) or an assignment of the module begins and ends."""
    here: ast.Module | ast.stmt = ast.parse(text)
    for part in name.split("."):
        here = _child(here, part, name)
    lines = text.splitlines(keepends=True)
    assert isinstance(here, ast.stmt)
    assert here.end_lineno is not None
    return sum(map(len, lines[: here.lineno - 1])), sum(map(len, lines[: here.end_lineno]))


def _child(parent: ast.Module | ast.stmt, part: str, name: str) -> ast.stmt:
    for child in ast.iter_child_nodes(parent):
        if isinstance(child, ast.FunctionDef | ast.ClassDef) and child.name == part:
            return child
        if isinstance(child, ast.Assign) and any(isinstance(t, ast.Name) and t.id == part for t in child.targets):
            return child
        if isinstance(child, ast.AnnAssign) and isinstance(child.target, ast.Name) and child.target.id == part:
            return child
    raise MissingRuleError(f"There is no {name}")


def table() -> str:
    """Return the table of all rules for readers."""
    rows = [f"| {mutant.rule} | `{mutant.where}` | `{mutant.tests[0]}` |\n" for mutant in MUTANTS]
    return HEAD + "".join(rows)


def with_table(readme: str) -> str:
    """Return the README with the table in the place of the one that it has."""
    begin = readme.index(HEAD.splitlines()[0])
    end = next(
        (match.start() for match in re.finditer(r"^(?!\|)", readme[begin:], re.MULTILINE) if match.start()),
        len(readme) - begin,
    )
    return readme[:begin] + table() + readme[begin + end :]


@contextmanager
def scratch_copy() -> Iterator[Path]:
    """Copy what tests need into a folder of its own, readable for the account that runs PostgreSQL."""
    folder = Path(tempfile.mkdtemp(prefix="hr_sync-mutants-"))
    try:
        for name in ("hr_sync", "tests", "docs"):
            shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
        for name in ("pyproject.toml", "README.md"):
            shutil.copy(ROOT / name, folder / name)
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def passes(folder: Path, tests: Iterable[str]) -> bool:
    """Run tests in the copy. Raise RuntimeError if that did not even begin."""
    command = [sys.executable, "-m", "pytest", "-q", "-x", "-n", "0", "-p", "no:cacheprovider", *tests]
    environment = os.environ | {"PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, timeout=SECONDS, check=False)
    if done.returncode not in (0, 1):
        raise RuntimeError(done.stdout.decode()[-2000:])
    return done.returncode == 0


def is_killed(folder: Path, mutant: Mutant) -> bool:
    """Break the rule, run its tests, and put the rule back."""
    module = folder / "hr_sync" / mutant.file
    text = module.read_text(encoding="utf-8")
    module.write_text(mutated(text, mutant), encoding="utf-8")
    try:
        return not passes(folder, mutant.tests)
    finally:
        module.write_text(text, encoding="utf-8")


def main() -> None:
    """Run all of them, or those whose rule holds one of the given words; end with 1 if one survives."""
    words = sys.argv[1:]
    if words == ["--table"]:
        README.write_text(with_table(README.read_text(encoding="utf-8")), encoding="utf-8")
        return
    chosen = [mutant for mutant in MUTANTS if not words or any(word in mutant.rule for word in words)]
    survivors = []
    with scratch_copy() as folder:
        for tests in dict.fromkeys(mutant.tests for mutant in chosen):
            if not passes(folder, tests):
                sys.exit(f"red before anything was broken: {' '.join(tests)}")
        for mutant in chosen:
            began = time.monotonic()
            killed = is_killed(folder, mutant)
            survivors += [] if killed else [mutant.rule]
            seconds = time.monotonic() - began
            print(f"{'killed  ' if killed else 'SURVIVED'} {seconds:4.0f} s  {mutant.rule}", flush=True)
    print(f"{len(chosen) - len(survivors)} of {len(chosen)} mutants were killed")
    sys.exit(bool(survivors))


if __name__ == "__main__":
    main()
