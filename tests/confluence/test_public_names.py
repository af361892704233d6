"""Names that everybody is shown, and that a refusal is no "no such user"."""

from typing import Any

import pytest

from hr_sync.domain.people import NameState, PublicName
from tests.confluence.fake_answers import HTML, OWN_403, OWN_404, cloud, datacenter, paths, refused
from tests.confluence.fakes import Reply, Request

ANN = {"type": "known", "accountId": "a1", "displayName": "Ann Lee", "publicName": "ann\u2028l", "email": "a@x"}
BOB = {
    "type": "known",
    "accountId": "a2",
    "displayName": "Bob",
    "publicName": "Bob (Deactivated)",
    "accountStatus": "inactive",
}
GONE = {
    "type": "unknown",
    "accountId": "a3",
    "displayName": "Former user (Deleted)",
    "publicName": "Former user (Deleted)",
}
SHY = {"type": "known", "accountId": "a4", "displayName": "Kim Doe", "publicName": ""}
NAMES = {
    "a1": ("named", "ann l"),
    "a2": ("named", "Bob (Deactivated)"),
    "a3": ("former", "former user"),
    "a4": ("nameless", None),
}


def shown(found: dict[str, PublicName]) -> dict[str, tuple[str, str | None]]:
    return {user_id: (each.state.value, each.shown) for user_id, each in found.items()}


def test_the_public_name_counts_on_cloud() -> None:
    """By one request; never the one that a profile shows to some, and of a deleted account none."""
    with cloud({"user/bulk": {"results": [ANN, BOB, GONE, SHY, {"accountId": "stranger"}, {}, None]}}) as (
        source,
        fake,
    ):
        assert shown(source.public_names(["a4", "a3", "a2", "a1"])) == NAMES
        assert paths(fake) == ["/rest/api/user/bulk"]
        assert source.public_names([]) == {}


def test_the_list_of_v2_is_asked_where_that_of_v1_is_not() -> None:
    """Its rows name a deleted account by its status."""
    row = {"accountId": "a3", "publicName": "Former user", "accountStatus": "closed"}
    answers = {"user/bulk": refused(410), "users-bulk": {"results": [ANN, row]}}
    with cloud(answers) as (source, fake):
        assert shown(source.public_names(["a1", "a3"])) == {"a1": NAMES["a1"], "a3": NAMES["a3"]}
    assert len(fake.requests) == 2


@pytest.mark.parametrize(
    ("reply", "state"),
    [
        (refused(404, OWN_404), NameState.ABSENT),
        (refused(403, OWN_403), NameState.UNREAD),
        (refused(500), NameState.UNREAD),
        (HTML, NameState.UNREAD),
        (
            {"accountId": "a9", "userKey": "a9", "publicName": "Somebody else", "displayName": "Somebody else"},
            NameState.UNREAD,
        ),
    ],
)
def test_a_refusal_is_not_no_such_user(reply: Reply | dict[str, Any], state: NameState) -> None:
    """Only Confluence's own 404 about the one account is; an answer about another account is no answer."""
    with cloud({"user/bulk": {"results": []}, "user": reply}) as (source, _):
        assert source.public_names(["a1"]) == {"a1": PublicName(user_id="a1", state=state)}
    with datacenter({"user": reply}) as (other, _):
        assert other.public_names(["a1"]) == {"a1": PublicName(user_id="a1", state=state)}


def test_no_more_is_asked_where_all_is_refused() -> None:
    """A hundred refusals would say what three do."""
    with datacenter({"user": refused(403, OWN_403)}) as (source, fake):
        assert list(source.public_names(f"k{number:03}" for number in range(100))) == ["k000", "k001", "k002"]
    assert len(fake.requests) == 3


def test_names_of_data_center_are_read_by_key() -> None:
    """A deleted account's name holds its user name, which is left out."""
    rows = {
        "k1": {"type": "known", "userKey": "k1", "displayName": "Ann Lee"},
        "k2": {"type": "known", "userKey": "k2", "displayName": "Unknown User (bob)"},
        "k3": {"type": "known", "userKey": "k3"},
    }

    def answer(request: Request) -> Any:
        (key,) = request.all("key")
        return rows.get(key, refused(404, OWN_404))

    with datacenter({"user": answer}) as (source, _):
        assert shown(source.public_names([*rows, "k4"])) == {
            "k1": ("named", "Ann Lee"),
            "k2": ("former", "former user"),
            "k3": ("nameless", None),
            "k4": ("absent", None),
        }
