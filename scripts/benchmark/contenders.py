"""Who is measured: how each is called, and what it is told about the site and the database."""

import sys
from collections.abc import Mapping, Sequence
from enum import StrEnum
from pathlib import Path

from benchmark.site import TOKEN, USERNAME

CONNECTIONS = 8
_PYTHON = sys.executable
_FLOORS_CLIENT = str(Path(__file__).parents[2] / ".tools" / "bench")


class Contender(StrEnum):
    """A process that brings pages into PostgreSQL."""

    HR_SYNC = "hr-sync"
    HR_SYNC_MANY_TIMES = "hr-sync, 200 runs"
    TUTORIAL = "tutorial worker"
    BARE = "bare worker"
    FLOOR = "floor"


def command(contender: Contender, arguments: Sequence[str]) -> Sequence[str]:
    """Return what is run; `arguments` are for hr-sync alone."""
    match contender:
        case Contender.HR_SYNC:
            return (str(Path(_PYTHON).with_name("hr-sync")), *arguments)
        case Contender.HR_SYNC_MANY_TIMES:
            return (_PYTHON, "-m", "benchmark.many_runs")
        case Contender.TUTORIAL:
            return (_PYTHON, "-m", "benchmark.tutorial")
        case Contender.BARE:
            return (_PYTHON, "-m", "benchmark.bare")
        case Contender.FLOOR:
            return (_PYTHON, "-m", "benchmark.floor")


def environment(site_url: str, spaces: Sequence[str], database_url: str) -> Mapping[str, str]:
    """Return the settings of hr-sync and those of the others; none reads a file."""
    return {
        "HR_SYNC_CONFLUENCE__URL": site_url,
        "HR_SYNC_CONFLUENCE__FLAVOR": "cloud",  # a loopback address does not say so, a real one does
        "HR_SYNC_CONFLUENCE__USERNAME": USERNAME,
        "HR_SYNC_CONFLUENCE__API_TOKEN": TOKEN,
        "HR_SYNC_CONFLUENCE__SPACES": ",".join(spaces),
        "HR_SYNC_CONFLUENCE__MAX_CONNECTIONS": str(CONNECTIONS),
        "HR_SYNC_DATABASE__URL": database_url,
        "SITE": site_url,
        "USERNAME": USERNAME,
        "TOKEN": TOKEN,
        "SPACES": ",".join(spaces),
        "CONNECTIONS": str(CONNECTIONS),
        "DATABASE_URL": database_url,
        "PYTHONPATH": f"{Path(__file__).parents[1]}:{_FLOORS_CLIENT}",
        "PYTHONWARNINGS": "ignore",
    }
