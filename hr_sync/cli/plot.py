"""Draws the runs of the last days as SVG or PNG: freshness, changes, durations, and pages that are not shown.

matplotlib is an extra (`plot`) and is imported here alone, when somebody wants a plot. No window is opened.
"""

import importlib.util
import io
import math
import os
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from hr_sync.cli.installing import install_command
from hr_sync.domain.outcome import Mode, Outcome
from hr_sync.errors import UsageError

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from hr_sync.store.read.history_of_runs import PastRun

SINCE = timedelta(days=30)
_SUFFIXES = (".svg", ".png")
_INCHES = (9.0, 11.0)
_MOST_MARKED = 150  # points of a line that are marked one by one
_MODES = {Mode.FULL: ("#0b5394", "o"), Mode.INCREMENTAL: ("#b45f06", "s"), Mode.ACCESS: ("#38761d", "^")}
_CHANGES = {"new": "#0b5394", "changed": "#f1a340", "gone": "#8b1a1a"}


def check_plot(file: Path) -> None:
    """Raise UsageError if no plot can be made of this name, before anything is read."""
    if file.suffix.lower() not in _SUFFIXES:
        raise UsageError(
            f"--plot writes .svg or .png, by the end of the name, and {file} ends in neither. "
            f"Name it {_named_svg(file)}."
        )
    if importlib.util.find_spec("matplotlib") is None:
        raise UsageError(
            f"--plot needs matplotlib, which is not installed (the extra `plot`). Type: {install_command('matplotlib')}"
        )


def _named_svg(file: Path) -> Path:
    """Return a name like this one that can be written; in a folder, a file of it."""
    is_folder = os.path.isdir(file)  # noqa: PTH112 -- `is_dir` raises where nobody may look
    return file / "status.svg" if not file.name or is_folder else file.with_suffix(".svg")


def write_plot(file: Path, runs: Sequence["PastRun"], now: datetime) -> None:
    """Draw the runs into a file. Raise UsageError if there are none, or if it cannot be written."""
    if not runs:
        raise UsageError(
            f"No run has ended in the last {SINCE.days} days, so there is nothing to plot. Run once: `hr-sync run`."
        )
    picture = draw(runs, now, form=file.suffix.lower().removeprefix("."))
    try:
        file.write_bytes(picture)
    except OSError as error:
        raise UsageError(
            f"The plot cannot be written to {file}: {error.strerror}. Name a file in a folder that exists and that you "
            "may write to."
        ) from error


def draw(runs: Sequence["PastRun"], now: datetime, *, form: str) -> bytes:
    """Return the picture in a form, `svg` or `png`. In an SVG text is text, and each series is a group with its id."""
    from matplotlib import rc_context
    from matplotlib.dates import AutoDateLocator, ConciseDateFormatter
    from matplotlib.figure import Figure

    figure = Figure(figsize=_INCHES, layout="constrained")
    axes: Sequence[Axes] = figure.subplots(4, 1, sharex=True)
    figure.suptitle(f"hr_sync: {_days(runs[0].started_at, now)}, times in UTC")
    _freshness(axes[0], runs, now)
    _changes(axes[1], runs)
    _durations(axes[2], runs)
    _not_shown(axes[3], runs, now)
    for each in axes:
        each.set_ylim(bottom=0)
        each.grid(axis="y", color="#dddddd")
        each.set_axisbelow(True)
    locator = AutoDateLocator(minticks=3, maxticks=7, tz=UTC)  # type: ignore[no-untyped-call] # as the library is
    axes[-1].xaxis.set_major_locator(locator)
    dates = ConciseDateFormatter(locator, tz=UTC)  # type: ignore[no-untyped-call]
    axes[-1].xaxis.set_major_formatter(dates)
    target = io.BytesIO()
    with rc_context({"svg.fonttype": "none", "svg.hashsalt": "hr_sync"}):
        figure.savefig(target, format=form, dpi=110)
    return target.getvalue()


def _days(first: datetime, now: datetime) -> str:
    days = max(1, math.ceil((now - first) / timedelta(days=1)))
    return "the last day" if days == 1 else f"the last {days} days"


def _freshness(axes: "Axes", runs: Sequence["PastRun"], now: datetime) -> None:
    """Draw the age of what consumers see: it grows until a complete run over all spaces ends."""
    complete = [
        run
        for run in runs
        if run.outcome == Outcome.COMPLETE and run.mode in {Mode.FULL, Mode.INCREMENTAL} and run.not_shown is not None
    ]
    times, hours = list[datetime](), list[float]()
    before: datetime | None = None
    for run in complete:
        if before is not None:
            times.append(run.finished_at)
            hours.append(_hours(run.finished_at - before))
        before = run.started_at
        times.append(run.finished_at)
        hours.append(_hours(run.finished_at - before))
    if before is not None:
        times.append(now)
        hours.append(_hours(now - before))
    axes.plot(times, hours, color="#0b5394", gid="freshness")  # type: ignore[arg-type] # dates are numbers to it
    axes.set_title("Freshness: age of the last complete run over all spaces")
    axes.set_ylabel("hours")


def _changes(axes: "Axes", runs: Sequence["PastRun"]) -> None:
    days = dict[date, dict[str, int]]()
    for run in runs:
        day = days.setdefault(run.finished_at.astimezone(UTC).date(), dict.fromkeys(_CHANGES, 0))
        for name in _CHANGES:
            day[name] += getattr(run, name)
    noons = [datetime(day.year, day.month, day.day, 12, tzinfo=UTC) for day in days]
    below = [0] * len(noons)
    for name, color in _CHANGES.items():
        numbers = [day[name] for day in days.values()]
        bars = axes.bar(noons, numbers, width=0.8, bottom=below, color=color, label=name)  # type: ignore[arg-type]
        for bar in bars:
            bar.set_gid(f"changes-{name}")
        below = [low + number for low, number in zip(below, numbers, strict=True)]
    axes.set_title("Changes per day")
    axes.set_ylabel("pages")
    axes.legend(loc="upper left", bbox_to_anchor=(1.01, 1.0))  # beside the axes: nothing is covered


def _durations(axes: "Axes", runs: Sequence["PastRun"]) -> None:
    for mode, (color, marker) in _MODES.items():
        own = [run for run in runs if run.mode == mode]
        axes.plot(
            [run.started_at for run in own],  # type: ignore[arg-type]
            [(run.finished_at - run.started_at).total_seconds() for run in own],
            color=color,
            marker=marker if len(own) <= _MOST_MARKED else "",
            label=f"{mode} ({len(own)})",
            gid=f"duration-{mode}",
        )
    axes.set_title("Durations of runs, by mode (and how many there were)")
    axes.set_ylabel("seconds")
    axes.legend(loc="upper left", bbox_to_anchor=(1.01, 1.0))  # beside the axes: nothing is covered


def _not_shown(axes: "Axes", runs: Sequence["PastRun"], now: datetime) -> None:
    known = [run for run in runs if run.not_shown is not None]
    times = [*(run.finished_at for run in known), *([now] if known else [])]
    pages = [run.not_shown for run in known]
    axes.step(times, [*pages, *pages[-1:]], where="post", color="#8b1a1a", gid="not-shown")  # type: ignore[arg-type]
    axes.set_title("Live pages that consumers are not shown, because of access")
    axes.set_ylabel("pages")


def _hours(age: timedelta) -> float:
    return age / timedelta(hours=1)
