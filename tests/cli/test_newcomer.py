"""What a newcomer does first: the demo, and a run without any database of one's own."""

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from confluence_simulator import Simulator

from tests.cli.program import check_manners, ended, run, settings, start, written


@pytest.fixture
def folder() -> Iterator[Path]:
    """Return a folder that the account of the embedded server can get into, also when we are root."""
    path = Path(tempfile.mkdtemp(prefix="hr_sync-cli-"))
    path.chmod(0o711)
    yield path
    shutil.rmtree(path, ignore_errors=True)


def test_the_demo_plays(home: Path) -> None:
    """Four runs, of which the last does nothing; nothing stays in the temporary folder."""
    before = set(Path(tempfile.gettempdir()).glob("hr-sync-demo-*"))

    played = run(home, "demo")

    assert played.exit_code == 0
    assert played.messages == []
    for said in ("1. The first run", "2. Somebody edits", "3. Somebody throws", "4. Nothing happens", "hr-sync check"):
        assert said in played.stdout
    assert played.stdout.count("complete") >= 4
    assert "for the bodies of 0 pages" in played.stdout.rpartition("4. Nothing happens")[2]
    assert set(Path(tempfile.gettempdir()).glob("hr-sync-demo-*")) <= before


def test_a_run_brings_its_own_postgresql(home: Path, site: Simulator, folder: Path) -> None:
    """Without `database.url`, twice at once on one folder, and then again: one server at a time, one mirror."""
    groups = settings(site.site_url, None)
    groups["database"]["embedded_folder"] = str(folder / "postgres")
    written(home, groups)

    both = [ended(process) for process in [start(home, "run", "--json"), start(home, "run", "--json")]]

    for each in both:
        check_manners(each)
        assert each.exit_code == 0, each.stderr
    assert sum(each.document["counts"]["inserted"] for each in both) == 12
    again = run(home, "run", "--json")
    assert (again.exit_code, again.document["counts"]["unchanged"]) == (0, 12)
    assert {page["id"] for page in run(home, "pages", "--json").document} == {page.id for page in site.world.pages()}
    assert not list((folder / "postgres").rglob("postmaster.pid"))
