"""The table of all settings, within docs/configuration.md."""

import re

from pydantic_core import PydanticUndefined

from hr_sync.settings.described import descriptions
from hr_sync.settings.keys import keys

BETWEEN = re.compile(r"(<!-- settings:[^>]*-->\n).*?(<!-- /settings -->)", re.DOTALL)


def settings_table() -> str:
    """Return the table: one line a setting, from the model."""
    lines = ["| setting | default | what it is |", "|---|---|---|"]
    texts = descriptions()
    for key in keys():
        default = key.field.default
        shown = "" if default in (None, (), PydanticUndefined) else f"`{default}`"
        description = " ".join(texts[key.path].split()).replace("|", "\\|").replace("*", "\\*")
        lines.append(f"| `{key.path}` | {shown} | {description} |")
    return "\n".join(lines) + "\n"


def with_table(guide: str) -> str:
    """Return the guide with the table as it should be."""
    return BETWEEN.sub(lambda found: found[1] + settings_table() + found[2], guide)
