"""The files that `hr-sync init` writes: whole or not at all, and nothing that was there is lost."""

import errno
import os
import signal
import stat
from pathlib import Path

import pytest

from hr_sync.cli.setup.dialogue import Dialogue
from hr_sync.cli.setup.files import check_target, write_files
from hr_sync.cli.setup.space_choice import chosen_keys
from hr_sync.errors import ConfigurationError, UsageError
from hr_sync.settings import load_settings

VALUES = {
    "confluence.url": "https://acme.atlassian.net",
    "confluence.spaces": ["HR", "Überstunden"],
    "confluence.proxy": None,
    "access.audience_groups": [],
    "database.schema": "hr",
}
SECRETS = {"confluence.token": 'canary "quoted" \\ token'}


def everything_in(folder: Path) -> dict[str, str]:
    return {str(path.relative_to(folder)): path.read_text() for path in folder.rglob("*") if path.is_file()}


def test_what_was_chosen_is_what_is_read(tmp_path: Path) -> None:
    """Nothing that is empty is written; the files are private whatever the umask says."""
    before = os.umask(0)
    try:
        written = write_files(tmp_path / "my.toml", VALUES, SECRETS, {})
    finally:
        os.umask(before)

    settings = load_settings(tmp_path / "my.toml", {})
    assert settings.confluence.spaces == ("HR", "Überstunden")
    assert settings.confluence.token is not None
    assert settings.confluence.token.get_secret_value() == SECRETS["confluence.token"]
    assert settings.database.schema_name == "hr"
    assert "proxy" not in (tmp_path / "my.toml").read_text()
    assert "[access]" not in (tmp_path / "my.toml").read_text()
    assert (written.backup, written.secrets) == (None, (tmp_path / "my.secrets" / "confluence_token",))
    assert {stat.S_IMODE(path.stat().st_mode) for path in tmp_path.rglob("*") if path.is_file()} == {0o600}
    assert settings.readable_secrets == ()


def test_a_file_that_cannot_take_its_place_changes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As on a full disk; signals wait meanwhile."""
    target = tmp_path / "my.toml"
    write_files(target, VALUES, SECRETS, {})
    before = everything_in(tmp_path)
    blocked = []

    def full(*_: object) -> None:
        blocked.append(signal.pthread_sigmask(signal.SIG_BLOCK, ()))
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Path, "replace", full)
    with pytest.raises(ConfigurationError, match="was not written: No space left on device"):
        write_files(target, {**VALUES, "database.schema": "other"}, SECRETS, {})

    assert everything_in(tmp_path) == before
    assert {signal.SIGINT, signal.SIGTERM} <= set(blocked[0])
    assert not signal.pthread_sigmask(signal.SIG_BLOCK, ()) & {signal.SIGINT, signal.SIGTERM}


def test_the_former_file_keeps_its_secret(tmp_path: Path) -> None:
    """Both files work afterwards, each with its own; a link to a settings file stays one."""
    target = tmp_path / "my.toml"
    link = tmp_path / "link.toml"
    write_files(target, VALUES, SECRETS, {})
    link.symlink_to(target)
    write_files(link, VALUES, {"confluence.token": "another"}, {})

    tokens = [load_settings(path, {}).confluence.token for path in (target, tmp_path / "my.toml.bak")]

    assert [token and token.get_secret_value() for token in tokens] == ["another", SECRETS["confluence.token"]]
    assert link.is_symlink()


def test_a_place_where_no_file_can_be_is_refused_before_anything_is_asked(tmp_path: Path) -> None:
    """A folder, and a folder that is not there."""
    for target in (tmp_path, tmp_path / "nowhere" / "my.toml"):
        with pytest.raises(ConfigurationError, match="make the folder first"):
            check_target(target)


KEYS = ["DE", "HR", "IT", "2026", "~ann"]


@pytest.mark.parametrize(
    ("typed", "keys"),
    [
        ("*", ["*"]),
        ("2", ["HR"]),
        ("1-3", ["DE", "HR", "IT"]),
        ("3, hr 1", ["IT", "HR", "DE"]),
        ("HR,HR 2", ["HR"]),
        ("2026", ["2026"]),
        ("~ann", ["~ann"]),
    ],
)
def test_spaces_are_named_by_number_range_and_key(typed: str, keys: list[str]) -> None:
    """Each once, in the order of what was typed."""
    assert chosen_keys(typed, KEYS, with_numbers=True) == keys


@pytest.mark.parametrize("typed", ["", "0", "6", "3-1", "2-9", "* HR", "FR", "1-"])
def test_what_names_no_space_is_refused(typed: str) -> None:
    """Never a part of what was typed."""
    with pytest.raises(ConfigurationError):
        chosen_keys(typed, KEYS, with_numbers=True)


def test_a_number_is_no_key_of_an_option() -> None:
    """Without the list on the screen it would be a guess."""
    assert chosen_keys("2026", KEYS, with_numbers=False) == ["2026"]
    with pytest.raises(ConfigurationError, match="no space 2"):
        chosen_keys("2", KEYS, with_numbers=False)


def test_where_nobody_can_answer_the_option_is_named() -> None:
    """Also with --yes, for a question without a default."""
    dialogue = Dialogue(takes_defaults=True)
    assert not dialogue.is_interactive

    assert dialogue.ask("Database", option="--database", default="embedded") == "embedded"
    with pytest.raises(UsageError, match="Pass --url"):
        dialogue.ask("Address", option="--url")
