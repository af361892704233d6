"""Which source serves an address, and where a scoped token's gateway is."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from confluence_simulator import Fault, Simulator
from confluence_simulator.tenant import CLOUD_ID

from hr_sync.confluence.cloud import CloudSource
from hr_sync.confluence.datacenter import DataCenterSource
from hr_sync.confluence.http.cloud_id import cloud_base
from hr_sync.confluence.http.credentials import Credentials
from hr_sync.confluence.http.transport import origin_of
from hr_sync.confluence.http.urls import is_cloud, is_cloud_site
from hr_sync.confluence.source import Flavor, open_source
from hr_sync.errors import AnswerNotTrusted, ConfluenceError, ConfluenceUnavailable, CredentialsRefused
from tests.confluence.clients import BASIC, BEARER, USERNAME, RecordedWaits, kinds_fired, limits, open_client
from tests.confluence.flavors import routes, world_of

WRONG = Credentials(username=USERNAME, password="wrong")


@pytest.mark.parametrize(
    "base",
    [
        "https://acme.atlassian.net/wiki",
        "https://ACME.Atlassian.net/wiki",
        "https://acme.jira.com/wiki",
        f"https://api.atlassian.com/ex/confluence/{CLOUD_ID}/wiki",
        "http://127.0.0.1:8090/ex/confluence/1/wiki",
    ],
)
def test_an_address_of_cloud_is_believed_without_a_request(base: str) -> None:
    """These hosts and the gateway's path serve nothing else."""
    with open_client(base) as client:
        assert isinstance(open_source(client), CloudSource)
        assert client.http_stats.counts().requests == 0
    assert is_cloud(base)


@pytest.mark.parametrize(
    "url", ["https://wiki.acme.example", "https://atlassian.net.acme.example/wiki", "https://notatlassian.net/wiki"]
)
def test_no_other_address_is_believed(url: str) -> None:
    """Among them those that only look like it."""
    assert not is_cloud(url)
    assert not is_cloud_site(url)


@pytest.mark.parametrize(("flavor", "reader"), [("cloud", CloudSource), ("datacenter", DataCenterSource)])
def test_a_flavour_that_is_set_is_not_asked_for(flavor: Flavor, reader: type) -> None:
    """Not even where nobody answers."""
    with open_client("http://127.0.0.1:9") as client:
        assert isinstance(open_source(client, flavor), reader)
        assert client.http_stats.counts().requests == 0


@pytest.mark.parametrize("context", ["", "/confluence", "/a/b"])
def test_data_center_is_known_by_its_answers(context: str) -> None:
    """No v2, but v1: two requests, once."""
    with (
        Simulator(world_of(1), flavor="datacenter", context_path=context) as site,
        open_client(site.site_url) as client,
    ):
        assert isinstance(open_source(client), DataCenterSource)
    assert routes(site) == ["/api/v2/spaces", "/rest/api/space"]


def test_cloud_under_a_name_of_its_own_is_known_by_its_answer() -> None:
    """One request, once."""
    with Simulator(world_of(1)) as site, open_client(site.site_url) as client:
        assert isinstance(open_source(client), CloudSource)
    assert routes(site) == ["/api/v2/spaces"]


@pytest.mark.parametrize("kind", ["redirect-login", "html-200", "login-page-200", "not-found-404-v1", "login-401"])
def test_data_center_behind_a_login_is_known(kind: str) -> None:
    """Whoever logs people in may answer anything at an address that it does not know."""
    with Simulator(world_of(1), flavor="datacenter") as site, open_client(site.site_url) as client:
        site.faults.add(Fault(kind=kind, match="/api/v2/"))
        assert isinstance(open_source(client), DataCenterSource)
    assert kinds_fired(site) == [kind]


@pytest.mark.parametrize(
    ("kind", "error"),
    [
        ("site-gone-404", AnswerNotTrusted),
        ("html-200", AnswerNotTrusted),
        ("redirect-login", CredentialsRefused),
        ("unauthorized-401", CredentialsRefused),
        ("unavailable-503", ConfluenceUnavailable),
    ],
)
@pytest.mark.parametrize("flavor", ["cloud", "datacenter"])
def test_what_answers_as_neither_is_neither(flavor: Any, kind: str, error: type[ConfluenceError]) -> None:
    """Nobody guesses: a site that is down today may be either one tomorrow."""
    with Simulator(world_of(1), flavor=flavor) as site, open_client(site.site_url) as client:
        site.faults.add(Fault(kind=kind, times=0))
        with pytest.raises(error):
            open_source(client)
    assert set(kinds_fired(site)) == {kind}


def test_a_cloud_that_has_a_bad_moment_is_no_data_center() -> None:
    """Its v1 is gone, and that it is gone is not what is wrong."""
    with Simulator(world_of(1)) as site, open_client(site.site_url) as client:
        site.faults.add(Fault(kind="html-200", match="/api/v2/"))
        with pytest.raises(AnswerNotTrusted, match="not JSON"):
            open_source(client)
    assert kinds_fired(site) == ["html-200"]
    assert site.requests[-1].status == 410


@pytest.mark.parametrize("flavor", ["cloud", "datacenter"])
def test_wrong_credentials_are_told_as_such(flavor: Any) -> None:
    """Not as an endpoint that is missing."""
    with (
        Simulator(world_of(1), flavor=flavor) as site,
        open_client(site.site_url, WRONG) as client,
        pytest.raises(CredentialsRefused, match="refused the credentials"),
    ):
        open_source(client)


def test_a_scoped_token_works_at_the_gateway_that_the_site_names() -> None:
    """On the site itself it is refused; through the gateway the pages come, and the walk stays there."""
    world = world_of(300)
    with Simulator(world, scoped_token=True) as site:
        with open_client(site.site_url, BEARER) as on_site, pytest.raises(CredentialsRefused):
            CloudSource(on_site).check_account()
        base = cloud_base(site.site_url, limits(), RecordedWaits(), gateway_origin=site.origin)
        with open_client(base, BEARER) as client:
            reader = open_source(client)
            reader.check_account()
            (space,) = reader.spaces().spaces
            listing = reader.listing(space)

    assert base == f"{site.origin}/ex/confluence/{CLOUD_ID}/wiki"
    assert isinstance(reader, CloudSource)
    assert set(listing.heads) == {page.id for page in world.pages()}
    assert all(record.path.startswith("/ex/confluence/") for record in site.requests[2:])


def test_the_gateway_is_atlassians() -> None:
    """The token goes there, and to no other origin."""
    with Simulator(world_of(1)) as site:
        base = cloud_base(site.site_url, limits(), RecordedWaits())
    with open_client(base, BEARER) as client, pytest.raises(AnswerNotTrusted, match="another host"):
        client._once(f"{site.site_url}/api/v2/spaces")

    assert base == f"https://api.atlassian.com/ex/confluence/{CLOUD_ID}/wiki"
    assert origin_of(base) == ("https", "api.atlassian.com", 443)
    assert routes(site) == ["/_edge/tenant_info"]


@contextmanager
def tenant_info(answer: Any, status: int = 200) -> Iterator[tuple[str, list[dict[str, str]]]]:
    """Serve one answer at every address; gives the origin, and the headers of the requests as they come."""
    seen: list[dict[str, str]] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            seen.append({"path": self.path, **{name.lower(): value for name, value in self.headers.items()}})
            body = json.dumps(answer).encode() if answer is not None else b""
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}", seen
        finally:
            server.shutdown()
            thread.join()


def test_the_cloud_id_is_asked_for_without_credentials() -> None:
    """A scoped token is refused on the site itself, and has no business there."""
    with tenant_info({"cloudId": CLOUD_ID}) as (origin, seen):
        base = cloud_base(f"{origin}/wiki", limits(), RecordedWaits())

    assert base.endswith(f"/{CLOUD_ID}/wiki")
    assert [request["path"] for request in seen] == ["/_edge/tenant_info"]
    assert not {"authorization", "cookie"} & seen[0].keys()


@pytest.mark.parametrize(
    "answer",
    [{}, {"cloudId": None}, {"cloudId": 1}, {"cloudId": ""}, {"cloudId": "../../evil"}, {"cloudId": "a" * 65}, []],
)
def test_a_cloud_id_that_is_none_is_refused(answer: Any) -> None:
    """It becomes a part of an address that gets the token."""
    with tenant_info(answer) as (origin, seen), pytest.raises(AnswerNotTrusted):
        cloud_base(origin, limits(), RecordedWaits())
    assert len(seen) == 1


def test_a_site_that_does_not_exist_is_told() -> None:
    """Atlassian's edge answers an empty 404 for it."""
    with tenant_info(None, status=404) as (origin, _), pytest.raises(AnswerNotTrusted, match=r"confluence\.url"):
        cloud_base(origin, limits(), RecordedWaits())


def test_basic_authentication_needs_no_gateway() -> None:
    """A classic API token works on the site's own address."""
    with Simulator(world_of(1)) as site, open_client(site.site_url, BASIC) as client:
        open_source(client).check_account()
    assert "/_edge/tenant_info" not in routes(site)
