"""`check`: tests the settings before a run uses them."""

from contextlib import ExitStack
from typing import TYPE_CHECKING

import typer

from hr_sync.cli.options import DEFAULT_SETTINGS, AsJson, Config, SettingsChoice, with_config
from hr_sync.cli.sites import EachSite

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hr_sync.cli.check_steps import Checks
    from hr_sync.confluence.source import Source
    from hr_sync.domain.shown_pages import ShownPages
    from hr_sync.settings import Settings
    from hr_sync.store.store import Store
    from hr_sync.sync.spaces import SpaceSelection


def add_to(app: typer.Typer) -> None:
    """Add the commands of this module."""
    app.command(cls=EachSite)(check)


def check(config: Config = DEFAULT_SETTINGS, as_json: AsJson = False) -> None:
    """Test the settings step by step: site, account, database, spaces, audience. Write nothing."""
    from hr_sync.cli.bootstrap import open_database, open_settings
    from hr_sync.cli.check_database import check_database
    from hr_sync.cli.check_site import check_account, check_connection
    from hr_sync.cli.check_steps import Checks

    settings = open_settings(config)
    checks = Checks(is_quiet=as_json)
    source: Source | None = None
    store: Store | None = None
    shown: Sequence[ShownPages] = ()
    spaces: SpaceSelection | None = None
    _tell_sources(checks, settings)
    with checks.part("confluence"):
        check_connection(checks, settings.confluence)
        source = check_account(checks, settings)
    with ExitStack() as stack:
        with checks.part("database"):
            engine = stack.enter_context(open_database(settings, is_trial=True))
            store = check_database(checks, engine, settings.database)
        if settings.text.attachments:
            with checks.part("attachments"):
                _check_files(checks, settings, store)
        if source is not None:
            with checks.part("spaces"):
                spaces, shown = _check_scope(checks, source, settings, store)
    if as_json:
        _print_document(checks, spaces, shown, config)
    else:
        _print_shown(shown, config)
        _print_warnings([with_config(each, config) for each in checks.warnings])
    _end(checks, config)


def _check_files(checks: "Checks", settings: "Settings", store: "Store | None") -> None:
    """Try what texts of attachments need, and tell what became of those that are mirrored."""
    from hr_sync.cli.texts import check_attachment_texts
    from hr_sync.domain.attachment_texts import counts_in_words

    check_attachment_texts(settings)
    counts = None if store is None or store.attachment_texts.is_empty() else store.attachment_texts.counts()
    words = ["Attachments: their libraries are installed.", *([] if counts is None else counts_in_words(counts))]
    checks.passed("attachments", " ".join(words), counts=counts)


def _tell_sources(checks: "Checks", settings: "Settings") -> None:
    from hr_sync.settings import shown

    found = {each["source"] for keys in shown(settings).values() for each in keys.values()} - {"default"}
    words = ", ".join(_source_in_words(each) for each in sorted(found))
    checks.passed("settings", f"Settings: read from {words}.", sources=sorted(found))


def _source_in_words(source: str) -> str:
    file, _, key = source.partition(", ")
    return f"the file that {key} in {file} names" if key else source


def _check_scope(
    checks: "Checks", source: "Source", settings: "Settings", store: "Store | None"
) -> "tuple[SpaceSelection, Sequence[ShownPages]]":
    """Try the spaces, and what consumers are shown of them."""
    from hr_sync.cli.bootstrap import access_policy, make_scope
    from hr_sync.cli.check_site import check_spaces, refuse_what_is_not_visible
    from hr_sync.domain.access import AccessMode
    from hr_sync.domain.shown_pages import audience_words
    from hr_sync.sync.shown_pages import preview_shown_pages

    scope, policy = make_scope(settings), access_policy(settings)
    spaces = check_spaces(checks, source, scope, store)
    shown = preview_shown_pages(source, policy, settings.access.open_spaces, spaces.chosen, store)
    audience = "all that the account sees" if policy.mode is AccessMode.ACCOUNT else audience_words(policy, {})
    checks.passed(
        "audience",
        f"Audience: {audience} (access.mode = {policy.mode.value}).",
        mode=policy.mode.value,
        groups=sorted(policy.audience_groups),
    )
    checks.warnings += [each.message for each in shown if each.is_warning and each.message]
    refuse_what_is_not_visible(source, scope, spaces)
    return spaces, shown


def _print_shown(shown: "Sequence[ShownPages]", config: "SettingsChoice") -> None:
    """Print how many pages of each mirrored space consumers are shown under these settings."""
    from hr_sync.cli.terminal import one_line

    for each in shown:
        if each.message is not None and not each.is_warning:
            typer.echo(one_line(with_config(each.message, config)))
        elif each.message is None and each.pages:
            typer.echo(f"Consumers are shown {each.shown:,} of {each.pages:,} pages of {one_line(each.space_key)}.")


def _print_warnings(warnings: "Sequence[str]") -> None:
    from hr_sync.cli.terminal import print_message

    for warning in warnings:
        print_message(f"Warning: {warning}")


def _print_document(
    checks: "Checks", spaces: "SpaceSelection | None", shown: "Sequence[ShownPages]", config: "SettingsChoice"
) -> None:
    from hr_sync.cli.output import print_json
    from hr_sync.cli.terminal import visible

    warnings = [with_config(each, config) for each in checks.warnings]
    chosen = {} if spaces is None else {space.key: space.name for space in spaces.chosen}
    document: dict[str, object] = {"steps": checks.steps, "spaces": chosen, "access": shown, "warnings": warnings}
    if checks.failures:
        failure = checks.failures[0]
        document |= {"error": visible(with_config(str(failure), config)), "exit_code": failure.exit_code}
    print_json(document)


def _end(checks: "Checks", config: "SettingsChoice") -> None:
    """Report every failure, and end with the exit code of the first. Return if there is none."""
    from hr_sync.cli.output import report_failure

    if not checks.failures:
        return
    for failure in checks.failures:
        report_failure(failure, as_json=False, config=config)
    raise typer.Exit(checks.failures[0].exit_code)
