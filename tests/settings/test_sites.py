"""Several sites in one file: what counts for which, and what is refused, with the place and the remedy."""

import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from hr_sync.errors import ConfigurationError, UsageError
from hr_sync.settings import load_settings, load_sites, secret_values, site_names
from hr_sync.settings.example import config_schema

COMMON = """
[confluence]
username = "jane@acme.com"
api_token = "canary-of-all"
spaces = ["HR"]
[database]
url = "postgresql://hr@localhost/hr"
[sync]
overlap_minutes = 3
"""
TWO = """
[sites.emea.confluence]
url = "https://emea.atlassian.net"
[sites.apac.confluence]
url = "https://apac.atlassian.net"
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "sites.toml"


def written(file: Path, text: str = TWO) -> Path:
    file.write_text(COMMON + text)
    file.chmod(0o600)
    return file


def mistakes(file: Path, text: str, environ: Mapping[str, str] | None = None) -> str:
    """Return the message that settings are refused with, also where one site is asked for that could be read."""
    written(file, text)
    with pytest.raises(ConfigurationError) as caught:
        load_sites(file, environ or {})
    assert "canary" not in str(caught.value)
    return str(caught.value)


def test_a_site_is_what_its_tables_say_over_those_of_all(file: Path) -> None:
    """Key by key; each site has its own schema, and remembers where each value came from."""
    sites = load_sites(written(file, TWO + "[sites.apac.sync]\noverlap_minutes = 9\n"), {})

    assert list(sites) == ["emea", "apac"]
    assert [each.site for each in sites.values()] == ["emea", "apac"]
    assert [each.confluence.url for each in sites.values()] == [f"https://{name}.atlassian.net" for name in sites]
    assert [each.sync.overlap_minutes for each in sites.values()] == [3, 9]
    assert [each.database.schema_name for each in sites.values()] == ["emea", "apac"]
    assert sites["emea"].schemas == {"emea": "emea", "apac": "apac"}
    assert sites["emea"].source_of("sync.overlap_minutes") == str(file)


def test_what_is_set_for_a_site_outranks_what_is_set_for_all(file: Path, tmp_path: Path) -> None:
    """Whatever the source; within a site the sources count as always."""
    secret = tmp_path / "secret"
    secret.write_text("canary-apac\n")
    secret.chmod(0o600)
    text = TWO + '[sites.emea.sync]\noverlap_minutes = 5\nmax_removed_pages = 5\n[sites.apac.database]\nschema = "x"\n'
    environ = {
        "HR_SYNC_SYNC__OVERLAP_MINUTES": "7",
        "HR_SYNC_SITES__EMEA__SYNC__MAX_REMOVED_PAGES": "6",
        "HR_SYNC_SITES__APAC__CONFLUENCE__API_TOKEN_FILE": str(secret),
    }
    emea, apac = (load_settings(written(file, text), environ, site=name) for name in ("emea", "apac"))

    assert (emea.sync.overlap_minutes, apac.sync.overlap_minutes) == (5, 7)
    assert emea.sync.max_removed_pages == 6
    assert apac.database.schema_name == "x"
    tokens = [each.confluence.api_token for each in (emea, apac)]
    assert [each and each.get_secret_value() for each in tokens] == ["canary-of-all", "canary-apac"]
    assert "canary-apac" in secret_values(apac)
    assert "canary-apac" not in secret_values(emea)


def test_a_file_with_the_token_of_a_site_lies_beside_the_settings(file: Path, tmp_path: Path) -> None:
    """As for all sites; a token in the open file that everybody may read is told."""
    (tmp_path / "emea-token").write_text("canary-emea\n")
    (tmp_path / "emea-token").chmod(0o644)
    text = TWO.replace("[sites.apac", 'api_token_file = "emea-token"\n[sites.apac', 1)
    emea = load_settings(written(file, text), {}, site="emea")

    assert emea.confluence.api_token is not None
    assert emea.confluence.api_token.get_secret_value() == "canary-emea"
    assert emea.readable_secrets == (f"the file that api_token_file in {file} names",)


def test_the_environment_alone_may_name_the_sites(file: Path) -> None:
    """Where a file names some, a variable for another one is a mistake in typing."""
    environ = {f"HR_SYNC_SITES__{name}__CONFLUENCE__URL": f"https://{name}.atlassian.net" for name in ("EU", "US")}
    assert site_names(written(file, ""), environ) == ["eu", "us"]
    assert load_settings(file, environ, site="us").confluence.url == "https://us.atlassian.net"
    typed = {"HR_SYNC_SITES__EMAE__SYNC__OVERLAP_MINUTES": "1"}
    assert "did you mean HR_SYNC_SITES__EMEA__SYNC__OVERLAP_MINUTES?" in mistakes(file, TWO, typed)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[sites]\n", "sites (FILE): must hold a table for each site, which begins with [sites.NAME.confluence]"),
        ("[sites]\nemea = 1\n", "sites.emea (FILE): must hold tables, which begin with [sites.emea.confluence]"),
        ("[sites.EMEA.confluence]\n", "sites.EMEA (FILE): is no name of a site: take at most 40 small letters"),
        ("[sites.a__b.sync]\n", "sites.a__b (FILE): is no name of a site"),
        (
            "[sites.emea.sync]\n",
            "required; set url below [sites.emea.confluence] in FILE, or HR_SYNC_SITES__EMEA__CONFLUENCE__URL",
        ),
        (TWO + "[sites.emea.sync]\nfoo = 1\n", "sites.emea.sync.foo (FILE): unknown key"),
        (TWO + "[sites.emea.synch]\n", "sites.emea.synch (FILE): unknown table; did you mean sync?"),
        (TWO + "[sites.emea.sync]\noverlap_minutes = -1\n", "sites.emea.sync.overlap_minutes (FILE): must be"),
        (TWO + '[sites.emea.log]\nlevel = "info"\n', "sites.emea.log.level (FILE): counts for all sites: set log"),
        (TWO + "[sites.emea.database]\npool_size = 2\n", "set database.pool_size outside of sites"),
        (
            TWO + '[service]\nping_url = "https://x.example/1"\n',
            "service.ping_url (FILE): would count for every site: set sites.emea.service.ping_url",
        ),
        (
            TWO + '[sites.emea.database]\nschema = "apac"\n',
            "would be mirrored into the schema of sites.emea; set another one for sites.apac.database.schema",
        ),
        (TWO + '[sites.emea.database]\nschema = "hr_sync_sites"\n', "sites.emea (FILE): must not be mirrored into"),
        (TWO.replace("apac.atl", "emea.atl"), "sites.apac: is the same as sites.emea: give it another url"),
        (
            "[sites.pg_x.confluence]\nurl = 'https://x.atlassian.net'\n",
            "sites.pg_x.database.schema (the name of the site): must not be a schema of PostgreSQL itself",
        ),
    ],
)
def test_a_mistake_names_the_place_and_the_remedy(file: Path, text: str, said: str) -> None:
    assert said.replace("FILE", str(file)) in mistakes(file, text)


OF_ALL = '[confluence]\nspaces = ["HR"]\n'
EMEA = 'url = "https://emea.atlassian.net"\n'
PAIR = 'username = "a@acme.com"\napi_token = "canary-of-all"\n'
CLIENT = 'client_id = "a"\nclient_secret = "canary-of-all"\n'
NEEDED = "sites.apac.confluence.{} (FILE): must be set for the site too: sites.apac.confluence.{} "


@pytest.mark.parametrize(
    ("of_all", "of_apac", "said"),
    [
        (EMEA + PAIR, 'url = "https://apac.example"', NEEDED.format("api_token", "url is another address")),
        (EMEA + CLIENT, 'url = "https://apac.example"', NEEDED.format("client_secret", "url is another address")),
        (EMEA + 'token = "canary"', 'url = "https://apac.example"', NEEDED.format("token", "url is another address")),
        (EMEA + PAIR, 'username = "b@acme.com"', NEEDED.format("api_token", "username names an account")),
        (EMEA + CLIENT, 'client_id = "b"', NEEDED.format("client_secret", "client_id names an account")),
        (EMEA + 'api_token = "canary-of-all"', 'username = "b"', NEEDED.format("api_token", "username names an")),
        (PAIR, 'url = "https://apac.example"', None),
        (PAIR, EMEA + 'username = "b"\napi_token = "canary"', None),
        (EMEA + PAIR, 'url = "https://apac.example"\napi_token = "canary"', None),
        (EMEA + PAIR, 'url = "https://emea.atlassian.net"\nspaces = ["IT"]', None),
    ],
)
def test_a_credential_of_all_sites_is_sent_to_no_other_address_or_account(
    file: Path, of_all: str, of_apac: str, said: str | None
) -> None:
    """Without an address of all, the sites share the account; with one, another address needs its own credential."""
    file.write_text(f"{OF_ALL}{of_all}\n[sites.emea.sync]\n[sites.apac.confluence]\n{of_apac}\n")
    file.chmod(0o600)
    if said is None:
        assert load_settings(file, {}, site="apac").site == "apac"
        return
    with pytest.raises(ConfigurationError) as caught:
        load_settings(file, {}, site="apac")
    assert said.replace("FILE", str(file)) in str(caught.value)
    assert "canary" not in str(caught.value)


def test_an_account_of_the_only_site_may_have_its_secret_outside(file: Path) -> None:
    """There is no other one to which the secret could belong."""
    file.write_text(f"{OF_ALL}api_token = 'canary'\n[sites.apac.confluence]\n{EMEA}username = 'b'\n")
    file.chmod(0o600)
    assert load_settings(file, {}).confluence.username == "b"


@pytest.mark.parametrize("is_variable", [False, True])
def test_a_stray_variable_makes_no_site_of_the_only_one(file: Path, *, is_variable: bool) -> None:
    """Its pages would be mirrored again, into another schema, and those that consumers read would grow old."""
    url = "https://x.atlassian.net"
    environ = {"HR_SYNC_SITES__EMEA__CONFLUENCE__API_TOKEN": "canary"}
    if is_variable:
        environ["HR_SYNC_CONFLUENCE__URL"] = url
    file.write_text(COMMON if is_variable else COMMON.replace("[confluence]", f'[confluence]\nurl = "{url}"'))
    file.chmod(0o600)
    assert site_names(file, environ) == []
    with pytest.raises(ConfigurationError, match="HR_SYNC_SITES__EMEA__CONFLUENCE__API_TOKEN: unknown environment"):
        load_settings(file, environ)


def test_two_sites_in_one_schema_are_refused_wherever_it_is_set(file: Path, tmp_path: Path) -> None:
    """By a variable, or by a file that a variable names; what is in force is what the views are made of."""
    named = tmp_path / "schema"
    named.write_text("emea\n")
    variable = "HR_SYNC_SITES__APAC__DATABASE__SCHEMA"
    said = f"sites.apac ({variable}{{}}): would be mirrored into the schema of sites.emea"
    assert said.format("") in mistakes(file, TWO, {variable: "emea"})
    assert said.format("_FILE") in mistakes(file, TWO, {f"{variable}_FILE": str(named)})
    named.write_text("other\n")
    apac = load_settings(file, {f"{variable}_FILE": str(named)}, site="apac")
    assert apac.schemas["apac"] == apac.database.schema_name == "other"


def test_two_sites_of_variables_that_are_the_same_are_refused(file: Path) -> None:
    """As those of a file are."""
    environ = {f"HR_SYNC_SITES__{name}__CONFLUENCE__URL": "https://x.atlassian.net" for name in ("EU", "US")}
    assert "sites.us: is the same as sites.eu: give it another url" in mistakes(file, "", environ)
    environ["HR_SYNC_SITES__US__CONFLUENCE__SPACES"] = "IT"
    assert site_names(file, environ) == ["eu", "us"]


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("access.mode", '"account"'),
        ("access.audience_groups", '["hr-all"]'),
        ("access.open_spaces", '["HR"]'),
        ("confluence.page_trees", '["1"]'),
        ("confluence.exclude_page_trees", '["1"]'),
    ],
)
def test_what_names_something_of_one_site_counts_for_no_other(file: Path, path: str, value: str) -> None:
    """An id, a key or a decision about readers, wherever it is set; below the table of a site it counts there."""
    group, _, name = path.partition(".")
    outside = COMMON.replace(f"[{group}]", f"[{group}]\n{name} = {value}")
    outside += "" if f"[{group}]" in COMMON else f"[{group}]\n{name} = {value}\n"
    file.write_text(outside + TWO)
    file.chmod(0o600)
    said = f"would count for every site: set sites.emea.{path} for a site instead"
    with pytest.raises(ConfigurationError, match=re.escape(f"{path} ({file}): {said}")):
        load_settings(file, {}, site="apac")
    variable = f"HR_SYNC_{path.replace('.', '__')}".upper()
    assert f"{path} ({variable}): {said}" in mistakes(file, TWO, {variable: value})
    table = f"[sites.emea.{group}]\n"
    own = TWO.replace(table, f"{table}{name} = {value}\n") if table in TWO else f"{TWO}{table}{name} = {value}\n"
    emea, apac = load_sites(written(file, own), {}).values()
    assert getattr(getattr(emea, group), name) != getattr(getattr(apac, group), name)


def test_a_mistake_of_all_sites_is_told_once_and_one_of_a_site_is_its_own(file: Path) -> None:
    """`--site apac` works while the table of emea is wrong."""
    assert mistakes(file, TWO + "[access]\nmax_age_hours = 0\n").count("access.max_age_hours") == 1
    written(file, TWO + "[sites.emea.sync]\noverlap_minutes = -1\n")
    assert load_settings(file, {}, site="apac").site == "apac"


def test_which_site_is_meant_must_be_clear(file: Path) -> None:
    """None, one or several; the message says what to type."""
    with pytest.raises(UsageError, match=r"several sites are configured \(emea, apac\): add --site emea"):
        load_settings(written(file), {})
    with pytest.raises(UsageError, match=r"there is no site x\. The settings have emea, apac"):
        load_settings(file, {}, site="x")
    only = TWO.partition("[sites.apac")[0]
    assert load_settings(written(file, only), {}).site == "emea"
    single = COMMON.replace("[confluence]", '[confluence]\nurl = "https://x.atlassian.net"')
    file.write_text(single)
    assert (load_settings(file, {}).site, load_sites(file, {}), site_names(file, {})) == (None, {}, [])
    with pytest.raises(UsageError, match="no sites are configured, so that there is no emea"):
        load_settings(file, {}, site="emea")


@pytest.mark.parametrize(
    ("text", "is_valid"),
    [
        (TWO, True),
        ("[sites.EMEA.confluence]\n", False),
        ("[sites.emea.database]\nschema = 'x'\n", True),
        ("[sites.emea.database]\npool_size = 1\n", False),
        ("[sites.emea.log]\nlevel = 'info'\n", False),
    ],
)
def test_the_schema_knows_sites(text: str, is_valid: bool) -> None:
    document: dict[str, Any] = tomllib.loads(text)
    assert jsonschema.Draft202012Validator(config_schema()).is_valid(document) == is_valid
