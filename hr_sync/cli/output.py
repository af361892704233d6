"""Prints for people (tables) and for programs (one JSON document)."""

import shlex
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import orjson

from hr_sync.cli.item_facts import attachment_facts, comment_facts
from hr_sync.cli.options import DEFAULT_SETTINGS, SettingsChoice, with_config
from hr_sync.cli.readers_output import layers_table
from hr_sync.cli.terminal import Rows, json_line, make_console, moment, one_line, print_message, visible
from hr_sync.domain.attachment_texts import counts_in_words
from hr_sync.domain.content import ItemKind
from hr_sync.domain.not_mirrored import not_mirrored_in_words
from hr_sync.domain.outcome import Counts, RunReport
from hr_sync.domain.principal_words import number
from hr_sync.errors import HrSyncError
from hr_sync.logs import log_failure

if TYPE_CHECKING:
    from hr_sync.store.read.history import TextFacts
    from hr_sync.store.read.overview import PageLine
    from hr_sync.store.read.traces import Traces
    from hr_sync.store.tables import ConfluencePage
    from hr_sync.sync.access_audit import AccessAudit
    from hr_sync.sync.audit import Audit
    from hr_sync.sync.explain import Explanation


def print_json(value: object) -> None:
    """Print one JSON document: dataclasses as objects, times in ISO 8601, durations in seconds."""
    options = orjson.OPT_INDENT_2 | orjson.OPT_NON_STR_KEYS | orjson.OPT_UTC_Z
    sys.stdout.write(json_line(orjson.dumps(value, default=_jsonable, option=options).decode()) + "\n")


def print_json_line(value: object) -> None:
    """Print one JSON object on a line of its own, at once."""
    options = orjson.OPT_NON_STR_KEYS | orjson.OPT_UTC_Z
    sys.stdout.write(json_line(orjson.dumps(value, default=_jsonable, option=options).decode()) + "\n")
    sys.stdout.flush()


def report_failure(
    error: HrSyncError, *, as_json: bool, is_lines: bool = False, config: SettingsChoice = DEFAULT_SETTINGS
) -> None:
    """Report why a command ended without a result: in the log or to people, and as the JSON document if asked for.

    `is_lines`: on one line, as the last one of a command that prints JSON objects.

    `config`, here and below: the settings file that the command line named, which printed commands name too.
    """
    text = with_config(str(error), config)
    if not log_failure(text, error.exit_code):
        print_message(text)
    document = {"error": visible(text), "exit_code": error.exit_code}
    if is_lines:
        print_json_line({"kind": "error"} | document)
    elif as_json:
        print_json(document)


def print_report(report: RunReport, config: SettingsChoice = DEFAULT_SETTINGS) -> None:
    """Print how a run ended, a line for each space."""
    console = make_console()
    table = Rows("space", "outcome", ">listed", ">new", ">updated", ">moved", ">back", ">hidden", ">removed", ">failed")
    for space in report.spaces:
        outcome = f"busy: {space.busy_with}" if space.busy_with else space.outcome
        table.add(space.space_key, outcome, *_numbers(space.counts))
    if len(report.spaces) > 1:
        table.table.add_section()
        table.add("all", report.outcome, *_numbers(report.counts))
    if report.spaces:
        console.print(table.table)
    if report.counts.relabelled or report.counts.restricted:
        labels, readers = (number(each, "page") for each in (report.counts.relabelled, report.counts.restricted))
        console.print(f"{labels} with other labels, {readers} with other readers.")
    for line in _item_lines(report):
        console.print(line, soft_wrap=True)
    seconds = f"{report.duration_seconds:.1f} s"
    console.print(
        f"Run {report.run_id} {report.outcome}: {number(report.requests, 'request')}, "
        f"{number(report.counts.bodies, 'body', 'bodies')}, {seconds}."
    )
    shown = [space.shown for space in report.spaces if space.shown is not None]
    for each in shown:
        if each.message is not None and not each.is_warning:
            console.print(one_line(with_config(each.message, config)), soft_wrap=True)
    messages = [
        *report.warnings,
        *(space.warning for space in report.spaces),
        *(space.error for space in report.spaces),
        report.error,
        *(each.message for each in shown if each.is_warning),
    ]
    for message in _distinct(filter(None, messages)):
        print_message(with_config(message, config))


def _item_lines(report: RunReport) -> Iterator[str]:
    """Yield in words what was done with blog posts and with the items of pages, and what is not mirrored."""
    if posts := _posts(report.counts):
        yield posts
    for kind in ItemKind:
        if line := _items(report.counts, kind):
            yield line
    if report.attachment_texts is not None:
        yield " ".join(counts_in_words(report.attachment_texts))
    if others := not_mirrored_in_words(report.not_mirrored):
        yield others


def _posts(counts: Counts) -> str | None:
    """Return in words how many of the pages are blog posts; None for a run that has seen none and changed none."""
    numbers = {"listed": counts.posts_listed, "written": counts.posts_written, "withdrawn": counts.posts_withdrawn}
    if not any(numbers.values()):
        return None
    return f"Blog posts among them: {', '.join(f'{count} {what}' for what, count in numbers.items())}."


def _items(counts: Counts, kind: ItemKind) -> str | None:
    """Return in words what was done with one kind of items; None for a run that has seen none and changed none."""
    words = {"listed": "listed", "added": "new or back", "updated": "updated", "hidden": "hidden", "removed": "removed"}
    numbers = {word: getattr(counts, f"{kind}_{what}") for what, word in words.items()}
    if not any(numbers.values()):
        return None
    return f"{kind.value.capitalize()}: {', '.join(f'{count} {what}' for what, count in numbers.items())}."


def _distinct(messages: Iterable[str]) -> list[str]:
    """Return each message once, and none that is part of another one."""
    every = list(dict.fromkeys(messages))
    return [each for each in every if not any(each in other for other in every if other != each)]


def print_pages(pages: Sequence["PageLine | ConfluencePage"]) -> None:
    """Print pages of the mirror, a line each."""
    table = Rows("page", "space", ">version", "last updated", "title")
    for page in pages:
        table.add(page.id, page.space_key, page.version, moment(page.last_updated), page.title)
    make_console().print(table.table if pages else "No such pages in the mirror.")


def print_audit(audit: "Audit") -> None:
    """Print the differences between source and mirror, each with its reason."""
    console = make_console()
    table = Rows("page", "space", "differs in", "why")
    for drift in audit.drifts:
        table.add(drift.page_id, drift.space_key, drift.kind, drift.why)
    if audit.drifts:
        console.print(table.table)
    drifts = number(len(audit.drifts), "difference")
    console.print(f"Compared {number(audit.pages, 'page')}, {audit.bodies:,} of them by body: {drifts}.")
    if audit.not_visible:
        console.print(f"Spaces not visible to the account: {one_line(', '.join(audit.not_visible))}.", soft_wrap=True)


def print_traces(words: str, traces: "Traces", config: SettingsChoice = DEFAULT_SETTINGS) -> None:
    """Print where a text stands that was erased, and what erases it."""
    console = make_console()
    table = Rows("table", "column", ">rows")
    for trace in traces.found:
        table.add(trace.table, trace.column, trace.rows)
    shown = one_line(words)
    if traces.found:
        console.print(table.table)
        erase = f"hr-sync purge {'--page' if words.isdigit() else '--user'} {shlex.quote(words)}"
        remedy = with_config(f"`{erase}` erases what is stored of it.", config)
        console.print(
            f"{shown} stands in {number(len(traces.found), 'column')}. {one_line(remedy)} What the texts, titles and "
            "links of other pages say of it is changed in Confluence.",
            soft_wrap=True,
        )
    else:
        console.print(f"{shown} stands in none of {traces.columns} columns of all tables.", soft_wrap=True)
    if traces.unsearched:
        console.print(
            f"Not searched, since the database user may not read them: {one_line(', '.join(traces.unsearched))}.",
            soft_wrap=True,
        )
    console.print("Backups, the log of transactions and the statistics of PostgreSQL are not searched.", soft_wrap=True)


def print_access_audit(audit: "AccessAudit") -> None:
    """Print what an audit of access found: each pair that differs, and what the sample proves."""
    console = make_console()
    table = Rows("page", "space", "user", "drawn because", "mirror", "Confluence")
    words = {True: "shows it", False: "does not"}
    for pair in (*audit.over_grants, *audit.under_grants):
        table.add(pair.page_id, pair.space_key, pair.user_id, pair.stratum, words[pair.mirror], words[pair.confluence])
    if audit.over_grants or audit.under_grants:
        console.print(table.table)
    console.print(
        f"{audit.pairs} pairs of a page and a user, {audit.unanswered} more without an answer: the mirror shows too "
        f"much in {len(audit.over_grants)} and too little in {len(audit.under_grants)}. With a confidence of 95 % it "
        f"shows too much in at most {audit.upper_bound:.2%} of all pairs.",
        soft_wrap=True,
    )


def print_explanation(explanation: "Explanation", config: SettingsChoice = DEFAULT_SETTINGS) -> None:
    """Print everything known about one page."""
    console = make_console()
    summary = one_line(with_config(explanation.summary, config))
    console.print(f"Page {one_line(explanation.page_id)}: {summary}", soft_wrap=True)
    source, history = explanation.source, explanation.history
    facts = Rows("fact", "value")
    facts.add("source", f"{source.status}, in space {source.space_id}" if source.status else source.result)
    facts.add("scope", explanation.scope)
    facts.add("a full run would", explanation.decision)
    for name, value in asdict(history.stored).items() if history.stored else ():
        if value is not None and name != "readers":
            facts.add(name, _fact(value))
    if history.attachments:
        facts.add("attachments", "; ".join(attachment_facts(each) for each in history.attachments))
    if history.comments is not None:
        facts.add("comments", comment_facts(history.comments))
    if history.text is not None:
        facts.add("text", _text_facts(history.text))
    if failure := history.failure:
        facts.add("fails", f"{failure.stage}, {failure.attempts} times: {failure.message}")
    console.print(facts.table)
    if explanation.readers is not None:
        console.print(layers_table(explanation.readers))
    changes = Rows(">run", "when", "action", ">version", "changed", "reason")
    for change in history.changes:
        when, fields = moment(change.changed_at), ", ".join(change.changed_fields)
        action = " ".join(filter(None, (change.action, change.attachment_id, change.comment_id)))
        changes.add(change.run_id, when, action, change.version, fields, change.reason)
    if history.changes:
        console.print(changes.table)


def _text_facts(text: "TextFacts") -> str:
    """Return in words what is known of the text of a page."""
    parts = [number(text.sections, "section")]
    if text.kept_since is not None:
        parts.append(f"of an older body, kept since {moment(text.kept_since)} because the newer one has no text")
    if text.shows:
        parts.append(f"shows the text of {', '.join(text.shows)}")
    if text.placeholders:
        parts.append(f"{number(text.placeholders, 'include')} not shown")
    if text.hidden_characters:
        parts.append(f"{number(text.hidden_characters, 'character')} left out that no reader sees")
    return "; ".join(parts)


def _fact(value: object) -> str:
    if isinstance(value, datetime):
        return moment(value)
    if isinstance(value, list) and not value:
        return "none"
    return str(value)


def print_settings(settings: Mapping[str, Mapping[str, Mapping[str, Any]]]) -> None:
    """Print every setting, its value and where it came from."""
    table = Rows("setting", "value", "from")
    for group, keys in settings.items():
        for key, shown in keys.items():
            table.add(f"{group}.{key}", _as_in_a_file(shown["value"]), shown["source"] or "default")
    make_console().print(table.table)


def _as_in_a_file(value: object) -> object:
    """Return a value as a settings file has it, but texts without quotes."""
    return orjson.dumps(value).decode() if isinstance(value, bool | list) else value


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


def _jsonable(value: object) -> object:
    if isinstance(value, timedelta):
        return value.total_seconds()
    if isinstance(value, set | frozenset | tuple):
        return list(value)
    raise TypeError(type(value).__name__)
