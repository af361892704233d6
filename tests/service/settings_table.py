"""The table of all settings in docs/configuration.md. Run as a program, it writes the table anew."""

import re
from pathlib import Path

from pydantic_core import PydanticUndefined

from hr_sync.settings.keys import keys

GUIDE = Path(__file__).parents[2] / "docs" / "configuration.md"
BETWEEN = re.compile(r"(<!-- settings:[^>]*-->\n).*?(<!-- /settings -->)", re.DOTALL)


def settings_table() -> str:
    """One line a setting, from the model."""
    lines = ["| setting | default | what it is |", "|---|---|---|"]
    for key in keys():
        default = key.field.default
        shown = "" if default in (None, (), PydanticUndefined) else f"`{default}`"
        description = " ".join((key.field.description or "").split()).replace("|", "\\|").replace("*", "\\*")
        lines.append(f"| `{key.path}` | {shown} | {description} |")
    return "\n".join(lines) + "\n"


def with_table(guide: str) -> str:
    """Return the guide with the table as it should be."""
    return BETWEEN.sub(lambda found: found[1] + settings_table() + found[2], guide)


if __name__ == "__main__":
    GUIDE.write_text(with_table(GUIDE.read_text(encoding="utf-8")), encoding="utf-8")
