"""Members of groups, groups that grant use of Confluence, accounts, and Confluence's own word on one reader."""

from collections.abc import Callable
from typing import Any

import orjson
import pytest

from hr_sync.domain.access import AccessClass, Identity, Principal, PrincipalKind
from hr_sync.errors import AccessDenied, AnswerNotTrusted, HrSyncError, NotFound, ServerFailed
from tests.confluence.fake_answers import HTML, OWN_403, OWN_404, Answers, cloud, datacenter, paths, refused
from tests.confluence.fakes import Reply, Request

MEMBERS = "group/g-1/membersByGroupId"
Rows = list[dict[str, Any]]


def offset_list(rows: Rows, *, path: str, limit: int = 200, links: bool = True) -> Callable[[Request], dict[str, Any]]:
    """Answer a list by offset with at most `limit` rows; `links` False gives no `next`, as some servers do."""

    def answer(request: Request) -> dict[str, Any]:
        start = int((request.all("start") or ["0"])[0])
        most = min(limit, int((request.all("limit") or ["25"])[0]))
        shown = rows[start : start + most]
        more = {"next": f"/rest/api/{path}?start={start + most}&limit={most}"}
        has_next = links and start + most < len(rows)
        return {"results": shown, "start": start, "limit": most, "size": len(shown), "_links": more if has_next else {}}

    return answer


def people(count: int) -> Rows:
    return [{"type": "known", "accountId": f"a{number}", "userKey": f"k{number}"} for number in range(count)]


@pytest.mark.parametrize("links", [True, False])
@pytest.mark.parametrize("limit", [200, 50, 25])
@pytest.mark.parametrize("count", [0, 1, 199, 200, 201, 1000])
def test_every_member_is_read(*, count: int, limit: int, links: bool) -> None:
    """Also where the server lowers the limit, or gives no `next`."""
    with cloud({MEMBERS: offset_list(people(count), path=MEMBERS, limit=limit, links=links)}) as (source, _):
        assert source.members("g-1") == {f"a{number}" for number in range(count)}
    path = "group/staff/member"
    with datacenter({path: offset_list(people(count), path=path, limit=limit, links=links)}) as (source, _):
        assert source.members("staff") == {f"k{number}" for number in range(count)}


def test_members_whose_account_is_no_persons_count() -> None:
    """A group may hold service accounts, apps and accounts that were closed; a restriction to it is one to them too."""
    kinds = [{"accountType": "app"}, {"accountType": ""}, {"type": "unknown"}, {"accountStatus": "closed"}]
    rows = [{**row, **kind} for row, kind in zip(people(4), kinds, strict=True)]
    with cloud({MEMBERS: offset_list(rows, path=MEMBERS)}) as (source, _):
        assert len(source.members("g-1")) == 4


@pytest.mark.parametrize(
    "row", [{}, {"accountId": ""}, {"accountId": None}, {"accountId": "a\0"}, None, {"type": "group"}]
)
def test_a_member_without_an_id_is_not_passed_over(row: Any) -> None:
    """What the list says is not known."""
    with (
        cloud({MEMBERS: {"results": [*people(1), row], "limit": 200, "size": 2}}) as (source, _),
        pytest.raises(AnswerNotTrusted),
    ):
        source.members("g-1")


def test_a_list_without_end_ends() -> None:
    """Whether it repeats by its links or by its offsets."""

    def linked(request: Request) -> dict[str, Any]:
        start = int((request.all("start") or ["0"])[0]) + 1
        return {"results": people(2), "limit": 2, "_links": {"next": f"/rest/api/{MEMBERS}?start={start}"}}

    same = {"results": people(200), "limit": 200, "size": 200}
    for answer in (linked, same):
        with cloud({MEMBERS: answer}) as (source, fake):
            with pytest.raises(AnswerNotTrusted, match="no progress"):
                source.members("g-1")
            assert len(fake.requests) == 2


FAILURES = [
    (refused(403, OWN_403), AccessDenied),
    (refused(404, OWN_404), NotFound),
    (refused(500), ServerFailed),
    (HTML, AnswerNotTrusted),
    (refused(404), AnswerNotTrusted),
    (Reply(document={"results": {}}), AnswerNotTrusted),
]


@pytest.mark.parametrize(("reply", "error"), FAILURES)
def test_a_group_that_cannot_be_read_is_not_empty(reply: Reply, error: type[HrSyncError]) -> None:
    """An error each."""
    with cloud({MEMBERS: reply}) as (source, _), pytest.raises(error):
        source.members("g-1")
    with datacenter({"group/staff/member": reply}) as (source, _), pytest.raises(error):
        source.members("staff")


def nested(answers: dict[str, list[str]], *, in_members: bool) -> Answers:
    """Return answers for groups: group → users `k...` and groups, the latter in the list of members or in their own."""
    found: Answers = {}
    for name, members in answers.items():
        users = [{"type": "known", "userKey": each} for each in members if each[0] == "k"]
        groups = [{"type": "group", "name": each} for each in members if each[0] != "k"]
        own = [*users, *groups] if in_members else users
        found[f"group/{name}/member"] = offset_list(own, path="x")
        found[f"group/{name}/groupmember"] = refused(404) if in_members else offset_list(groups, path="x")
    return found


@pytest.mark.parametrize("in_members", [True, False])
def test_groups_within_a_group_count_on_data_center(*, in_members: bool) -> None:
    """At any depth, and in a ring too; each is asked once."""
    groups = {"a": ["k1", "b", "c"], "b": ["k2", "d"], "c": ["k3", "d"], "d": ["k4", "a"], "e": ["k5"]}
    with datacenter(nested(groups, in_members=in_members)) as (source, fake):
        assert source.members("a") == {"k1", "k2", "k3", "k4"}
    asked = [path for path in paths(fake) if path.endswith("/member")]
    assert len(asked) == len(set(asked)) == 4


@pytest.mark.parametrize("reply", [refused(404), refused(404, OWN_404), refused(403, OWN_403), HTML])
def test_a_server_without_a_list_of_inner_groups_gives_the_members(reply: Reply) -> None:
    """Members of inner groups are then missing, which gives nobody too much."""
    answers = {**nested({"a": ["k1", "b"], "b": ["k2"]}, in_members=False), "group/a/groupmember": reply}
    with datacenter(answers) as (source, fake):
        assert source.members("a") == {"k1"}
    assert "/rest/api/group/a/groupmember" in paths(fake)


def test_names_of_groups_are_quoted() -> None:
    """They may hold any sign."""
    with datacenter({}) as (source, fake), pytest.raises(NotFound):
        source.members("hr/all ?&")
    assert paths(fake) == ["/rest/api/group/hr%2Fall%20%3F%26/member"]


def groups(*names: str) -> Rows:
    return [{"type": "group", "id": name, "name": name} for name in names]


def test_licence_groups_of_cloud_are_read_until_two_walks_agree() -> None:
    """One that is missing would show pages to those who are in no other group."""
    some = [f"g{number}" for number in range(250)]
    with cloud({"group": offset_list(groups(*some), path="group")}) as (source, fake):
        assert source.licence_groups() == frozenset(some)
        assert fake.requests[0].all("accessType") == ["user"]

    shown = iter([["a"], ["b"]])  # the second walk begins after a group before the first answer's end has gone

    def shifting(request: Request) -> dict[str, Any]:
        most = int(request.all("limit")[0])
        if request.all("start") == ["0"] and most == 200:
            return {
                "results": groups(*some[:200]),
                "limit": 200,
                "_links": {"next": "/rest/api/group?start=200&limit=200"},
            }
        if most == 200:
            return {"results": groups(*next(shown, ["c"])), "limit": 200, "_links": {}}
        return offset_list(groups(*some[:200], "a", "b", "c"), path="group")(request)

    with cloud({"group": shifting}) as (source, _), pytest.raises(AnswerNotTrusted, match="differed each time"):
        source.licence_groups()


@pytest.mark.parametrize("links", [True, False])
def test_licence_groups_are_not_cut(*, links: bool) -> None:
    """At 200, with a `next` or without."""
    some = [f"g{number}" for number in range(201)]
    with cloud({"group": offset_list(groups(*some), path="group", links=links)}) as (source, _):
        assert source.licence_groups() == frozenset(some)


@pytest.mark.parametrize(("reply", "error"), FAILURES)
def test_licence_groups_of_cloud_that_are_refused_are_not_known(reply: Reply, error: type[HrSyncError]) -> None:
    """A failure that may pass is raised: the last known ones stay."""
    with cloud({"group": reply}) as (source, _):
        if error in {AccessDenied, NotFound}:
            assert source.licence_groups() is None
        else:
            with pytest.raises(error):
                source.licence_groups()
    with cloud({"group": offset_list([], path="group")}) as (source, _):
        assert source.licence_groups() is None


ANN = {"type": "known", "accountId": "a1", "displayName": "Ann\u2028Lee", "email": "a@x", "accountStatus": "active"}
BOB = {"type": "known", "accountId": "a2", "displayName": "Bob (Unlicensed)", "email": "", "accountStatus": "inactive"}
ANN_IS = Identity(user_id="a1", display_name="Ann Lee", email="a@x", email_source="confluence", active=True)
BOB_IS = Identity(user_id="a2", display_name="Bob (Unlicensed)", email=None, email_source=None, active=False)


def one_of(rows: Rows, field: str, parameter: str) -> Callable[[Request], Any]:
    def answer(request: Request) -> Any:
        found = [row for row in rows if row[field] in request.all(parameter)]
        return found[0] if found else refused(404, OWN_404)

    return answer


def test_accounts_are_read_many_at_once() -> None:
    """Hidden addresses are none; what the list lacks is asked for alone, and may not exist."""
    answers: Answers = {
        "user/bulk": {"results": [ANN, {"accountId": "stranger"}, {}, None]},
        "user": one_of([BOB], "accountId", "accountId"),
    }
    with cloud(answers) as (source, fake):
        assert source.identities({"a1", "a2", "gone"}) == {"a1": ANN_IS, "a2": BOB_IS}
        assert paths(fake) == ["/rest/api/user/bulk", "/rest/api/user", "/rest/api/user"]
        assert source.identities([]) == {}


@pytest.mark.parametrize("reply", [refused(404, OWN_404), refused(403, OWN_403), refused(410), HTML, refused(500)])
def test_accounts_are_read_alone_where_the_list_fails(reply: Reply) -> None:
    """More requests, the same accounts."""
    with cloud({"user/bulk": reply, "user": one_of([ANN, BOB], "accountId", "accountId")}) as (source, fake):
        assert source.identities(["a2", "a1"]) == {"a1": ANN_IS, "a2": BOB_IS}
    assert "/rest/api/user/bulk" in paths(fake)


def test_many_accounts_take_few_requests() -> None:
    """A hundred in one address."""

    def bulk(request: Request) -> dict[str, Any]:
        return {"results": [{"accountId": each} for each in request.all("accountId")]}

    with cloud({"user/bulk": bulk}) as (source, fake):
        assert len(source.identities(f"a{number}" for number in range(250))) == 250
    assert len(fake.requests) == 3


def test_accounts_of_data_center_are_read_by_key() -> None:
    """Each alone; an address is never shown there."""
    rows = [{"userKey": "k1", "displayName": "Ann", "status": "current"}, {"userKey": "k2", "status": "deactivated"}]
    with datacenter({"user": one_of(rows, "userKey", "key")}) as (source, _):
        found = source.identities(["k1", "k2", "gone"])
    assert found == {
        "k1": Identity(user_id="k1", display_name="Ann", email=None, email_source=None, active=True),
        "k2": Identity(user_id="k2", display_name=None, email=None, email_source=None, active=False),
    }


def test_another_account_is_not_taken_for_the_one_that_was_asked_for() -> None:
    """It would give somebody's address to somebody else."""
    with datacenter({"user": {"userKey": "k2"}}) as (source, _), pytest.raises(AnswerNotTrusted):
        source.identities(["k1"])


USER = Principal(PrincipalKind.USER, "a1")
GROUP = Principal(PrincipalKind.GROUP, "g-1")
VISITOR = Principal(PrincipalKind.CLASS, AccessClass.ANONYMOUS)
CHECK = "content/1/permission/check"


@pytest.mark.parametrize(
    ("subject", "sent"),
    [
        (USER, {"type": "user", "identifier": "a1"}),
        (GROUP, {"type": "group", "identifier": "g-1"}),
        (VISITOR, {"type": "user", "identifier": "anonymous"}),
    ],
)
@pytest.mark.parametrize("answer", [True, False])
def test_confluence_itself_says_who_may_read(subject: Principal, sent: Any, *, answer: bool) -> None:
    """One request that changes nothing."""
    with cloud({CHECK: {"hasPermission": answer, "errors": []}}) as (source, fake):
        assert source.may_read("1", subject) is answer
    (request,) = fake.requests
    assert (request.method, orjson.loads(request.body)) == ("POST", {"subject": sent, "operation": "read"})


@pytest.mark.parametrize(
    "reply",
    [
        refused(403, OWN_403),
        refused(404, OWN_404),
        refused(400),
        refused(500),
        HTML,
        Reply(document={"hasPermission": 1}),
    ],
)
def test_no_answer_is_neither_yes_nor_no(reply: Reply) -> None:
    """For example for an account that is no administrator."""
    with cloud({CHECK: reply}) as (source, fake):
        assert source.may_read("1", USER) is None
    assert fake.requests


def test_what_cannot_be_asked_is_not_asked() -> None:
    """Confluence checks users and groups; Data Center checks nobody."""
    with cloud({}) as (source, fake):
        assert source.may_read("1", Principal(PrincipalKind.CLASS, AccessClass.LICENSED)) is None
        assert source.may_read("1", Principal(PrincipalKind.UNKNOWN, "x:y")) is None
        assert fake.requests == []
    with datacenter({}) as (other, fake):
        assert other.may_read("1", USER) is None
        assert fake.requests == []
