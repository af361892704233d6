"""What goes wrong every day: one message that says what and what to do, the right exit code, no traceback, no secret.

The table is in `mistakes.py`. The servers are shared; a row that changes a database gets a copy of its own.
"""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.cli.mistakes import MISTAKES, Mistake, Value
from tests.cli.program import TOKEN, Ended, settings, written
from tests.cli.stage import Stage

SECRETS = ("S3cret", "canary", "hunter2", TOKEN)


def resolved(values: dict[str, Value], stage: Stage) -> dict[str, Any]:
    """Return values with those that depend on the stage filled in."""
    return {key: value(stage) if callable(value) else value for key, value in values.items()}


def perform(mistake: Mistake, stage: Stage, home: Path) -> Ended:
    """Make the mistake."""
    given = mistake.database(stage) if callable(mistake.database) else mistake.database
    url = stage.database() if given is None else str(given)
    groups = settings(stage.site.site_url, url or None, **resolved(mistake.confluence, stage))
    for group, keys in mistake.groups.items():
        groups[group] = groups.get(group, {}) | resolved(keys, stage)
    written(home, groups)
    if mistake.prepare is not None:
        mistake.prepare(stage, home)
    stage.site.faults.clear()
    if mistake.fault is not None:
        stage.site.faults.add(mistake.fault)
    variables = {name: str(value) for name, value in resolved(mistake.variables, stage).items()}
    try:
        command = [part.replace("{silent}", str(stage.silent)) for part in mistake.command]
        ended = stage.forking.run(home, *command, **variables)
        assert bool(stage.site.faults.fired) == (mistake.fault is not None)
    finally:
        stage.site.faults.clear()
    return ended


def check(mistake: Mistake, ended: Ended) -> None:
    """Compare what was printed with what the row says."""
    said = ended.stdout + ended.stderr
    assert ended.exit_code == mistake.exit_code, said
    assert len(ended.messages) == mistake.messages, said
    if mistake.messages:
        assert ended.messages[-1].startswith(("hr-sync: ", "Usage: ")), said
    assert re.search(mistake.says, "\n".join(ended.messages), re.DOTALL), said
    assert not any(secret in said for secret in SECRETS), said


@pytest.mark.parametrize("name", MISTAKES)
def test_a_mistake(stage: Stage, copied: Callable[[str], Stage], home: Path, name: str) -> None:
    """One message, the exit code of the README, no traceback, no secret."""
    mistake = MISTAKES[name]
    here = copied(mistake.sql) if mistake.sql else stage

    ended = perform(mistake, here, home)

    check(mistake, ended)
