"""What the simulator's parts may know of each other, and what its page in the docs must say."""

import ast
from pathlib import Path

from confluence_simulator.control import PAGE_EDITS
from confluence_simulator.faults import KINDS
from confluence_simulator.tenant import Switches, Tenant

ROOT = Path(__file__).parents[2]
SIMULATOR = ROOT / "simulator" / "confluence_simulator"
HTTP = {"http", "socket", "socketserver", "urllib", "requests", "urllib3", "ssl", "asyncio"}


def imported(file: Path) -> set[str]:
    found: set[str] = set()
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
    return found


def test_world_and_cql_know_no_http() -> None:
    """The world imports itself and the standard library; the query language the world besides."""
    for file in sorted((SIMULATOR / "world").glob("*.py")):
        names = imported(file)
        assert {name.split(".")[0] for name in names} & HTTP == set(), file
        ours = {name for name in names if name.startswith("confluence_simulator")}
        assert all(name.startswith("confluence_simulator.world") for name in ours), file
    for file in sorted((SIMULATOR / "cql").glob("*.py")):
        assert {name.split(".")[0] for name in imported(file)} & HTTP == set(), file


def test_simulator_knows_nothing_of_the_worker() -> None:
    """Of this project it imports itself alone."""
    files = sorted(SIMULATOR.rglob("*.py"))
    assert len(files) > 40
    for file in files:
        assert not {name for name in imported(file) if name.split(".")[0] == "hr_sync"}, file


def test_switches_are_the_tenants_fields() -> None:
    """Whoever passes switches on can pass every one of them, under its type."""
    assert {name: str(kind) for name, kind in Switches.__annotations__.items()} == {
        name: str(kind) for name, kind in Tenant.__annotations__.items()
    }


def test_the_docs_name_every_fault_switch_and_edit() -> None:
    """simulator/README.md lists each kind of fault with its description, each switch and each control edit."""
    text = (ROOT / "simulator" / "README.md").read_text(encoding="utf-8")

    for name, kind in KINDS.items():
        assert f"| `{name}` | {kind.about} |" in text, name
    for name in Switches.__annotations__:
        assert f"`{name}`" in text, name
    for name in PAGE_EDITS:
        assert f"`{name}`" in text, name
