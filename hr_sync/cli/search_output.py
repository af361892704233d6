"""Prints what a search found, for people."""

import shlex
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from hr_sync.cli.options import DEFAULT_SETTINGS, SettingsChoice, with_config
from hr_sync.cli.readers_output import notes_of_asker
from hr_sync.cli.status_output import ago
from hr_sync.cli.terminal import make_console, one_line, print_message, visible
from hr_sync.domain.principal_words import number

if TYPE_CHECKING:
    from hr_sync.store.read.search import FoundSection
    from hr_sync.sync.search import SearchResult


def notes_of(found: "SearchResult", *, makes_texts: bool, config: SettingsChoice = DEFAULT_SETTINGS) -> list[str]:
    """Return what the reader of a result must know: what it misses, and why it may be empty, with the remedy."""
    notes = []
    if found.asker is not None and found.asker.user is not None:
        is_known, groups_are_known = found.asker_is_known, found.groups_are_known
        notes += notes_of_asker(found.asker.user, is_known=is_known, groups_are_known=groups_are_known)
    if found.pages_without_text:
        remedy = "`hr-sync run` makes it" if makes_texts else "set text.sections = true, then `hr-sync run` makes it"
        notes.append(
            f"{number(found.pages_without_text, 'live page')} without a current text cannot be found: {remedy}."
        )
    if found.readable_sections == 0:
        notes.append(_nothing_readable(found))
    return [with_config(note, config) for note in notes]


def _nothing_readable(found: "SearchResult") -> str:
    if found.asker is None:
        return "The audience may read no section that has a text. `hr-sync status` says why pages are not shown."
    if found.asker.user is None:
        return "These groups may read no section that has a text. `hr-sync status` says whether access is known."
    user = found.asker.user
    return f"{user} may read no section that has a text. See the pages: `hr-sync sees {shlex.quote(user)}`."


def print_found(found: "SearchResult", notes: Sequence[str] = ()) -> None:
    """Print what a search found, best first."""
    console = make_console()
    for place, section in enumerate(found.results, start=1):
        console.print(f"{place}. {_headings(section)}", style="bold", soft_wrap=True)
        console.print(f"   {one_line(section.snippet)}" if section.snippet else "   (a heading alone)", soft_wrap=True)
        console.print(f"   {visible(section.url)}  {_age(section)}", soft_wrap=True)
    if not found.results:
        console.print("Nothing found.")
    for note in notes:
        print_message(note)


def _headings(section: "FoundSection") -> str:
    return one_line(" > ".join((f"{section.space_key}: {section.title}", *section.heading_path)))


def _age(section: "FoundSection") -> str:
    now = datetime.now(UTC)
    changed = f"changed {section.last_updated:%Y-%m-%d}"
    return changed if section.checked_at is None else f"{changed}, checked {ago(now - section.checked_at)}"
