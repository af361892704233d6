"""Which credentials are accepted by the site and by the API gateway, and what the others get."""

import requests
from confluence_simulator import Simulator

from tests.simulator.sites import USERNAME, Client, client, furnished_world


def titles(rows: list[dict[str, str]]) -> list[str]:
    return [row["title"] for row in rows]


class TestCredentials:
    """What happens to those who are not let in."""

    def test_wrong_token_is_refused(self, cloud: Simulator) -> None:
        """401 by v2, 403 by v1."""
        site = client(cloud, token="wrong")

        assert site.ask("/api/v2/pages").status_code == 401
        assert site.ask("/rest/api/user/current").status_code == 403

    def test_wrong_token_may_be_anonymous(self) -> None:
        """200 with what the public sees, and a current user that is anonymous."""
        world = furnished_world()
        world.permit_space("OLD", everyone="ANONYMOUS_USERS")
        with Simulator(world, bad_credentials="anonymous") as simulator:
            site = client(simulator, token="wrong")

            assert titles(site.get("/api/v2/pages")["results"]) == ["Rules of 2019"]
            assert site.get("/rest/api/user/current")["type"] == "anonymous"

    def test_bearer_token_and_gateway(self, cloud: Simulator) -> None:
        """The gateway takes the same credentials and gives the site's own links."""
        answer = requests.get(
            f"{cloud.gateway_url}/api/v2/pages?limit=1",
            headers={"Authorization": "Bearer simulated-token"},
            timeout=5,
        )

        assert answer.json()["_links"]["next"].startswith("/wiki/api/v2/pages?")
        following = cloud.origin + cloud.tenant.gateway_prefix + answer.json()["_links"]["next"]
        assert Client("").session.get(following, timeout=5).status_code == 200

    def test_scoped_token_works_through_the_gateway_alone(self) -> None:
        """The site's own address says 401."""
        with Simulator(furnished_world(), scoped_token=True) as simulator:
            assert client(simulator).ask("/api/v2/pages").status_code == 401
            assert Client(simulator.gateway_url).ask("/api/v2/pages").status_code == 200

    def test_unknown_cloud_id_and_tenant_info(self, cloud: Simulator) -> None:
        """404 JSON of the gateway for another cloud id; the right one can be asked for without credentials."""
        wrong = Client(f"{cloud.origin}/ex/confluence/00000000-0000-0000-0000-000000000000/wiki")
        answer = wrong.ask("/api/v2/pages")
        info = requests.get(f"{cloud.origin}/_edge/tenant_info", timeout=5).json()

        assert (answer.status_code, answer.headers["X-Failure-Category"]) == (404, "FAILURE_CLIENT_TCS")
        assert answer.json()["message"] == "No message available"
        assert info == {"cloudId": cloud.tenant.cloud_id}

    def test_current_user_is_the_bot(self, cloud: Simulator) -> None:
        """Known, with the account id that restrictions name."""
        user = client(cloud).get("/rest/api/user/current")

        assert (user["type"], user["accountId"]) == ("known", cloud.world.bot.account_id)
        assert user["email"] == USERNAME
