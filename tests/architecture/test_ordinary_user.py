"""As root, once more as an ordinary user: reading settings, and a database of one's own."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from sqlalchemy import Engine, text

ROOT = Path(__file__).parents[2]
NOBODY = 65_534
SUBSET = ("tests/settings/test_sources.py", "tests/architecture/test_ordinary_user.py")


def as_nobody(*command: str, home: Path | str = "/") -> subprocess.CompletedProcess[str]:
    quiet = {"PYTHONDONTWRITEBYTECODE": "1", "HYPOTHESIS_STORAGE_DIRECTORY": f"{home}/hypothesis"}
    return subprocess.run(
        command,
        cwd=ROOT,
        env={"PATH": os.environ["PATH"], "HOME": str(home), "TMPDIR": "/tmp", **quiet},  # noqa: S108 - open to all
        user=NOBODY,
        group=NOBODY,
        extra_groups=[],
        capture_output=True,
        text=True,
        check=False,
        timeout=100,
    )


def test_the_embedded_database_answers(engine: Engine) -> None:
    """PostgreSQL itself refuses to run as root; whoever we are, it runs."""
    with engine.connect() as connection:
        assert connection.execute(text("SELECT 1")).scalar_one() == 1


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")
def test_what_root_can_an_ordinary_user_can_too() -> None:
    """A subset of the tests, in a process without any privilege and without a folder to write to."""
    try:
        reachable = as_nobody(sys.executable, "-c", "import hr_sync").returncode == 0
    except PermissionError:
        reachable = False
    if not reachable:
        pytest.skip("this Python or this clone is in a folder that is closed to other users")

    ended = as_nobody(sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:xdist", *SUBSET)

    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert " passed" in ended.stdout
    assert "reads every file" not in ended.stdout  # the test that root skips was run
