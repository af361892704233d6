"""No asker is shown text of a page that they may not read, wherever it stands.

Random histories over two spaces of pages that include each other: edits, restrictions, moves, pages that are hidden,
erased and that come back, with and without a pass over the texts in between. Each page's body holds a word of its own,
with its version, so that any text shows which bodies it was made from. The oracle keeps its own model of pages,
restrictions and includes, and shares nothing with the code under test.
"""

import random
import re
from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest
from sqlalchemy import Engine

from hr_sync.cancellation import Cancellation
from hr_sync.derive.texts import derive_texts
from hr_sync.domain.access import (
    AccessPolicy,
    AccessSet,
    NodeFact,
    Principal,
    Restriction,
    SpaceViewers,
    with_included,
)
from hr_sync.domain.changes import ChangeAction
from hr_sync.domain.content import Space
from hr_sync.store.store import Store
from tests.store.spaces import HR, IT, ask, decision, leased, write

SPACES = {"a": HR, "b": IT}
IDS = [f"{letter}{number}" for letter in SPACES for number in range(5)]
USERS, GROUPS = ("ann", "bob"), ("g", "h")
ASKERS = [(None, ()), ("ann", ()), ("bob", ("g",)), ("ann", ("g", "h"))]
LICENSED = "c:all-licensed-users"
VIEWERS = [{LICENSED}, {LICENSED}, {"g:g", "u:ann"}]
LEVELS = 5  # pages within each other that are shown
WORD = re.compile(r"\b(body|part)([ab]\d)v(\d+)\b")
STEPS = 30

Words = frozenset[tuple[str, str, int]]


@dataclass
class Include:
    target: str
    excerpt: bool  #: only the excerpt of the target
    within: bool  #: stands in the excerpt of the host


@dataclass
class Page:
    space: Space
    version: int = 0
    live: bool = False
    parent: str | None = None
    restriction: Restriction | None = field(default_factory=Restriction)  # None: not known
    outdated: bool = False
    includes: list[Include] = field(default_factory=list)


class Model:
    """What the source shows, and what the store was told of it."""

    def __init__(self, store: Store, engine: Engine, luck: random.Random) -> None:
        self.store, self.engine, self.luck = store, engine, luck
        self.pages = {page_id: Page(SPACES[page_id[0]]) for page_id in IDS}
        self.viewers: dict[str, set[str]] = {space.key: {LICENSED} for space in SPACES.values()}
        for page_id in IDS:
            self.edit(page_id)
        for space in SPACES.values():
            self.pass_over(space)

    def step(self) -> str:
        acts = {
            "edit": self.edit,
            "restrict": self.restrict,
            "move": self.move,
            "hide": self.hide,
            "erase": self.erase,
            "viewers": self.change_viewers,
        }
        (name,) = self.luck.choices(list(acts), weights=[8, 6, 3, 2, 0.7, 1])
        page_id = self.luck.choice(IDS)
        acts[name](page_id)
        return f"{name} {page_id}"

    def edit(self, page_id: str) -> None:
        page = self.pages[page_id]
        page.includes = [
            Include(self.luck.choice(IDS), self.luck.random() < 0.5, self.luck.random() < 0.3)
            for _ in range(self.luck.choice([0, 0, 1, 1, 2]))
        ]
        page.version += 1
        self.put(page_id, self.body(page_id))

    def move(self, page_id: str) -> None:
        page = self.pages[page_id]
        if page.live:
            below = [each for each in IDS if SPACES[each[0]] == page.space and each < page_id]
            page.parent = self.luck.choice([None, *below])
            self.put(page_id, None)

    def put(self, page_id: str, body: str | None) -> None:
        page = self.pages[page_id]
        known = body is not None and page.restriction is not None and self.luck.random() < 0.7
        if body is not None:
            page.outdated = not known
        seen = bool(ask(self.engine, "SELECT FROM confluence_pages WHERE id = :id", id=page_id))
        action = ChangeAction.UPDATE if seen else ChangeAction.INSERT
        page.live = True
        with leased(self.store, page.space) as opened:
            opened.write_pages(
                [
                    write(
                        page_id,
                        page.space,
                        seen=page.space.key if seen else None,
                        action=action,
                        body=body,
                        version=page.version,
                        parent_id=page.parent,
                        restriction=page.restriction if known else None,
                    )
                ]
            )

    def restrict(self, page_id: str) -> None:
        page = self.pages[page_id]
        kinds = [
            Restriction(),
            Restriction(users=frozenset({self.luck.choice(USERS)})),
            Restriction(groups=frozenset({self.luck.choice(GROUPS)})),
            None if self.luck.random() < 0.3 else Restriction(),
        ]
        page.restriction = self.luck.choice(kinds)
        self.pass_over(page.space)

    def change_viewers(self, page_id: str) -> None:
        space = self.pages[page_id].space
        self.viewers[space.key] = self.luck.choice(VIEWERS)
        self.pass_over(space)

    def pass_over(self, space: Space) -> None:
        own = {page_id: page for page_id, page in self.pages.items() if page.space == space and page.version}
        for page in own.values():
            page.outdated = False
        nodes = [
            NodeFact(id=key, kind="page", parent_id=page.parent, restriction=page.restriction)
            for key, page in own.items()
        ]
        viewers = SpaceViewers(
            layer=frozenset(Principal.of(each) for each in self.viewers[space.key]), source="permissions"
        )
        with leased(self.store, space) as opened:
            opened.write_access(viewers, nodes, began_at=self.store.now())

    def hide(self, page_id: str) -> None:
        page = self.pages[page_id]
        page.live = False
        with leased(self.store, page.space) as opened:
            if self.luck.random() < 0.5:
                opened.hide([decision(page_id, space=page.space)])
            else:
                opened.remove([decision(page_id, space=page.space)])

    def erase(self, page_id: str) -> None:
        self.pages[page_id].live = False
        with leased(self.store, self.pages[page_id].space) as opened:
            opened.purge([page_id])

    def body(self, page_id: str) -> str:
        page = self.pages[page_id]
        macros = {
            within: "".join(_macro(each) for each in page.includes if each.within is within) for within in (True, False)
        }
        return (
            f"<p>body{page_id}v{page.version}</p>"
            '<ac:structured-macro ac:name="excerpt"><ac:rich-text-body>'
            f"<p>part{page_id}v{page.version}</p>{macros[True]}"
            f"</ac:rich-text-body></ac:structured-macro>{macros[False]}"
        )

    # The oracle.

    def known(self, page_id: str) -> bool:
        page = self.pages[page_id]
        return (
            page.live
            and not page.outdated
            and all(self.pages[each].restriction is not None for each in self.way(page_id))
        )

    def way(self, page_id: str) -> Iterator[str]:
        above: str | None = page_id
        while above is not None:
            yield above
            above = self.pages[above].parent

    def may_read(self, page_id: str, user: str | None, groups: tuple[str, ...]) -> bool:
        tokens = {LICENSED, *(f"g:{group}" for group in groups), f"u:{user}"}
        if not self.known(page_id) or not tokens & self.viewers[self.pages[page_id].space.key]:
            return False
        for each in self.way(page_id):
            restriction = self.pages[each].restriction
            assert restriction is not None
            named = {*(f"u:{one}" for one in restriction.users), *(f"g:{one}" for one in restriction.groups)}
            if named and not named & tokens:
                return False
        return True

    def words(self, page_id: str, around: tuple[str, ...] = (), *, excerpt: bool = False) -> Words:
        """Return what the text of a page holds."""
        page = self.pages[page_id]
        found = {("part", page_id, page.version)} | (set() if excerpt else {("body", page_id, page.version)})
        inside = (*around, page_id)
        for each in page.includes:
            shown = each.target not in inside and len(inside) <= LEVELS and self.known(each.target)
            if shown and (each.within or not excerpt):
                found |= self.words(each.target, inside, excerpt=each.excerpt)
        return frozenset(found)

    # What the mirror shows.

    def shown_to(self, user: str | None, groups: tuple[str, ...]) -> dict[str, Words]:
        rows = ask(
            self.engine,
            """SELECT page_id, text FROM page_sections
               WHERE section_id IN (SELECT sections_readable_by(:user, CAST(:groups AS text[])))""",
            user=user,
            groups=list(groups),
        )
        return _words_of(rows)

    def shown_to_all(self) -> dict[str, Words]:
        return _words_of(ask(self.engine, "SELECT page_id, text FROM live_sections"))


def _words_of(rows: list[dict[str, str]]) -> dict[str, Words]:
    found: dict[str, set[tuple[str, str, int]]] = {}
    for row in rows:
        words = {(kind, page_id, int(version)) for kind, page_id, version in WORD.findall(row["text"])}
        found.setdefault(row["page_id"], set()).update(words)
    return {page_id: frozenset(words) for page_id, words in found.items()}


def _macro(include: Include) -> str:
    name = "excerpt-include" if include.excerpt else "include"
    key = SPACES[include.target[0]].key
    return (
        f'<ac:structured-macro ac:name="{name}"><ac:parameter ac:name=""><ac:link>'
        f'<ri:page ri:space-key="{key}" ri:content-title="Page {include.target}"/>'
        "</ac:link></ac:parameter></ac:structured-macro>"
    )


def assert_nothing_leaks(model: Model, when: object) -> int:
    """Return how many words of other pages were shown."""
    from_others = 0
    shown = [(asker, model.shown_to(*asker)) for asker in ASKERS] + [(ASKERS[0], model.shown_to_all())]
    for asker, pages in shown:
        for host, words in pages.items():
            for kind, source, version in words:
                assert model.may_read(source, *asker), (when, asker, host, kind, source)
                assert version == model.pages[source].version, (when, asker, host, kind, source)
                from_others += source != host
    return from_others


def assert_sets_follow_the_rule(model: Model, when: object) -> None:
    """Compare the set of each host with the pure rule over the own sets of what its text shows."""
    own: dict[str, AccessSet | None] = {}
    for space in SPACES.values():
        own |= model.store.reader(space).stored_access_sets()
    query = "SELECT page_id, source_id FROM page_includes WHERE state = 'shown'"
    shown: dict[str, set[str]] = {page_id: set() for page_id in own}
    for row in ask(model.engine, query):
        shown.setdefault(row["page_id"], set()).add(row["source_id"])
    right = {page_id: with_included(own[page_id], map(own.get, shown[page_id])) for page_id in own}
    layers: dict[str, set[frozenset[Principal]]] = {}
    rows = ask(
        model.engine,
        """SELECT page.id, array_remove(array_agg(principal), NULL) AS layer
           FROM confluence_pages page JOIN access_layers ON set_id = access_set_id
           LEFT JOIN access_principals USING (layer) GROUP BY page.id, set_id, layer""",
    )
    for row in rows:
        layers.setdefault(row["id"], set()).add(frozenset(map(Principal.of, row["layer"])))
    found = {page_id: frozenset(layers[page_id]) if page_id in layers else None for page_id in own}
    assert found == right, when


def assert_everything_is_there(model: Model, when: object) -> None:
    """Compare with all that each asker may read, once all facts were read and all texts made."""
    for asker in ASKERS:
        right = {}
        for page_id in IDS:
            words = model.words(page_id) if model.known(page_id) else frozenset()
            if words and all(model.may_read(source, *asker) for _, source, _ in words):
                right[page_id] = words
        assert model.shown_to(*asker) == right, (when, asker)


@pytest.mark.parametrize("seed", range(3))
def test_no_asker_is_shown_text_of_a_page_that_they_may_not_read(engine: Engine, seed: int) -> None:
    """After each step, before and after the texts are made; and everything else is shown in the end."""
    store = Store(engine)
    store.apply_access_policy(AccessPolicy())
    model = Model(store, engine, random.Random(seed))  # noqa: S311 -- the same history each time
    from_others = 0
    for number in range(STEPS):
        what = model.step()
        from_others += assert_nothing_leaks(model, (number, what, "before the texts"))
        assert_sets_follow_the_rule(model, (number, what))
        if model.luck.random() < 0.6:
            derive_texts(store, Cancellation(), section_size=2000)
            from_others += assert_nothing_leaks(model, (number, what, "after the texts"))
            assert_sets_follow_the_rule(model, (number, what))
        if number % 10 == 9:
            for space in SPACES.values():
                model.pass_over(space)
            assert_nothing_leaks(model, (number, what, "after the passes"))
            derive_texts(store, Cancellation(), section_size=2000)
            assert_everything_is_there(model, (number, what))
    assert from_others > STEPS, "included text was shown"
    assert derive_texts(store, Cancellation(), section_size=2000).pages == 0, "nothing is made twice"
