"""Which package may import which: the contracts of import-linter in pyproject.toml."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
LINT_IMPORTS = Path(sys.executable).parent / "lint-imports"


def lint(root: Path) -> "subprocess.CompletedProcess[str]":
    command = [str(LINT_IMPORTS), "--no-cache", "--config", str(ROOT / "pyproject.toml")]
    return subprocess.run(
        command,
        cwd=root,
        env={"PYTHONPATH": str(root), "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        check=False,
    )


def test_imports_point_down_and_libraries_stay_in_their_package() -> None:
    """Layers, and which library is imported where."""
    ended = lint(ROOT)
    assert ended.returncode == 0, ended.stdout


def package_with(folder: Path, module: str, line: str) -> Path:
    """Make a package like ours, empty but for one line."""
    layers = [
        "engines",
        "cli",
        "service",
        "sync",
        "reading",
        "documents",
        "confluence",
        "store",
        "render",
        "embedded",
        "settings",
        "logs",
        "domain",
    ]
    for name in [*layers, module, "cancellation", "errors", "__main__"]:
        (folder / "hr_sync" / name).mkdir(parents=True, exist_ok=True)
        (folder / "hr_sync" / name / "__init__.py").touch()
    (folder / "hr_sync" / "__init__.py").touch()
    (folder / "hr_sync" / module / "__init__.py").write_text(line)
    return folder


def test_a_right_import_passes(tmp_path: Path) -> None:
    """So that the test below fails for the line alone."""
    ended = lint(package_with(tmp_path, "sync", "from hr_sync import store"))
    assert ended.returncode == 0, ended.stdout


@pytest.mark.parametrize(
    ("module", "line"),
    [
        ("sync", "from hr_sync.cli import main"),
        ("sync", "from .. import settings"),
        ("sync", "def f() -> None:\n    import atlassian"),
        ("store", "from hr_sync import confluence"),
        ("render", "from hr_sync import store"),
        ("render", "import socket"),
        ("documents", "from hr_sync import store"),
        ("documents", "import requests"),
        ("domain", "from pathlib import Path"),
        ("unknown", ""),
    ],
)
def test_a_wrong_import_is_found(tmp_path: Path, module: str, line: str) -> None:
    """However it is written; a new package without a place in the layers, too."""
    ended = lint(package_with(tmp_path, module, line))
    assert ended.returncode == 1
    assert "BROKEN" in ended.stdout, ended.stdout
