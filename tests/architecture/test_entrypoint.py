"""entrypoint.sh under the shells that an image may have, with a stand-in for hr-sync that prints how it was started."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from typer.main import get_command

from hr_sync.cli.main import app

ROOT = Path(__file__).parents[2]
ENTRYPOINT = ROOT / "entrypoint.sh"
COMMANDS = sorted(get_command(app).commands)  # type: ignore[attr-defined] # it is a group
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


@pytest.mark.parametrize("argument", ["sync", "serve "])
def test_an_unknown_command_is_wrong_usage(argument: str) -> None:
    """hr-sync itself refuses it with exit code 2; nothing is started."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    ended = subprocess.run(
        [str(ENTRYPOINT), argument], env={**os.environ, "PATH": path}, capture_output=True, text=True, check=False
    )

    assert (ended.returncode, ended.stdout) == (2, "")
    assert "No such command" in ended.stderr


def test_the_image_and_the_examples_start_commands_that_exist() -> None:
    """In compose.yaml, the Kubernetes manifests, the units and the crontab."""
    started = []
    for file in (ROOT / "docs" / "deploy").iterdir():
        text = file.read_text(encoding="utf-8")
        started += re.findall(r"(?:command|args): \[([a-z][a-z-]*)", text) + re.findall(r"bin/hr-sync ([a-z-]+)", text)

    assert len(started) > 5
    assert set(started) <= set(COMMANDS)
