"""The text of a settings file that holds nothing but what was chosen. Pure."""

from collections.abc import Mapping

from hr_sync.settings.example import toml
from hr_sync.settings.keys import groups

_HEAD = """\
# Settings of hr_sync, written by `hr-sync init`. `hr-sync config example` explains every setting, `hr-sync config show`
# prints what counts, and `hr-sync check` tests it. Names of files are relative to the folder of this file.
"""


def config_text(values: Mapping[str, object]) -> str:
    """Return the settings file with these values by key path; None and empty lists are left out."""
    tables = [_table(group, values) for group, _ in groups()]
    return "\n".join([_HEAD, *filter(None, tables)])


def _table(group: str, values: Mapping[str, object]) -> str:
    inside = {path.partition(".")[2]: value for path, value in values.items() if path.partition(".")[0] == group}
    lines = [f"{name} = {toml(value)}" for name, value in inside.items() if value is not None and value != []]
    return "\n".join([f"[{group}]", *lines, ""]) if lines else ""
