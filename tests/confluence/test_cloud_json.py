"""Cloud's JSON read into the model: what is needed must be there, and an odd page costs only itself."""

import copy
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hr_sync.confluence.cloud_json import read_account, read_heads, read_lookup, read_pages, read_space
from hr_sync.domain.content import Head, Page, Space
from hr_sync.domain.deletion import LookupResult, LookupStatus
from hr_sync.errors import AnswerNotTrusted, CredentialsRefused

SITE = "https://acme.atlassian.net/wiki"
SPACE = Space(id="65537", key="HR", name="Human Resources", type="global", status="current")
# Names and nesting as in answers of 2026; the values are ours.
ITEM: dict[str, Any] = {
    "parentType": "page",
    "parentId": "98306",
    "createdAt": "2025-11-02T08:00:00.000Z",
    "ownerId": "712020:owner",
    "lastOwnerId": None,
    "authorId": "712020:author",
    "position": 562,
    "version": {
        "number": 7,
        "message": "",
        "minorEdit": False,
        "authorId": "712020:editor",
        "createdAt": "2026-02-03T04:05:06.789Z",
        "ncsStepVersion": None,
    },
    "spaceId": "65537",
    "status": "current",
    "body": {"storage": {"representation": "storage", "value": "<p>30 days</p>"}},
    "title": "Annual leave",
    "id": "98400",
    "_links": {
        "editui": "/pages/resumedraft.action?draftId=98400",
        "webui": "/spaces/HR/pages/98400/Annual+leave",
        "edituiv2": "/spaces/HR/pages/edit-v2/98400",
        "tinyui": "/x/YIAB",
    },
}
HEAD = Head(
    id="98400",
    title="Annual leave",
    space_key="HR",
    space_id="65537",
    version=7,
    status="current",
    parent_id="98306",
    parent_type="page",
    last_updated=datetime(2026, 2, 3, 4, 5, 6, 789_000, tzinfo=UTC),
    url="https://acme.atlassian.net/wiki/spaces/HR/pages/98400/Annual+leave",
)
NEEDED = ("title", "spaceId", "status", "version", "version.number", "version.createdAt")
NEEDED_BODY = ("body", "body.storage", "body.storage.value")
NOT_NEEDED = ("createdAt", "ownerId", "lastOwnerId", "authorId", "position", "version.message", "version.minorEdit")
ODD: tuple[Any, ...] = (None, 0, -1, 1.5, True, [], {}, [[]], {"value": {}}, 10**30, float("inf"))


def changed(path: str, value: Any = ...) -> dict[str, Any]:
    """Return the item with another value at a path, or without it."""
    item = copy.deepcopy(ITEM)
    *parents, last = path.split(".")
    place = item
    for name in parents:
        place = place[name]
    if value is ...:
        del place[last]
    else:
        place[last] = value
    return item


def heads_of(*items: dict[str, Any]) -> tuple[dict[str, Head], dict[str, str]]:
    return read_heads({"results": list(items), "_links": {"base": SITE}}, SPACE, SITE)


def test_a_head_is_read_whole() -> None:
    """Every field of the model comes from its place in the answer."""
    assert heads_of(ITEM) == ({"98400": HEAD}, {})


def test_a_body_is_read_as_it_came() -> None:
    """Nothing is cleaned here."""
    item = changed("body.storage.value", "<p>\x00\ud800</p>")

    fetched = read_pages(iter([{"results": [item]}]), frozenset({"98400", "1"}), SPACE, SITE)

    assert fetched.pages == {"98400": Page(head=HEAD, storage="<p>\x00\ud800</p>")}
    assert fetched.absent == {"1"}


@pytest.mark.parametrize("path", NEEDED)
@pytest.mark.parametrize("value", [..., *ODD])
def test_a_page_without_what_is_needed_is_unreadable(path: str, value: Any) -> None:
    """It is named with the missing field, and its neighbour is read."""
    if path == "version.number" and value == 0 and value is not False:
        return  # a number that a version may have
    neighbour = ITEM | {"id": "1"}

    heads, unreadable = heads_of(changed(path, value), neighbour)

    assert set(heads) == {"1"}
    assert set(unreadable) == {"98400"}
    assert unreadable["98400"].startswith("the listing gives no ")


@pytest.mark.parametrize("path", NOT_NEEDED)
@pytest.mark.parametrize("value", [..., *ODD])
def test_what_is_not_needed_may_be_anything(path: str, value: Any) -> None:
    """A tolerant reader breaks on no field that it does not use."""
    assert heads_of(changed(path, value)) == ({"98400": HEAD}, {})


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("version.createdAt", "yesterday"),
        ("version.createdAt", ""),
        ("version.createdAt", "2026-02-03T04:05:06"),
        ("version.createdAt", "0001-01-01T00:00:00+14:00"),
        ("version.createdAt", "9999-12-31T23:59:59-14:00"),
        ("version.number", "7"),
        ("version.number", 2**31),
        ("parentId", 98306),
        ("parentType", []),
        ("spaceId", "65537\ud800"),
        ("status", "cur\x00rent"),
        ("status", "\ud800"),
        ("parentId", "\ud800"),
        ("parentId", "\x00"),
        ("parentType", "\x00"),
    ],
)
def test_values_that_no_row_could_hold_make_a_page_unreadable(path: str, value: Any) -> None:
    """Also those that PostgreSQL or UTF-8 would refuse later, where nobody expects it."""
    heads, unreadable = heads_of(changed(path, value))

    assert heads == {}
    assert len(unreadable) == 1


@pytest.mark.parametrize("path", ["parentId", "parentType"])
@pytest.mark.parametrize("value", [..., None])
def test_the_top_of_a_space_has_no_parent(path: str, value: Any) -> None:
    """Absent and null say the same."""
    heads, unreadable = heads_of(changed(path, value))

    assert unreadable == {}
    assert (heads["98400"].parent_id, heads["98400"].parent_type).count(None) == 1


@pytest.mark.parametrize("path", NEEDED_BODY)
@pytest.mark.parametrize("value", [..., *ODD])
def test_a_missing_body_is_not_an_empty_one(path: str, value: Any) -> None:
    """Storing it as such would wipe a good text."""
    fetched = read_pages(iter([{"results": [changed(path, value)]}]), frozenset({"98400"}), SPACE, SITE)

    assert fetched.pages == {}
    assert set(fetched.unreadable) == {"98400"}
    assert fetched.absent == frozenset()


def test_an_empty_body_is_a_body() -> None:
    """A page that somebody emptied is read as empty."""
    fetched = read_pages(iter([{"results": [changed("body.storage.value", "")]}]), frozenset({"98400"}), SPACE, SITE)

    assert fetched.pages["98400"].storage == ""


@pytest.mark.parametrize("links", [..., *ODD, {"webui": 7}])
def test_a_page_has_an_address_without_links_too(links: Any) -> None:
    """Confluence opens /pages/ID as well."""
    heads, _ = heads_of(changed("_links", links))

    assert heads["98400"].url == f"{SITE}/pages/98400"


@pytest.mark.parametrize("base", [..., *ODD, "javascript:alert(1)", "//attacker.invalid"])
def test_the_own_base_serves_where_the_answer_gives_none(base: Any) -> None:
    """An address that is no web address is not shown to people."""
    answer = {"results": [ITEM], "_links": {} if base is ... else {"base": base}}

    heads, _ = read_heads(answer, SPACE, SITE)

    assert heads["98400"].url == f"{SITE}/spaces/HR/pages/98400/Annual+leave"


def test_of_two_rows_of_a_page_the_higher_version_counts() -> None:
    """A page that is edited during the walk may come twice."""
    for numbers in ((7, 8), (8, 7)):
        heads, _ = heads_of(*(changed("version.number", number) for number in numbers))
        assert heads["98400"].version == 8


def test_a_page_that_nobody_asked_for_spoils_the_answer() -> None:
    """It would be the answer to another question."""
    with pytest.raises(AnswerNotTrusted, match="not asked for"):
        read_pages(iter([{"results": [ITEM]}]), frozenset({"1"}), SPACE, SITE)


def test_a_page_of_another_space_counts_as_absent() -> None:
    """It moved since it was listed."""
    fetched = read_pages(iter([{"results": [changed("spaceId", "1")]}]), frozenset({"98400"}), SPACE, SITE)

    assert not fetched.pages
    assert not fetched.unreadable
    assert fetched.absent == {"98400"}


@pytest.mark.parametrize("path", ["id", "key", "name", "type", "status"])
@pytest.mark.parametrize("value", [..., *ODD])
def test_a_space_is_described_properly_or_not_trusted(path: str, value: Any) -> None:
    """A listing cannot begin with half a space."""
    item = {"id": "65537", "key": "HR", "name": "Human Resources", "type": "global", "status": "current"}
    assert read_space(item) == SPACE
    if value is ...:
        del item[path]
    else:
        item[path] = value

    with pytest.raises(AnswerNotTrusted, match=path):
        read_space(item)


@pytest.mark.parametrize(
    "item",
    [ITEM | {"id": "1"}, *(changed(path) for path in ("id", "status", "spaceId")), {}, {"id": "98400", "status": 1}],
)
def test_half_an_answer_is_no_evidence(item: dict[str, Any]) -> None:
    """Neither is one about another page."""
    assert read_lookup(item, "98400") == LookupResult(page_id="98400", status_of_lookup=LookupStatus.UNKNOWN)


@pytest.mark.parametrize("answer", [{}, {"type": "anonymous"}, {"type": None}, {"type": ["known"]}])
def test_only_a_known_account_is_signed_in(answer: dict[str, Any]) -> None:
    """Everybody else sees what the public sees."""
    read_account({"type": "known"})
    with pytest.raises(CredentialsRefused, match="anonymous"):
        read_account(answer)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters()),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(sorted(ITEM)), inner, max_size=5),
    max_leaves=10,
)


@given(st.dictionaries(st.sampled_from([*ITEM, "number", "value"]), json_values), json_values)
def test_no_item_crashes_the_reader(parts: dict[str, Any], links: Any) -> None:
    """Whatever the item holds beside its id, it is read or named as unreadable."""
    item = copy.deepcopy(ITEM) | parts | {"id": "98400"}

    heads, unreadable = read_heads({"results": [item], "_links": links}, SPACE, SITE)

    assert heads.keys() | unreadable.keys() == {"98400"}
    assert not heads.keys() & unreadable.keys()
