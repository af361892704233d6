"""Generates `config.example.toml` and the JSON schema of the TOML file from the model."""

import json
import textwrap
from typing import Any

from pydantic import BaseModel

from hr_sync.settings.keys import Key, groups, keys
from hr_sync.settings.model import PLACEHOLDER, Settings

_HEAD = """\
# Settings of hr_sync. Copy this file to config.toml and fill in what says CHANGE-ME. A key behind "# " has its
# default, or an example when it has none. Generated from hr_sync/settings/model.py.
#
# Each key may be an environment variable instead, whose name stands beside it. The variable with _FILE at its end names
# a file that holds the value, which is how secrets are best given. In this file a secret's key with _file at its end
# does the same: api_token_file = "token". Command line, environment, secret file and this file count in this order.
# Unknown keys and unknown HR_SYNC_ variables are refused.
"""


def config_example() -> str:
    """Return the text of `config.example.toml`: every key with its description, its variable and its default."""
    return _HEAD + "".join(_table(group, model) for group, model in groups())


def config_schema() -> dict[str, Any]:
    """Return a JSON schema for the TOML file. Nothing is required in it: a value may come from the environment."""
    schema = Settings.model_json_schema(by_alias=True)
    for table in [schema, *schema["$defs"].values()]:
        table.pop("required", None)
    for group, model in groups():
        named = {f"{key.name}_file": _file_of(key) for key in keys() if key.group == group and key.is_secret}
        schema["$defs"][model.__name__]["properties"] |= named
    schema["$schema"] = "https://json-schema.org/draft/2020-12/schema"
    schema["title"] = "hr_sync settings"
    return schema


def _file_of(key: Key) -> dict[str, str]:
    description = f"File that holds {key.name}; relative to the folder of the TOML file."
    return {"type": "string", "description": description}


def _table(group: str, model: type[BaseModel]) -> str:
    entries = [_entry(key) for key in keys() if key.group == group]
    return "\n".join([f"\n[{group}]", _comment(model.__doc__ or ""), *entries, ""])


def _entry(key: Key) -> str:
    lines = ["", _comment(key.field.description or ""), f"# {key.variable}"]
    example = toml((key.field.examples or [key.field.default])[0])
    sign = "" if PLACEHOLDER in example else "# "
    return "\n".join([*lines, f"{sign}{key.name} = {example}"])


def _comment(text: str) -> str:
    one_line = " ".join(text.split())
    return textwrap.fill(
        one_line, width=120, initial_indent="# ", subsequent_indent="# ", break_long_words=False, break_on_hyphens=False
    )


def toml(value: object) -> str:
    """Return a value as TOML: texts, numbers, truth values and lists of them are written as in JSON."""
    return json.dumps(value)
