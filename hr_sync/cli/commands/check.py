"""`check`: tries the settings before anything is mirrored with them."""

from typing import TYPE_CHECKING

import typer

from hr_sync.cli.options import AsJson, Config

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hr_sync.sync.context import SyncContext
    from hr_sync.sync.spaces import SpaceSelection


def add_to(app: typer.Typer) -> None:
    """Add the command of this module."""
    app.command()(check)


def check(config: Config = None, as_json: AsJson = False) -> None:
    """Try the settings: the database, the account at Confluence, and that it sees every space. Write nothing."""
    from hr_sync.cancellation import Cancellation
    from hr_sync.cli.bootstrap import open_context, open_settings
    from hr_sync.cli.output import print_json
    from hr_sync.cli.terminal import one_line, print_message
    from hr_sync.errors import AnswerNotTrusted, ConfigurationError, NotFound
    from hr_sync.store.schema import schema_state

    passed: dict[str, object] = {}

    def report(name: str, line: str) -> None:
        passed[name] = line
        if not as_json:
            typer.echo(line)

    settings = open_settings(config)
    try:
        with open_context(
            settings, Cancellation(), tables=lambda engine: report("database", schema_state(engine)), is_trial=True
        ) as context:
            context.source.check_account()
            report("confluence", "Confluence: reached, the account is known.")
            spaces, page_trees = _select(context)
    except (AnswerNotTrusted, NotFound) as failure:
        raise ConfigurationError(str(failure)) from None  # nothing was synchronised, so that nothing is partial
    for space in () if as_json else spaces.chosen:
        typer.echo(f"Space {one_line(space.key)}: {one_line(space.name)}")
    for warning in spaces.warnings:
        print_message(f"Warning: {warning}")
    _refuse_what_is_not_visible(spaces.unseen, page_trees)
    if as_json:
        print_json(passed | {"spaces": {space.key: space.name for space in spaces.chosen}})


def _select(context: "SyncContext") -> "tuple[SpaceSelection, Sequence[str]]":
    """Return the spaces that the settings select, and the ids of configured page trees that are not visible."""
    from hr_sync.sync.context import SyncRequest
    from hr_sync.sync.scope import unseen_page_trees
    from hr_sync.sync.spaces import select_spaces

    spaces = select_spaces(context.source, context.store, context.scope, SyncRequest())
    return spaces, unseen_page_trees(context.source, context.scope.pages)


def _refuse_what_is_not_visible(space_keys: "Sequence[str]", page_trees: "Sequence[str]") -> None:
    from hr_sync.errors import ConfigurationError

    missing = [*(f"space {key}" for key in space_keys), *(f"page tree {root}" for root in page_trees)]
    if missing:
        raise ConfigurationError(
            f"Not visible to the account: {', '.join(missing)}. Check confluence.spaces and confluence.page_trees, and "
            "that the account may view them."
        )
