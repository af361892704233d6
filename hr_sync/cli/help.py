"""Help that is not cut: what each command does stands there whole, in lines as wide as the terminal."""

import shutil
from typing import Any

import typer.core

_WIDEST = 100  # characters


def help_settings() -> dict[str, Any]:
    """Return the settings of every help text."""
    width = min(_WIDEST, shutil.get_terminal_size().columns)
    return {"help_option_names": ["-h", "--help"], "max_content_width": width}


class Commands(typer.core.TyperGroup):
    """A group of commands whose help shows the first paragraph of each."""

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        """Write the commands with what they do."""
        names = self.list_commands(ctx)
        commands = [(name, self.get_command(ctx, name)) for name in names]
        rows = [
            (name, " ".join((command.help or "").split("\n\n")[0].split()))
            for name, command in commands
            if command is not None and not command.hidden
        ]
        with formatter.section("Commands"):
            formatter.write_dl(rows)
