"""OAuth 2.0 client credentials, and what an Admin key shows until it ends."""

import time
from datetime import timedelta
from typing import Any

import pytest
import requests
from confluence_simulator import Fault, Simulator, World

from tests.simulator.sites import TIMEOUT_SECONDS, TOKEN, USERNAME, Client, client, furnished_world, titled

ID, SECRET = "service", "secret"
CLIENT = {"client_id": ID, "client_secret": SECRET}
GRANT = {"grant_type": "client_credentials", **CLIENT}


def post(url: str, **arguments: Any) -> requests.Response:
    """Post without credentials."""
    return requests.post(url, timeout=TIMEOUT_SECONDS, allow_redirects=False, **arguments)


def with_token(base: str, token: str) -> Client:
    """Return a client that bears a token."""
    found = Client(base)
    found.session.auth = None
    found.session.headers["Authorization"] = f"Bearer {token}"
    return found


def test_cloud_gives_a_token_for_the_gateway() -> None:
    """At the authorization server, which is another origin and knows nothing else, and at the gateway's own path."""
    with Simulator(furnished_world(), client_id=ID, client_secret=SECRET) as simulator:
        assert not simulator.token_url.startswith(simulator.origin)
        assert simulator.token_url.endswith("/oauth/token")
        for url in (simulator.token_url, f"{simulator.origin}/oauth/token"):
            answer = post(url, json=GRANT).json()
            assert (answer["token_type"], answer["expires_in"]) == ("Bearer", 3600)
            site = with_token(simulator.gateway_url, answer["access_token"])
            assert site.get("/rest/api/user/current")["accountId"] == simulator.world.bot.account_id
            assert with_token(simulator.site_url, answer["access_token"]).ask("/api/v2/pages").status_code == 401
            resources = with_token(simulator.origin, answer["access_token"]).ask("/oauth/token/accessible-resources")
            assert [row["id"] for row in resources.json()] == [simulator.tenant.cloud_id]
        other = simulator.token_url.replace("/oauth/token", "/wiki/api/v2/pages")
        assert requests.get(other, timeout=TIMEOUT_SECONDS).status_code == 404
        assert with_token(simulator.origin, "no").ask("/oauth/token/accessible-resources").status_code == 401
        assert simulator.requests.count("/oauth/token") == 5


def test_data_center_gives_a_token_below_its_context() -> None:
    """For a form, from version 10.1; the token works on the site itself."""
    with Simulator(
        furnished_world(), flavor="datacenter", context_path="/confluence", client_id=ID, client_secret=SECRET
    ) as simulator:
        assert simulator.token_url == f"{simulator.site_url}/rest/oauth2/latest/token"
        answer = post(simulator.token_url, data={**GRANT, "scope": "READ"}).json()

        assert answer["scope"] == "READ"
        site = with_token(simulator.site_url, answer["access_token"])
        assert site.get("/rest/api/user/current")["userKey"] == simulator.world.bot.user_key
        assert post(simulator.token_url, data={**GRANT, "client_secret": "no"}).json()["error"] == "invalid_client"
    with Simulator(
        furnished_world(), flavor="datacenter", version="9.2.26", client_id=ID, client_secret=SECRET
    ) as simulator:
        assert post(simulator.token_url, data=GRANT, auth=(USERNAME, TOKEN)).status_code == 404


@pytest.mark.parametrize(
    ("given", "status", "error"),
    [
        ({**GRANT, "client_secret": "wrong"}, 401, "access_denied"),
        ({**GRANT, "client_id": "wrong"}, 401, "access_denied"),
        ({**GRANT, "grant_type": "refresh_token"}, 403, "unauthorized_client"),
        (CLIENT, 400, "invalid_request"),
        ([], 400, "invalid_request"),
    ],
)
def test_wrong_credentials_get_no_token(given: Any, status: int, error: str) -> None:
    """Nor does a site without a client give any."""
    with Simulator(furnished_world(), client_id=ID, client_secret=SECRET) as simulator:
        answer = post(simulator.token_url, json=given)
        assert (answer.status_code, answer.json()["error"]) == (status, error)
    with Simulator(furnished_world()) as simulator:
        empty = {**GRANT, "client_id": "", "client_secret": "simulated-secret"}
        assert post(f"{simulator.origin}/oauth/token", json=empty).status_code == 401


def test_tokens_end() -> None:
    """After their time, when they are revoked, and by a fault; equal questions before and after do not hide it."""
    with Simulator(furnished_world(), token_seconds=1, client_id=ID, client_secret=SECRET) as simulator:
        answer = post(simulator.token_url, json=GRANT).json()
        assert answer["expires_in"] == 1
        site = with_token(simulator.gateway_url, answer["access_token"])
        statuses = [site.ask("/api/v2/pages").status_code]
        time.sleep(1.05)
        statuses.append(site.ask("/api/v2/pages").status_code)
        assert statuses == [200, 401]
    with Simulator(furnished_world(), client_id=ID, client_secret=SECRET) as simulator:
        for end in (simulator.end_tokens, lambda: simulator.faults.add(Fault(kind="tokens-end"))):
            site = with_token(simulator.gateway_url, post(simulator.token_url, json=GRANT).json()["access_token"])
            assert site.ask("/api/v2/pages").status_code == 200
            end()
            assert [site.ask("/api/v2/pages").status_code for _ in range(2)] == [401, 401]
        assert len(simulator.faults.fired) == 1


@pytest.mark.parametrize(("argument", "expected"), [(None, None), ("soon", "soon"), (-1, -1)])
def test_the_end_of_a_token_can_be_misstated(argument: Any, expected: Any) -> None:
    """Missing, or not a number of seconds."""
    with Simulator(furnished_world(), client_id=ID, client_secret=SECRET) as simulator:
        simulator.faults.add(Fault(kind="token-expiry", match="/oauth/token", argument=argument))
        assert post(simulator.token_url, json=GRANT).json().get("expires_in") == expected
        assert post(simulator.token_url, json=GRANT).json()["expires_in"] == 3600
        assert len(simulator.faults.fired) == 1


@pytest.fixture
def hidden() -> World:
    """Make a world with a page and a space that the account may not see."""
    world = furnished_world()
    world.hide_page(titled(world, "Leave").id)
    world.create_space("SECRET", readers=())
    world.create_page(space_key="SECRET", title="Plans")
    return world


def seen(site: Client, *, key: bool = True) -> tuple[int, int]:
    """Return how many pages and spaces are listed."""
    site.session.headers["Atl-Confluence-With-Admin-Key"] = "true" if key else "false"
    return len(site.walk("/api/v2/pages", limit=2)), len(site.walk("/api/v2/spaces"))


def test_an_admin_key_shows_everything_until_it_ends(hidden: World) -> None:
    """By the clock of the world; then the same requests are answered as without a key, and without an error."""
    leave = titled(hidden, "Leave").id
    with Simulator(hidden) as simulator:
        site = client(simulator)
        assert seen(site) == (3, 3)
        assert site.ask("/api/v2/admin-key").status_code == 404

        made = site.send("/api/v2/admin-key", {"durationInMinutes": 20}).json()
        assert made["accountId"] == hidden.bot.account_id
        assert site.get("/api/v2/admin-key") == made
        assert seen(site) == (7, 4)
        assert site.ask(f"/api/v2/pages/{leave}").status_code == 200
        assert seen(site, key=False) == (3, 3)
        assert seen(Client(simulator.gateway_url)) == (3, 3)

        hidden.advance(timedelta(minutes=20))
        assert seen(site) == (3, 3)
        assert site.ask(f"/api/v2/pages/{leave}").status_code == 404


def test_an_admin_key_that_ends_during_a_walk_looks_like_a_removal(hidden: World) -> None:
    """The rest of the listing is shorter, and nothing says why."""
    with Simulator(hidden) as simulator:
        site = client(simulator)
        site.send("/api/v2/admin-key", {})
        simulator.faults.add(Fault(kind="admin-key-ends", at=2, match="/api/v2/pages"))

        assert seen(site)[0] == 4
        assert seen(site)[0] == 3
        assert len(simulator.faults.fired) == 1
        assert site.session.delete(f"{simulator.site_url}/api/v2/admin-key", timeout=5).status_code == 204


def test_who_cannot_have_an_admin_key(hidden: World) -> None:
    """Whoever is no administrator, comes through the gateway, or asks for a time that cannot be."""
    with Simulator(hidden, client_id=ID, client_secret=SECRET) as simulator:
        token = post(simulator.token_url, json=GRANT).json()["access_token"]
        assert with_token(simulator.gateway_url, token).send("/api/v2/admin-key", {}).status_code == 403
        site = client(simulator)
        for minutes in (0, 61, "long"):
            assert site.send("/api/v2/admin-key", {"durationInMinutes": minutes}).status_code == 400
        assert site.send("/api/v2/admin-key", ["durationInMinutes"]).status_code == 400
        hidden.forbid_site("administer", user=hidden.bot.username)
        answers = [site.send("/api/v2/admin-key", {}), site.ask("/api/v2/admin-key")]
        assert [answer.status_code for answer in answers] == [403, 403]


def test_an_account_that_may_not_use_the_site_is_refused(hidden: World) -> None:
    """With right credentials, as a user without a licence or a deactivated one."""
    for flavor in ("cloud", "datacenter"):
        with Simulator(hidden, flavor="cloud" if flavor == "cloud" else "datacenter") as simulator:
            assert client(simulator).ask("/rest/api/user/current").status_code == 200
            hidden.deactivate_user(hidden.bot.username)
            assert client(simulator).ask("/rest/api/user/current").status_code == 403
            hidden.activate_user(hidden.bot.username)
