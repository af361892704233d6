"""Breaks every rule of `mutants.py` in a scratch copy, one after the other, and runs the tests that must go red."""

# ruff: noqa: T201 -- it is a program that tells on standard output

import os
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
SECONDS = 600


@contextmanager
def scratch_copy() -> Iterator[Path]:
    """Copy what tests need into a folder of its own, readable for the account that runs PostgreSQL."""
    folder = Path(tempfile.mkdtemp(prefix="hr_sync-mutants-"))
    try:
        for name in ("hr_sync", "tests"):
            shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
        for name in ("pyproject.toml", "README.md"):
            shutil.copy(ROOT / name, folder / name)
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def passes(folder: Path, tests: Iterable[str]) -> bool:
    """Run tests in the copy. Raises RuntimeError when that did not even begin."""
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
    assert text.count(mutant.old) == 1, mutant.rule
    module.write_text(text.replace(mutant.old, mutant.new), encoding="utf-8")
    try:
        return not passes(folder, mutant.tests)
    finally:
        module.write_text(text, encoding="utf-8")


def main() -> None:
    """Run all of them, or those whose rule holds one of the given words; end with 1 when one survives."""
    words = sys.argv[1:]
    chosen = [mutant for mutant in MUTANTS if not words or any(word in mutant.rule for word in words)]
    survivors = []
    with scratch_copy() as folder:
        for tests in {mutant.tests for mutant in chosen}:
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
