"""Which package may import which: cli, service, sync, then confluence and store side by side, then domain, errors."""

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "hr_sync"

BELOW_SYNC = {"confluence", "store", "domain", "cancellation", "errors"}
# Room -> the rooms it may import from. A room that is not named here is not part of the house yet: give it a place.
ARROWS = {
    "errors": set[str](),
    "cancellation": {"errors"},
    "domain": {"errors"},
    "confluence": {"domain", "cancellation", "errors"},
    "store": {"domain", "errors"},
    "embedded": {"errors"},
    "sync": BELOW_SYNC,
    "service": {"sync", *BELOW_SYNC},
    "logs": {"errors"},
    "settings": {"errors"},
    "cli": {"service", "sync", *BELOW_SYNC, "settings", "logs", "embedded", ""},
    "__main__": {"cli"},
    "": set[str](),  # hr_sync/__init__.py
}
# Library -> the rooms that may import it.
LIBRARIES = {
    "atlassian": {"confluence"},
    "requests": {"confluence"},
    "urllib3": {"confluence"},
    "lxml": set[str](),
    "psycopg": {"store", "settings", "embedded"},
    "sqlalchemy": {"store", "sync", "service", "cli", "settings", "embedded"},
    "alembic": {"store"},
    "confluence_simulator": {"cli"},
    "pydantic": {"settings"},
    "pydantic_settings": {"settings"},
    "typer": {"cli"},
    "rich": {"cli"},
    "apscheduler": {"service"},
    "prometheus_client": {"service"},
}
# What reaches outside the process. `domain` knows nothing of it.
OUTSIDE = {
    "os",
    "io",
    "pathlib",
    "socket",
    "subprocess",
    "threading",
    "logging",
    "urllib.request",
    "http",
    "tempfile",
    "random",
}

VERSION = "hr_sync.__version__"  # anybody may name the version
MODULES = sorted(PACKAGE.rglob("*.py"))


def room_of(module: Path) -> str:
    first = module.relative_to(PACKAGE).parts[0].removesuffix(".py")
    return "" if first == "__init__" else first


def imports_of(tree: ast.Module, module: Path) -> Iterator[str]:
    """Full names of all modules that are imported anywhere in it, in functions and for type checking too."""
    package = module.relative_to(ROOT).with_suffix("").parts[:-1]
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            start = package[: len(package) - node.level + 1] if node.level else ()
            source = ".".join([*start, *([node.module] if node.module else [])])
            yield from (f"{source}.{alias.name}" if source == "hr_sync" else source for alias in node.names)


def room_of_name(name: str) -> str:
    parts = name.split(".")
    is_room = len(parts) > 1 and ((PACKAGE / parts[1]).is_dir() or (PACKAGE / f"{parts[1]}.py").is_file())
    return parts[1] if is_room else ""


def wrong_imports(module: Path, text: str) -> list[str]:
    room = room_of(module)
    wrong = []
    for name in imports_of(ast.parse(text), module):
        library = name.partition(".")[0]
        if library == "hr_sync":
            is_wrong = name != VERSION and room_of_name(name) not in {room, *ARROWS[room]}
        elif room == "domain":
            is_wrong = library not in sys.stdlib_module_names or bool(OUTSIDE & {library, name})
        else:
            is_wrong = room not in LIBRARIES.get(library, {room})
        if is_wrong:
            wrong.append(name)
    return wrong


def test_every_room_has_its_place() -> None:
    """A new folder or module at the top is a decision about the house."""
    assert {room_of(module) for module in MODULES} <= ARROWS.keys()


@pytest.mark.parametrize("module", MODULES, ids=lambda module: str(module.relative_to(ROOT)))
def test_arrows_point_down(module: Path) -> None:
    """Nothing is imported from above or beside, and no library outside of its room."""
    assert wrong_imports(module, module.read_text(encoding="utf-8")) == []


@pytest.mark.parametrize(
    ("module", "text"),
    [
        ("sync/run.py", "from hr_sync.cli.main import main"),
        ("sync/run.py", "import hr_sync.settings"),
        ("sync/run.py", "from hr_sync import settings"),
        ("sync/run.py", "from ..settings import load"),
        ("sync/run.py", "from .. import logs"),
        ("sync/run.py", "def f():\n    from hr_sync.service import serve"),
        ("sync/run.py", "import atlassian"),
        ("store/read/pages.py", "from hr_sync.confluence.cloud_json import page"),
        ("confluence/cloud_json.py", "from hr_sync.text.hashes import sha"),
        ("domain/content.py", "import sqlalchemy"),
        ("domain/content.py", "from pathlib import Path"),
        ("domain/content.py", "from urllib.request import urlopen"),
        ("errors.py", "from hr_sync.domain import page"),
    ],
)
def test_a_wrong_arrow_is_seen(module: str, text: str) -> None:
    """However the import is written."""
    assert len(wrong_imports(PACKAGE / module, text)) == 1
