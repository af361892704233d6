"""entrypoint.sh under the shells that an image may have, with a stand-in for hr-sync that tells how it was started."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

ENTRYPOINT = Path(__file__).parents[2] / "entrypoint.sh"
COMMANDS = [
    *("serve", "run", "resync", "init-db", "migrate", "check", "status", "pages", "verify", "explain", "changes"),
    *("purge", "config"),
]
SHELLS = [shell for shell in ("sh", "dash", "bash") if shutil.which(shell)]


def start(shell: str, folder: Path, *arguments: str) -> tuple[int, str, str, int]:
    """Exit code, standard output, standard error and process id."""
    stand_in = folder / "hr-sync"
    stand_in.write_text('#!/bin/sh\necho "$$ $#" "$@"\nexit 3\n')
    stand_in.chmod(0o755)
    process = subprocess.Popen(
        [shell, str(ENTRYPOINT), *arguments],
        env={**os.environ, "PATH": f"{folder}{os.pathsep}{os.environ['PATH']}"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    out, err = process.communicate(timeout=10)
    return process.returncode, out, err, process.pid


@pytest.mark.parametrize("shell", SHELLS)
def test_every_command_is_handed_over_whole(shell: str, tmp_path: Path) -> None:
    """In the same process, so that it is process 1 of a container; arguments and exit code pass through."""
    for command in COMMANDS:
        code, out, _, pid = start(shell, tmp_path, command, "--space", "H R", "")

        assert (code, out) == (3, f"{pid} 4 {command} --space H R \n")


@pytest.mark.parametrize("shell", SHELLS)
def test_serve_is_the_default(shell: str, tmp_path: Path) -> None:
    """A container without a command stays up."""
    code, out, _, pid = start(shell, tmp_path)

    assert (code, out) == (3, f"{pid} 1 serve\n")


@pytest.mark.parametrize("argument", ["sync", "--json", "", "run; id", "serve ", "simulate", "demo"])
def test_an_unknown_command_is_wrong_usage(argument: str, tmp_path: Path) -> None:
    """Exit code 2 and the commands on standard error; nothing is started."""
    code, out, err, _ = start("sh", tmp_path, argument)

    assert (code, out) == (2, "")
    assert err.startswith(f"entrypoint.sh: unknown command: {argument}\nusage: ")


def test_help_names_every_command(tmp_path: Path) -> None:
    """On standard output."""
    code, out, err, _ = start("sh", tmp_path, "--help")

    assert (code, err) == (0, "")
    assert set(COMMANDS) <= set(out.split())
