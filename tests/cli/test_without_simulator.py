"""`simulate` and `demo` where the simulator is not installed, as beside a worker that was installed alone."""

import importlib.util
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
HIDING = "import sys; sys.modules['confluence_simulator'] = None; from hr_sync.cli.main import main; main()"


@pytest.mark.parametrize("command", ["simulate", "demo"])
def test_the_command_that_installs_it_is_printed(command: str) -> None:
    """One line on standard error, exit code 2, no traceback; the folder that it names is a project."""
    ended = subprocess.run(
        [sys.executable, "-c", HIDING, command], capture_output=True, text=True, timeout=30, check=False
    )

    assert (ended.returncode, ended.stdout) == (2, "")
    assert len(ended.stderr.splitlines()) == 1
    assert ended.stderr.startswith(f"hr-sync: `{command}` needs the simulator, which is not installed.")
    typed = ended.stderr.split("type: ")[1].split()
    assert sys.executable in typed
    assert (Path(typed[0]).name == "uv") is (importlib.util.find_spec("pip") is None)
    assert (ROOT / typed[-1] / "pyproject.toml").exists()


def test_other_commands_do_not_need_it() -> None:
    """Help and version answer."""
    for option in ("--version", "--help"):
        ended = subprocess.run([sys.executable, "-c", HIDING, option], capture_output=True, timeout=30, check=False)
        assert ended.returncode == 0
