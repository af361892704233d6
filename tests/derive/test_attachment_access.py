"""Nobody is shown anything of the files of a page that he may not read, by any function, and he is shown all others."""

import random
from typing import Any

import pytest
from confluence_simulator import World
from sqlalchemy import Engine

from hr_sync.domain.access import AccessPolicy
from hr_sync.sync.context import SyncPolicy
from tests.derive.reading import Mirror, mirror_of
from tests.support.database import rows
from tests.support.oracle import states_of, tokens_of
from tests.support.wiring import access, ask

POLICY = SyncPolicy(access=AccessPolicy(), open_spaces=frozenset({"none"}))
USERS, GROUPS = ("ann", "joe", "kim"), ("staff", "board")
PAGES = 8


def world_of_files(luck: random.Random) -> tuple[World, dict[str, str]]:
    """Return pages in a tree with restrictions at random, and the word that stands in the file of each, by page id."""
    world = World()
    for group in GROUPS:
        world.add_group(group)
    for number, user in enumerate(USERS):
        world.add_user(user, groups=("confluence-users", *GROUPS[:number]))
    world.create_space("HR")
    words: dict[str, str] = {}
    for number in range(PAGES):
        parent = luck.choice([None, *words])
        page = world.create_page(space_key="HR", title=f"Page {number}", storage="<p>x</p>", parent_id=parent)
        words[page.id] = f"canary{number}x"
        world.attach(page.id, filename=f"{words[page.id]}.txt", payload=f"shared {words[page.id]}".encode())
    return world, words


def restrict(world: World, words: dict[str, str], luck: random.Random) -> None:
    for page_id in words:
        users, groups = luck.sample(USERS, luck.choice([0, 1])), luck.sample(GROUPS, luck.choice([0, 1]))
        if luck.random() < 0.5:
            world.restrict_page(page_id, users=users, groups=groups)


def found(mirror: Mirror, call: str, *values: Any) -> str:
    """Return everything that a query shows, as one text."""
    return repr([list(row.values()) for row in rows(mirror.engine, call, *values)])


@pytest.mark.parametrize("seed", range(2))
def test_an_asker_finds_the_files_of_the_pages_that_he_may_read(engine: Engine, seed: int) -> None:
    """By search, ids, counts and view alike, before and after restrictions change."""
    luck = random.Random(seed)  # noqa: S311 -- the same tree each time
    world, words = world_of_files(luck)
    restrict(world, words, luck)
    refused = 0
    with mirror_of(world, engine, policy=POLICY) as mirror:
        assert mirror.derive().downloads == PAGES
        for _ in range(2):
            states = states_of(world)
            for user in (None, *USERS):
                tokens = tokens_of(world, user) if user is not None else tokens_of(world, None, ())
                account = None if user is None else world.user(user).account_id
                groups = None if user is None else list(world.user(user).groups)
                may_read = {page_id for page_id in words if states[page_id].lets_in(tokens)}
                refused += len(words) - len(may_read)
                asker = (account, groups or [])
                text = found(mirror, "SELECT * FROM search_sections('shared', %s, %s::text[], 100)", *asker)
                assert {page_id for page_id, word in words.items() if word in text} == may_read
                ids = "SELECT * FROM sections_readable_by(%s, %s::text[])"
                readable = rows(engine, ids, *asker)
                assert len(readable) == 2 * len(may_read), "a section of the page, and one of its file"
                count = "SELECT count_sections_readable_by(%s, %s::text[])"
                assert list(rows(engine, count, *asker)[0].values()) == [2 * len(may_read)]
            everybody = {page_id for page_id in words if states[page_id].lets_in(tokens_of(world, None, ()))}
            shown = found(mirror, "SELECT * FROM live_sections")
            assert {page_id for page_id, word in words.items() if word in shown} == everybody
            shown = found(mirror, "SELECT * FROM search_live_sections('shared', 100)")
            assert {page_id for page_id, word in words.items() if word in shown} == everybody
            restrict(world, words, luck)
            assert access(mirror.context).outcome == "complete"
    assert refused > PAGES
    assert ask(engine, "SELECT count(*) FROM attachment_texts")[0] == (PAGES,)
