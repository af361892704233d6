"""The generated example and schema against the model and the loader."""

import json
import re
import tomllib
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from hr_sync.settings import load_settings, secret_values, shown
from hr_sync.settings.described import descriptions
from hr_sync.settings.example import config_example, config_schema
from hr_sync.settings.keys import keys
from hr_sync.settings.model import PLACEHOLDER

ROOT = Path(__file__).parents[2]


def filled(text: str) -> str:
    return text.replace(PLACEHOLDER, "ACME")


def uncommented(text: str) -> str:
    return re.sub(r"^# (?=[a-z_]+ = )", "", text, flags=re.MULTILINE)


def test_the_committed_example_is_the_generated_one() -> None:
    """To write it anew, print `config_example()` into it."""
    assert (ROOT / "config.example.toml").read_text(encoding="utf-8") == config_example()


def test_the_example_loads_once_its_placeholders_are_filled(tmp_path: Path) -> None:
    """As it stands it is refused."""
    config = tmp_path / "config.toml"
    config.write_text(filled(config_example()))

    settings = load_settings(config, {})

    assert settings.confluence.spaces == ("ACME",)


def test_every_key_of_the_example_holds_what_the_model_takes(tmp_path: Path) -> None:
    """Defaults and examples behind comment signs are as valid as the rest."""
    unused = r"^(token|client_id|client_secret|ca_file) = .*"
    text = re.sub(unused, "", uncommented(filled(config_example())), flags=re.MULTILINE)
    config = tmp_path / "config.toml"
    config.write_text(text)

    settings = load_settings(config, {})

    unset = {key.path for key in keys() if settings.source_of(key.path) is None}
    client = {"confluence.client_id", "confluence.client_secret"}
    assert unset == {"confluence.token", *client, "confluence.ca_file", "service.token"}  # commented out above


def test_every_key_has_a_description_and_its_variable_beside_it() -> None:
    """An operator needs no second document."""
    example, texts = config_example(), descriptions()
    for key in keys():
        assert texts[key.path], key.path
        assert re.search(rf"^# {key.variable}\n(# )?{key.name} = ", example, flags=re.MULTILINE), key.path
    assert max(map(len, example.splitlines())) <= 120


@pytest.mark.parametrize(
    ("toml", "is_valid"),
    [
        (filled(config_example()), True),
        ("", True),
        ("[confluence]\nspaces = 'HR, IT'", True),
        ("[database]\nschema = 'mirror'", True),
        ("[confluence]\nurls = 'x'", False),
        ("[confluence]\nmax_connections = 33", False),
        ("[logs]\nlevel = 'info'", False),
        ("[log]\nlevel = 'loud'", False),
    ],
)
def test_the_schema_judges_a_file_as_the_loader_does(toml: str, is_valid: bool) -> None:
    """Nothing is required in it, since the environment may hold the rest."""
    schema = config_schema()
    jsonschema.Draft202012Validator.check_schema(schema)

    assert jsonschema.Draft202012Validator(schema).is_valid(tomllib.loads(toml)) == is_valid


def test_shown_settings_hide_every_secret_and_tell_every_source(tmp_path: Path) -> None:
    """Ready for JSON, by the key names of the TOML file."""
    (tmp_path / "url").write_text("postgresql://u:canary%40password@h/db\n")
    environ = {
        "HR_SYNC_CONFLUENCE__URL": "https://acme.atlassian.net",
        "HR_SYNC_CONFLUENCE__SPACES": "HR",
        "HR_SYNC_CONFLUENCE__TOKEN": "canary-token",
        "HR_SYNC_DATABASE__URL_FILE": str(tmp_path / "url"),
    }

    document: dict[str, Any] = json.loads(json.dumps(shown(load_settings(None, environ))))

    assert "canary" not in str(document)
    assert document["database"]["url"] == {"value": "***", "source": "HR_SYNC_DATABASE__URL_FILE"}
    assert document["database"]["schema"] == {"value": "public", "source": "default"}
    assert document["confluence"]["api_token"] == {"value": None, "source": "default"}
    assert document["confluence"]["spaces"] == {"value": ["HR"], "source": "HR_SYNC_CONFLUENCE__SPACES"}
    assert {f"{group}.{name}" for group, table in document.items() for name in table} == {key.path for key in keys()}


def test_secrets_are_known_in_each_spelling_that_a_library_prints() -> None:
    """As set, escaped in a URL, unescaped from it, and in a Basic header."""
    environ = {
        "HR_SYNC_CONFLUENCE__URL": "https://acme.atlassian.net",
        "HR_SYNC_CONFLUENCE__SPACES": "HR",
        "HR_SYNC_CONFLUENCE__USERNAME": "jane",
        "HR_SYNC_CONFLUENCE__API_TOKEN": "to/ken",
        "HR_SYNC_DATABASE__URL": "postgresql://u:p%40ss@h/db",
    }

    values = secret_values(load_settings(None, environ))

    assert {"to/ken", "to%2Fken", "amFuZTp0by9rZW4=", "p@ss", "p%40ss", "postgresql://u:p%40ss@h/db"} <= set(values)
