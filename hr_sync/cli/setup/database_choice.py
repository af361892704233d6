"""Asks for the database, and opens it."""

from contextlib import ExitStack
from pathlib import Path

from hr_sync.cli.bootstrap import open_database
from hr_sync.cli.check_database import check_database
from hr_sync.cli.check_steps import Checks
from hr_sync.cli.setup.choices import Choices, read_secret
from hr_sync.cli.setup.dialogue import Dialogue
from hr_sync.errors import ConfigurationError, DatabaseCredentialsRefused
from hr_sync.logs import configure_logging
from hr_sync.settings import has_password, secret_values, with_password

EMBEDDED = "embedded"
_QUESTION = (
    f'Database: "{EMBEDDED}" for one in a local folder, or postgresql://user@host:5432/database without the password'
)


def ask_database(
    dialogue: Dialogue, choices: Choices, given: str | None, given_file: Path | None, stack: ExitStack
) -> Choices:
    """Return the choices with a database that answers. It stays open until the stack ends."""

    def ask() -> str:
        return dialogue.ask(_QUESTION, option="--database URL, or --database embedded", default=EMBEDDED)

    def attempt(answer: str) -> Choices:
        return _try(dialogue, choices, answer, stack)

    if given_file is not None:
        read_secret(given_file)
        named = choices.having(files={"database.url": given_file.absolute()})
        _open(dialogue, named, stack)
        return named
    return dialogue.settle(given, ask, attempt)


def _try(dialogue: Dialogue, choices: Choices, answer: str, stack: ExitStack) -> Choices:
    if answer == EMBEDDED:
        _open(dialogue, choices, stack)
        return choices
    if has_password(answer):
        raise ConfigurationError(
            "Leave the password out of the address, which others may see: on a terminal it is asked for, and "
            "--database-file names a file with the address and its password."
        )
    named = choices.having({"database.url": answer})
    try:
        _open(dialogue, named, stack)
    except DatabaseCredentialsRefused:
        if not dialogue.is_interactive:
            raise
        password = dialogue.ask_secret("Password of the database user (it is not shown)", option="--database-file FILE")
        named = choices.having(secrets={"database.url": with_password(answer, password)})
        _open(dialogue, named, stack)
    return named


def _open(dialogue: Dialogue, choices: Choices, stack: ExitStack) -> None:
    """Open the database, and print what it is and what its user may not do."""
    with ExitStack() as opened:
        settings = choices.settings()
        configure_logging(level="warning", secrets=secret_values(settings))
        engine = opened.enter_context(open_database(settings, is_trial=True))
        checks = Checks(is_quiet=True)
        check_database(checks, engine, settings.database)
        for step in checks.steps:
            dialogue.say(f"  {step.message}")
        for warning in checks.warnings:
            dialogue.say(f"  Warning: {warning}")
        stack.push(opened.pop_all())
