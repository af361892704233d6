"""The questions of `hr-sync init`, in their order. Each answer may be given before."""

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from hr_sync.cli.setup.audience_choice import GivenAudience, ask_audience
from hr_sync.cli.setup.choices import Choices
from hr_sync.cli.setup.database_choice import ask_database
from hr_sync.cli.setup.dialogue import Dialogue
from hr_sync.cli.setup.site import GivenAccount, ask_account, ask_site
from hr_sync.cli.setup.space_choice import ask_spaces


@dataclass(frozen=True, kw_only=True, slots=True)
class GivenAnswers:
    """What the options answer."""

    url: str | None
    account: GivenAccount
    spaces: Sequence[str]
    database: str | None
    database_file: Path | None
    audience: GivenAudience
    others: Choices  #: settings that are never asked for


def choose_settings(dialogue: Dialogue, given: GivenAnswers, stack: ExitStack) -> Choices:
    """Return the settings, each of which was tried. The database stays open until the stack ends."""
    given.others.settings()  # mistakes of options come before any question
    site = ask_site(dialogue, given.url, given.others)
    choices, source = ask_account(dialogue, site, given.account)
    keys = ask_spaces(dialogue, source, given.spaces, default=site.space_key)
    choices = choices.having({"confluence.spaces": keys})
    choices = ask_database(dialogue, choices, given.database, given.database_file, stack)
    choices = choices.having(ask_audience(dialogue, source, keys, given.audience))
    choices.settings()
    return choices
