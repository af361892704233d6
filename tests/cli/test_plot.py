"""`status --plot`: every series is in the picture with its labels, and what is in the way is one message."""

import importlib.util
import itertools
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from lxml import etree
from sqlalchemy import create_engine

from hr_sync.cli.plot import check_plot, draw
from hr_sync.errors import UsageError
from hr_sync.store.read.history_of_runs import PastRun
from tests.cli.program import settings, written
from tests.cli.stage import Stage
from tests.support.database import rows

NOW = datetime(2026, 11, 3, 9, 30, tzinfo=UTC)
SVG = "{http://www.w3.org/2000/svg}"
SERIES = {"freshness", "changes-new", "changes-changed", "changes-gone", "not-shown"} | {
    f"duration-{mode}" for mode in ("full", "incremental", "access")
}
POINTS_A_CHARACTER = 6.5  # of the widest letters of the dates


def past(hours: float, mode: str = "full", outcome: str = "complete", not_shown: int | None = 2) -> PastRun:
    """Return a run of a minute that began so long ago."""
    began = NOW - timedelta(hours=hours)
    return PastRun(
        mode=mode,
        outcome=outcome,
        started_at=began,
        finished_at=began + timedelta(minutes=1),
        new=3,
        changed=2,
        gone=1,
        not_shown=not_shown,
    )


def numbers_of(picture: bytes, series: str) -> list[tuple[float, float]]:
    """Return the points of a line of the picture, as it was drawn."""
    (group,) = etree.fromstring(picture).iterfind(f".//{SVG}g[@id='{series}']")
    path = next(group.iter(f"{SVG}path")).get("d")
    return [(float(x), float(y)) for x, y in re.findall(r"[ML] ([\d.]+) ([\d.]+)", path or "")]


@pytest.mark.parametrize("days", [0.1, 1, 3, 10, 30])
def test_each_series_is_there_and_no_dates_overlap(days: float) -> None:
    """With text that can be read and searched, in any stretch of time."""
    modes = itertools.cycle(("full", "incremental", "access"))
    runs = [past(hours=24 * days * part / 60, mode=next(modes)) for part in range(60, 0, -1)]

    root = etree.fromstring(draw(runs, NOW, form="svg"))

    assert {each.get("id") for each in root.iter(f"{SVG}g", f"{SVG}path")} >= SERIES
    said = [each.text or "" for each in root.iter(f"{SVG}text")]
    for words in ("Freshness", "Changes per day", "Durations of runs", "not shown", "hours", "seconds", "pages"):
        assert any(words in each for each in said)
    ticks = [
        label
        for group in root.iter(f"{SVG}g")
        if (group.get("id") or "").startswith("xtick")
        for label in group.iter(f"{SVG}text")
    ]
    places = sorted((float(re.findall(r"[\d.]+", each.get("transform") or "")[-2]), each.text or "") for each in ticks)
    assert len(places) >= 2
    for (left, before), (right, after) in itertools.pairwise(places):
        assert right - left > POINTS_A_CHARACTER * (len(before) + len(after)) / 2, places


def test_what_was_not_complete_or_not_about_all_spaces_is_not_fresh() -> None:
    """The line of freshness has two points for each run that was, and one for now."""
    known = [past(30), past(20), past(10)]
    others = [past(15, outcome="partial"), past(12, mode="access"), past(8, not_shown=None)]

    picture = draw(sorted([*known, *others], key=lambda run: run.started_at), NOW, form="svg")

    assert len(numbers_of(picture, "freshness")) == 2 * len(known)


def test_a_picture_without_any_complete_run() -> None:
    """It has its axes, and nothing that looks like a value."""
    picture = draw([past(1, outcome="failed", not_shown=None)], NOW, form="png")
    assert picture.startswith(b"\x89PNG")


def test_the_status_draws_what_the_runs_left(copied: Callable[[str], Stage], home: Path) -> None:
    """A run over one space has no number of pages that are not shown: it knows nothing of the others."""
    here = copied("UPDATE sync_runs SET finished_at = now()")
    written(home, settings(here.site.site_url, here.database()))
    for command in (("run",), ("run", "--space", "S00")):
        assert here.forking.run(home, *command).exit_code == 0
    engine = create_engine(here.url)
    seen = rows(engine, "SELECT not_shown FROM sync_runs ORDER BY id")[-2:]
    engine.dispose()
    assert seen == [{"not_shown": 0}, {"not_shown": None}]

    drawn = here.forking.run(home, "status", "--plot", "x.SVG")

    assert (drawn.exit_code, drawn.stderr) == (0, "")
    assert drawn.stdout.endswith("Drawn into x.SVG.\n")
    assert len(numbers_of((home / "x.SVG").read_bytes(), "freshness")) >= 2
    as_json = here.forking.run(home, "status", "--plot", "x.png", "--json")
    assert as_json.document["state"]
    assert (home / "x.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize(
    ("file", "sql", "says"),
    [
        ("x.pdf", "SELECT 1", r"writes \.svg or \.png.*Name it x\.svg\."),
        ("nowhere/x.svg", "SELECT 1", r"cannot be written to nowhere/x\.svg: No such file or directory\. Name a file"),
        ("x.svg", "DELETE FROM sync_run_spaces;\nDELETE FROM sync_runs", r"No run has ended.*`hr-sync run`"),
    ],
)
def test_what_is_in_the_way_is_one_message(
    copied: Callable[[str], Stage], home: Path, file: str, sql: str, says: str
) -> None:
    """With what to type."""
    here = copied(sql)
    written(home, settings(here.site.site_url, here.database()))

    refused = here.forking.run(home, "status", "--plot", file)

    assert refused.exit_code == 2
    (message,) = refused.messages
    assert re.search(says, message)


@pytest.mark.parametrize(
    ("name", "better"),
    [(".", "status.svg"), ("..", "../status.svg"), ("/", "/status.svg"), ("", "status.svg"),
     ("tests", "tests/status.svg"), ("x", "x.svg"), ("x.", "x..svg")],
)  # fmt: skip
def test_a_name_that_is_no_picture_gets_one_that_is(name: str, better: str) -> None:
    """Also where it is a folder, or has no last part."""
    with pytest.raises(UsageError) as refused:
        check_plot(Path(name))

    assert str(refused.value).endswith(f"Name it {better}.")
    check_plot(Path(better))


def test_the_missing_extra_is_named_with_the_command(monkeypatch: pytest.MonkeyPatch) -> None:
    """That of the installer which is there."""
    find = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "matplotlib" else find(name))
    with pytest.raises(UsageError, match=r"needs matplotlib, which is not installed .*Type: .* install .*matplotlib$"):
        check_plot(Path("x.svg"))
