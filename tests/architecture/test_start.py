"""What a start costs: `hr-sync --help` and shell completion load no library that only a run needs."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
HEAVY = {
    "sqlalchemy",
    "psycopg",
    "atlassian",
    "requests",
    "pydantic_settings",
    "alembic",
    "structlog",
    "apscheduler",
    "cronsim",
    "jinja2",
    "waitress",
}


def test_the_command_line_loads_no_heavy_library_at_start() -> None:
    """Together they take more than a second."""
    program = "import sys, hr_sync.cli; print(*sorted({name.partition('.')[0] for name in sys.modules}))"
    ended = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True)

    assert HEAVY.intersection(ended.stdout.split()) == set()


def test_a_run_loads_the_one_module_of_the_client_library_that_it_uses() -> None:
    """And leaves the package as it is for whoever imports it afterwards."""
    program = (
        "import sys, hr_sync.confluence.cloud\n"
        "print(*sorted(name for name in sys.modules if name.startswith(('atlassian.jira', 'bs4'))))\n"
        "from atlassian import Confluence\n"
        "from atlassian.rest_client import AtlassianRestAPI\n"
        "print(issubclass(Confluence, AtlassianRestAPI))"
    )
    ended = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True)

    assert ended.stdout.splitlines() == ["", "True"]
