"""Whatever is wrong, people read one message with a remedy, schedulers the right exit code, and no page is lost."""

import re
import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg
import pytest
from confluence_simulator import Fault, Simulator
from sqlalchemy import Engine, create_engine, make_url

from tests.cli.conftest import world_of
from tests.cli.program import TOKEN, postgres, run, settings, wired, written
from tests.support.database import execute, fingerprint, rows

LISTING = r"/api/v2/spaces/\d+/pages"
CANARIES = ("canary", "Policy 0000", TOKEN)
NOBODY = "127.0.0.1:9"  # the discard port, which nobody serves


@dataclass(frozen=True, kw_only=True)
class Mirrored:
    """A site of more pages than one answer of a listing holds, and a complete mirror of an earlier state of it."""

    site: Simulator
    engine: Engine
    url: str


@pytest.fixture(scope="module")
def mirrored(
    postgres_server: str, template_database: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Mirrored]:
    """Made once: no test of this module changes a page row, which each of them proves."""
    name = f"test_{uuid.uuid4().hex}"
    with psycopg.connect(postgres(postgres_server), autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name} TEMPLATE {template_database}".encode())
    url = make_url(postgres_server).set(database=name).render_as_string(hide_password=False)
    home = tmp_path_factory.mktemp("mirrored")
    engine = create_engine(url)
    with Simulator(world_of(260), api_token=TOKEN) as site:
        wired(home, site, url)
        assert run(home, "run").exit_code == 0
        pages = site.world.pages()
        site.world.edit_page(pages[0].id, storage="<p>canary</p>")
        site.world.trash_page(pages[-1].id)
        site.world.hide_page(pages[-2].id)
        yield Mirrored(site=site, engine=engine, url=url)
    engine.dispose()


@dataclass(frozen=True, kw_only=True)
class Bad:
    """One thing that is wrong, and what people are told."""

    exit_code: int
    says: str  #: regular expression
    remedy: str  #: regular expression; stands in the last sentence
    fault: Fault | None = None
    confluence: dict[str, Any] = field(default_factory=dict)  #: settings
    database: Callable[[str], str] = str  #: what becomes of the database's URL


def listing(kind: str, at: int = 2, **how: Any) -> Fault:
    return Fault(kind=kind, match=LISTING, at=at, times=0, **how)


def with_password(url: str) -> str:
    return make_url(url).set(password="canary-password").render_as_string(hide_password=False)


def with_port(url: str) -> str:
    return make_url(url).set(port=9).render_as_string(hide_password=False)


def with_name(url: str) -> str:
    return make_url(url).set(database="nobody_made_this").render_as_string(hide_password=False)


HOUR = {"status": 429, "headers": {"Retry-After": "3600"}}
BAD = {
    "unreachable Confluence": Bad(
        exit_code=75,
        says="could not be reached",
        remedy=r"confluence\.url",
        confluence={"url": f"http://{NOBODY}/wiki"},
    ),
    "wrong token": Bad(
        exit_code=77,
        says="refused|may not read",
        remedy=r"confluence\.api_token|permissions",
        confluence={"api_token": "canary-wrong-token"},
    ),
    "anonymous": Bad(
        exit_code=77,
        says="anonymous",
        remedy=r"confluence\.api_token",
        fault=Fault(kind="anonymous-200", match="user/current", times=0),
    ),
    "unreachable database": Bad(exit_code=75, says="PostgreSQL", remedy=r"database\.url|server", database=with_port),
    "wrong database password": Bad(
        exit_code=77, says="PostgreSQL", remedy=r"database\.url|password", database=with_password
    ),
    "no such database": Bad(
        exit_code=78, says="nobody_made_this", remedy=r"database\.url|database", database=with_name
    ),
    "HTML in the middle of a listing": Bad(
        exit_code=3, says="not JSON", remedy=r"confluence\.url", fault=listing("html-200")
    ),
    "JSON without results": Bad(
        exit_code=3, says="without a list", remedy="proxies and filters", fault=listing("no-results")
    ),
    "repeated cursor": Bad(
        exit_code=3, says="led back|no progress", remedy="proxies and filters", fault=listing("repeated-cursor", at=1)
    ),
    "foreign next": Bad(
        exit_code=3, says="leads away", remedy=r"confluence\.url", fault=listing("next-foreign-host", at=1)
    ),
    "truncated for ever": Bad(
        exit_code=75, says="could not be reached|cut", remedy=r"confluence\.url|again", fault=listing("cut-length")
    ),
    "410": Bad(exit_code=78, says="410", remedy=r"confluence\.flavor", fault=listing("gone-410", at=1)),
    "an hour's Retry-After": Bad(
        exit_code=75, says="3600 s", remedy="try again", fault=listing("status", argument=HOUR)
    ),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_input(home: Path, mirrored: Mirrored, name: str) -> None:
    """One message, the remedy at its end, the exit code, no secret, no traceback, no page row touched, and at once."""
    bad = BAD[name]
    written(home, settings(mirrored.site.site_url, bad.database(mirrored.url), **bad.confluence))
    before = fingerprint(mirrored.engine)
    mirrored.site.faults.clear()
    execute(mirrored.engine, "DELETE FROM site_budget")  # what a case before made the site ask for
    if bad.fault is not None:
        mirrored.site.faults.add(bad.fault)
    began = time.monotonic()

    refused = run(home, "run")

    took = time.monotonic() - began
    fired = mirrored.site.faults.fired
    mirrored.site.faults.clear()
    assert bool(fired) == (bad.fault is not None)
    assert refused.exit_code == bad.exit_code, refused.stderr
    assert len(refused.messages) == 1, refused.stderr
    (message,) = refused.messages
    assert message.startswith("hr-sync: ")
    assert re.search(bad.says, message)
    last_sentence = re.split(r"(?<=[.;:!?]) ", message.strip())[-1]
    assert message.endswith(".")
    assert re.search(bad.remedy, last_sentence), message
    assert not any(canary in refused.stdout + refused.stderr for canary in CANARIES)
    assert took < 15
    assert fingerprint(mirrored.engine) == before
    if not name.endswith(("database", "password")):
        (last,) = rows(mirrored.engine, "SELECT exit_code, error FROM sync_runs ORDER BY id DESC LIMIT 1")
        assert (last["exit_code"], f"hr-sync: {last['error']}") == (bad.exit_code, message)


def test_wrong_settings(home: Path, mirrored: Mirrored) -> None:
    """All mistakes at once, each with key, source and remedy, never a value; nothing is started, not even a request."""
    groups = settings(mirrored.site.site_url, "mysql://me:canary@localhost/db")
    groups["confluence"] |= {"url": "http://canary.example", "max_conections": 3, "max_connections": 0}
    del groups["confluence"]["username"]
    groups["log"]["level"] = 7
    groups["databse"] = {}
    written(home, groups)
    mirrored.site.requests.clear()

    refused = run(home, "run")

    assert (refused.exit_code, refused.stdout) == (78, "")
    header, *lines = refused.stderr.splitlines()
    assert header == "hr-sync: 7 mistakes in the settings; nothing was started:"
    said = {line.split()[0].rstrip(":"): line for line in lines}
    for key, source, remedy in (
        ("confluence.url", "config.toml", "https://"),
        ("confluence.max_conections", "config.toml", "max_connections"),
        ("confluence.max_connections", "config.toml", "greater than"),
        ("confluence.token", "", "set username"),
        ("database.url", "config.toml", "postgresql://"),
        ("log.level", "config.toml", "'debug'"),
        ("databse", "config.toml", "database"),
    ):
        assert source in said[key]
        assert remedy in said[key]
    assert "canary" not in refused.stderr
    assert len(mirrored.site.requests) == 0


def test_an_unknown_space(home: Path, mirrored: Mirrored, engine: Engine) -> None:
    """Alone it ends the run as wrongly configured; beside one that is there it costs nothing but a partial run."""
    url = engine.url.render_as_string(hide_password=False)
    mirrored.site.faults.clear()
    for spaces, exit_code in ((["NOPE"], 78), (["NOPE", "S00"], 3)):
        wired(home, mirrored.site, url, spaces=spaces)

        refused = run(home, "run")

        assert refused.exit_code == exit_code
        (message,) = refused.messages
        assert re.match(
            r"hr-sync: Space NOPE is not visible to the account, or archived\. .*confluence\.spaces", message
        )
    assert len(rows(engine, "SELECT id FROM confluence_pages")) == 258


def test_settings_that_cannot_be_read(home: Path) -> None:
    """No file, half a file, a folder in its place, an unknown variable: each is named."""
    missing = run(home, "run", "--config", "nowhere.toml")
    assert (missing.exit_code, missing.stdout) == (78, "")
    assert "nowhere.toml" in missing.stderr
    (home / "half.toml").write_text('[confluence]\napi_token = "canary', encoding="utf-8")
    half = run(home, "run", "--config", "half.toml")
    assert half.exit_code == 78
    assert "half.toml" in half.stderr
    assert "canary" not in half.stderr
    unknown = run(home, "run", HR_SYNC_CONFLUENCE__API_TOCKEN="canary")
    assert unknown.exit_code == 78
    assert "HR_SYNC_CONFLUENCE__API_TOKEN?" in unknown.stderr
    assert "canary" not in unknown.stderr
