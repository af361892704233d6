"""The simulator is a distribution of its own: what its wheel holds, what the worker's lacks, and its command."""

import os
import re
import signal
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest
import requests
from confluence_simulator.serve import main

ROOT = Path(__file__).parents[2]
SIMULATOR = ROOT / "simulator"
COMMAND = (sys.executable, "-c", "import sys; from confluence_simulator.serve import main; sys.exit(main())")


def wheel_of(project: Path, folder: Path) -> zipfile.ZipFile:
    """Build the wheel with the locked hatchling, without a network."""
    command = [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", str(folder)]
    subprocess.run(command, cwd=project, check=True, capture_output=True, timeout=60)
    return zipfile.ZipFile(next(folder.glob("*.whl")))


def test_wheel_of_the_worker_holds_no_simulator(tmp_path: Path) -> None:
    """Neither its code nor a dependency on it: a worker in production has no fake server."""
    with wheel_of(ROOT, tmp_path) as wheel:
        folders = {name.split("/")[0] for name in wheel.namelist()}
        metadata = wheel.read(next(name for name in wheel.namelist() if name.endswith("/METADATA"))).decode()

    assert {folder for folder in folders if not folder.endswith(".dist-info")} == {"hr_sync"}
    required = [line for line in metadata.splitlines() if line.startswith("Requires-Dist:")]
    assert required
    assert not [line for line in required if "simulator" in line]


def test_wheel_of_the_simulator_holds_all_of_it(tmp_path: Path) -> None:
    """Code, handbook, types, licence and the command; nothing of the worker, no measurements."""
    with wheel_of(SIMULATOR, tmp_path) as wheel:
        names = set(wheel.namelist())
        metadata = wheel.read(next(name for name in names if name.endswith("/METADATA"))).decode()
        commands = wheel.read(next(name for name in names if name.endswith("/entry_points.txt"))).decode()

    code = {f"confluence_simulator/{path.relative_to(SIMULATOR / 'confluence_simulator')}" for path in source_files()}
    assert code <= names
    assert {"confluence_simulator/py.typed", "confluence_simulator/handbook/contents.toml"} <= names
    assert sum(name.endswith(".xhtml") for name in names) > 50
    assert any(name.endswith("/licenses/LICENSE") for name in names)
    assert "confluence-simulator = confluence_simulator.serve:main" in commands
    assert re.findall(r"^Requires-Dist: (\w+)", metadata, re.MULTILINE) == ["orjson"]
    assert "License-Expression: MIT" in metadata
    assert not any("benchmark" in name or name.startswith("hr_sync") for name in names)


def source_files() -> list[Path]:
    return sorted((SIMULATOR / "confluence_simulator").rglob("*.py"))


def test_licences_are_the_same() -> None:
    """One licence for both distributions, each with its text."""
    assert (SIMULATOR / "LICENSE").read_bytes() == (ROOT / "LICENSE").read_bytes()
    project = tomllib.loads((SIMULATOR / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert project["license"] == "MIT"
    assert (SIMULATOR / "CHANGELOG.md").exists()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_the_command_serves_until_it_is_stopped(number: signal.Signals, tmp_path: Path) -> None:
    """It prints address and credentials, serves the world and the faults that were asked for, and ends with 0."""
    faults = tmp_path / "faults.json"
    faults.write_text('[{"kind": "error-500", "match": "/content"}]')
    options = ["--flavor", "datacenter", "--context-path", "/c", "--pages", "7", "--faults", str(faults)]
    environment = {**os.environ, "PYTHONUNBUFFERED": "1"}
    with subprocess.Popen([*COMMAND, *options], stdout=subprocess.PIPE, text=True, env=environment) as process:
        try:
            assert process.stdout is not None
            first, second = process.stdout.readline(), process.stdout.readline()
            url = first.split()[-1]
            username, token = re.findall(r"username (\S+), token ([^;]+);", second)[0]
            answers = [requests.get(f"{url}/rest/api/content", auth=(username, token), timeout=5) for _ in range(2)]
        finally:
            process.send_signal(number)
        code = process.wait(timeout=10)

    assert url.startswith("http://127.0.0.1:")
    assert url.endswith("/c")
    assert [answer.status_code for answer in answers] == [500, 200]
    assert answers[1].json()["size"] == 7
    assert code == 0


@pytest.mark.parametrize(
    "options",
    [
        ["--flavor", "server"],
        ["--port", "65536"],
        ["--pages", "0"],
        ["--rate", "-1"],
        ["--rate", "nan"],
        ["--latency-ms", "soon"],
        ["--unknown"],
    ],
)
def test_wrong_options_are_refused(options: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    """Exit code 2 with the name of the option."""
    with pytest.raises(SystemExit) as ended:
        main(options)

    assert ended.value.code == 2
    assert options[0] in capsys.readouterr().err


def test_a_faults_file_that_cannot_be_used(tmp_path: Path) -> None:
    """Exit code 2 with the file's name and what to do."""
    missing = tmp_path / "none.json"

    ended = subprocess.run(
        [*COMMAND, "--faults", str(missing)], capture_output=True, text=True, timeout=20, check=False
    )

    assert (ended.returncode, ended.stdout) == (2, "")
    assert str(missing) in ended.stderr
    assert "--faults" in ended.stderr
