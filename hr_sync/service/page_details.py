"""The page at `/pages/ID`: what the mirror knows of one page. From the database alone; Confluence is not asked."""

from dataclasses import fields
from datetime import datetime

from hr_sync.service.html import Html, join, tag
from hr_sync.service.layout import NUMBER, WORDS, column, document, moment, table
from hr_sync.store.read.history import PageHistory, StoredFacts

_CONFIDENTIAL = {"url", "labels"}  # Confluence's addresses end with the title; labels tell what it is about


def page_details(page_id: str, history: PageHistory, *, title: str | None, show_titles: bool) -> Html:
    """Make the page about one page."""
    heading = f"Page {page_id}" if title is None else f"Page {page_id}: {title}"
    return document(
        f"{heading} · hr_sync",
        tag("header", tag("h1", heading), tag("p", tag("a", "Status", href="/"))),
        _stored(history.stored, show_titles=show_titles),
        _failure(history),
        _changes(history),
        tag("p", "Confluence was not asked. For what it says: ", tag("code", f"hr-sync explain {page_id}")),
    )


def message_page(heading: str, message: str) -> Html:
    """Make a page that says one thing."""
    body = tag("section", tag("p", message), class_="verdict red", role="alert")
    return document(f"{heading} · hr_sync", tag("header", tag("h1", heading)), body)


def _stored(stored: StoredFacts | None, *, show_titles: bool) -> Html:
    if stored is None:
        return tag("p", "The mirror never had this page.")
    facts = [
        join(tag("dt", each.name.replace("_", " ")), tag("dd", _shown(value)))
        for each in fields(stored)
        if (value := getattr(stored, each.name)) is not None and (show_titles or each.name not in _CONFIDENTIAL)
    ]
    return tag("section", tag("h2", "Stored"), tag("dl", *facts))


def _failure(history: PageHistory) -> Html | None:
    failure = history.failure
    if failure is None:
        return None
    log_fields = f"Fails since {failure.attempts} tries at “{failure.stage}”: {failure.message} Next try: "
    return tag("section", tag("h2", "Failure"), tag("p", log_fields, moment(failure.next_attempt_at)))


def _changes(history: PageHistory) -> Html:
    rows = [
        [
            change.run_id,
            moment(change.changed_at),
            change.action,
            ", ".join(change.changed_fields),
            "" if change.version is None else change.version,
            change.reason or "",
        ]
        for change in history.changes
    ]
    columns = [
        column("Run", NUMBER),
        column("When"),
        column("Action"),
        column("What changed"),
        column("Version", NUMBER),
        column("Reason", WORDS),
    ]
    changes = table("Applied changes, newest first", columns, rows, empty="Nothing was changed.")
    return tag("section", tag("h2", "Changes"), changes)


def _shown(value: object) -> object:
    if isinstance(value, list):
        return ", ".join(map(str, value)) or "none"
    return moment(value) if isinstance(value, datetime) else value
