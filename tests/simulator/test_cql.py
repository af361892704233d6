"""The query language: what it finds, how it reads dates, what it refuses."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from confluence_simulator import World
from confluence_simulator.cql import Context, CqlError, Search, parse

from tests.simulator.sites import furnished_world, titled

START = datetime(2026, 3, 2, 12, 0, 30, tzinfo=UTC)


@pytest.fixture(scope="module")
def world() -> World:
    return furnished_world()


def find(world: World, cql: str, *, zone: str = "UTC", lag: timedelta = timedelta(0)) -> list[str]:
    """Titles in the query's order."""
    moment = world.now - lag
    context = Context(world=world, moment=moment, now=world.now, zone=ZoneInfo(zone), user_id=world.author.account_id)
    search = Search(parse(cql), context)
    found = [content for content in world.contents(moment) if search.matches(content)]
    return [content.title for content in sorted(found, key=search.sort_key)]


@pytest.mark.parametrize(
    ("cql", "expected"),
    [
        ("type = page and space = HR", ["Home", "Leave", "Annual leave", "Claim form"]),
        ('type = page and space in ("OLD", "~ann")', ["Rules of 2019", "Notes"]),
        ("type = page and space not in (HR)", ["Rules of 2019", "Notes"]),
        ("type = page and space != HR", ["Rules of 2019", "Notes"]),
        ("type = blogpost", ["New benefits"]),
        ("type in (folder, blogpost)", ["Forms", "New benefits"]),
        ("type = attachment", ["leave plan.pdf"]),
        ("type = comment", ["Re: Leave", "Re: Leave", "Re: Leave"]),
        ("space.type = personal", ["Notes"]),
        ("label = leave", ["Leave"]),
        ('label in ("news", "leave")', ["Leave", "New benefits"]),
        ('type = page and title ~ "leave"', ["Leave", "Annual leave"]),
        ('type = page and title ~ "ann*"', ["Annual leave"]),
        ('type = page and title !~ "leave" and space = HR', ["Home", "Claim form"]),
        ('title = "annual LEAVE"', ["Annual leave"]),
        ('type = page and text ~ "31 days"', ["Annual leave"]),
        ("type = page and (title = Home or title = Notes)", ["Home", "Notes"]),
        ("type = page and not space = HR", ["Rules of 2019", "Notes"]),
        ("TYPE = page AND title = Home OR title = Notes", ["Home", "Notes"]),
        ("type = page and not (space = HR or space = OLD)", ["Notes"]),
        ("type = page and space = HR order by title", ["Annual leave", "Claim form", "Home", "Leave"]),
        ("type = page and space = HR order by title desc", ["Leave", "Home", "Claim form", "Annual leave"]),
        ("type=page and space=HR order by lastmodified desc", ["Claim form", "Annual leave", "Leave", "Home"]),
        ("type=page order by space desc, title asc", [
            "Notes", "Rules of 2019", "Annual leave", "Claim form", "Home", "Leave",
        ]),
        ("type = page and creator = currentUser() and title = Home", ["Home"]),
        ("space = none", []),
    ],
)  # fmt: skip
def test_query_finds(world: World, cql: str, expected: list[str]) -> None:
    """Fields, operators, negation, precedence (and before or) and order."""
    assert find(world, cql) == expected


def test_tree_fields(world: World) -> None:
    """Ancestor finds all below and not the page itself; parent only the next level; id by number, quoted or not."""
    leave, folder = titled(world, "Leave"), titled(world, "Forms")

    assert find(world, f"ancestor = {leave.id}") == ["Annual leave", "Forms", "Claim form"]
    assert find(world, f"ancestor in ({leave.id}, 1) and type = page") == ["Annual leave", "Claim form"]
    assert find(world, f"parent = {leave.id}") == ["Annual leave", "Forms"]
    assert find(world, f"parent = {folder.id}") == ["Claim form"]
    assert find(world, f'id in ({leave.id}, "{folder.id}")') == ["Leave", "Forms"]
    assert find(world, f"container = {leave.id} and type = attachment") == ["leave plan.pdf"]
    assert "Claim form" not in find(world, f"type = page and ancestor != {leave.id}")


@pytest.fixture
def dated() -> World:
    """One page, edited at 12:00:30 UTC on 2 March 2026; it is 12:00:31 now."""
    world = World(start=START - timedelta(seconds=3), step=timedelta(seconds=1))
    world.create_space("HR", readers=())
    world.create_page(space_key="HR", title="Page")
    world.edit_page(world.pages()[0].id, storage="x")
    assert world.page(world.pages()[0].id).modified_at == START
    world.advance(timedelta(seconds=1))
    return world


@pytest.mark.parametrize(
    ("clause", "found"),
    [
        ('lastmodified >= "2026-03-02 12:00"', True),
        ('lastmodified > "2026-03-02 12:00"', False),  # the index keeps minutes: 30 seconds are not more
        ('lastmodified = "2026/03/02 12:00"', True),
        ('lastmodified <= "2026-03-02 12:00"', True),
        ('lastModified < "2026-03-02 12:01"', True),
        ('lastmodified >= "2026-03-03"', False),
        ('lastmodified >= "2026/03/02"', True),
        ('created != "2026-03-02 12:00"', False),
        ('lastmodified >= now("-1m")', True),
        ('lastmodified > now("1h")', False),
        ('lastmodified >= now("-4w") and created >= startOfDay()', True),
        ('lastmodified < startOfDay("-1d")', False),
        ("lastmodified <= endOfMonth()", True),
    ],
)
def test_dates_are_whole_minutes(dated: World, clause: str, found: bool) -> None:
    """Seconds are neither in the language nor in the index."""
    assert find(dated, clause) == (["Page"] if found else [])


def test_dates_are_read_in_the_users_zone(dated: World) -> None:
    """12:00 UTC is 21:00 in Tokyo and 7:00 in New York."""
    assert find(dated, 'lastmodified >= "2026-03-02 21:00"', zone="Asia/Tokyo") == ["Page"]
    assert find(dated, 'lastmodified >= "2026-03-02 21:01"', zone="Asia/Tokyo") == []
    assert find(dated, 'lastmodified = "2026-03-02 07:00"', zone="America/New_York") == ["Page"]
    assert find(dated, 'lastmodified >= "2026-03-02 12:00"', zone="America/New_York") == []


def test_a_lagging_index_knows_old_states() -> None:
    """Neither a late edit nor a late page is found, and an old title still is."""
    world = World(step=timedelta(minutes=1))
    world.create_space("HR", readers=())
    page = world.create_page(space_key="HR", title="Before", parent_id=None)
    world.rename_page(page.id, "After")
    world.create_page(space_key="HR", title="New")

    assert find(world, "type = page", lag=timedelta(minutes=2)) == ["Before"]
    assert find(world, "type = page", lag=timedelta(minutes=1)) == ["After"]
    assert find(world, "type = page") == ["After", "New"]


@pytest.mark.parametrize(
    ("text", "title"),
    [
        (r'title = "He said \"no\""', 'He said "no"'),
        (r'title = "back\\slash"', "back\\slash"),
        ("title = 'single'", "single"),
        ('title = "and or (not)"', "and or (not)"),
    ],
)
def test_quoting(text: str, title: str) -> None:
    """Quotes and backslashes are escaped by a backslash; reserved words need quotes."""
    world = World()
    world.create_space("HR")
    world.create_page(space_key="HR", title=title)

    assert find(world, text) == [title]


@pytest.mark.parametrize(
    "cql",
    [
        "",
        "   ",
        "foo",
        "type =",
        "= page",
        "type = page and",
        "type = page or or type = page",
        "(type = page",
        "type = page)",
        "type in page",
        "type in ()",
        "type in (page",
        'title = "open',
        "type = page order title",
        "type = page order by",
        "type = page order by colour",
        "colour = red",
        "type = dragon",
        "type ~ page",
        "type > page",
        "ancestor ~ 1",
        "label >= x",
        "lastmodified ~ x",
        'lastmodified >= "2026-03-02 12:00:30"',
        'lastmodified >= "yesterday"',
        'lastmodified >= "2026-13-40"',
        "lastmodified >= tomorrow()",
        'lastmodified >= now("-1x")',
        "space = currentSpace()",
        "title > x",
        "and",
        "not",
        "type = and",
    ],
)
def test_what_it_cannot_read_it_refuses(world: World, cql: str) -> None:
    """Never an empty result in place of an error."""
    with pytest.raises(CqlError, match="Could not parse cql"):
        find(world, cql)
