"""A search shows an asker nothing of a page that he may not read, finds words in their forms, and takes any input."""

import random
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import pytest
from confluence_simulator import Simulator, World
from confluence_simulator.world import Page
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine

from hr_sync.cancellation import Cancellation
from hr_sync.derive.texts import derive_texts
from hr_sync.domain.access import AccessPolicy
from hr_sync.errors import ConfigurationError, UsageError
from hr_sync.store.read.search import SearchAsker
from hr_sync.sync.context import SyncContext, SyncPolicy
from hr_sync.sync.search import SearchResult, search
from tests.support.database import execute, rows
from tests.support.oracle import states_of, tokens_of
from tests.support.wiring import access, context_of, full, incremental

POLICY = SyncPolicy(access=AccessPolicy(), open_spaces=frozenset({"none"}))
USERS = ("ann", "joe", "kim")
GROUPS = ("staff", "board", "inner")
EVERYTHING = "SELECT * FROM search_sections(%s, %s, %s::text[], 1000)"
OF_AUDIENCE = "SELECT * FROM search_live_sections(%s, 1000)"


@dataclass(frozen=True)
class Scene:
    """A world and its mirror with texts."""

    world: World
    engine: Engine
    context: SyncContext

    def find(self, words: str, asker: SearchAsker | None = None, **how: Any) -> SearchResult:
        return search(self.context.store, words, asker=asker, search_languages=how.pop("languages", ["english"]), **how)

    def titles(self, words: str, **how: Any) -> list[str]:
        """Return the titles that the audience finds, best first."""
        return [each.title for each in self.find(words, **how).results]

    def write(self, **storage: str) -> dict[str, Page]:
        """Create pages, by title, mirror them and make their texts."""
        made = {
            title: self.world.create_page(space_key="HR", title=title, storage=body) for title, body in storage.items()
        }
        assert full(self.context).outcome == "complete"
        self.derive()
        return made

    def derive(self, *languages: str) -> int:
        store = self.context.store
        return derive_texts(store, Cancellation(), section_size=2000, search_languages=languages or ("english",)).pages


@pytest.fixture
def scene(engine: Engine) -> Iterator[Scene]:
    world = World()
    for group in GROUPS:
        world.add_group(group)
    for number, user in enumerate(USERS):
        world.add_user(user, groups=("confluence-users", *GROUPS[:number]))
    world.create_space("HR")
    with Simulator(world) as site:
        yield Scene(world, engine, context_of(site, engine, policy=POLICY))


def grow(world: World, luck: random.Random) -> dict[str, str]:
    """Create pages with restrictions at random. Return the word that stands on each page alone, by page id."""
    pages: list[str] = []
    words = {}
    for number in range(24):
        word = f"canary{number}x"
        parent = luck.choice([None, *pages])
        storage = f"<p>shared {word}</p><h1>shared {word}</h1><table><tr><td>shared {word}</td></tr></table>"
        page = world.create_page(space_key="HR", title=f"shared {word}", storage=storage, parent_id=parent)
        pages.append(page.id)
        words[page.id] = word
        restrict(world, page.id, luck)
    return words


def restrict(world: World, page_id: str, luck: random.Random) -> None:
    if luck.random() < 0.4:
        world.restrict_page(
            page_id,
            users=luck.sample(USERS, luck.choice([0, 1])),
            groups=luck.sample(GROUPS, luck.choice([0, 1, 2])),
        )


def shown(found: Sequence[dict[str, Any]]) -> str:
    """Return all that somebody is shown."""
    return repr([{key: value for key, value in row.items() if key != "section_id"} for row in found])


#: Everybody who asks: a user (None: nobody in particular) in the groups of Confluence, or in these groups alone.
ASKERS: tuple[tuple[str | None, tuple[str, ...] | None], ...] = (
    (None, ()),
    ("ann", None),
    ("joe", None),
    ("kim", None),
    ("kim", ()),
    (None, ("board", "inner")),
)


@pytest.mark.parametrize("seed", range(3))
def test_nobody_finds_what_he_may_not_read(scene: Scene, seed: int) -> None:
    """Neither by the words of the page nor by a common one, in any column; he finds all that he may read."""
    luck = random.Random(seed)  # noqa: S311 -- the same tree each time
    words = grow(scene.world, luck)
    assert full(scene.context).outcome == "complete"
    scene.derive()
    refused = 0
    for _ in range(2):
        for user, groups in ASKERS:
            account, ids, may_read = rights_of(scene.world, words, user, groups)
            found = rows(scene.engine, EVERYTHING, "shared", account, ids)
            text = shown(found)
            assert {row["page_id"] for row in found} == may_read, (user, groups)
            assert {page_id for page_id, word in words.items() if word in text} == may_read
            for page_id in luck.sample(sorted(words), 4):
                own = rows(scene.engine, EVERYTHING, words[page_id], account, ids)
                assert {row["page_id"] for row in own} == {page_id} & may_read
            refused += len(words) - len(may_read)
        *_, everybody = rights_of(scene.world, words, None, ())
        assert {row["page_id"] for row in rows(scene.engine, OF_AUDIENCE, "shared")} == everybody
        for page_id in words:
            restrict(scene.world, page_id, luck)
        assert access(scene.context).outcome == "complete"
    assert refused > 20


def rights_of(
    world: World, words: dict[str, str], user: str | None, groups: tuple[str, ...] | None
) -> tuple[str | None, list[str], set[str]]:
    """Return the asker's id, his groups, and the pages that he may read by the world's own rule."""
    account = None if user is None else world.user(user).account_id
    if groups is None:
        assert user is not None
        ids, tokens = list(world.user(user).groups), tokens_of(world, user)
    else:
        ids = [world.group(name).id for name in groups]
        tokens = tokens_of(world, None, groups) | ({f"u:{account}"} if account else set())
    states = states_of(world)
    return account, ids, {page_id for page_id in words if states[page_id].lets_in(tokens)}


def test_words_are_found_in_their_forms_and_titles_first(scene: Scene) -> None:
    """Ranked by title, then heading, then text; a phrase and an exclusion work as in a web search."""
    scene.write(
        Holidays="<p>Thirty days.</p>",
        Leave="<h1>Public holiday</h1><p>Closed.</p>",
        Travel="<p>No travelling on a holiday.</p>",
    )
    assert scene.titles("holiday") == ["Holidays", "Leave", "Travel"]
    assert scene.titles('"public holidays"') == ["Leave"]
    assert scene.titles("holiday -travel") == ["Holidays", "Leave"]
    assert sorted(scene.titles("thirty or closed")) == ["Holidays", "Leave"]
    assert scene.titles("holiday", limit=1) == ["Holidays"]


def test_each_language_finds_its_forms(scene: Scene) -> None:
    """Another setting makes the texts again, without a request; until then nothing wrong is found."""
    scene.write(Urlaub="<p>Die Häuser sind geschlossen.</p>", Houses="<p>The houses are closed.</p>")
    assert scene.titles("Haus") == []

    assert scene.derive("english", "german") == 2

    both = {"languages": ["english", "german"]}
    assert scene.titles("Haus", **both) == ["Urlaub"]
    assert scene.titles("house", **both) == ["Houses"]
    assert scene.derive("english", "german") == 0
    assert scene.derive("simple") == 2
    assert scene.titles("house", languages=["simple"]) == []
    assert scene.titles("houses", languages=["simple"]) == ["Houses"]


def test_a_snippet_is_plain_text(scene: Scene) -> None:
    """One line without heading, rules and addresses; no mark is added, and what looks like a tag stays text."""
    link = "<a href='https://example.org/x'>link</a>"
    scene.write(
        Page=f"<h1>Heading</h1><p>Before</p><p>the {link} x &lt;i&gt; y needle &amp; more</p>"
        "<table><tr><th>a</th></tr><tr><td>cell</td></tr></table>",
        Long=f"<p>{'before ' * 200}</p><p>the pin {link}</p><p>{'after ' * 200}</p>",
    )
    (found,) = scene.find("needle").results
    assert found.heading_path == ["Heading"]
    assert found.snippet.replace("\\", "") == "Before the link x <i> y needle & more | a | | cell |"
    (long,) = scene.find("pin").results
    assert "the pin link after" in long.snippet
    assert long.snippet.replace("before", "").replace("after", "").split() == ["the", "pin", "link"]
    assert len(long.snippet) < 400


def test_a_text_of_another_body_is_not_found(scene: Scene) -> None:
    """And the result counts the page."""
    (page,) = scene.write(Rules="<p>old words</p>").values()
    scene.world.edit_page(page.id, storage="<p>new words</p>")
    incremental(scene.context)

    before = scene.find("words")
    scene.derive()
    after = scene.find("words")

    assert (list(before.results), before.pages_without_text) == ([], 1)
    assert (after.results[0].snippet, after.pages_without_text) == ("new words", 0)


@pytest.mark.parametrize("change", ["hidden_at = now(), hidden_reason = 'draft'", "status = 'archived'"])
def test_only_live_pages_are_found(scene: Scene, change: str) -> None:
    """By everybody and by the audience; old facts of access count as none."""
    scene.write(Rules="<p>words</p>")
    asker = SearchAsker(user="ann", groups=[scene.world.group("confluence-users").id])
    assert [len(scene.find("words", each).results) for each in (None, asker)] == [1, 1]
    execute(scene.engine, "UPDATE sync_spaces SET access_checked_at = now() - interval '25 h'")
    assert [len(scene.find("words", each).results) for each in (None, asker)] == [0, 0]
    execute(scene.engine, f"UPDATE sync_spaces SET access_checked_at = now(); UPDATE confluence_pages SET {change}")
    assert [len(scene.find("words", each).results) for each in (None, asker)] == [0, 0]


def test_without_texts_the_reason_is_given(scene: Scene) -> None:
    """That none are made, that none were made yet, or that no word is left; nothing readable is counted."""
    with pytest.raises(ConfigurationError, match=r"text\.sections = true"):
        scene.find("words", makes_texts=False)
    with pytest.raises(UsageError, match="no text was made yet"):
        scene.find("words")
    scene.write(Rules="<p>words</p>")
    for nothing in ("", "the of", "\x00 \u200b", "!!! ???", "-"):
        with pytest.raises(UsageError, match="no word to search for"):
            scene.find(nothing)
    stranger = scene.find("words", SearchAsker(user="712020:nobody", groups=[]))
    assert (stranger.readable_sections, stranger.asker_is_known) in {(0, False), (None, False)}


NASTY = st.one_of(
    st.text(),
    st.text(alphabet="ab'\"\\:*&|!()<>- \x00", max_size=60),
    st.builds(str.__mul__, st.text(min_size=1, max_size=8), st.integers(1, 20_000)),
)


def test_no_words_break_a_search(scene: Scene) -> None:
    """Whatever is typed: operators, quotes, NUL, lone surrogates, very long words and very many."""
    scene.write(Rules="<p>words</p>")

    @settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
    @given(NASTY)
    def play(words: str) -> None:
        with suppress(UsageError):  # no word is left
            scene.find(words)

    play()
    assert scene.titles("words " * 30_000) == ["Rules"]
    assert scene.titles("words \ud800") == []


@pytest.mark.parametrize("body", ["x" * 1_500_000, " ".join(f"{n:x}" for n in range(200_000)), "漢 字 " * 200_000])
def test_a_section_of_any_size_is_stored(scene: Scene, body: str) -> None:
    """A line of code is never cut, and a vector holds a megabyte at most."""
    code = f"<ac:plain-text-body><![CDATA[{body}]]></ac:plain-text-body>"
    scene.write(Large=f'<ac:structured-macro ac:name="code">{code}</ac:structured-macro>')
    assert scene.titles("large") == ["Large"]
    assert scene.derive("english", "german", "simple", "french") == 1


def test_limits_of_the_function(scene: Scene) -> None:
    """Null is ten, less than nothing is nothing."""
    scene.write(**{f"Page {n}": "<p>words</p>" for n in range(12)})
    for limit, number in (("NULL", 10), ("-5", 0), ("0", 0), ("11", 11), ("2147483647", 12)):
        assert len(rows(scene.engine, f"SELECT * FROM search_live_sections('words', {limit})")) == number
