"""The wheel holds what runs and nothing else, and the same source gives the same wheel."""

import hashlib
import os
import subprocess
import sys
import zipfile
from pathlib import Path

ROOT = Path(__file__).parents[2]


def built(folder: Path) -> Path:
    """Build the wheel with the locked tool, which fetches nothing."""
    subprocess.run(
        [str(Path(sys.executable).parent / "hatchling"), "build", "--target", "wheel", "--directory", str(folder)],
        cwd=ROOT,
        env={**os.environ, "SOURCE_DATE_EPOCH": "1700000000"},
        capture_output=True,
        check=True,
    )
    (wheel,) = folder.glob("*.whl")
    return wheel


def test_the_wheel_is_whole_and_can_be_repeated(tmp_path: Path) -> None:
    """Code, templates, migrations and the licence; no test, no simulator, no settings file."""
    first, second = built(tmp_path / "a"), built(tmp_path / "b")
    assert hashlib.sha256(first.read_bytes()).digest() == hashlib.sha256(second.read_bytes()).digest()
    names = zipfile.ZipFile(first).namelist()
    assert {name.partition("/")[0] for name in names} == {"hr_sync", "hr_sync-0.1.0.dist-info"}
    for needed in ("service/templates/status.html", "store/migrations/versions/0001_tables.py", "cli/main.py"):
        assert f"hr_sync/{needed}" in names
    assert any(name.endswith("LICENSE") for name in names)


def test_the_build_is_described_by_locked_tools() -> None:
    """The script installs nothing without hashes, except the wheel that it has just built."""
    script = (ROOT / "scripts/build").read_text(encoding="utf-8")
    installs = [line for line in script.splitlines() if "pip install" in line]
    assert all("--require-hashes" in line or "--no-deps" in line for line in installs)
    assert "cyclonedx-bom==" in (ROOT / "requirements-sbom.lock").read_text(encoding="utf-8")
