"""The numbers of what consumers are shown are those of `live_pages`, by space and reason."""

from typing import Any

import pytest
from sqlalchemy import Engine

from hr_sync.domain.access import AccessMode, AccessPolicy, Principal, PrincipalKind, Restriction, SpaceViewers
from hr_sync.store.store import Store
from tests.store.spaces import HR, IT, ask, decision, leased, tell, write
from tests.store.test_access_facts import node, write_facts

MANAGERS = Restriction(groups=frozenset({"managers"}))
HR_ALL = SpaceViewers(layer=frozenset({Principal(PrincipalKind.GROUP, "hr-all")}), source="permissions")


@pytest.fixture
def mirror(engine: Engine) -> Store:
    """Store with four pages in HR, one of them restricted with what is below it, and two in IT, in mode enforce."""
    store = Store(engine)
    with leased(store, HR) as space:
        space.write_pages([write(page_id) for page_id in "1234"])
    with leased(store, IT) as space:
        space.write_pages([write(page_id, IT) for page_id in "56"])
    write_facts(store, [node("1"), node("2", None, MANAGERS), node("3", "2"), node("4")])
    write_facts(store, [node("5"), node("6")], IT)
    store.apply_access_policy(AccessPolicy())
    return store


def reasons(store: Store, engine: Engine) -> dict[str, dict[str, int]]:
    """Return what is not shown, by space and reason; what is shown must be what the view has."""
    found = store.access.shown_pages()
    rows = ask(engine, "SELECT space_key, count(*) AS count FROM live_pages GROUP BY 1")
    seen = {row["space_key"]: row["count"] for row in rows}
    assert {each.space_key: each.shown for each in found if each.shown} == seen
    live = "hidden_at IS NULL AND removed_at IS NULL AND status = 'current'"
    rows = ask(engine, f"SELECT count(*) AS count FROM confluence_pages WHERE {live}")
    assert sum(each.pages for each in found) == rows[0]["count"]
    assert all(each.shown + sum(each.reasons.values()) == each.pages for each in found)
    return {each.space_key: each.reasons for each in found}


def test_restrictions_are_counted_by_space(mirror: Store, engine: Engine) -> None:
    """Also those above a page."""
    assert reasons(mirror, engine) == {"HR": {"restricted": 2}, "IT": {}}


@pytest.mark.parametrize(
    ("checked_at", "reason"), [("now() - interval '25 hours'", "too_old"), ("NULL", "viewers_unknown")]
)
def test_facts_that_do_not_count(mirror: Store, engine: Engine, checked_at: str, reason: str) -> None:
    """Too old, or never read."""
    tell(engine, f"UPDATE sync_spaces SET access_checked_at = {checked_at} WHERE space_key = 'HR'")

    assert reasons(mirror, engine) == {"HR": {reason: 4}, "IT": {}}


def test_pages_that_are_hidden_anyway_do_not_count(mirror: Store, engine: Engine) -> None:
    """They are not live."""
    with leased(mirror, HR) as space:
        space.hide([decision("2")])

    assert reasons(mirror, engine) == {"HR": {"restricted": 1}, "IT": {}}


def test_rows_under_a_former_key_count_for_their_space(mirror: Store, engine: Engine) -> None:
    """They know its id."""
    tell(engine, "UPDATE confluence_pages SET space_key = 'OLD' WHERE id = '2'")

    found = {each.space_key: each for each in mirror.access.shown_pages()}

    assert (found["HR"].pages, found["HR"].reasons) == (4, {"restricted": 2})


def test_viewers_that_are_not_known(mirror: Store, engine: Engine) -> None:
    """With the reason that Confluence gave."""
    write_facts(
        mirror,
        [node(each) for each in "1234"],
        viewers=SpaceViewers(layer=None, source="permissions", doubt="Refused."),
    )

    assert reasons(mirror, engine) == {"HR": {"viewers_unknown": 4}, "IT": {}}
    (hr, _) = mirror.access.shown_pages()
    assert (hr.doubt, hr.is_warning) == ("Refused.", True)


def test_restrictions_that_are_not_known(mirror: Store, engine: Engine) -> None:
    """With the number of nodes that gave no answer; everything below them is concerned."""
    write_facts(mirror, [node("1"), node("2", None, None), node("3", "2"), node("4")])

    assert reasons(mirror, engine) == {"HR": {"unknown": 2}, "IT": {}}
    assert mirror.access.shown_pages()[0].unread_nodes == 1


def test_the_viewers_of_a_space(mirror: Store, engine: Engine) -> None:
    """With names and members where the mirror knows them; the proposal is counted over the sets of the space."""
    nodes = [node("1"), node("2", None, MANAGERS), node("3", "2"), node("4")]
    write_facts(mirror, nodes, viewers=HR_ALL)
    mirror.access.write_group_names({"hr-all": "Everybody of HR"})
    assert mirror.access.unnamed_groups(["hr-all", "managers"]) == {"managers"}

    assert reasons(mirror, engine) == {"HR": {"space_viewers": 4}, "IT": {}}
    hr = mirror.access.shown_pages(["HR"])[0]
    assert [(each.name, each.members) for each in hr.viewers or ()] == [("Everybody of HR", None)]
    assert (hr.audience_groups, hr.shown_then) == (("hr-all",), 2)

    tell(
        engine,
        "UPDATE groups SET members_known = true, checked_at = now()",
        "INSERT INTO group_members VALUES ('hr-all', 'ann'), ('hr-all', 'bob')",
    )
    assert "group Everybody of HR (2 members)" in (mirror.access.shown_pages(["HR"])[0].message or "")
    tell(engine, "UPDATE groups SET checked_at = now() - interval '25 hours'")
    assert "(2 members)" not in (mirror.access.shown_pages(["HR"])[0].message or "")

    mirror.apply_access_policy(AccessPolicy(audience_groups=frozenset(hr.audience_groups)))
    assert reasons(mirror, engine) == {"HR": {"restricted": 2}, "IT": {}}


def test_a_policy_that_is_not_stored_yet(mirror: Store) -> None:
    """What it would show, for a check of the settings; the stored one stays."""

    def seen(**policy: Any) -> list[int]:
        return [each.shown for each in mirror.access.shown_pages(policy=AccessPolicy(**policy))]

    assert seen() == [2, 2]
    assert seen(audience_groups=frozenset({"managers"})) == [4, 2]
    write_facts(mirror, [node(each) for each in "1234"], viewers=HR_ALL)
    assert seen() == [0, 2]
    assert seen(audience_groups=frozenset({"hr-all"})) == [4, 2]
    assert seen(mode=AccessMode.ACCOUNT) == [4, 2]
    assert [each.shown for each in mirror.access.shown_pages(licence_groups=["hr-all"])] == [4, 2]
    assert [each.shown for each in mirror.access.shown_pages()] == [0, 2]


def test_names_of_groups_change_and_nothing_else(mirror: Store, engine: Engine) -> None:
    """Whether members are known stays."""
    tell(engine, "INSERT INTO groups (id, name, members_known, checked_at) VALUES ('g', 'old', true, now())")

    mirror.access.write_group_names({"g": "new", "h": "other"})
    mirror.access.write_group_names({})

    rows = ask(engine, "SELECT id, name, members_known FROM groups ORDER BY id")
    assert [tuple(row.values()) for row in rows] == [("g", "new", True), ("h", "other", False)]
