"""A small chart of the last runs as inline SVG: how long each took, and how many pages it changed."""

from collections.abc import Sequence

from hr_sync.service.html import Html, join, tag
from hr_sync.store.read.overview import RunLine

_WIDTH, _BAND, _GAP = 600, 56, 26  # of the drawing, one band, and the caption above it


def chart(newest_first: Sequence[RunLine]) -> Html:
    """Draw the runs that ended, oldest at the left. The text alternative tells the same in a sentence."""
    runs = [run for run in reversed(newest_first) if run.finished_at is not None]
    if not runs:
        return Html("")
    seconds, changes = [seconds_of(run) or 0.0 for run in runs], [float(changes_of(run)) for run in runs]
    log_fields = (
        f"The last {len(runs)} runs took {min(seconds):.1f} to {max(seconds):.1f} s "
        f"and changed {min(changes):.0f} to {max(changes):.0f} pages each."
    )
    return tag(
        "svg",
        tag("title", log_fields),
        _band(runs, seconds, top=0, caption=f"Duration, at most {max(seconds):.1f} s", unit="s"),
        _band(runs, changes, top=_BAND + _GAP, caption=f"Pages changed, at most {max(changes):.0f}", unit="pages"),
        viewBox=f"0 0 {_WIDTH} {2 * (_BAND + _GAP)}",
        role="img",
        aria_label=log_fields,
    )


def seconds_of(run: RunLine) -> float | None:
    """How long a run took; None when it has not ended."""
    return None if run.finished_at is None else (run.finished_at - run.started_at).total_seconds()


def changes_of(run: RunLine) -> int:
    """How many pages a run changed in the mirror."""
    return run.inserted + run.updated + run.moved + run.removed + run.hidden


def _band(runs: Sequence[RunLine], values: Sequence[float], *, top: int, caption: str, unit: str) -> Html:
    pitch = _WIDTH / max(len(runs), 20)
    floor = top + _GAP + _BAND
    highest = max(values) or 1.0
    bars = []
    for place, (run, value) in enumerate(zip(runs, values, strict=True)):
        height = round(max(value / highest * _BAND, 1.0), 1)
        bars.append(
            tag(
                "rect",
                tag("title", f"Run {run.id}: {value:g} {unit}, {run.outcome}"),
                x=round(place * pitch, 1),
                y=round(floor - height, 1),
                width=round(pitch * 0.75, 1),
                height=height,
                class_=f"bar {run.outcome}",
            )
        )
    return join(tag("text", caption, x=0, y=top + _GAP - 9), *bars)
