"""`init`: asks for the settings that matter, tries each answer at once, and writes the settings file."""

import os
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from hr_sync.cli.options import SettingsChoice

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hr_sync.cli.setup.conversation import GivenAnswers
    from hr_sync.cli.setup.dialogue import Dialogue
    from hr_sync.cli.setup.files import WrittenFiles

_DEFAULT = Path("config.toml")


def add_to(app: typer.Typer) -> None:
    """Add the commands of this module."""
    app.command()(init)


def init(
    config: Annotated[
        Path | None,
        typer.Option(
            "--config",
            metavar="PATH",
            help="Settings file that is written; else HR_SYNC_CONFIG, else config.toml.",
            show_default=False,
        ),
    ] = None,
    url: Annotated[
        str | None, typer.Option("--url", help="Address of Confluence, as the browser shows it.", metavar="URL")
    ] = None,
    username: Annotated[
        str | None, typer.Option("--username", help="Account that owns the API token.", metavar="EMAIL")
    ] = None,
    scoped: Annotated[bool, typer.Option("--scoped", help="The token is a scoped one, without a user name.")] = False,
    token_file: Annotated[
        Path | None,
        typer.Option("--token-file", help="File that holds the token, and stays where it is; - is standard input."),
    ] = None,
    space: Annotated[
        list[str] | None,
        typer.Option("--space", "-s", help="A space to mirror, or * for all; may be given again.", metavar="KEY"),
    ] = None,
    database: Annotated[
        str | None,
        typer.Option("--database", help='Address without a password, or "embedded".', metavar="URL"),
    ] = None,
    database_file: Annotated[
        Path | None,
        typer.Option("--database-file", help="File that holds the address with its password, and stays where it is."),
    ] = None,
    embedded_folder: Annotated[
        Path | None,
        typer.Option(
            "--embedded-folder",
            help="Folder of the embedded database.",
            envvar="HR_SYNC_DATABASE__EMBEDDED_FOLDER",
            show_envvar=False,
        ),
    ] = None,
    schema: Annotated[
        str | None, typer.Option("--schema", help="PostgreSQL schema of the tables.", show_default="public")
    ] = None,
    allow_plaintext: Annotated[
        bool, typer.Option("--allow-plaintext", help="Connect to the database without verified TLS.")
    ] = False,
    mode: Annotated[
        str | None, typer.Option("--mode", help="Who is shown what: enforce or account.", metavar="MODE")
    ] = None,
    audience_group: Annotated[
        list[str] | None,
        typer.Option("--audience-group", help="A group that every reader is in; may be given again.", metavar="NAME"),
    ] = None,
    open_space: Annotated[
        list[str] | None,
        typer.Option("--open-space", help="A space that every reader may view; may be given again.", metavar="KEY"),
    ] = None,
    ca_file: Annotated[Path | None, typer.Option("--ca-file", help="Certificate authority of the site.")] = None,
    proxy: Annotated[str | None, typer.Option("--proxy", help="Proxy for Confluence.", metavar="URL")] = None,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Take the default of every question that has one.")] = False,
    force: Annotated[bool, typer.Option("--force", help="Replace the settings file, and keep it as .bak.")] = False,
    run: Annotated[bool | None, typer.Option("--run/--no-run", help="Begin the first run at the end.")] = None,
) -> None:
    """Ask for the settings that matter, try each answer, and write the settings file. Then check it."""
    from hr_sync.cli.setup.audience_choice import GivenAudience
    from hr_sync.cli.setup.choices import Choices
    from hr_sync.cli.setup.conversation import GivenAnswers
    from hr_sync.cli.setup.dialogue import Dialogue
    from hr_sync.cli.setup.site import GivenAccount
    from hr_sync.logs import configure_logging

    configure_logging(level="warning")
    others = {
        "confluence.ca_file": _text(ca_file),
        "confluence.proxy": proxy,
        "database.embedded_folder": _text(embedded_folder),
        "database.schema": schema,
        "database.allow_plaintext": allow_plaintext or None,
        "access.mode": mode,
    }
    given = GivenAnswers(
        url=url,
        account=GivenAccount(username=username, is_scoped=scoped, token_file=token_file),
        spaces=space or (),
        database=database,
        database_file=database_file,
        audience=GivenAudience(mode=mode, groups=audience_group or (), open_spaces=open_space or ()),
        others=Choices(values=others),
    )
    target = config or Path(os.environ.get("HR_SYNC_CONFIG") or _DEFAULT)
    dialogue = Dialogue(takes_defaults=yes)
    with ExitStack() as stack:
        _write(dialogue, target, given, stack, force=force)
        named = SettingsChoice(file=config or (target if target != _DEFAULT else None))
        _try_out(dialogue, named, begins=run)


def _write(dialogue: "Dialogue", target: Path, given: "GivenAnswers", stack: ExitStack, *, force: bool) -> None:
    """Ask, and write what was chosen. Raise Stopped for Ctrl-C and the end of input."""
    from hr_sync.cli.setup.conversation import choose_settings
    from hr_sync.cli.setup.files import write_files
    from hr_sync.errors import Stopped

    try:
        _check_target(dialogue, target, force=force)
        choices = choose_settings(dialogue, given, stack)
        written = write_files(target, choices.values, choices.secrets, choices.files)
    except (KeyboardInterrupt, EOFError):
        raise Stopped("Stopped before anything was written.") from None
    _tell_written(dialogue, written)


def _text(path: Path | None) -> str | None:
    return None if path is None else str(path.absolute())


def _check_target(dialogue: "Dialogue", target: Path, *, force: bool) -> None:
    """Raise UsageError for a settings file that is there and not to be replaced."""
    from hr_sync.cli.setup.files import check_target
    from hr_sync.domain.principal_words import listed
    from hr_sync.errors import UsageError

    check_target(target)
    if not target.exists() or force:
        return
    kept = f"{target} is there already."
    if sites := _sites_in(target):
        raise UsageError(
            f"{kept} It has the sites {listed(sites)}, and init writes the settings of one. Add a table "
            "[sites.NAME.confluence] for another site, or name another file with --config."
        )
    if not dialogue.is_interactive:
        raise UsageError(
            f"{kept} Pass --force to replace it and keep it as {target.name}.bak, or name another --config."
        )
    if not dialogue.confirm(f"{kept} Replace it, and keep it as {target.name}.bak?", option="--force", default=False):
        raise UsageError(f"{kept} Nothing was changed. Name another file with --config.")


def _sites_in(target: Path) -> "Sequence[str]":
    from hr_sync.errors import ConfigurationError
    from hr_sync.settings import site_names

    try:
        return site_names(target, {})
    except ConfigurationError:
        return ()


def _tell_written(dialogue: "Dialogue", written: "WrittenFiles") -> None:
    dialogue.say(f"Written: {', '.join(map(str, [written.config, *written.secrets]))}.")
    if written.backup is not None:
        dialogue.say(f"The former settings are in {written.backup}.")
    set_already = sorted(name for name in os.environ if name.startswith("HR_SYNC_") and name != "HR_SYNC_CONFIG")
    if set_already:
        dialogue.say(f"Warning: these variables count more than the file: {', '.join(set_already)}.")


def _try_out(dialogue: "Dialogue", config: SettingsChoice, *, begins: bool | None) -> None:
    """Check the settings as every other command reads them, and begin the first run if that is wanted."""
    from hr_sync.cli.commands.check import check
    from hr_sync.cli.commands.run import run
    from hr_sync.cli.options import with_config

    check(config=config)
    if begins is None:
        begins = dialogue.is_interactive and dialogue.confirm("Begin the first run now?", option="--run", default=True)
    if begins:
        run(config=config)
    dialogue.say(
        with_config("Next: `hr-sync run` mirrors the pages, `hr-sync serve` keeps the mirror up to date.", config)
    )
