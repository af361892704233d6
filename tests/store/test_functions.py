"""The functions that consumers call say who may read what, by facts that are recent, whatever the access mode."""

import re
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any

import psycopg
import pytest
from sqlalchemy import Engine

from hr_sync.cancellation import Cancellation
from hr_sync.derive.texts import derive_texts
from hr_sync.domain.access import AccessMode, AccessPolicy, Restriction
from hr_sync.store.engine import make_engine
from hr_sync.store.functions import FUNCTIONS
from hr_sync.store.schema import check_schema, ensure_schema, migrate
from hr_sync.store.store import Store
from tests.store.spaces import ask, decision, leased, tell, write
from tests.store.test_access_facts import ANN, TREE, changed, known, node, write_facts

__all__ = ["known"]  # a fixture
ROOT = Path(__file__).parents[2]

MANAGERS = Restriction(groups=frozenset({"managers"}))
ENFORCE = AccessPolicy()


@pytest.fixture
def restricted(known: Store) -> Store:
    """Store in which 2 and below is Ann's, 4 besides the managers' alone, and 1 and 5 are open."""
    write_facts(known, list(changed(node("2", "1", ANN), node("4", "f", MANAGERS))))
    known.apply_access_policy(ENFORCE)
    return known


def readable(engine: Engine, user: str | None, groups: Sequence[str] | None = None) -> list[str]:
    """Return the pages that somebody may read; `may_read` must say the same."""
    values = {"user": user, "groups": None if groups is None else list(groups)}
    pages = [
        row["id"]
        for row in ask(engine, "SELECT pages_readable_by(:user, CAST(:groups AS text[])) AS id ORDER BY 1", **values)
    ]
    one = "SELECT id FROM confluence_pages WHERE may_read(:user, CAST(:groups AS text[]), id) ORDER BY id"
    assert [row["id"] for row in ask(engine, one, **values)] == pages
    return pages


@pytest.mark.parametrize(
    ("user", "groups", "pages"),
    [
        ("ann", [], ["1", "2", "3", "5"]),
        ("ann", ["managers"], ["1", "2", "3", "4", "5"]),
        ("bob", ["managers"], ["1", "5"]),
        (None, [], ["1", "5"]),
        ("", ["ann"], ["1", "5"]),
        ("managers", [], ["1", "5"]),
    ],
)
@pytest.mark.usefixtures("restricted")
def test_somebody_reads_what_every_layer_lets_pass(
    engine: Engine, user: str | None, groups: list[str], pages: list[str]
) -> None:
    """The space and each restriction on the way; a user and a group of one name differ."""
    assert readable(engine, user, groups) == pages


@pytest.mark.usefixtures("restricted")
def test_without_groups_those_that_are_mirrored_count(engine: Engine) -> None:
    """If their members are known, and were read lately."""
    tell(
        engine,
        "INSERT INTO groups (id, members_known, checked_at) VALUES ('managers', true, now())",
        "INSERT INTO group_members VALUES ('managers', 'ann')",
    )
    assert readable(engine, "ann") == ["1", "2", "3", "4", "5"]
    assert readable(engine, "ann", []) == ["1", "2", "3", "5"]
    assert readable(engine, "bob") == ["1", "5"]
    for change in ("members_known = false", "members_known = true, checked_at = now() - interval '25 h'"):
        tell(engine, f"UPDATE groups SET {change}")
        assert readable(engine, "ann") == ["1", "2", "3", "5"]


@pytest.mark.parametrize("mode", AccessMode)
def test_a_page_that_is_not_shown_is_not_readable(restricted: Store, engine: Engine, mode: AccessMode) -> None:
    """Hidden, removed, archived, without a body, or of a space whose facts are old; in both modes."""
    restricted.apply_access_policy(AccessPolicy(mode=mode))
    everything = ["managers"]
    with leased(restricted) as space:
        space.hide([decision("2")])
        space.remove([decision("3")])
    tell(
        engine,
        "UPDATE confluence_pages SET status = 'archived' WHERE id = '4'",
        "DELETE FROM page_bodies WHERE page_id = '5'",
    )
    assert readable(engine, "ann", everything) == ["1"]

    tell(engine, "UPDATE sync_spaces SET access_checked_at = now() - interval '25 h'")
    assert readable(engine, "ann", everything) == []
    restricted.apply_access_policy(AccessPolicy(mode=mode, max_age_hours=26))
    assert readable(engine, "ann", everything) == ["1"]
    restricted.apply_access_policy(AccessPolicy(mode=mode, max_age_hours=26, hide_after_hours=1))
    assert readable(engine, "ann", everything) == [], "there was no complete look"
    tell(engine, "UPDATE sync_spaces SET last_complete_at = now()")
    assert readable(engine, "ann", everything) == ["1"]


def test_what_is_not_known_is_readable_by_nobody(known: Store, engine: Engine) -> None:
    """Neither pages without facts, nor those of viewers that are not known, nor by a policy that is not there."""
    write_facts(known, list(changed(node("2", "1", None))))
    assert readable(engine, "ann", []) == ["1", "5"]
    tell(engine, "DELETE FROM access_policy")
    assert readable(engine, "ann", []) == []


def columns(engine: Engine, query: str) -> list[Any]:
    return [next(iter(row.values())) for row in ask(engine, query)]


@pytest.mark.parametrize(
    "lost", [("access_principals",), ("access_layers",), ("access_layers", "access_principals")], ids="+".join
)
def test_a_set_that_lost_its_layers_lets_nobody_pass(known: Store, engine: Engine, lost: tuple[str, ...]) -> None:
    """Whatever somebody deletes by hand: a layer that is missing is not an open one."""
    for table in lost:
        tell(engine, f"DELETE FROM {table}")
    assert readable(engine, "ann", []) == []
    known.apply_access_policy(AccessPolicy(audience_groups=frozenset({"x"})))
    assert columns(engine, "SELECT audience FROM access_sets") == [False]


@pytest.mark.parametrize("table", ["access_principals", "access_layers"])
def test_a_layer_that_is_lost_opens_nothing(restricted: Store, engine: Engine, table: str) -> None:
    """Of several: a set is passed by as many layers as it was made of."""
    ann = "SELECT layer FROM access_principals WHERE principal = 'u:ann'"
    tell(engine, f"DELETE FROM {table} WHERE layer IN ({ann})")
    assert readable(engine, "bob", ["managers"]) == ["1", "5"]
    assert readable(engine, "ann", ["managers"]) == ["1", "5"]
    restricted.apply_access_policy(AccessPolicy(audience_groups=frozenset({"managers"})))
    assert columns(engine, "SELECT id FROM live_pages ORDER BY id") == ["1", "5"]


def test_functions_are_kept_as_they_are_granted(database_url: str) -> None:
    """Nobody may execute a new one that tells about pages; a migration replaces it and keeps what was granted."""
    engine = make_engine(database_url)
    ensure_schema(engine)
    grants = """
        SELECT proname || ' ' || coalesce(proacl::text, 'everybody') FROM pg_proc
        WHERE pronamespace = 'public'::regnamespace ORDER BY 1"""
    assert len(columns(engine, grants)) == len(FUNCTIONS)
    assert not [each for each in columns(engine, grants) if "=X" in each.replace("hr_sync=X", "")]
    assert [each for each in columns(engine, grants) if "everybody" in each] == ["feed_epoch everybody"]
    tell(engine, "GRANT EXECUTE ON FUNCTION may_read TO PUBLIC")
    before = columns(engine, grants)
    migrate(engine)
    assert columns(engine, grants) == before

    tell(engine, "DROP FUNCTION may_read")
    with pytest.raises(Exception, match=r"lacks may_read\. Run `hr-sync init-db`"):
        check_schema(engine)
    ensure_schema(engine)
    check_schema(engine)
    engine.dispose()


@pytest.mark.usefixtures("restricted")
def test_nothing_in_the_callers_path_takes_the_place_of_a_table(engine: Engine) -> None:
    """The functions run with the owner's rights, so an operator or table of the caller's must not be theirs."""
    plain = engine.url.set(drivername="postgresql").render_as_string(hide_password=False)
    with psycopg.connect(plain) as connection:
        connection.execute("CREATE TEMP TABLE access_principals (layer text, principal text)")
        connection.execute(
            "CREATE FUNCTION pg_temp.now() RETURNS timestamptz LANGUAGE sql AS 'SELECT NULL::timestamptz'"
        )
        connection.execute("SET search_path = pg_temp, public")
        found = connection.execute("SELECT public.pages_readable_by('ann', '{}')").fetchall()

    assert sorted(page for (page,) in found) == ["1", "2", "3", "5"]


def audience(store: Store, policy: AccessPolicy, licence: Collection[str] | None = None) -> bool:
    """Apply a policy."""
    return store.apply_access_policy(policy, licence_groups=licence)


def test_the_audience_follows_the_policy(restricted: Store, engine: Engine) -> None:
    """In one transaction, with a feed row for each page that consumers see by one policy and not by the other."""
    shown = "SELECT id FROM live_pages ORDER BY id"
    of_policy = "SELECT page_id || ' ' || reason FROM content_changes WHERE run_id = 0 ORDER BY seq"
    tell(engine, "TRUNCATE content_changes")
    assert columns(engine, shown) == ["1", "5"]
    assert not audience(restricted, ENFORCE)
    assert columns(engine, of_policy) == []

    managers = AccessPolicy(audience_groups=frozenset({"managers"}))
    write_facts(restricted, list(changed(node("2", "1", MANAGERS))))
    assert columns(engine, shown) == ["1", "5"]
    assert audience(restricted, managers)
    assert columns(engine, shown) == ["1", "2", "3", "4", "5"]
    assert restricted.access_policy() == managers
    assert [row.split(maxsplit=1)[0] for row in columns(engine, of_policy)] == ["2", "3", "4"]
    assert audience(restricted, ENFORCE)
    assert columns(engine, of_policy)[3:] == [
        f"{page_id} by the settings the audience may not read it" for page_id in "234"
    ]

    assert audience(restricted, AccessPolicy(mode=AccessMode.ACCOUNT))
    assert columns(engine, shown) == ["1", "2", "3", "4", "5"]
    assert len(columns(engine, of_policy)) == 9
    assert audience(restricted, ENFORCE, ["managers"])
    assert columns(engine, shown) == ["1", "2", "3", "4", "5"], "every licensed user is a manager"
    assert len(columns(engine, of_policy)) == 9
    assert audience(restricted, ENFORCE, ["managers", "others"])
    assert columns(engine, shown) == ["1", "5"]
    assert not audience(restricted, ENFORCE), "what is not given stays"
    tell(engine, "DELETE FROM access_policy")
    assert columns(engine, shown) == []
    assert restricted.access_policy() is None
    assert audience(restricted, ENFORCE)
    assert columns(engine, shown) == ["1", "5"]


def test_groups_that_grant_use_expire(restricted: Store, engine: Engine) -> None:
    """They are facts like others: older than `max_age_hours` they are not known, and nobody passes by them."""
    shown = "SELECT id FROM live_pages ORDER BY id"
    tell(engine, "DELETE FROM access_policy")
    assert not restricted.licence_groups_were_read()
    write_facts(restricted, list(changed(node("2", "1", MANAGERS))))
    assert audience(restricted, ENFORCE, ["managers"])
    assert restricted.licence_groups_were_read()
    tell(engine, "UPDATE access_policy SET licence_checked_at = now() - interval '23 hours'")
    assert not audience(restricted, ENFORCE)
    assert columns(engine, shown) == ["1", "2", "3", "4", "5"]

    tell(engine, "UPDATE access_policy SET licence_checked_at = now() - interval '25 hours'")
    assert audience(restricted, ENFORCE)
    assert columns(engine, shown) == ["1", "5"]
    assert audience(restricted, ENFORCE, ["managers"])
    assert not audience(restricted, ENFORCE), "they were read now"


def test_sets_that_no_page_has_are_deleted(restricted: Store, engine: Engine) -> None:
    """With everything of theirs; those of pages stay."""
    from datetime import timedelta  # noqa: PLC0415

    assert restricted.prune_history(timedelta(days=1)) == 0
    write_facts(restricted, list(TREE.values()))
    assert restricted.prune_history(timedelta(days=1)) == 2
    counts = "SELECT (SELECT count(*) FROM access_sets) || ' ' || (SELECT count(*) FROM access_principals)"
    assert columns(engine, counts) == ["1 1"]


def test_a_new_page_is_not_shown_before_its_facts(restricted: Store, engine: Engine) -> None:
    """In mode enforce; the view says when a space was looked at, and when its access was."""
    with leased(restricted) as space:
        space.write_pages([write("9")])
    tell(engine, "UPDATE sync_spaces SET last_complete_at = now()")

    assert columns(engine, "SELECT id FROM live_pages ORDER BY id") == ["1", "5"]
    clocks = "SELECT bool_and(checked_at = s.last_complete_at AND v.access_checked_at = s.access_checked_at) "
    assert columns(engine, f"{clocks} FROM live_pages v, sync_spaces s") == [True]
    (fresh,) = ask(engine, "SELECT * FROM mirror_freshness")
    assert (fresh["space_key"], fresh["access_is_recent"], fresh["viewers_known"], fresh["is_shown"]) == (
        *("HR", True, True),
        True,
    )
    for clock in ("NULL", "now() - interval '25 h'"):
        tell(engine, f"UPDATE sync_spaces SET access_checked_at = {clock}")
        assert columns(engine, "SELECT id FROM live_pages") == []
        (fresh,) = ask(engine, "SELECT * FROM mirror_freshness")
        assert not fresh["access_is_recent"]


def test_a_space_that_nobody_could_look_at_is_hidden_where_the_policy_says_so(known: Store, engine: Engine) -> None:
    """In mode account too."""
    known.apply_access_policy(AccessPolicy(mode=AccessMode.ACCOUNT, hide_after_hours=2))
    shown = "SELECT count(*) FROM live_pages"
    for age, pages in (("1 h", 5), ("3 h", 0)):
        tell(engine, f"UPDATE sync_spaces SET last_complete_at = now() - interval '{age}'")
        assert columns(engine, shown) == [pages]


def test_the_statement_of_the_guide_finds_what_the_function_finds(restricted: Store, engine: Engine) -> None:
    """`docs/search.md`: what an application joins that keeps vectors of its own."""
    derive_texts(restricted, Cancellation(), section_size=2_000)
    guide = (ROOT / "docs" / "search.md").read_text(encoding="utf-8")
    (statement,) = re.findall(r"```sql\n(SELECT section\.section_id.*?)```", guide, re.DOTALL)
    asked = "'712020:5b1c…'"
    assert asked in statement

    for user in ("nobody", "ann"):
        by_function = columns(engine, f"SELECT sections_readable_by('{user}')")
        assert sorted(columns(engine, statement.replace(asked, f"'{user}'"))) == sorted(by_function)
    assert columns(engine, "SELECT count(*) FROM sections_readable_by('nobody')") != [0]
