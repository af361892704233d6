"""Prints who may read what, for people."""

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from hr_sync.cli.options import DEFAULT_SETTINGS, SettingsChoice, with_config
from hr_sync.cli.terminal import Rows, make_console, one_line, print_message, visible
from hr_sync.domain.principal_words import number, principals_in_words

if TYPE_CHECKING:
    from rich.table import Table

    from hr_sync.store.read.readers import ReadablePage
    from hr_sync.sync.readable import Readable, ReadersComparison
    from hr_sync.sync.readers import PageReaders
    from hr_sync.sync.restriction_preview import RestrictionPreview

_MAX_ROWS = 50  # of a list; the JSON form has them all


def print_readers(readers: "PageReaders", config: SettingsChoice = DEFAULT_SETTINGS) -> None:
    """Print who may read a page, a line for each layer that a reader must pass."""
    console = make_console()
    summary = one_line(with_config(readers.summary, config))
    console.print(f"Page {readers.page_id}: {one_line(readers.title)}. {summary}", soft_wrap=True)
    console.print("A reader must be named by each of these:" if readers.is_known else "Not all of these is known:")
    console.print(layers_table(readers))
    if readers.readers is not None:
        console.print(f"{number(readers.readers, 'person')} may read it.".replace("persons", "people"))


def layers_table(readers: "PageReaders") -> "Table":
    """Return a table of the layers: what it is, whom it lets pass, and whether that is the whole audience."""
    table = Rows("layer", "id", "title", "lets pass", "every reader")
    for layer in readers.layers:
        everybody = "yes" if layer.lets_audience_pass else "no" if layer.is_known else "not known"
        words = layer.words if not layer.restricts else _all_names(layer.principals) or layer.words
        table.add(layer.what, layer.id, layer.title, words, everybody)
    return table.table


def print_restriction_preview(preview: "RestrictionPreview") -> None:
    """Print what a restriction would change, a line for each page of the subtree."""
    console = make_console()
    console.print(
        f"If {one_line(preview.title or preview.node_id)} ({preview.node_id}) were restricted to "
        f"{one_line(principals_in_words(preview.groups))} alone: of {number(len(preview.pages), 'page')} of its tree, "
        f"consumers are shown {preview.shown_before} now and {preview.shown_after} then.",
        soft_wrap=True,
    )
    table = Rows("page", "title", "shown now", "shown then", ">readers now", ">readers then")
    for page in preview.pages[:_MAX_ROWS]:
        shown = ("yes" if each else "no" for each in (page.shown_before, page.shown_after))
        table.add(page.page_id, page.title, *shown, page.readers_before, page.readers_after)
    if preview.pages:
        console.print(table.table)
    _print_more(len(preview.pages))
    console.print("Nothing was written.")


def print_readable(found: "Readable") -> None:
    """Print what somebody may read."""
    _print_notes([found])
    make_console().print(f"{one_line(found.user)} may read {number(len(found.pages), 'page')}{_in_groups(found)}.")
    _print_list(found.pages)


def print_comparison(compared: "ReadersComparison") -> None:
    """Print what only one of two users may read."""
    console = make_console()
    _print_notes([compared.user, compared.other])
    console.print(f"Both may read {number(compared.both, 'page')}.")
    for found, pages in ((compared.user, compared.only_user), (compared.other, compared.only_other)):
        console.print(f"{one_line(found.user)} alone may read {number(len(pages), 'page')}{_in_groups(found)}.")
        _print_list(pages)


def _all_names(principals: Sequence[object]) -> str:
    return ", ".join(getattr(each, "words", "") for each in principals)


def _in_groups(found: "Readable") -> str:
    return f", as a member of {number(len(found.groups), 'group')}" if found.groups else ""


def notes_of_asker(user: str, *, is_known: bool, groups_are_known: bool) -> list[str]:
    """Return what the mirror does not know of somebody whose rights are looked at."""
    notes = []
    if not is_known:
        notes.append(
            f"Nothing in the mirror names {visible(user)}: check the id. What its groups and every licensed user may "
            "read counts."
        )
    if not groups_are_known:
        notes.append(
            f"No members of groups are mirrored, so the groups of {visible(user)} do not count. Name them with --group."
        )
    return notes


def _print_notes(every: Iterable["Readable"]) -> None:
    for found in every:
        groups_are_known = found.groups is not None
        for note in notes_of_asker(found.user, is_known=found.is_known, groups_are_known=groups_are_known):
            print_message(note)


def _print_list(pages: "Sequence[ReadablePage]") -> None:
    table = Rows("page", "space", "title")
    for page in pages[:_MAX_ROWS]:
        table.add(page.id, page.space_key, page.title)
    if pages:
        make_console().print(table.table)
    _print_more(len(pages))


def _print_more(count: int) -> None:
    if count > _MAX_ROWS:
        make_console().print(f"… and {count - _MAX_ROWS} more; --json shows them all.")
