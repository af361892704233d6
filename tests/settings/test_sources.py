"""Which source counts, and what is refused before any value is looked at."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from hr_sync.settings import load_settings, shown
from hr_sync.settings.keys import keys

Refused = Callable[..., str]

CONFLUENCE_TABLE = """
[confluence]
url = "https://file.atlassian.net"
username = "jane@acme.com"
api_token = "canary-api-token"
spaces = ["FILE"]
"""


def test_each_source_outranks_the_next(complete: dict[str, str], tmp_path: Path) -> None:
    """Command line, environment, secret file, TOML, default: the first that names a key wins, key by key."""
    config = tmp_path / "my.toml"
    config.write_text("[sync]\noverlap_minutes = 1\nmax_removed_pages = 2\n[log]\nlevel = 'debug'\nformat = 'json'\n")
    secret = tmp_path / "pages"
    secret.write_text("3\n")
    environ = complete | {
        "HR_SYNC_SYNC__MAX_REMOVED_PAGES_FILE": str(secret),
        "HR_SYNC_LOG__LEVEL": "warning",
        "HR_SYNC_LOG__FORMAT": "console",
    }

    settings = load_settings(config, environ, {"log.level": "error", "log.format": None})

    paths = ("log.level", "log.format", "sync.max_removed_pages", "sync.overlap_minutes", "sync.max_removed_fraction")
    values = (settings.log.level, settings.log.format, settings.sync.max_removed_pages, settings.sync.overlap_minutes)
    assert values == ("error", "console", 3, 1)
    assert [settings.source_of(path) for path in paths] == [
        "command line",
        "HR_SYNC_LOG__FORMAT",
        "HR_SYNC_SYNC__MAX_REMOVED_PAGES_FILE",
        str(config),
        None,
    ]


def test_the_named_file_outranks_the_variable_and_the_usual_places(tmp_path: Path) -> None:
    """`--config`, then HR_SYNC_CONFIG, then config.toml in the working directory, then the one in /etc."""
    places = [tmp_path / name for name in ("named.toml", "variable.toml", "config.toml", "etc/config.toml")]
    (tmp_path / "etc").mkdir()
    for number, place in enumerate(places, start=1):
        place.write_text(CONFLUENCE_TABLE + f"[sync]\nmax_removed_pages = {number}\n")
    variable = {"HR_SYNC_CONFIG": str(places[1])}

    assert load_settings(places[0], variable).sync.max_removed_pages == 1
    assert load_settings(None, variable).sync.max_removed_pages == 2
    assert load_settings(None, {}).sync.max_removed_pages == 3
    places[2].unlink()
    assert load_settings(None, {}).sync.max_removed_pages == 4


def test_nothing_is_read_but_the_given_environment(complete: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    """Variables without our prefix, which pydantic-settings would take by itself, do not count."""
    monkeypatch.setenv("LOG", '{"level": "debug"}')
    monkeypatch.setenv("HR_SYNC_LOG__LEVEL", "debug")

    assert load_settings(None, complete | {"LOG": '{"level": "debug"}'}).log.level == "info"


@pytest.mark.parametrize(
    ("content", "token"),
    [
        (b"canary", "canary"),
        (b"canary\n", "canary"),
        (b"canary\r\n", "canary"),
        (b"\xef\xbb\xbfcanary\n", "canary"),
        (b"can ary\n", "can ary"),
    ],
)
def test_a_secret_file_loses_only_its_last_line_break(
    complete: dict[str, str], tmp_path: Path, content: bytes, token: str
) -> None:
    """Windows line ends and a byte order mark are the editor's, all else is the secret's."""
    secret = tmp_path / "token"
    secret.write_bytes(content)
    del complete["HR_SYNC_CONFLUENCE__API_TOKEN"]

    settings = load_settings(None, complete | {"HR_SYNC_CONFLUENCE__API_TOKEN_FILE": str(secret)})

    assert settings.confluence.api_token is not None
    assert settings.confluence.api_token.get_secret_value() == token


def test_a_blank_at_the_end_of_a_secret_file_is_refused_and_not_dropped(
    complete: dict[str, str], tmp_path: Path, refused: Refused
) -> None:
    """It may be part of a password; guessing would fail at Confluence, far from the cause."""
    (tmp_path / "token").write_text("canary \n")
    del complete["HR_SYNC_CONFLUENCE__API_TOKEN"]

    message = refused(complete | {"HR_SYNC_CONFLUENCE__API_TOKEN_FILE": str(tmp_path / "token")})

    assert message.endswith("(HR_SYNC_CONFLUENCE__API_TOKEN_FILE): must not begin or end with a blank")


def test_a_settings_file_names_the_file_of_a_secret(complete: dict[str, str], tmp_path: Path) -> None:
    """Relative to its own folder, wherever the program is started."""
    folder = tmp_path / "etc"
    folder.mkdir()
    (folder / "token").write_text("canary-from-file\n")
    (folder / "token").chmod(0o600)
    (folder / "my.toml").write_text('[confluence]\napi_token_file = "token"\n[database]\nurl_file = "url"\n')
    (folder / "url").write_text("postgresql://hr:canary@db/hr")
    (folder / "url").chmod(0o604)
    del complete["HR_SYNC_CONFLUENCE__API_TOKEN"]

    settings = load_settings(folder / "my.toml", complete)

    assert settings.confluence.api_token is not None
    assert settings.confluence.api_token.get_secret_value() == "canary-from-file"
    assert settings.source_of("confluence.api_token") == f"{folder}/my.toml, api_token_file"
    assert settings.database.url is not None
    assert settings.readable_secrets == (f"the file that url_file in {folder}/my.toml names",)
    environ = complete | {"HR_SYNC_CONFLUENCE__API_TOKEN": "canary-of-the-environment"}
    assert load_settings(folder / "my.toml", environ).source_of("confluence.api_token") in environ


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ('token_file = "nowhere"', "confluence.token (my.toml, token_file): must name a file that holds the value"),
        ("token_file = 1", "must be the name of a file"),
        ('token_file = ""', "must be the name of a file"),
        ('token = "canary"\ntoken_file = "token"', "set beside token; keep one of them"),
        ('username_file = "token"', "unknown key"),
    ],
)
def test_a_file_that_a_settings_file_names_wrongly(
    complete: dict[str, str], tmp_path: Path, refused: Refused, line: str, says: str
) -> None:
    """One message, which does not quote it: it may be the secret itself."""
    (tmp_path / "token").write_text("canary")
    (tmp_path / "my.toml").write_text(f"[confluence]\n{line}\n")
    del complete["HR_SYNC_CONFLUENCE__USERNAME"], complete["HR_SYNC_CONFLUENCE__API_TOKEN"]

    message = refused(complete, Path("my.toml"))

    assert says in message
    assert "nowhere" not in message


def test_every_secret_may_be_in_a_file() -> None:
    """Nothing else may."""
    assert {key.path for key in keys() if key.is_secret} == {
        *("confluence.api_token", "confluence.client_secret", "confluence.token", "confluence.proxy", "database.url"),
        *("service.token", "service.ping_url"),
    }


def test_a_secret_of_a_kubernetes_volume_is_read_through_its_links(complete: dict[str, str], tmp_path: Path) -> None:
    """The volume shows each secret as a link into `..data`, which is a link itself."""
    (tmp_path / "..2026").mkdir()
    (tmp_path / "..2026" / "token").write_text("canary")
    (tmp_path / "..data").symlink_to("..2026")
    (tmp_path / "token").symlink_to("..data/token")
    del complete["HR_SYNC_CONFLUENCE__API_TOKEN"]

    settings = load_settings(None, complete | {"HR_SYNC_CONFLUENCE__API_TOKEN_FILE": str(tmp_path / "token")})

    assert settings.source_of("confluence.api_token") == "HR_SYNC_CONFLUENCE__API_TOKEN_FILE"


def test_an_unreadable_secret_file_is_one_mistake_that_does_not_name_it(
    complete: dict[str, str], tmp_path: Path, refused: Refused
) -> None:
    """Who confuses the two variables has put the secret itself where the path belongs."""
    del complete["HR_SYNC_CONFLUENCE__API_TOKEN"]
    (tmp_path / "utf16").write_text("canary", encoding="utf-16")
    (tmp_path / "large").write_bytes(b"x" * 1_000_001)
    for path, reason in {
        "canary-api-token": "No such file or directory",
        str(tmp_path): "Is a directory",
        "": "Is a directory",
        str(tmp_path / "utf16"): "not UTF-8",
        str(tmp_path / "large"): "too large",
    }.items():
        message = refused(complete | {"HR_SYNC_CONFLUENCE__API_TOKEN_FILE": path})

        assert message.count("\n") == 1, message
        assert "confluence.api_token (HR_SYNC_CONFLUENCE__API_TOKEN_FILE): must name a file" in message
        assert reason in message
        assert "canary" not in message


def test_a_file_that_everybody_may_write_is_refused(complete: dict[str, str], tmp_path: Path, refused: Refused) -> None:
    """Whoever else is on the machine could put their own token or address there."""
    del complete["HR_SYNC_CONFLUENCE__API_TOKEN"]
    secret = tmp_path / "token"
    secret.write_text("canary")
    secret.chmod(0o646)
    environ = complete | {"HR_SYNC_CONFLUENCE__API_TOKEN_FILE": str(secret)}

    message = refused(environ)
    assert "(everybody may write to it; use chmod o-w)" in message
    assert "canary" not in message

    secret.chmod(0o644)
    assert load_settings(None, environ).confluence.api_token is not None


@pytest.mark.parametrize("way", ["toml", "file"])
def test_a_client_secret_that_others_may_read_is_reported(complete: dict[str, str], tmp_path: Path, way: str) -> None:
    """In the settings file, or in a file of its own."""
    environ = {name: value for name, value in complete.items() if not name.endswith(("USERNAME", "API_TOKEN"))}
    config = tmp_path / "config.toml"
    secret = tmp_path / "secret"
    secret.write_text("canary\n")
    config.write_text('[confluence]\nclient_id = "hr"\n' + ('client_secret = "canary"\n' if way == "toml" else ""))
    if way == "file":
        environ["HR_SYNC_CONFLUENCE__CLIENT_SECRET_FILE"] = str(secret)
    config.chmod(0o644)
    secret.chmod(0o644)
    settings = load_settings(config, environ)

    assert settings.confluence.client_secret is not None
    assert settings.confluence.client_secret.get_secret_value() == "canary"
    assert len(settings.readable_secrets) == 1
    assert "canary" not in str(settings) + repr(settings) + str(shown(settings))


def test_an_empty_variable_names_no_settings_file(complete: dict[str, str]) -> None:
    """Compose sets a variable to nothing when it is not set outside."""
    assert load_settings(None, complete | {"HR_SYNC_CONFIG": ""}).confluence.spaces


def test_a_variable_and_its_secret_file_are_not_both_taken(complete: dict[str, str], refused: Refused) -> None:
    """Which of the two is the stale one cannot be known."""
    message = refused(complete | {"HR_SYNC_CONFLUENCE__API_TOKEN_FILE": "/dev/null"})

    assert message.endswith("_FILE): set beside HR_SYNC_CONFLUENCE__API_TOKEN; keep one of them")


def test_a_key_that_ends_in_file_is_no_secret_file(complete: dict[str, str], refused: Refused) -> None:
    """HR_SYNC_CONFLUENCE__CA_FILE is the key `confluence.ca_file`."""
    assert "confluence.ca_file (HR_SYNC_CONFLUENCE__CA_FILE)" in refused(
        complete | {"HR_SYNC_CONFLUENCE__CA_FILE": "/canary"}
    )


@pytest.mark.parametrize(
    ("name", "suggestion"),
    [
        ("HR_SYNC_LOGLEVEL", "; did you mean HR_SYNC_LOG__LEVEL?"),
        ("HR_SYNC_LOG_LEVEL", "; did you mean HR_SYNC_LOG__LEVEL?"),
        ("hr_sync_log__level", "; did you mean HR_SYNC_LOG__LEVEL?"),
        ("HR_SYNC_CONFLUENCE__TOKN", "; did you mean HR_SYNC_CONFLUENCE__TOKEN?"),
        ("HR_SYNC_CONFLUENCE", ""),
        ("HR_SYNC_CONFIG_FILE", "; did you mean HR_SYNC_CONFIG?"),
        ("HR_SYNC_SERVICE_PORT", ""),
        ("HR_SYNC_\x1b[31m", ""),
    ],
)
def test_an_unknown_variable_is_refused(complete: dict[str, str], refused: Refused, name: str, suggestion: str) -> None:
    """A typing error must not quietly leave a default in force."""
    message = refused(complete | {name: "canary"})

    line = message.splitlines()[1]
    assert line.lstrip().startswith((name, ascii(name)))
    assert ": unknown environment variable" in line
    assert line.endswith(suggestion or line[-1])
    assert "canary" not in message
    assert message.replace("\n", "").isprintable()


def test_what_kubernetes_adds_for_a_service_named_hr_sync_is_ignored(complete: dict[str, str]) -> None:
    """A pod gets seven such variables for every Service of its namespace."""
    links = {
        "HR_SYNC_SERVICE_HOST": "10.0.0.1",
        "HR_SYNC_SERVICE_PORT": "80",
        "HR_SYNC_SERVICE_PORT_HTTP": "80",
        "HR_SYNC_PORT": "tcp://10.0.0.1:80",
        "HR_SYNC_PORT_80_TCP": "tcp://10.0.0.1:80",
        "HR_SYNC_PORT_80_TCP_PROTO": "tcp",
        "HR_SYNC_PORT_80_TCP_PORT": "80",
        "HR_SYNC_PORT_80_TCP_ADDR": "10.0.0.1",
        "HR_SYNC_METRICS_SERVICE_HOST": "10.0.0.2",
        "HR_SYNC_METRICS_SERVICE_PORT": "80",
    }

    assert load_settings(None, complete | links).log.level == "info"


@pytest.mark.parametrize(
    ("toml", "expected"),
    [
        ("[log]\nlevl = 1", "log.levl (config.toml): unknown key; did you mean log.level?"),
        ("[sync]\nspaces = ['HR']", "sync.spaces (config.toml): unknown key; did you mean confluence.spaces?"),
        ("[logs]\nlevel = 'info'", "logs (config.toml): unknown table; did you mean log?"),
        ("url = 'x'", "url (config.toml): unknown key outside of every table; did you mean confluence.url?"),
        ("log = 'info'", "log (config.toml): must be a table that begins with [log]"),
        ("[[log]]\nlevel = 'info'", "log (config.toml): must be a table that begins with [log]"),
        ('[log]\n"\\u001b[31m" = 1', "'log.\\x1b[31m' (config.toml): unknown key"),
        ('"a\\nb" = 1', "'a\\nb' (config.toml): unknown key outside of every table"),
    ],
)
def test_an_unknown_key_is_refused(complete: dict[str, str], refused: Refused, toml: str, expected: str) -> None:
    """The nearest known key is suggested, in another table too."""
    Path("config.toml").write_text(toml)

    assert refused(complete).splitlines()[1:] == [f"  {expected}"]


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"[log\nlevel = 1", "is not valid TOML: Expected ']' at the end of a table declaration (at line 1, column 5)"),
        (b"[log]\nlevel = canary", "is not valid TOML: Invalid value (at line 2, column 9)"),
        ("[log]".encode("utf-16"), "cannot be read as a TOML file in UTF-8 (not UTF-8)"),
        (b"a = " + b"[" * 5000, "cannot be read as a TOML file in UTF-8 (too large, too deep or not a file name)"),
        (b"a = " + b"1" * 5000, "cannot be read as a TOML file in UTF-8 (too large, too deep or not a file name)"),
    ],
)
def test_a_broken_file_is_one_mistake(refused: Refused, content: bytes, expected: str) -> None:
    """What the broken file may hold is not told as missing."""
    Path("config.toml").write_bytes(content)

    assert refused({}).splitlines()[1:] == [f"  config.toml: {expected}"]


def test_a_broken_file_does_not_hide_the_mistakes_of_other_sources(refused: Refused) -> None:
    """One message is enough to put everything right that can be known."""
    Path("config.toml").write_text("[")

    message = refused({"HR_SYNC_LOG__LEVEL": "loud", "HR_SYNC_LOGS": ""})

    assert message.startswith("3 mistakes in the settings")


def test_a_named_file_must_exist(complete: dict[str, str], tmp_path: Path, refused: Refused) -> None:
    """pydantic-settings passes over a missing file in silence."""
    missing = tmp_path / "missing.toml"

    for message in (refused(complete, missing), refused(complete | {"HR_SYNC_CONFIG": str(missing)})):
        assert message.endswith("missing.toml: cannot be read as a TOML file in UTF-8 (No such file or directory)")
    assert "Is a directory" in refused(complete, tmp_path)


def test_a_usual_file_that_cannot_be_read_is_not_passed_over(complete: dict[str, str], refused: Refused) -> None:
    """A dangling link in the usual place is a broken deployment, not an absent file."""
    Path("config.toml").symlink_to("nowhere.toml")

    assert "config.toml: cannot be read" in refused(complete)


def test_a_byte_order_mark_and_windows_lines_are_read(tmp_path: Path) -> None:
    """Notepad writes both."""
    config = tmp_path / "windows.toml"
    config.write_bytes(b"\xef\xbb\xbf" + CONFLUENCE_TABLE.replace("\n", "\r\n").encode())

    assert load_settings(config, {}).confluence.spaces == ("FILE",)


def test_an_option_that_does_not_exist_is_a_bug_of_the_caller(complete: dict[str, str]) -> None:
    """Overrides come from our own code, not from an operator."""
    with pytest.raises(KeyError, match=r"log\.levle"):
        load_settings(None, complete, {"log.levle": "debug"})


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads every file")
def test_a_file_without_permission_is_told(complete: dict[str, str], tmp_path: Path, refused: Refused) -> None:
    """The reason of the system is passed on."""
    config = tmp_path / "locked.toml"
    config.touch(mode=0)

    assert "Permission denied" in refused(complete, config)
