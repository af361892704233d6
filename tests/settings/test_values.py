"""Which values are refused. Every message names key, source and remedy, and none quotes the value."""

from collections.abc import Callable
from pathlib import Path

import certifi
import pytest

from hr_sync.settings import Settings, load_settings, model
from hr_sync.settings.keys import Key, keys

Refused = Callable[..., str]


def variable(key: str) -> str:
    return f"HR_SYNC_{key.replace('.', '__')}".upper()


@pytest.mark.parametrize(
    ("key", "value", "expected"),
    [
        ("confluence.url", "", "must be one address"),
        ("confluence.username", "", "must not be empty"),
        ("confluence.username", "jane:canary", "must not hold a colon"),
        ("confluence.api_token", "", "must not be empty"),
        ("confluence.api_token", "canary\nX-Evil: 1", "must not hold a line break"),
        ("confluence.api_token", " canary", "must not begin or end with a blank"),
        ("confluence.spaces", "", "must name at least one space"),
        ("confluence.spaces", " , ", "must name at least one space"),
        ("confluence.spaces", "HR,can ary", "entry 2 must be a space key"),
        ("confluence.spaces", "HR,*", 'must be ["*"] alone'),
        ("confluence.spaces", "[canary", "must be a comma-separated list"),
        ("confluence.spaces", "[7]", "entry 1 must be a valid string"),
        ("confluence.exclude_spaces", "*", "must name spaces"),
        ("confluence.exclude_spaces", "HR", "must not name a space that spaces names too"),
        ("confluence.flavor", "canary", "must be 'auto', 'cloud' or 'datacenter'"),
        ("confluence.include_personal_spaces", "canary", "must be a valid boolean"),
        ("confluence.max_connections", "canary", "must be a valid integer"),
        ("confluence.max_connections", "", "must be a valid integer"),
        ("confluence.max_connections", "0", "must be greater than or equal to 1"),
        ("confluence.max_connections", "33", "must be less than or equal to 32"),
        ("confluence.max_connections", "1.5", "must be a valid integer"),
        ("confluence.max_connections", "9" * 5000, "Unable to parse input string as an integer"),
        ("confluence.request_timeout_seconds", "nan", "must be "),
        ("confluence.request_timeout_seconds", "inf", "must be "),
        ("confluence.request_timeout_seconds", "-1", "must be greater than 0"),
        ("confluence.ca_file", "/canary.pem", "must name a file that can be read (No such file or directory)"),
        ("confluence.ca_file", __file__, "must name a file of PEM certificates"),
        ("confluence.ca_file", "/etc", "must name a file"),
        ("confluence.ca_file", "", "must not be empty"),
        ("database.url", "", "must not be empty"),
        ("database.url", "canary", "must begin with postgresql://"),
        ("database.url", "mysql://u:canary@h/db", "must begin with postgresql://"),
        ("database.url", "postgresql+psycopg2://u:canary@h/db", "must begin with postgresql://"),
        ("database.url", "postgresql://u:canary@h:port/db", "is not an address"),
        ("database.url", "postgresql://u:canary@h", "must name the database"),
        ("database.url", "postgresql://u:canary@h/db?sslmod=require", "has an option after the ?"),
        ("database.schema", "", "must not be empty"),
        ("database.schema", "canary; drop", "must be a plain name"),
        ("database.schema", "Canary", "must be a plain name"),
        ("database.schema", "pg_canary", "must not be a schema of PostgreSQL itself"),
        ("database.embedded_folder", "", "must not be empty"),
        ("database.connect_timeout_seconds", "1", "must be greater than or equal to 2"),
        ("sync.max_removed_fraction", "10", "must be less than or equal to 1"),
        ("log.level", "canary", "must be 'debug', 'info', 'warning' or 'error'"),
    ],
)
def test_a_wrong_value_is_refused(
    complete: dict[str, str], refused: Refused, key: str, value: str, expected: str
) -> None:
    """One line: key, variable, what it must be."""
    message = refused(complete | {variable(key): value})

    header, line = message.splitlines()
    assert header == "one mistake in the settings; nothing was started:"
    assert line.startswith(f"  {key} ({variable(key)}): ")
    assert expected in line
    assert "canary" not in message.lower()


@pytest.mark.parametrize(
    ("toml", "expected"),
    [
        ("confluence]\nmax_connections = true", "must be a number, not true or false"),
        ("confluence]\nmax_connections = 2026-01-01", "must be a valid integer"),
        ("confluence]\nrequest_timeout_seconds = true", "must be a number, not true or false"),
        ("confluence]\nusername = 7", "must be a valid string"),
        ("confluence]\napi_token = 7", "must be a valid string"),
        ("confluence]\nurl = ['https://acme.atlassian.net']", "must be a valid string"),
        ("confluence]\nspaces = 7", "must be a valid tuple"),
        ("confluence]\nspaces = {HR = 1}", "must be a valid tuple"),
        ("confluence]\ninclude_personal_spaces = 7", "must be a valid boolean"),
        ("database]\nembedded_folder = 7", "must be a path"),
        ("log]\nlevel = 7", "must be 'debug'"),
        ("log]\nlevel = {a = 1}", "must be 'debug'"),
    ],
)
def test_a_value_of_the_wrong_type_is_refused(
    complete: dict[str, str], refused: Refused, toml: str, expected: str
) -> None:
    """TOML has types; `true` is not the number 1."""
    key = toml.replace("]\n", ".").partition(" =")[0]
    Path("config.toml").write_text("[" + toml)
    complete.pop(variable(key), None)

    message = refused(complete)

    assert message.splitlines()[1].startswith(f"  {key} (config.toml): ")
    assert expected in message


@pytest.mark.parametrize("mode", [None, "enforce", "account"])
def test_what_the_account_sees_is_shown_to_its_own_audience_alone(
    complete: dict[str, str], refused: Refused, mode: str | None
) -> None:
    """Rendered macros are refused unless the account's view is the audience; the message says what to set."""
    given = complete | {"HR_SYNC_TEXT__RENDERED_MACROS": "true"} | ({"HR_SYNC_ACCESS__MODE": mode} if mode else {})
    if mode == "account":
        assert load_settings(None, given).text.rendered_macros
    else:
        line = refused(given).splitlines()[1]
        assert line.startswith(
            "  text.rendered_macros (HR_SYNC_TEXT__RENDERED_MACROS): must be false unless access.mode"
        )
        assert 'Set access.mode = "account"' in line


def test_all_mistakes_are_told_at_once(refused: Refused) -> None:
    """Somebody who deploys puts everything right in one go."""
    message = refused({"HR_SYNC_CONFLUENCE__MAX_CONNECTIONS": "99", "HR_SYNC_LOG__FORMAT": "xml", "HR_SYNC_X": ""})

    assert message.splitlines() == [
        "6 mistakes in the settings; nothing was started:",
        "  HR_SYNC_X: unknown environment variable",
        "  confluence.url: required; set url below [confluence] in config.toml, or HR_SYNC_CONFLUENCE__URL",
        "  confluence.spaces: required; set spaces below [confluence] in config.toml, or HR_SYNC_CONFLUENCE__SPACES",
        "  confluence.max_connections (HR_SYNC_CONFLUENCE__MAX_CONNECTIONS): must be less than or equal to 32",
        (
            "  confluence.token: nothing to authenticate with: set username and api_token both, or client_id and "
            "client_secret both, or token alone"
        ),
        "  log.format (HR_SYNC_LOG__FORMAT): must be 'auto', 'console' or 'json'",
    ]


@pytest.mark.parametrize(
    ("given", "is_one_way"),
    [
        ({"USERNAME", "API_TOKEN"}, True),
        ({"TOKEN"}, True),
        ({"CLIENT_ID", "CLIENT_SECRET"}, True),
        ({"CLIENT_ID"}, False),
        ({"CLIENT_SECRET"}, False),
        ({"CLIENT_ID", "CLIENT_SECRET", "TOKEN"}, False),
        ({"CLIENT_ID", "CLIENT_SECRET", "USERNAME", "API_TOKEN"}, False),
        ({"CLIENT_ID", "USERNAME"}, False),
        (set(), False),
        ({"USERNAME"}, False),
        ({"API_TOKEN"}, False),
        ({"USERNAME", "TOKEN"}, False),
        ({"API_TOKEN", "TOKEN"}, False),
        ({"USERNAME", "API_TOKEN", "TOKEN"}, False),
    ],
)
def test_there_is_exactly_one_way_to_authenticate(
    complete: dict[str, str], refused: Refused, given: set[str], is_one_way: bool
) -> None:
    """Two ways would leave open which account's permissions the mirror has."""
    environ = {name: value for name, value in complete.items() if not name.endswith(("USERNAME", "TOKEN"))}
    environ |= {f"HR_SYNC_CONFLUENCE__{name}": "canary" for name in given}

    if is_one_way:
        load_settings(None, environ)
    else:
        message = refused(environ)
        assert message.count("\n") == 1
        assert "canary" not in message


def test_every_setting_is_blanked_without_a_canary_in_the_message(complete: dict[str, str], refused: Refused) -> None:
    """A ValidationError prints the whole input when another field is missing; we never do."""
    canaries = complete | {
        "HR_SYNC_CONFLUENCE__API_TOKEN": "canary-token",
        "HR_SYNC_DATABASE__URL": "postgresql://u:canary-password@h/db",
    }
    for name in canaries:
        for spoilt in ({**canaries, name: ""}, {key: value for key, value in canaries.items() if key != name}):
            if name == "HR_SYNC_DATABASE__URL" and name not in spoilt:
                continue  # optional
            assert "canary" not in refused(spoilt)


def test_placeholders_of_the_example_are_refused(complete: dict[str, str], refused: Refused) -> None:
    """A copied example that nobody filled in ends at the settings, not at a host that does not exist."""
    message = refused(complete | {"HR_SYNC_CONFLUENCE__URL": f"https://{model.PLACEHOLDER}.atlassian.net"})

    assert "confluence.url (HR_SYNC_CONFLUENCE__URL): still holds the placeholder" in message


@pytest.mark.parametrize("written", ["HR,IT", " HR , IT ,HR,", '["HR", "IT"]'])
def test_a_list_is_written_with_commas_or_brackets(complete: dict[str, str], written: str) -> None:
    """Repetitions count once."""
    settings = load_settings(None, complete | {"HR_SYNC_CONFLUENCE__SPACES": written})

    assert settings.confluence.spaces == ("HR", "IT")


LISTS = [key for key in keys() if isinstance(key.field.default, list | tuple) or key.path == "confluence.spaces"]


@pytest.mark.parametrize("key", LISTS, ids=lambda key: key.path)
def test_every_list_may_be_a_variable(complete: dict[str, str], key: Key) -> None:
    """With commas."""
    words = next((value for value in (key.field.default, *(key.field.examples or ())) if value), ["1", "2"])
    written = "HR,IT" if key.path == "confluence.spaces" else ",".join(words)

    settings = load_settings(None, complete | {key.variable: written})

    found = getattr(getattr(settings, key.group), key.attribute)
    assert [str(each) for each in found] == written.split(",")


def test_a_certificate_file_is_taken(complete: dict[str, str]) -> None:
    """Any PEM bundle will do."""
    settings = load_settings(None, complete | {"HR_SYNC_CONFLUENCE__CA_FILE": certifi.where()})

    assert settings.confluence.ca_file == Path(certifi.where())


def test_a_home_folder_is_expanded(complete: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither TOML nor a container expands `~`, and a folder of that name helps nobody."""
    monkeypatch.setenv("HOME", str(tmp_path))

    settings = load_settings(None, complete | {"HR_SYNC_DATABASE__EMBEDDED_FOLDER": "~/pg"})

    assert settings.database.embedded_folder == tmp_path / "pg"


def test_settings_cannot_be_changed(complete: dict[str, str]) -> None:
    """What was checked stays what it was."""
    settings = load_settings(None, complete)

    with pytest.raises(ValueError, match="frozen"):
        settings.log.level = "debug"
    with pytest.raises(ValueError, match="frozen"):
        settings.log = model.LogSettings()


def test_the_database_url_is_one_of_psycopg_and_hides_its_password(complete: dict[str, str]) -> None:
    """Sockets too, which the PostgreSQL type of pydantic refuses."""
    for address in ("postgresql://u:canary@h:5/db?sslmode=require", "postgresql://u@/db?host=/run/pg"):
        settings = load_settings(None, complete | {"HR_SYNC_DATABASE__URL": address})
        url = settings.database.sqlalchemy_url
        assert url is not None
        assert url.drivername == "postgresql+psycopg"
        assert url.database == "db"
        assert "canary" not in f"{settings!r}{settings}{settings.database.url}{url!r}{url}"


def test_settings_made_by_hand_look_at_nothing_else(monkeypatch: pytest.MonkeyPatch) -> None:
    """pydantic-settings would read a variable named LOG."""
    monkeypatch.setenv("LOG", '{"level": "debug"}')
    confluence = {"url": "https://acme.atlassian.net", "spaces": ["HR"], "token": "t"}

    assert Settings.model_validate({"confluence": confluence}).log.level == "info"
    assert Settings(confluence=confluence).log.level == "info"  # type: ignore[arg-type] # as tests write it
