"""Every command with its arguments and options, from the command line itself."""

import inspect
from collections.abc import Iterator
from typing import Any

import typer

from hr_sync.cli.main import app
from reference_pages.markdown import code, table, words

_INTRODUCTION = """# Commands

`hr-sync COMMAND -h` prints the same. `python -m hr_sync` is `hr-sync`. Each command ends with one of the
[exit codes](exit-codes.md). Settings come
[from a file and from variables](../configuration.md#where-settings-come-from).
"""


def commands_page() -> str:
    """Return the page."""
    command: Any = typer.main.get_command(app)
    return _INTRODUCTION + "".join(f"\n{_section(name, each)}" for name, each in _leaves("hr-sync", command))


def _leaves(name: str, command: Any) -> Iterator[tuple[str, Any]]:
    """Yield each command, by its whole name; a group is one too where it does something itself."""
    commands: dict[str, Any] = getattr(command, "commands", {})
    if not commands or (name != "hr-sync" and any(_is_option(each) for each in command.params)):
        yield name, command
    for word, each in commands.items():
        yield from _leaves(f"{name} {word}", each)


def _section(name: str, command: Any) -> str:
    context = command.make_context(name, [], resilient_parsing=True)
    usage = " ".join(command.collect_usage_pieces(context))
    text = inspect.cleandoc(command.help or "").replace("\f", "")
    rows = [
        (code(_names(each, context)), words(each.get_help_record(context)[1]))
        for each in command.params
        if _is_option(each) and not each.hidden
    ]
    options = "\n" + table(("option", "what it does"), rows) if rows else ""
    return f"## {name}\n\n`{name} {usage}`\n\n{text}\n{options}"


def _is_option(parameter: Any) -> bool:
    return bool(parameter.param_type_name == "option")


def _names(option: Any, context: Any) -> str:
    return str(option.get_help_record(context)[0])
