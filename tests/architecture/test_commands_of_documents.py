"""Every command that a document shows is one: its name, its options, and the names of settings beside it."""

import re
import shlex
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import typer

from hr_sync.cli.main import app
from hr_sync.settings.keys import keys

ROOT = Path(__file__).parents[2]
FOLDERS = ("docs", "examples")
DOCUMENTS = [*sorted(ROOT.glob("*.md")), *(path for each in FOLDERS for path in sorted((ROOT / each).rglob("*.md")))]
GROUPS = {key.path.partition(".")[0] for key in keys()}
SETTINGS = {name for key in keys() for name in (key.path, f"{key.path}_file")}
LOG_EVENTS = (ROOT / "docs/reference/log-events.md").read_text(encoding="utf-8")
EVENTS = set(re.findall(r"^\| `([\w.]+)`", LOG_EVENTS, re.MULTILINE))


def shown(text: str) -> list[str]:
    """Return the commands of `hr-sync` in a text, in a sentence or in a block, each once."""
    blocks = re.findall(r"^ *```\w*\n(.*?)^ *```", text, re.MULTILINE | re.DOTALL)
    sentences = re.sub(r"^ *```.*?^ *```", "", text, flags=re.MULTILINE | re.DOTALL)
    inline = re.findall(r"`hr-sync ([^`\n]+)`", sentences)
    typed = re.findall(r"^ *(?:\$ )?(?:\S*/)?hr-sync ([^#\n|>&]+)", "\n".join(blocks), re.MULTILINE)
    return list(dict.fromkeys(each.strip() for each in (*inline, *typed)))


def faults(command: str) -> list[str]:
    """Return what of a command is not known. Words in capitals are placeholders, and so is what brackets leave out."""
    words = [word.strip("[]()…|\"'") for word in shlex.split(command.replace("\\|", "|").replace("'", ""))]
    here: Any = typer.main.get_command(app)
    options = {each for parameter in here.params for each in parameter.opts}
    unknown = []
    for before, word in pairwise(["", *filter(None, words)]):
        if word == "--":
            break
        if word in getattr(here, "commands", {}):
            here = here.commands[word]
            options |= {each for parameter in here.params for each in (*parameter.opts, *parameter.secondary_opts)}
        elif word.startswith("-"):
            unknown += [word] if word.partition("=")[0] not in options | {"-h", "--help"} else []
        elif getattr(here, "commands", None) and word.islower() and not before.startswith("-"):
            unknown.append(word)
    return unknown


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda document: str(document.relative_to(ROOT)))
def test_commands_and_options_exist(document: Path) -> None:
    """What a reader types is known."""
    text = document.read_text(encoding="utf-8")

    assert {command: wrong for command in shown(text) if (wrong := faults(command))} == {}


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda document: str(document.relative_to(ROOT)))
def test_settings_exist(document: Path) -> None:
    """Each name of a setting, like `sync.keep_removed_days`, is one."""
    named = re.findall(rf"`({'|'.join(GROUPS)})\.(\w+)`", document.read_text(encoding="utf-8"))
    unknown = {f"{group}.{name}" for group, name in named} - SETTINGS - EVENTS

    assert unknown == set()


def test_what_does_not_exist_is_found() -> None:
    """Commands and options, in a sentence and in a block."""
    text = "Type `hr-sync rnu --fast` or:\n\n```sh\n$ hr-sync run --space HR --slow   # now\n```\n"

    assert [faults(each) for each in shown(text)] == [["rnu", "--fast"], ["--slow"]]
