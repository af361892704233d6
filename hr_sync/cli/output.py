"""Prints for people (tables) and for programs (one JSON document)."""

import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import orjson
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from hr_sync.domain.outcome import Counts, RunReport

if TYPE_CHECKING:
    from hr_sync.service.health import Health
    from hr_sync.store.read.overview import Overview, PageLine
    from hr_sync.store.tables import ConfluencePage
    from hr_sync.sync.audit import Audit
    from hr_sync.sync.dry_run import SpacePreview
    from hr_sync.sync.explain import Explanation

_WIDTH_OF_A_PIPE = 240  # characters
_MAX_ROWS = 50  # of a plan; the JSON form has them all


def print_json(value: object) -> None:
    """Print one JSON document: dataclasses as objects, times in ISO 8601, durations in seconds."""
    options = orjson.OPT_INDENT_2 | orjson.OPT_NON_STR_KEYS | orjson.OPT_UTC_Z
    sys.stdout.write(orjson.dumps(value, default=_jsonable, option=options).decode() + "\n")


def print_report(report: RunReport) -> None:
    """Print how a run ended, a line for each space."""
    console = make_console()
    table = _table(
        "space", "outcome", ">listed", ">new", ">updated", ">moved", ">back", ">hidden", ">removed", ">failed"
    )
    for space in report.spaces:
        outcome = f"busy: {space.busy_with}" if space.busy_with else space.outcome
        table.add_row(space.space_key, outcome, *_numbers(space.counts))
    if len(report.spaces) > 1:
        table.add_section()
        table.add_row("all", report.outcome, *_numbers(report.counts))
    if report.spaces:
        console.print(table)
    if report.counts.relabelled or report.counts.restricted:
        console.print(f"{report.counts.relabelled} pages have other labels, {report.counts.restricted} other readers.")
    seconds = f"{report.duration_seconds:.1f} s"
    console.print(
        f"Run {report.run_id} {report.outcome}: {report.requests} requests, {report.counts.bodies} bodies, {seconds}."
    )
    messages = [
        *report.warnings,
        *(space.warning for space in report.spaces),
        *(space.error for space in report.spaces),
    ]
    for error in dict.fromkeys(filter(None, [*messages, report.error])):
        Console(stderr=True, highlight=False).print(f"hr-sync: {escape(error)}", soft_wrap=True)


def print_previews(previews: Sequence["SpacePreview"]) -> None:
    """Print what a run would do, each step with its reason."""
    console = make_console()
    for preview in previews:
        plan, deletions = preview.plan, preview.deletions
        console.print(
            f"Space {escape(preview.space_key)} ({preview.kind}): {len(plan.steps)} steps, {plan.unchanged} pages "
            f"unchanged, {preview.requests} requests for {len(plan.fetches)} bodies."
        )
        leaving: dict[str, tuple[str, str]] = {}
        for what, decisions in (
            ("hide", deletions.hide),
            ("hide; a later run that agrees removes it", deletions.unconfirmed),
            ("hide and remove", deletions.remove),
            ("hide; its removal is held", deletions.held),
            ("keep, no evidence", [each for each in deletions.doubtful if each not in deletions.hide]),
        ):
            leaving |= {each.page_id: (what, each.evidence) for each in decisions}
        rows = [(step.page_id, str(step.action), step.reason) for step in plan.steps if step.page_id not in leaving]
        rows += [(page_id, what, evidence) for page_id, (what, evidence) in leaving.items()]
        rows += [(step.page_id, str(step.action), step.reason) for step in preview.attributes]
        table = _table("page", "action", "reason")
        for row in sorted(rows)[:_MAX_ROWS]:
            table.add_row(*map(escape, row))
        if rows:
            console.print(table)
        if len(rows) > _MAX_ROWS:
            console.print(f"… and {len(rows) - _MAX_ROWS} more; --json shows them all.")
        if deletions.held:
            console.print(
                f"{len(deletions.held)} removals would be held: {escape(deletions.held_reason or '')}. To remove them: "
                f"`hr-sync run --space {escape(preview.space_key)} --allow-mass-delete`."
            )
    console.print("Nothing was written.")


def print_status(overview: "Overview", health: "Health") -> None:
    """Print the state with its reasons, then spaces, last runs and failures."""
    console = make_console()
    if overview.spaces:
        console.print(f"State: {health.state}")
        for reason in (*health.reasons, *health.notes):
            console.print(f"- {escape(reason)}", soft_wrap=True)
    spaces = _table("space", "name", ">live", ">hidden", ">failing", ">held", "last outcome", "last complete", "access")
    for space in overview.spaces:
        age = _ago(space.age) if space.age is not None else "never"
        spaces.add_row(
            space.space_key,
            escape(space.name or ""),
            str(space.live_pages),
            str(space.hidden_pages),
            str(space.failing_pages),
            str(space.held),
            space.last_outcome or "none",
            age,
            _ago(space.access_age) if space.access_age is not None else "never",
        )
    console.print(spaces if overview.spaces else "No space has been synchronised yet. Start with `hr-sync run`.")
    for space in overview.spaces:
        if space.error:
            console.print(f"{space.space_key}: {escape(space.error)}")
    runs = _table(">run", "mode", "began", "outcome", ">new", ">updated", ">moved", ">removed", ">failed")
    for run in overview.runs:
        numbers = (run.inserted, run.updated, run.moved, run.removed + run.hidden, run.failed)
        runs.add_row(str(run.id), run.mode, _time(run.started_at), run.outcome or "not ended", *map(str, numbers))
    if overview.runs:
        console.print(runs)
    failures = _table("page", "space", "stage", ">tries", "next try", "what was wrong")
    for row in overview.failures:
        what = escape(row.message)
        failures.add_row(row.page_id, row.space_key, row.stage, str(row.attempts), _time(row.next_attempt_at), what)
    if overview.failures:
        console.print(failures)


def print_pages(pages: Sequence["PageLine | ConfluencePage"]) -> None:
    """Print pages of the mirror, a line each."""
    table = _table("page", "space", ">version", "last updated", "title")
    for page in pages:
        table.add_row(page.id, page.space_key, str(page.version), _time(page.last_updated), escape(page.title))
    make_console().print(table if pages else "No such pages in the mirror.")


def print_audit(audit: "Audit") -> None:
    """Print what differs between source and mirror, and why."""
    console = make_console()
    table = _table("page", "space", "differs in", "why")
    for drift in audit.drifts:
        table.add_row(drift.page_id, drift.space_key, drift.kind, drift.why)
    if audit.drifts:
        console.print(table)
    console.print(f"Compared {audit.pages} pages, {audit.bodies} of them by body: {len(audit.drifts)} differences.")
    if audit.unseen:
        console.print(f"Spaces not visible to the account: {escape(', '.join(audit.unseen))}.")


def print_explanation(explanation: "Explanation") -> None:
    """Print everything known about one page."""
    console = make_console()
    console.print(f"Page {explanation.page_id}: {escape(explanation.summary)}")
    source = explanation.source
    seen = f"{source.status}, in space {source.space_id}" if source.status else str(source.result)
    facts = _table("fact", "value")
    facts.add_row("source", seen)
    facts.add_row("scope", escape(explanation.scope))
    facts.add_row("a full run would", escape(explanation.decision))
    for name, value in asdict(explanation.history.stored).items() if explanation.history.stored else ():
        if value is not None:
            facts.add_row(name, _fact(name, value))
    if failure := explanation.history.failure:
        facts.add_row("fails", f"{failure.stage}, {failure.attempts} times: {escape(failure.message)}")
    console.print(facts)
    changes = _table(">run", "when", "action", ">version", "changed", "reason")
    for change in explanation.history.changes:
        version = str(change.version) if change.version is not None else ""
        changed_fields = ", ".join(change.changed_fields)
        changes.add_row(
            str(change.run_id), _time(change.changed_at), change.action, version, changed_fields, change.reason or ""
        )
    if explanation.history.changes:
        console.print(changes)


def _fact(name: str, value: object) -> str:
    if isinstance(value, datetime):
        return _time(value)
    if isinstance(value, list) and not value:
        return "whoever may view the space" if name == "readers" else "none"
    return escape(str(value))


def print_settings(settings: Mapping[str, Mapping[str, Mapping[str, Any]]]) -> None:
    """Print every setting, its value and where it came from."""
    table = _table("setting", "value", "from")
    for group, keys in settings.items():
        for key, shown in keys.items():
            table.add_row(f"{group}.{key}", escape(str(shown["value"])), escape(str(shown["source"] or "default")))
    make_console().print(table)


def make_console() -> Console:
    """Make what prints on standard output: as wide as the terminal, and folding no line for anything else."""
    return Console(highlight=False, width=None if sys.stdout.isatty() else _WIDTH_OF_A_PIPE)


def _table(*columns: str) -> Table:
    """Make a plain table; a `>` before a heading aligns its column to the right."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in columns:
        table.add_column(column.lstrip(">"), justify="right" if column.startswith(">") else "left", overflow="fold")
    return table


def _numbers(counts: Counts) -> list[str]:
    shown = (
        counts.listed,
        counts.inserted,
        counts.updated,
        counts.moved,
        counts.restored,
        counts.hidden,
        counts.removed,
        counts.failed,
    )
    return [str(number) for number in shown]


def _time(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M:%S}Z"


def _ago(age: timedelta) -> str:
    seconds = max(0, int(age.total_seconds()))
    for size, unit in ((86_400, "d"), (3600, "h"), (60, "min")):
        if seconds >= size:
            return f"{seconds // size} {unit} ago"
    return f"{seconds} s ago"


def _jsonable(value: object) -> object:
    if isinstance(value, timedelta):
        return value.total_seconds()
    if isinstance(value, set | frozenset | tuple):
        return list(value)
    raise TypeError(type(value).__name__)
