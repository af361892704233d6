"""Generates `config.example.toml` and the JSON schema of the TOML file from the model."""

import json
import textwrap
from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel

from hr_sync.settings.described import descriptions
from hr_sync.settings.keys import SITES, Key, groups, keys
from hr_sync.settings.model import PLACEHOLDER, Settings
from hr_sync.settings.sites import LONGEST_NAME, SITE_NAME, is_of_installation

_HEAD = """\
# Settings of hr_sync. Copy this file to config.toml and fill in what says CHANGE-ME. A key behind "# " has its
# default, or an example when it has none. Generated from hr_sync/settings/model.py.
#
# Each key may be an environment variable instead, whose name stands beside it. The variable with _FILE at its end names
# a file that holds the value, which is how secrets are best given. In this file a secret's key with _file at its end
# does the same: api_token_file = "token". Command line, environment, secret file and this file count in this order.
# Unknown keys and unknown HR_SYNC_ variables are refused.
"""

_SITES = """
# Several sites in one database (docs/sites.md): a table below sites.NAME holds what is different for that site, and the
# tables above count for all. Its variables are HR_SYNC_SITES__NAME__CONFLUENCE__URL and so on. Its schema is its name.
#   [sites.emea.confluence]
#   url = "https://acme-emea.atlassian.net"
#   api_token_file = "emea-token"
#   [sites.apac.confluence]
#   url = "https://acme-apac.atlassian.net"
#   api_token_file = "apac-token"
#   [sites.apac.sync]
#   time_zone = "Asia/Singapore"
"""


def config_example() -> str:
    """Return the text of `config.example.toml`: every key with its description, its variable and its default."""
    texts = descriptions()
    return _HEAD + "".join(_table(group, model, texts) for group, model in groups()) + _SITES


def config_schema() -> dict[str, Any]:
    """Return a JSON schema for the TOML file. Nothing is required in it: a value may come from the environment."""
    schema, texts = Settings.model_json_schema(by_alias=True), descriptions()
    for table in [schema, *schema["$defs"].values()]:
        table.pop("required", None)
    for group, model in groups():
        properties = schema["$defs"][model.__name__]["properties"]
        of_group = [key for key in keys() if key.group == group]
        for key in of_group:
            properties[key.name]["description"] = texts[key.path]
        properties |= {f"{key.name}_file": _file_of(key) for key in of_group if key.is_secret}
    schema["properties"][SITES] = {
        "type": "object",
        "description": "What is different for each of several sites.",
        "minProperties": 1,
        "propertyNames": {"pattern": f"^{SITE_NAME}$", "maxLength": LONGEST_NAME},
        "additionalProperties": {
            "type": "object",
            "properties": {group: _of_site(group, schema["$defs"][model.__name__]) for group, model in groups()},
            "additionalProperties": False,
        },
    }
    schema["$schema"] = "https://json-schema.org/draft/2020-12/schema"
    schema["title"] = "hr_sync settings"
    return schema


def _of_site(group: str, table: dict[str, Any]) -> dict[str, Any]:
    """Return the schema of a table of one site: of some groups it has only what no other site may have."""
    own = {name: each for name, each in table["properties"].items() if not is_of_installation(f"{group}.{name}")}
    return table | {"properties": own}


def _file_of(key: Key) -> dict[str, str]:
    description = f"File that holds {key.name}; relative to the folder of the TOML file."
    return {"type": "string", "description": description}


def _table(group: str, model: type[BaseModel], texts: Mapping[str, str]) -> str:
    entries = [_entry(key, texts[key.path]) for key in keys() if key.group == group]
    return "\n".join([f"\n[{group}]", _comment(model.__doc__ or ""), *entries, ""])


def _entry(key: Key, description: str) -> str:
    lines = ["", _comment(description), f"# {key.variable}"]
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
