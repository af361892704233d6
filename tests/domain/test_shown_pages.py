"""What consumers are shown of a space is counted by reason, and the remedy is one that works."""

import re
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from hr_sync.domain.access import (
    AccessClass,
    AccessMode,
    AccessPolicy,
    Audience,
    Layer,
    Principal,
    PrincipalKind,
    SpaceViewers,
    audience_passes,
)
from hr_sync.domain.principal_words import GroupFact, named_layer, principals_in_words
from hr_sync.domain.shown_pages import NotShown, ShownPages, SpaceAccess, shown_pages, space_of_viewers

LICENSED = Principal(PrincipalKind.CLASS, AccessClass.LICENSED)
OPEN: Layer = frozenset({LICENSED})
HOUR = timedelta(hours=1)
NAMES = {"id-hr": GroupFact(name="hr-all", members=812), "id-it": GroupFact(name="it"), "id-adm": GroupFact(members=3)}


def groups(*ids: str, users: int = 0) -> Layer:
    """Return a layer of groups, and of so many users."""
    return frozenset(Principal(PrincipalKind.GROUP, each) for each in ids) | {
        Principal(PrincipalKind.USER, f"user {number}") for number in range(users)
    }


def space(**values: Any) -> SpaceAccess:
    """Return a space of ten open pages whose facts are an hour old."""
    usual: dict[str, Any] = {
        "space_key": "HR",
        "sets": [(frozenset({OPEN}), 10)],
        "viewers": OPEN,
        "access_age": HOUR,
        "look_age": HOUR,
        "groups": NAMES,
    }
    return SpaceAccess(**(usual | values))


def limited(layer: Layer, *others: Layer, pages: int = 1240) -> SpaceAccess:
    """Return a space that these may view, with as many pages under each further restriction."""
    sets = [(frozenset({layer}), pages), *((frozenset({layer, other}), pages) for other in others)]
    return space(sets=sets, viewers=layer)


def shown(access: SpaceAccess, licence: frozenset[str] = frozenset(), **policy: Any) -> ShownPages:
    """Return what is shown; the reasons must add up to the rest."""
    found = shown_pages(access, AccessPolicy(**policy), licence)
    assert found.shown + sum(found.reasons.values()) == found.pages
    assert (found.message is None) == (found.shown == found.pages)
    return found


def test_a_space_that_is_open_needs_no_word() -> None:
    """Nor does one without pages."""
    assert shown(space()) == ShownPages(space_key="HR", pages=10, shown=10)
    assert shown(space(sets=[])).message is None


def test_a_space_of_one_group_names_it_with_its_members_and_the_setting() -> None:
    """The name is for people, the id for the setting."""
    found = shown(limited(groups("id-hr")))

    assert found.reasons == {"space_viewers": 1240}
    assert found.is_warning
    assert found.message == (
        "0 of 1,240 pages of HR are open to every licensed user: its viewers are group hr-all (812 members). If every "
        'reader of the chatbot is in it: access.audience_groups = ["id-hr"], then '
        "`hr-sync run --access --space HR` shows 1,240 pages."
    )
    assert (found.audience_groups, found.shown_then) == (("id-hr",), 1240)


@pytest.mark.parametrize(
    ("access", "policy", "proposed", "then"),
    [
        (space(sets=[(frozenset({OPEN, groups("id-hr")}), 5), (frozenset({OPEN, groups("id-it")}), 5)]), {}, (), 0),
        (limited(groups("id-hr", "id-it", "id-adm", users=2)), {}, ("id-hr",), 1240),
        (limited(groups("id-hr", "id-it"), groups("id-it")), {}, ("id-it",), 2480),
        (limited(groups("id-hr")), {"audience_groups": frozenset({"id-it"})}, ("id-hr", "id-it"), 1240),
        (limited(OPEN, groups("id-hr")), {}, (), 0),
        (space(sets=[(frozenset({OPEN, groups("id-hr")}), 5)]), {}, ("id-hr",), 5),
        (
            space(sets=[(frozenset({groups("id-it"), groups("id-hr")}), 5)], viewers=groups("id-it")),
            {},
            ("id-hr", "id-it"),
            5,
        ),
    ],
    ids=[
        "other groups for other pages",
        "largest",
        "opens most",
        "added to what is set",
        "some are open",
        "a restricted home page",
        "two layers",
    ],
)
def test_the_proposed_groups_show_as_many_pages_as_is_said(
    access: SpaceAccess, policy: dict[str, Any], proposed: tuple[str, ...], then: int
) -> None:
    """The setting is applied, and counted again."""
    found = shown(access, **policy)

    assert (found.audience_groups, found.shown_then) == (proposed, then)
    if proposed:
        after = shown(access, **policy | {"audience_groups": frozenset(proposed)})
        assert after.shown == then


def test_viewers_without_a_group_have_another_remedy() -> None:
    """No setting lets every reader pass."""
    found = shown(limited(groups(users=3)))

    assert found.message is not None
    assert "its viewers are 3 users. No group" in found.message
    assert "audience_groups = " not in found.message
    assert "its viewers are nobody" in (shown(limited(groups())).message or "")


def test_restrictions_are_numbers_and_no_alarm() -> None:
    """Pages with restrictions of their own are normal."""
    found = shown(space(sets=[(frozenset({OPEN}), 9), (frozenset({OPEN, groups("id-hr")}), 1)]))

    assert (found.reasons, found.is_warning) == ({"restricted": 1}, False)
    assert found.message == (
        "9 of 10 pages of HR are open to every licensed user: restrictions do not let all of them read 1 page."
    )


@pytest.mark.parametrize(
    ("access", "policy", "reason", "words"),
    [
        (
            space(viewers=None, doubt="Refused. Do this."),
            {},
            NotShown.VIEWERS_UNKNOWN,
            "is not known. Refused. Do this.",
        ),
        (
            space(access_age=None),
            {},
            NotShown.VIEWERS_UNKNOWN,
            "never read. Read it: `hr-sync run --access --space HR`",
        ),
        (space(access_age=24 * HOUR), {}, NotShown.TOO_OLD, "24 h ago, and access.max_age_hours is 24"),
        (space(access_age=2 * HOUR), {"max_age_hours": 2}, NotShown.TOO_OLD, "2 h ago"),
        (
            space(look_age=73 * HOUR),
            {"hide_after_hours": 72},
            NotShown.NOT_PROVEN,
            "73 h ago, and sync.hide_after_hours",
        ),
        (space(look_age=None), {"hide_after_hours": 72}, NotShown.NOT_PROVEN, "was never looked at completely"),
        (
            space(sets=[(None, 10)], unread_nodes=3),
            {},
            NotShown.UNKNOWN,
            "who may read 10 pages is not known (Confluence did not show it for 3 nodes). Read it again: `hr-sync run",
        ),
    ],
)
def test_what_is_not_known_or_too_old_hides_everything_and_says_why(
    access: SpaceAccess, policy: dict[str, Any], reason: NotShown, words: str
) -> None:
    """A warning with the remedy."""
    found = shown(access, **policy)

    assert (found.reasons, found.is_warning) == ({reason.value: 10}, True)
    assert found.message is not None
    assert words in found.message


def test_mode_account_shows_everything_but_what_was_not_looked_at() -> None:
    """Facts of access do not matter there."""
    unknown = space(viewers=None, access_age=None)

    assert shown(unknown, mode=AccessMode.ACCOUNT).shown == 10
    assert shown(unknown, mode=AccessMode.ACCOUNT, hide_after_hours=1).reasons == {"not_proven": 10}


def test_all_groups_of_the_licence_are_every_licensed_user() -> None:
    """A layer that names both of two is open."""
    both = limited(groups("a", "b"), pages=3)

    assert shown(both, frozenset({"a", "b"})).shown == 3
    assert shown(both, frozenset({"a", "b", "c"})).reasons == {"space_viewers": 3}


def test_a_space_before_its_first_run_has_no_numbers() -> None:
    """Only the viewers are known."""
    access = space_of_viewers("HR", SpaceViewers(layer=groups("id-hr"), source="permissions"), NAMES, pages=0)

    found = shown_pages(access, AccessPolicy(), ())

    assert (found.pages, found.shown, found.reasons, found.shown_then) == (0, 0, {}, 0)
    assert found.is_warning
    assert found.message == (
        "No page of HR is open to every licensed user: its viewers are group hr-all (812 members). If every reader of "
        'the chatbot is in it: access.audience_groups = ["id-hr"], then `hr-sync run`.'
    )
    assert shown_pages(replace(access, viewers=OPEN, sets=[(frozenset({OPEN}), 1)]), AccessPolicy(), ()).message is None


def test_a_long_list_of_viewers_is_cut() -> None:
    """Groups by name, users by number, classes first."""
    layer = groups(*(f"g{number}" for number in range(7)), users=2) | {
        LICENSED,
        Principal(PrincipalKind.UNKNOWN, "x:1"),
    }

    words = principals_in_words(named_layer(layer, {}))

    assert words.startswith("every licensed user, group g0, ")
    assert words.endswith("group g3, 4 more and 2 users")


def test_a_message_says_whom_the_audience_is() -> None:
    """By the names of its groups."""
    some = limited(groups("id-adm"))

    assert "open to everybody in group hr-all: " in (shown(some, audience_groups=frozenset({"id-hr"})).message or "")
    both = shown(some, audience_groups=frozenset({"id-hr", "id-it"})).message or ""
    assert "open to everybody in the groups hr-all and it: " in both


def test_a_proposal_never_widens_what_is_not_said() -> None:
    """The proposed audience is in every layer that opens: nobody is let in by another way."""
    found = shown(limited(groups("id-hr", "id-it"), groups("id-it")))

    audience = Audience(groups=frozenset(found.audience_groups))
    assert audience_passes(frozenset({groups("id-hr", "id-it"), groups("id-it")}), audience)
    assert not audience_passes(frozenset({groups("id-hr")}), audience)


def test_the_guide_explains_each_number() -> None:
    """In the table of docs/access.md, in the order in which the reasons count."""
    guide = (Path(__file__).parents[2] / "docs" / "access.md").read_text(encoding="utf-8")

    assert re.findall(r"^\| `(\w+)` \|", guide, re.MULTILINE) == list(NotShown)
