"""Prints the state of the mirror for people."""

from collections.abc import Iterator, Sequence
from datetime import timedelta
from math import ceil
from typing import TYPE_CHECKING

from hr_sync.cli.feed_output import print_consumers
from hr_sync.cli.options import DEFAULT_SETTINGS, SettingsChoice, with_config
from hr_sync.cli.terminal import Rows, make_console, moment, one_line, visible
from hr_sync.domain.attachment_texts import counts_in_words
from hr_sync.domain.not_mirrored import not_mirrored_in_words
from hr_sync.domain.outcome import Outcome, held_in_words, look_command, release_command
from hr_sync.domain.principal_words import number
from hr_sync.domain.shown_pages import NotShown

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

    from hr_sync.domain.shown_pages import ShownPages
    from hr_sync.service.health import Health
    from hr_sync.store.read.overview import KeptText, Overview
    from hr_sync.store.read.runs import SpaceStatus


def print_status(overview: "Overview", health: "Health", config: SettingsChoice = DEFAULT_SETTINGS) -> None:
    """Print the state with its reasons, spaces with what they need, last runs and failures."""
    console = make_console()
    if not overview.spaces:
        console.print(
            with_config("No space has been synchronised yet. Start with `hr-sync run`.", config), soft_wrap=True
        )
    else:
        console.print(f"State: {health.state}")
        for reason in (*health.reasons, *health.notes):
            console.print(f"- {visible(with_config(reason, config))}", soft_wrap=True)
        console.print(_spaces_table(overview))
    _print_not_shown(console, overview.shown, config)
    said = [each.message for each in overview.shown if each.message is not None]
    for space in overview.spaces:
        for message in _needs(space):
            if any(message in each for each in said):
                continue
            text = visible(with_config(message, config))
            console.print(f"{one_line(space.space_key)}: {text}", soft_wrap=True)
    for line in _shared(overview):
        console.print(visible(line), soft_wrap=True)
    if words := not_mirrored_in_words(overview.not_mirrored):
        console.print(words, soft_wrap=True)
    _print_kept_texts(console, overview.kept_texts, config)
    if overview.attachment_texts is not None:
        console.print(" ".join(counts_in_words(overview.attachment_texts)), soft_wrap=True)
    _print_runs(console, overview)
    if overview.feed is not None and overview.feed.consumers:
        print_consumers(overview.feed.consumers, config)


def _print_runs(console: "Console", overview: "Overview") -> None:
    """Print the last runs, and the pages that fail."""
    if overview.runs:
        runs = Rows(">run", "mode", "began", "outcome", ">new", ">updated", ">moved", ">removed", ">failed")
        for run in overview.runs:
            numbers = (run.inserted, run.updated, run.moved, run.removed + run.hidden, run.failed)
            runs.add(run.id, run.mode, moment(run.started_at), run.outcome or "not ended", *numbers)
        console.print(runs.table)
    if overview.failures:
        failures = Rows("page", "space", "stage", ">tries", "next try", "what was wrong")
        for row in overview.failures:
            what = (row.attempts, moment(row.next_attempt_at), row.message)
            failures.add(row.page_id, row.space_key, row.stage, *what)
        console.print(failures.table)


def _spaces_table(overview: "Overview") -> "Table":
    """Return a line for each space: pages, and how old what is known is."""
    posts = (">posts",) if any(space.live_posts for space in overview.spaces) else ()
    spaces = Rows(
        "space",
        "name",
        ">live",
        *posts,
        ">shown",
        ">hidden",
        ">files",
        ">comments",
        ">held",
        ">failing",
        "last outcome",
        "last complete",
        "access",
    )
    shown = {each.space_key: each.shown for each in overview.shown}
    for space in overview.spaces:
        ages = [ago(age) if age is not None else "never" for age in (space.age, space.access_age)]
        seen = shown.get(space.space_key)
        live = (space.live_pages, space.live_posts) if posts else (space.live_pages,)
        items = (space.live_attachments, space.live_comments)
        others = (seen, space.hidden_pages, *items, space.held, space.failing_pages)
        spaces.add(space.space_key, space.name, *live, *others, space.last_outcome or "none", *ages)
    return spaces.table


def _print_not_shown(console: "Console", shown: Sequence["ShownPages"], config: SettingsChoice) -> None:
    """Print the pages that consumers are not shown, by reason, and what shows them."""
    some = [each for each in shown if each.reasons]
    reasons = [reason for reason in NotShown if any(reason.value in each.reasons for each in some)]
    table = Rows("space", *(f">{_NOT_SHOWN[reason]}" for reason in reasons))
    for each in some:
        table.add(each.space_key, *(each.reasons.get(reason.value, 0) for reason in reasons))
    if some:
        console.print("Live pages that consumers are not shown:")
        console.print(table.table)
    for each in some:
        if each.message is not None:
            console.print(visible(with_config(each.message, config)), soft_wrap=True)


def _shared(overview: "Overview") -> Iterator[str]:
    """Yield what waits for a worker, who is at work, and for how long the site wants no request."""
    sharing = overview.sharing
    if sharing is None:
        return
    for due in sharing.due:
        if due.spaces and due.oldest is not None:
            yield f"Due for {due.mode} runs: {number(due.spaces, 'space')}, the first since {ago(due.oldest)}."
    for holder in sharing.holders:
        yield f"At work: {holder.worker} on {number(holder.spaces, 'space')}."
    if sharing.blocked_for is not None:
        seconds = ceil(sharing.blocked_for.total_seconds())
        yield f"Confluence limits the rate: no worker sends a request for {seconds} s ({sharing.blocked_by} was told)."
    if sharing.requests_left is not None:
        limit = "" if sharing.requests_limit is None else f" of {sharing.requests_limit}"
        yield f"Requests left{limit}, as Confluence last said: {sharing.requests_left}."


def _print_kept_texts(console: "Console", kept_texts: Sequence["KeptText"], config: SettingsChoice) -> None:
    """Print the pages whose older text is kept, and what decides about each."""
    for kept in kept_texts:
        text = (
            f"Page {kept.page_id} ({kept.title}) has had no text since {moment(kept.kept_since)}, so its older text is "
            f"kept. Read it again; if it is empty again, its text is dropped: `hr-sync resync --page {kept.page_id}`."
        )
        console.print(one_line(visible(with_config(text, config))), soft_wrap=True)


_NOT_SHOWN = {
    NotShown.NOT_PROVEN: "space not looked at",
    NotShown.VIEWERS_UNKNOWN: "viewers not known",
    NotShown.TOO_OLD: "access too old",
    NotShown.UNKNOWN: "access not known",
    NotShown.SPACE: "space not open to all",
    NotShown.RESTRICTED: "restricted",
}


def _needs(space: "SpaceStatus") -> Iterator[str]:
    """Yield the notes about a space: what waits for a decision, and why its last run was not complete."""
    if space.held:
        since = f" since {moment(space.held_since)}" if space.held_since else ""
        held = held_in_words(space.held_pages, space.held_items, how="hidden ")
        yield (
            f"The removal of {held} has waited for a decision{since}: "
            f"{space.held_reason}. Look at what is held with `{look_command(space.space_key)}`; remove it with "
            f"`{release_command(space.space_key)}`."
        )
    if space.attachments_not_mirrored:
        files = number(space.attachments_not_mirrored, "attachment")
        yield f"{files} not mirrored: what they are attached to is not mirrored."
    if space.error and not (space.held and space.last_outcome == Outcome.HELD):
        yield space.error
    elif space.last_full_error and not space.held and space.last_full_error != space.error:
        yield f"The last full pass: {space.last_full_error}"


def ago(age: timedelta) -> str:
    """Return an age in words."""
    seconds = max(0, int(age.total_seconds()))
    for size, unit in ((86_400, "d"), (3600, "h"), (60, "min")):
        if seconds >= size:
            return f"{seconds // size} {unit} ago"
    return f"{seconds} s ago"
