"""Plays a guide: types its commands, writes its files, runs its SQL and Python, and compares what it says they print.

Comments of a guide direct the play, each for the block behind it: `not run: REASON`, `exit code N`, `answers: …` (the
next table answers the questions of the command), `beside` (until the end of the play), `file: NAME`, `as ROLE`,
`database: NAME`, and `meanwhile: EDIT PAGE`, which somebody does in Confluence.
"""

import io
import json
import os
import re
import shlex
import tomllib
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, redirect_stdout
from dataclasses import dataclass, field
from pathlib import Path
from textwrap import dedent
from typing import Any

import psycopg
from confluence_simulator import Simulator

from tests.cli.forking import Forking
from tests.cli.program import HR_SYNC, Ended, ended, environment, in_shell, start

_PART = re.compile(
    r"^ *<!-- (?P<comment>.+?) -->$|^(?P<indent> *)```(?P<kind>\w+)\n(?P<code>.*?)^ *```$", re.MULTILINE | re.DOTALL
)
_ROW = re.compile(r"^\| ([^|]+) \| `([^`]*)` \|", re.MULTILINE)
_SHELL = re.compile(r"[$|<>;&]")


@dataclass(kw_only=True)
class Play:
    """Where a guide is played. `words` are names of the guide and what stands for them here."""

    forking: Forking
    home: Path
    site: Simulator
    words: dict[str, str]
    variables: dict[str, str]  #: of the environment
    address: Callable[[str, str], str]  #: of a database, for a role
    database: str
    stack: ExitStack  #: ends what is played beside
    output: str = ""
    python: dict[str, Any] = field(default_factory=dict)

    def here(self, text: str) -> str:
        """Return text of the guide with the names of this play."""
        names = sorted(self.words, key=len, reverse=True)  # the longest counts, and nothing is replaced twice
        return re.sub("|".join(map(re.escape, names)), lambda found: self.words[found[0]], text)


@dataclass(kw_only=True)
class _Directions:
    """What comments say about the next block."""

    exit_code: int = 0
    is_left_out: bool = False
    is_beside: bool = False
    role: str = "superuser"
    file: str | None = None
    answers: list[tuple[str, str]] | None = None


def play(guide: str, scene: Play) -> None:
    """Play a guide from its beginning to its end."""
    directions = _Directions()
    for part in _PART.finditer(guide):
        if part["comment"]:
            _direct(part["comment"], guide[part.end() :], directions, scene)
        else:
            if not directions.is_left_out:
                _block(part["kind"], scene.here(dedent(part["code"])), directions, scene)
            directions = _Directions()


def _direct(comment: str, below: str, directions: _Directions, scene: Play) -> None:
    word, _, rest = comment.partition(": ")
    if word == "not run":
        directions.is_left_out = True
    elif word == "beside":
        directions.is_beside = True
    elif word == "answers":
        table = re.search(r"(?:^\|.*\n)+", below, re.MULTILINE)
        assert table
        directions.answers = [(re.escape(question), scene.here(answer)) for question, answer in _ROW.findall(table[0])]
    elif word == "file":
        directions.file = rest
    elif word == "database":
        scene.database = scene.here(rest)
        _merge(scene.home / "config.toml", {"database": {"url": scene.address("hr_owner", scene.database)}})
    elif word == "meanwhile":
        edit, *arguments = rest.split()
        _EDITS[edit](scene, *arguments)
    else:
        ((kind, value),) = re.findall(r"^(exit code|as) (\w+)$", comment)
        if kind == "as":
            directions.role = value
        else:
            directions.exit_code = int(value)


def _block(kind: str, code: str, directions: _Directions, scene: Play) -> None:
    if directions.file is not None:
        (scene.home / directions.file).write_text(code, encoding="utf-8")
    elif directions.is_beside:
        _begin(code, scene)
    elif kind == "sh":
        scene.output = ""
        for each in _typed(code, directions, scene):
            scene.output += each.stdout + each.stderr
            assert each.exit_code == directions.exit_code, f"{code}\n{each.stdout}{each.stderr}"
    elif kind == "text":
        compare(code, scene.output)
    elif kind == "toml":
        _merge(scene.home / "config.toml", tomllib.loads(code))
    elif kind == "sql":
        scene.output = _asked(code, scene.address(directions.role, scene.database))
    elif kind == "python":
        with redirect_stdout(io.StringIO()) as printed:
            exec(compile(code, "guide", "exec"), scene.python)  # noqa: S102 -- the guide of this repository
        scene.output = printed.getvalue()
    else:
        raise AssertionError(kind)


def _begin(code: str, scene: Play) -> None:
    """Start a command of the program that runs until it is stopped, and wait for its first line."""
    process = start(scene.home, *shlex.split(code.rpartition("hr-sync ")[2]), **scene.variables)
    scene.stack.callback(ended, process)
    scene.stack.callback(process.terminate)
    assert process.stdout is not None
    assert process.stdout.readline()


def _typed(code: str, directions: _Directions, scene: Play) -> Iterator[Ended]:
    """Type lines into a shell; lines that are the program alone go to the process that has loaded it."""
    lines = [line.partition(" #")[0].rstrip() for line in code.splitlines()]
    if directions.answers is not None:
        (line,) = lines
        yield scene.forking.talk(scene.home, *shlex.split(line)[1:], answers=directions.answers, **scene.variables)
    elif all(line.startswith("hr-sync ") and not _SHELL.search(line) for line in lines):
        for line in lines:
            yield scene.forking.run(scene.home, *shlex.split(line)[1:], **scene.variables)
    else:
        variables = environment(scene.home, **scene.variables)
        variables["PATH"] = os.pathsep.join([str(HR_SYNC.parent), scene.variables["PROGRAMS"], variables["PATH"]])
        yield in_shell(scene.home, "\n".join(lines), variables)


def compare(expected: str, output: str) -> None:
    """Each line that the guide shows was printed, in any number of blanks; … stands for anything."""
    plain = " ".join(re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", output).split())
    for line in expected.splitlines():
        pattern = ".*?".join(re.escape(" ".join(part.split())) for part in line.split("…"))
        assert re.search(pattern, plain, re.DOTALL), f"{line!r} is not in {output}"


def _merge(path: Path, changes: dict[str, dict[str, Any]]) -> None:
    """Set keys in a settings file."""
    groups = tomllib.loads(path.read_text(encoding="utf-8"))
    for name, keys in changes.items():
        groups[name] = groups.get(name, {}) | keys
    lines = [
        line
        for name, keys in groups.items()
        for line in (f"[{name}]", *(f"{key} = {json.dumps(value)}" for key, value in keys.items()))
    ]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def _asked(code: str, address: str) -> str:
    """Execute statements."""
    with psycopg.connect(address, autocommit=True) as connection:
        cursors = [connection.execute(each.encode()) for each in filter(str.strip, code.split(";"))]
        return "\n".join(str(each.fetchall()) for each in cursors if each.description)


_EDITS: Mapping[str, Callable[..., object]] = {
    "trash_page": lambda scene, page: scene.site.world.trash_page(page),
    "restore_page": lambda scene, page: scene.site.world.restore_page(page),
    "hide_page": lambda scene, page: scene.site.world.hide_page(page),
    "show_page": lambda scene, page: scene.site.world.unrestrict_page(page),
    "run": lambda scene: scene.forking.run(scene.home, "run"),
    "snapshot": lambda scene: scene.forking.run(scene.home, "changes", "snapshot", "--consumer", "index"),
}
