"""`check`: tests the settings before a run uses them."""

from pathlib import Path
from typing import TYPE_CHECKING

import typer

from hr_sync.cli.options import AsJson, Config, with_config

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from sqlalchemy import Engine

    from hr_sync.confluence.source import Source
    from hr_sync.domain.shown_pages import ShownPages
    from hr_sync.sync.context import SyncContext
    from hr_sync.sync.spaces import SpaceSelection

_MOST_KEYS = 10  # in a message


def add_to(app: typer.Typer) -> None:
    """Add the command of this module."""
    app.command()(check)


def check(config: Config = None, as_json: AsJson = False) -> None:
    """Test the settings: the database, the Confluence account, and that it may view every space. Write nothing."""
    from hr_sync.cancellation import Cancellation
    from hr_sync.cli.bootstrap import open_context, open_settings
    from hr_sync.cli.output import print_json
    from hr_sync.errors import AnswerNotTrusted, ConfigurationError, NotFound
    from hr_sync.store.schema import HEAD, has_tables
    from hr_sync.sync.shown_pages import preview_shown_pages

    passed: dict[str, object] = {}
    is_empty = False

    def report(name: str, line: str) -> None:
        passed[name] = line
        if not as_json:
            typer.echo(line)

    def report_tables(engine: "Engine") -> None:
        nonlocal is_empty
        is_empty = not has_tables(engine)
        state = "no tables yet, the first run makes them" if is_empty else f"tables are at revision {HEAD}"
        report("database", f"Database: reached; {state}.")

    settings = open_settings(config)
    try:
        with open_context(settings, Cancellation(), tables=report_tables, is_trial=True) as context:
            context.source.check_account()
            report("confluence", "Confluence: reached, the account is known.")
            spaces, page_trees = _select(context, is_empty=is_empty)
            visible = _visible_keys(context.source) if spaces.not_visible else ""
            shown = preview_shown_pages(context, spaces.chosen, is_empty=is_empty)
    except (AnswerNotTrusted, NotFound) as failure:
        raise ConfigurationError(str(failure)) from None  # nothing was synchronised, so nothing is partial
    left_out = [each.message for each in shown if each.is_warning and each.message]
    warnings = [with_config(each, config) for each in (*spaces.warnings, *_lost(spaces), *left_out)]
    if not as_json:
        _print_spaces(spaces, shown, config)
        _print_warnings(warnings)
    _refuse_what_is_not_visible(spaces.not_visible, page_trees, visible)
    if as_json:
        chosen = {space.key: space.name for space in spaces.chosen}
        print_json(passed | {"spaces": chosen, "access": shown, "warnings": warnings})


def _print_spaces(spaces: "SpaceSelection", shown: "Sequence[ShownPages]", config: Path | None) -> None:
    """Print the spaces, and how many pages of each mirrored one consumers are shown under these settings."""
    from hr_sync.cli.terminal import one_line

    for space in spaces.chosen:
        typer.echo(f"Space {one_line(space.key)}: {one_line(space.name)}")
    for each in shown:
        if each.message is not None and not each.is_warning:
            typer.echo(one_line(with_config(each.message, config)))
        elif each.message is None and each.pages:
            typer.echo(f"Consumers are shown {each.shown:,} of {each.pages:,} pages of {one_line(each.space_key)}.")


def _print_warnings(warnings: "Sequence[str]") -> None:
    from hr_sync.cli.terminal import print_message

    for warning in warnings:
        print_message(f"Warning: {warning}")


def _select(context: "SyncContext", *, is_empty: bool) -> "tuple[SpaceSelection, Sequence[str]]":
    """Return the spaces that the settings select, and the ids of configured page trees that are not visible."""
    from hr_sync.sync.context import SyncRequest
    from hr_sync.sync.scope import page_trees_not_visible
    from hr_sync.sync.spaces import select_spaces

    store = None if is_empty else context.store
    spaces = select_spaces(context.source, store, context.scope, SyncRequest())
    return spaces, page_trees_not_visible(context.source, context.scope.pages)


def _lost(spaces: "SpaceSelection") -> "Iterator[str]":
    """Yield a sentence for each mirrored space that is not visible any more and that no setting names."""
    from hr_sync.domain.scope import same_space_key

    for space in spaces.unlisted:
        if not any(same_space_key(space.key, key) for key in spaces.not_visible):
            yield (
                f"Space {space.key} is in the mirror, and no longer visible to the account: its permission was "
                "withdrawn, or the space was archived or deleted."
            )


def _visible_keys(source: "Source") -> str:
    """Return a sentence with the first keys that the account may view: most often one of them was meant."""
    from hr_sync.errors import HrSyncError

    try:
        keys = sorted(space.key for space in source.spaces().spaces)
    except HrSyncError:
        return ""
    more = f", and {len(keys) - _MOST_KEYS} more" if len(keys) > _MOST_KEYS else ""
    return f" It sees {', '.join(keys[:_MOST_KEYS])}{more}." if keys else " It sees no space at all."


def _refuse_what_is_not_visible(space_keys: "Sequence[str]", page_trees: "Sequence[str]", visible: str) -> None:
    from hr_sync.errors import ConfigurationError

    missing = [*(f"space {key}" for key in space_keys), *(f"page tree {root}" for root in page_trees)]
    if missing:
        raise ConfigurationError(
            f"Not visible to the account: {', '.join(missing)}.{visible} Check confluence.spaces and "
            "confluence.page_trees, and that the account may view them."
        )
