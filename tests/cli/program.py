"""The program as people use it: a process of its own, a settings file, and what it left behind."""

import json
import os
import re
import shlex
import subprocess
import sys
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import IO, Any

from confluence_simulator import Simulator

from tests.cli.forks import Process, forks

HR_SYNC = Path(sys.executable).parent / "hr-sync"
USERNAME = "hr-bot@example.com"
TOKEN = "canary-token-9d2f"
PATIENCE_SECONDS = 40
#: Variables that Python reads at its start.
OF_THE_INTERPRETER = ("PYTHON", "LC_", "LANG", "MALLOC")


@dataclass(frozen=True, kw_only=True)
class Ended:
    """A process that has ended."""

    exit_code: int
    stdout: str
    stderr: str
    errors: frozenset[str] = frozenset()  #: classes of the errors that were made in it, of a program that was forked

    @property
    def messages(self) -> list[str]:
        """What was said to people: standard error without its log lines, which are JSON here, and what ended it.

        Where the log is JSON, messages stand on standard output, below the result.
        """
        lines = [
            *self.stderr.splitlines(),
            *(line for line in self.stdout.splitlines() if line.startswith("hr-sync: ")),
        ]
        logged = [json.loads(line) for line in lines if line.startswith("{")]
        said = "\n".join(line for line in lines if not line.startswith("{"))
        fatal = [f"hr-sync: {line['error']}" for line in logged if line["event"] == "process.failed"]
        return [*(re.split(r"\n(?! )", said) if said else []), *fatal]

    @property
    def document(self) -> Any:
        """Standard output as one JSON document, which it must be."""
        return json.loads(self.stdout)


def settings(site_url: str, database_url: str | None, **confluence: Any) -> dict[str, dict[str, Any]]:
    """Return working settings that lose no time; `confluence` adds to that group, None takes a key away."""
    group: dict[str, Any] = {
        "url": site_url,
        "flavor": "cloud",
        "username": USERNAME,
        "api_token": TOKEN,
        "spaces": ["*"],
        "first_retry_wait_seconds": 0.01,
        "max_attempts": 3,
    }
    url = None if database_url is None else postgres(database_url)
    found = {"confluence": group | confluence, "database": {"url": url}, "log": {"format": "json"}}
    return {name: {key: value for key, value in keys.items() if value is not None} for name, keys in found.items()}


def postgres(url: str) -> str:
    """Take SQLAlchemy's driver out of a fixture's URL, which people do not write."""
    return url.replace("postgresql+psycopg://", "postgresql://")


def written(folder: Path, groups: dict[str, dict[str, Any]]) -> Path:
    """Write a settings file; JSON's texts, numbers and lists are TOML's too."""
    path = folder / "config.toml"
    lines = []
    for name, keys in groups.items():
        lines += [f"[{name}]", *(f"{key} = {json.dumps(value)}" for key, value in keys.items())]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    path.chmod(0o600)  # it holds a token
    return path


def environment(home: Path, **variables: str) -> dict[str, str]:
    """Return what a process needs and nothing of ours; wide tables stay on one line."""
    kept = {name: os.environ[name] for name in ("PATH", "LANG", "TMPDIR", "SYSTEMROOT") if name in os.environ}
    return kept | {"HOME": str(home), "COLUMNS": "200"} | variables


def start(home: Path, *arguments: str, **variables: str) -> Process:
    """Start the program in `home`, where its `config.toml` is.

    It is forked by a process that has imported everything: a start of its own costs more than most commands do.
    """
    return forks().start(home, arguments, _read_late(home, variables))


def _read_late(home: Path, variables: dict[str, str]) -> dict[str, str]:
    early = [name for name in variables if name.startswith(OF_THE_INTERPRETER)]
    assert not early, f"only a new interpreter reads {early}: start_anew"
    return environment(home, **variables)


def start_logging(home: Path, log: IO[str], *arguments: str) -> Process:
    """Do the same, and print everything into a file."""
    return forks().start(home, arguments, environment(home), log)


def start_anew(home: Path, *arguments: str, **variables: str) -> "subprocess.Popen[str]":
    """Start the program with an interpreter of its own, as its users do."""
    return subprocess.Popen(
        [str(HR_SYNC), *arguments],
        cwd=home,
        env=environment(home, **variables),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def ended(process: "Process | subprocess.Popen[str]") -> Ended:
    """Wait for its end; a process that does not end is killed and fails the test."""
    try:
        stdout, stderr = process.communicate(timeout=PATIENCE_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.communicate()
        raise
    return Ended(exit_code=process.wait(), stdout=stdout, stderr=stderr)


def run(home: Path, *arguments: str, **variables: str) -> Ended:
    """Start the program and wait for its end; nothing that it says may hold a traceback or a secret."""
    with NamedTemporaryFile("r", encoding="utf-8") as errors:
        started = forks().start(home, arguments, _read_late(home, variables), errors=Path(errors.name))
        result = ended(started)
        result = replace(result, errors=frozenset(errors.read().split()))
    check_manners(result)
    return result


def run_anew(home: Path, *arguments: str, **variables: str) -> Ended:
    """Do the same with an interpreter of its own."""
    result = ended(start_anew(home, *arguments, **variables))
    check_manners(result)
    return result


def typed(home: Path, command: str, **variables: str) -> Ended:
    """Type a command in `home`, where `hr-sync` is on the path; only what needs a shell is given to one."""
    words = list(shlex.shlex(command, posix=True, punctuation_chars="();<>|&\n$`*?~#"))
    plain = shlex.split(command)
    if plain[0] == "hr-sync" and not any(set(word) <= set("();<>|&\n$`*?~#") for word in words):
        return run(home, *plain[1:], **variables)
    given = environment(home, **variables)
    return in_shell(home, command, given | {"PATH": f"{HR_SYNC.parent}:{given['PATH']}"})


def in_shell(folder: Path, script: str, variables: dict[str, str]) -> Ended:
    """Type a script into a shell that ends at the first command that fails."""
    process = subprocess.run(
        ["sh", "-ec", script],
        cwd=folder,
        env=variables,
        capture_output=True,
        text=True,
        timeout=PATIENCE_SECONDS,
        check=False,
    )
    result = Ended(exit_code=process.returncode, stdout=process.stdout, stderr=process.stderr)
    check_manners(result)
    return result


def check_manners(result: Ended) -> None:
    """Whatever happened, nobody reads a traceback or a secret."""
    said = result.stdout + result.stderr
    assert "Traceback" not in said, said
    assert TOKEN not in said
    assert not re.search(r"postgresql(\+psycopg)?://[^\s/@]+:[^*\s/@]+@", said)


def wired(home: Path, site: Simulator, database_url: str | None, **confluence: Any) -> None:
    """Write the settings for a site and a database into `home`."""
    written(home, settings(site.site_url, database_url, **confluence))
