"""The real output of `hr-sync demo` as a picture of a terminal."""

import io
import re
import subprocess
import sys
from pathlib import Path

from rich.console import Console
from rich.terminal_theme import DIMMED_MONOKAI
from rich.text import Text

_LINES = 40
_FONTS = re.compile(r"@font-face \{.*?\}\n?", re.DOTALL)


def demo() -> str:
    """Return the picture: the first steps, and the two searches at the end."""
    program = Path(sys.executable).parent / "hr-sync"
    played = subprocess.run([program, "demo"], capture_output=True, text=True, check=True, timeout=300).stdout
    lines = re.sub(r"127\.0\.0\.1:\d+", "127.0.0.1:8090", played).splitlines()
    first = next(number for number, line in enumerate(lines) if line.startswith("Space HR"))
    found = [number for number, line in enumerate(lines) if line.startswith("What ")]
    shown = ["$ ./scripts/demo", *lines[: first - 1], "…", *lines[found[0] - 1 : found[0] + 3], "…"]
    return picture([*shown, *lines[found[1] - 1 : found[1] + 3]][:_LINES])


def picture(lines: list[str]) -> str:
    """Return lines as a terminal, without the web fonts that rich would load."""
    console = Console(record=True, width=100, file=io.StringIO(), force_terminal=True)
    for line in lines:
        style = "bold" if line.startswith(("──", "$", "What ")) else ""
        console.print(Text(line[:160], style=style), overflow="ellipsis", no_wrap=True, crop=True)
    text = console.export_svg(title="hr-sync", theme=DIMMED_MONOKAI, unique_id="demo")
    return _FONTS.sub("", text).replace("Fira Code, monospace", "ui-monospace, monospace")
