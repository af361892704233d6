"""Several sites behind one port: each below its path, all of them at the top."""

import http.client
import json
import re
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from itertools import product
from typing import Never

import pytest

from hr_sync.domain.outcome import Mode
from hr_sync.errors import DatabaseUnavailable, SchemaError
from hr_sync.service.html import path_of_site
from hr_sync.service.web import Endpoints
from hr_sync.service.web_of_sites import start_web_of_sites
from hr_sync.store.read.overview import Overview
from hr_sync.sync.context import Notified
from tests.service.samples import HELD, HISTORY, OVERVIEW, SPACE, make_endpoints

TOKEN = "a-token-of-sixteen"
WELL = replace(OVERVIEW, spaces=[SPACE], shown=[])


@contextmanager
def serving(**sites: Endpoints) -> Iterator[int]:
    with start_web_of_sites(
        "127.0.0.1", 0, {name: replace(each, name=name) for name, each in sites.items()}
    ) as running:
        yield running.port


def ask(port: int, path: str, method: str = "GET", body: bytes | None = None, token: str = "") -> tuple[int, str]:
    headers = {"Content-Type": "application/json"} | ({"Authorization": f"Bearer {token}"} if token else {})
    with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=5)) as connection:
        connection.request(method, path, body=body, headers=headers)
        answer = connection.getresponse()
        return answer.status, answer.read().decode()


def away() -> Overview:
    raise DatabaseUnavailable("PostgreSQL is away.")


def test_the_worst_site_is_the_health_of_all() -> None:
    """And each site has its own below its path; a database that is away is no error of the server."""
    with serving(emea=make_endpoints(WELL), apac=make_endpoints(replace(WELL, spaces=[HELD]))) as port:
        status, body = ask(port, "/healthz")
        document = json.loads(body)
        assert (status, document["state"]) == (503, "wrong")
        assert {name: each["state"] for name, each in document["sites"].items()} == {
            "emea": "well",
            "apac": "wrong",
        }
        assert [ask(port, f"{path_of_site(name)}/healthz")[0] for name in ("emea", "apac")] == [200, 503]
    with serving(emea=make_endpoints(WELL), apac=replace(make_endpoints(), overview=away)) as port:
        assert "PostgreSQL is away" in ask(port, "/healthz")[1]
        assert [ask(port, "/sites/emea/healthz")[0], ask(port, "/")[0]] == [200, 200]


def test_probes_are_about_every_site() -> None:
    def not_ready() -> None:
        raise DatabaseUnavailable("away")

    for broken in (replace(make_endpoints(), alive=lambda: False), replace(make_endpoints(), ready=not_ready)):
        with serving(emea=make_endpoints(), apac=broken) as port:
            assert sorted(ask(port, path)[0] for path in ("/livez", "/readyz")) == [200, 503]
            assert sorted(ask(port, f"/sites/emea{path}")[0] for path in ("/livez", "/readyz")) == [200, 200]


def test_metrics_name_the_site_and_each_family_is_there_once() -> None:
    """Prometheus refuses a family that comes twice; what is of the process has no site."""
    emea, apac = make_endpoints(WELL), make_endpoints(WELL)
    emea.metrics.count_failed(Mode.FULL)
    with serving(emea=emea, apac=apac) as port:
        text, alone = ask(port, "/metrics")[1], ask(port, "/sites/emea/metrics")[1]
    assert 'hr_sync_job_failed_total{job="full",site="emea"} 1.0' in text
    assert 'hr_sync_job_failed_total{job="full",site="apac"} 0.0' in text
    assert re.search(r'^hr_sync_live_pages\{site="apac",space="HR"\} ', text, re.MULTILINE)
    families = re.findall(r"^# TYPE (\S+)", text, re.MULTILINE)
    assert len(families) == len(set(families))
    assert re.findall(r"^hr_sync_build_info.*$", text, re.MULTILINE) == re.findall(
        r"^hr_sync_build_info.*$", alone, re.MULTILINE
    )
    assert "site=" not in alone


def test_pages_lead_to_pages_of_their_site() -> None:
    """Links, forms and printed commands; the index leads to each site."""
    with serving(emea=make_endpoints(), apac=make_endpoints()) as port:
        index, status, page = ask(port, "/")[1], ask(port, "/sites/apac/")[1], ask(port, "/sites/apac/pages/12345")[1]
        assert ask(port, "/sites/nowhere/")[0] == ask(port, "/pages/12345")[0] == ask(port, "/sites/apa")[0] == 404
        assert ask(port, "/sites/apac")[0] == 200
    assert set(re.findall(r'href="(/[^"]*)"', index)) == {"/", "/sites/emea/", "/sites/apac/"}
    links = {link for text in (status, page) for link in re.findall(r'(?:href|action)="(/[^"]*)"', text)}
    assert {link for link in links if not link.startswith("/sites/apac/")} == {"/"}
    assert "/sites/apac/pages" in links
    assert "hr-sync explain 12345 --site apac" in page


def test_each_printed_command_names_its_site() -> None:
    """Also one that was stored, and one of a failure; each once."""
    stored = "Type `hr-sync resync --failed`."
    overview = replace(
        OVERVIEW,
        spaces=[replace(HELD, held_reason=stored)],
        runs=[replace(OVERVIEW.runs[0], error=stored)],
        failures=[replace(OVERVIEW.failures[0], message=stored)],
    )
    assert HISTORY.failure is not None
    history = replace(HISTORY, failure=replace(HISTORY.failure, message=stored))
    apac = replace(make_endpoints(overview), history=lambda _: history, ready=without_tables)
    with serving(emea=make_endpoints(), apac=apac) as port:
        shown = [ask(port, f"/sites/apac{path}")[1] for path in ("/", "/pages/12345", "/healthz", "/readyz")]
        shown.append(ask(port, "/readyz")[1])
    with serving(emea=replace(make_endpoints(), overview=without_tables)) as port:
        shown += [ask(port, path)[1].replace("emea", "apac") for path in ("/", "/healthz", "/sites/emea/")]
    for text in shown:
        commands = re.findall(r"(?:<code>|`)(hr-sync [^`<]+)", text)
        assert commands, text
        assert [command for command in commands if command.count(" --site apac") != 1] == []
    assert shown[0].count("hr-sync resync --failed --site apac") == 3


def without_tables() -> Never:
    raise SchemaError("There are no tables. Type `hr-sync init-db`.")


@pytest.mark.parametrize("path", ["/", "/metrics", "/sites/emea/", "/sites/emea/metrics"])
def test_the_token_is_asked_for_at_each_path(path: str) -> None:
    with serving(emea=replace(make_endpoints(), token=TOKEN), apac=replace(make_endpoints(), token=TOKEN)) as port:
        assert ask(port, path)[0] == 401
        assert ask(port, path, token=TOKEN)[0] == 200
        assert "sites" not in json.loads(ask(port, "/healthz")[1])


@pytest.mark.parametrize("method", ["GET", "POST", "HEAD", "PUT"])
def test_nobody_without_the_token_is_told_which_sites_there_are(method: str) -> None:
    """A site that is there answers as one that is not."""
    paths = ("", "/", "/healthz", "/livez", "/readyz", "/metrics", "/notify", "/pages/1")
    emea = replace(make_endpoints(), token=TOKEN, notify=lambda _: None)
    with serving(emea=emea, apac=replace(make_endpoints(), token=TOKEN)) as port:
        for path, token in product(paths, ("", "another-token-of-16")):
            there, nowhere = (ask(port, f"/sites/{name}{path}", method, b"{}", token) for name in ("emea", "nowhere"))
            assert there == nowhere
            assert there[0] in {401, 405}


def test_a_notification_is_about_the_site_of_its_path() -> None:
    """None is taken for all of them."""
    given: dict[str, list[Notified]] = {"emea": [], "apac": []}
    sites = {name: replace(make_endpoints(), token=TOKEN, notify=taken.append) for name, taken in given.items()}
    with serving(**sites) as port:
        body = b'{"page_ids": ["1"]}'
        assert ask(port, "/notify", "POST", body, TOKEN)[0] == 404
        assert ask(port, "/sites/apac/notify", "POST", body, TOKEN)[0] == 202
        assert ask(port, "/sites/apac/notify", "POST", body)[0] == 401
    assert (len(given["emea"]), [each.page_ids for each in given["apac"]]) == (0, [("1",)])
