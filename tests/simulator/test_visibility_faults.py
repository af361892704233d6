"""Faults of what the caller may see, and of the evidence for it: who answers, as whom, and of which request."""

import pytest
from confluence_simulator import Fault, Simulator, generated_world
from confluence_simulator.call import anonymous_sees

from tests.simulator.fault_probes import PATH
from tests.simulator.sites import client, furnished_world, titled

REFUSALS = ("forbidden-json-403", "anonymous-header")


def test_half_of_the_pages_remain_for_an_anonymous_visitor() -> None:
    """From one request on: another account, shorter lists, fewer search hits, and 404 for the same pages by id."""
    world = generated_world(pages=200)
    seen = [page.id for page in world.pages() if anonymous_sees(page)]
    with Simulator(world, faults=[Fault(kind="becomes-anonymous", at=3, times=0)]) as simulator:
        site = client(simulator)
        before = [site.get("/rest/api/user/current")["type"], len(site.get(PATH, limit=250)["results"])]
        statuses = {page.id: site.ask(f"{PATH}/{page.id}").status_code for page in world.pages()[:20]}

        assert before == ["known", 200]
        assert site.get("/rest/api/user/current")["type"] == "anonymous"
        assert [row["id"] for row in site.walk(PATH, limit=50)] == seen
        assert len(site.get("/rest/api/search", cql="type = page", limit=250)["results"]) == len(seen)
        assert {page_id for page_id, status in statuses.items() if status == 200} == {*seen} & {*statuses}
        assert len(site.get("/api/v2/spaces")["results"]) == 1
        assert simulator.faults.fired
    assert 80 <= len(seen) <= 120


def test_data_center_names_the_account_of_each_answer() -> None:
    """X-AUSERNAME is the account on every answer to right credentials, `anonymous` while the fault lasts."""
    world = furnished_world()
    with Simulator(world, flavor="datacenter") as simulator:
        site = client(simulator)
        right = [site.ask(path) for path in ("/rest/api/content", "/rest/api/content/1", "/rest/api/content?limit=x")]
        simulator.faults.add(Fault(kind="becomes-anonymous"), Fault(kind="anonymous-200", at=2))
        wrong = [site.ask("/rest/api/content") for _ in range(2)]

        assert [answer.status_code for answer in right] == [200, 404, 400]
        assert {answer.headers["X-AUSERNAME"] for answer in right} == {world.bot.username}
        assert {answer.headers["X-AUSERNAME"] for answer in wrong} == {"anonymous"}
        assert "X-AUSERNAME" not in client(simulator, token="no").ask("/rest/api/content").headers
        assert len(simulator.faults.fired) == 2


def test_cloud_names_no_account(cloud: Simulator) -> None:
    """The header belongs to Data Center."""
    assert "X-AUSERNAME" not in client(cloud).ask(PATH).headers


@pytest.mark.parametrize("flavor", ["cloud", "datacenter"])
@pytest.mark.parametrize("kind", REFUSALS)
def test_own_refusals_have_the_shape_of_the_api(flavor: str, kind: str) -> None:
    """v1's object to a request of v1; v2's is seen in the table of all kinds."""
    with Simulator(furnished_world(), flavor="cloud" if flavor == "cloud" else "datacenter") as simulator:
        simulator.faults.add(Fault(kind=kind))
        document = client(simulator).ask("/rest/api/content/1").json()

        assert set(document) == {"statusCode", "data", "message"}
        assert document["message"].startswith("com.atlassian.confluence.api.service.exceptions.")
        assert document["data"]["authorized"] is False
        assert simulator.faults.fired


@pytest.mark.parametrize("flavor", ["cloud", "datacenter"])
def test_reads_by_id_fail_while_lists_work(flavor: str) -> None:
    """For all pages, or for one: the answer is the one that an absent page has, and the lists are whole."""
    world = furnished_world()
    home, leave = titled(world, "Home").id, titled(world, "Leave").id
    with Simulator(world, flavor="cloud" if flavor == "cloud" else "datacenter") as simulator:
        site = client(simulator)
        path = PATH if flavor == "cloud" else "/rest/api/content"
        by_ids = {"id": [home, leave]} if flavor == "cloud" else {"ids": f"{home},{leave}"}
        absent = site.ask(f"{path}/1")

        simulator.faults.add(Fault(kind="single-reads-404", times=0))
        assert len(site.get(path, limit=250)["results"]) == 6
        assert [row["id"] for row in site.get(path, **by_ids)["results"]] == [home, leave]
        refused = [site.ask(f"{path}/{page_id}") for page_id in (home, leave)]
        assert {answer.status_code for answer in refused} == {404}
        assert {answer.text.replace(home, "1").replace(leave, "1") for answer in refused} == {absent.text}

        simulator.faults.clear()
        simulator.faults.add(Fault(kind="listed-but-404", argument=leave, times=0))
        assert [row["id"] for row in site.get(path, **by_ids)["results"]] == [home, leave]
        assert [site.ask(f"{path}/{page_id}").status_code for page_id in (home, leave)] == [200, 404]
        assert simulator.faults.fired
