"""The page at `/`: how fresh each space is, what the last runs did, what fails and what waits for a decision.

Pure: values in, HTML out, all of it made here. No script and nothing foreign; it reads without any style, too.
"""

import shlex
from collections.abc import Sequence
from datetime import UTC, datetime

from hr_sync.service.chart import changes_of, chart, seconds_of
from hr_sync.service.health import Health
from hr_sync.service.html import Html, join, tag
from hr_sync.service.layout import NUMBER, WORDS, ago, column, document, moment, prose, table
from hr_sync.store.read.overview import FailureLine, Overview, RunLine
from hr_sync.store.read.runs import SpaceStatus

_MOST_LINES = 15  # of runs; the chart shows them all


def status_page(overview: Overview, health: Health, *, now: datetime, show_titles: bool) -> Html:
    """Make the status page. Names of spaces are shown with the titles of pages, or not at all."""
    return document(
        "hr_sync",
        tag(
            "header",
            tag("h1", "hr_sync"),
            tag("p", "Confluence → PostgreSQL, as of ", moment(now)),
        ),
        _verdict(health),
        _spaces(overview.spaces, health, show_titles=show_titles),
        _held(overview.spaces),
        _failures(overview.failures, now),
        _runs(overview.runs),
        _question(),
    )


def _verdict(health: Health) -> Html:
    if health.ok:
        return tag("section", tag("p", tag("strong", "All is well."), " Every space is fresh."), class_="verdict")
    reasons = tag("ul", *(tag("li", prose(reason)) for reason in health.reasons))
    return tag("section", tag("p", tag("strong", "Something is wrong.")), reasons, class_="verdict red", role="alert")


def _spaces(spaces: Sequence[SpaceStatus], health: Health, *, show_titles: bool) -> Html:
    fresh = {space.space_key: space.ok for space in health.spaces}
    rows = [
        [
            space.space_key,
            *([space.name or ""] if show_titles else []),
            tag("span", ago(space.age), class_="green" if fresh.get(space.space_key) else "failed"),
            _outcome(space.last_outcome),
            space.live_pages,
            space.failing_pages,
            "at work" if space.lease_holder else "idle",
        ]
        for space in spaces
    ]
    name = [column("Name", WORDS)] if show_titles else []
    pages = [column("Pages", NUMBER), column("Failing", NUMBER)]
    return tag(
        "section",
        tag("h2", "Spaces"),
        table(
            "How long ago the last complete run of each space ended",
            [column("Space"), *name, column("Complete"), column("Last run"), *pages, column("Worker")],
            rows,
            empty="No space has been synchronised yet.",
        ),
    )


def _held(spaces: Sequence[SpaceStatus]) -> Html | None:
    rows = [
        [
            space.space_key,
            space.held,
            join(
                tag("p", prose(space.error or "")),
                tag("p", "To see them: ", _command("run", "--space", space.space_key, "--dry-run")),
                tag("p", "To release a mass: ", _command("run", "--space", space.space_key, "--allow-mass-delete")),
            ),
        ]
        for space in spaces
        if space.held
    ]
    if not rows:
        return None
    columns = [column("Space"), column("Pages", NUMBER), column("What to do", WORDS)]
    return tag("section", tag("h2", "Held removals"), table("Removals that wait for your decision", columns, rows))


def _command(*words: str) -> Html:
    return tag("code", f"hr-sync {shlex.join(words)}")


def _runs(runs: Sequence[RunLine]) -> Html:
    rows = [
        [
            run.id,
            run.mode,
            moment(run.started_at),
            _outcome(run.outcome),
            "" if (seconds := seconds_of(run)) is None else f"{seconds:.1f} s",
            run.inserted,
            run.updated + run.moved,
            run.removed + run.hidden,
            run.failed,
            prose(run.error or ""),
        ]
        for run in runs[:_MOST_LINES]
    ]
    counts = [column(name, NUMBER) for name in ("Took", "New", "Changed", "Gone", "Failed")]
    columns = [
        column("Run", NUMBER),
        column("Mode"),
        column("Began"),
        column("Outcome"),
        *counts,
        column("Error", WORDS),
    ]
    return tag(
        "section",
        tag("h2", "Last runs"),
        chart(runs),
        table(
            f"Newest first; together they changed {sum(map(changes_of, runs))} pages",
            columns,
            rows,
            empty="Nothing has run yet.",
        ),
    )


def _failures(failures: Sequence[FailureLine], now: datetime) -> Html:
    rows = [
        [
            tag("a", failure.page_id, href=f"/pages/{failure.page_id}"),
            failure.space_key,
            failure.stage,
            failure.attempts,
            ago(now - failure.last_failed_at),
            moment(failure.next_attempt_at),
            prose(failure.message),
        ]
        for failure in failures
    ]
    columns = [
        column("Page"),
        column("Space"),
        column("Stage"),
        column("Tries", NUMBER),
        column("Last"),
        column("Next try"),
        column("Reason", WORDS),
    ]
    return tag(
        "section",
        tag("h2", "Pages that fail"),
        table("Outstanding failures, the oldest first", columns, rows, empty="No page fails."),
    )


def _question() -> Html:
    return tag(
        "section",
        tag("h2", "One page"),
        tag(
            "form",
            tag("label", "Id or address of a page", for_="id"),
            tag("input", id="id", name="id", required="", size=24, autocomplete="off"),
            tag("button", "Explain", type="submit"),
            action="/pages",
            method="get",
        ),
    )


def _outcome(outcome: str | None) -> Html:
    return tag("span", outcome or "not ended", class_=f"{outcome} nowrap" if outcome else "nowrap")


def now_utc() -> datetime:
    """Return the time for `status_page`."""
    return datetime.now(UTC)
