"""The example of a consumer with embeddings: it follows the mirror, and nobody gets what he may not read."""

import random
from collections.abc import Iterator
from dataclasses import replace

import psycopg
import pytest
from confluence_simulator import Simulator, World
from sqlalchemy import Engine

from examples.rag import searching
from examples.rag.answering import NOTHING, answer
from examples.rag.changes import Connection
from examples.rag.demo import TOKEN, USERNAME, Stage, make_stage, play
from examples.rag.embedder import DIMENSIONS, HashedWords
from examples.rag.indexing import Indexed, forget_unused
from examples.rag.searching import Asker, by_vector, nearest, readable_share
from hr_sync.domain.content import ItemKind
from hr_sync.domain.outcome import Mode
from hr_sync.domain.scope import PageScope
from hr_sync.sync.context import SyncRequest
from hr_sync.sync.run import run
from tests.support.database import execute, rows
from tests.support.wiring import plain_url


@pytest.fixture
def connection(engine: Engine) -> Iterator[Connection]:
    """Connect as the consumer, where pgvector is installed."""
    with psycopg.connect(plain_url(engine)) as opened:
        there = opened.execute("SELECT 1 FROM pg_available_extensions WHERE name = 'vector'").fetchone()
        if there is None:
            pytest.skip("this PostgreSQL has no pgvector")
        yield opened


@pytest.fixture
def stage(engine: Engine, connection: Connection) -> Iterator[Stage]:
    """Two pages, of which the second is Zoe's and the managers' alone, mirrored and embedded."""
    world = World()
    world.create_space("HR")
    world.create_space("IT")
    world.add_group("managers")
    world.set_groups("hr-bot", ("confluence-users", "managers"))
    for title, text in (("Open", "Everybody gets thirty holidays."), ("Closed", "Managers get forty holidays.")):
        world.create_page(
            space_key="HR", title=title, storage=f"<h1>Days</h1><p>{text}</p><h1>Else</h1><p>Nothing.</p>"
        )
    with Simulator(world, username=USERNAME, api_token=TOKEN) as site:
        made = make_stage(world, site.site_url, engine.url.render_as_string(hide_password=False), connection)
        world.restrict_page(made.page("Closed").id, groups=("managers",))
        made.mirror()
        assert made.index() == Indexed(pages=2, embedded=3, waiting=0), "equal texts are embedded once"
        yield made
        made.context.store.engine.dispose()


def askers(world: World) -> tuple[Asker, Asker]:
    """Return an employee and a manager."""
    everybody, managers = world.group("confluence-users").id, world.group("managers").id
    return Asker(None, [everybody]), Asker(None, [everybody, managers])


def titles(stage: Stage, asker: Asker, question: str = "How many holidays?") -> set[str]:
    """Return the titles of what somebody is answered from."""
    return {passage.title for passage in stage.found(question, asker)}


def test_what_is_withdrawn_is_out_at_the_commit(stage: Stage) -> None:
    """Without another pass over the embeddings, which stay as they are; the same for a page that is deleted."""
    employee, manager = askers(stage.world)
    assert (titles(stage, employee), titles(stage, manager)) == ({"Open"}, {"Open", "Closed"})
    cached = rows(stage.context.store.engine, "SELECT * FROM rag_embeddings ORDER BY text_hash")

    stage.world.restrict_page(stage.page("Open").id, groups=("managers",))
    stage.mirror(Mode.ACCESS)
    assert (titles(stage, employee), titles(stage, manager)) == (set(), {"Open", "Closed"})
    assert answer("How many holidays?", stage.found("How many holidays?", employee)) == NOTHING
    stage.world.trash_page(stage.page("Closed").id)
    stage.mirror()
    assert titles(stage, manager) == {"Open"}
    assert rows(stage.context.store.engine, "SELECT * FROM rag_embeddings ORDER BY text_hash") == cached

    assert stage.index().embedded == 0
    assert forget_unused(stage.connection) == 0
    execute(stage.context.store.engine, "DELETE FROM page_sections WHERE text LIKE '%forty%'")
    assert forget_unused(stage.connection) == 1


def test_what_is_withdrawn_during_a_search_is_not_read(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each list has what somebody may read alone, and the reading looks again."""
    employee, _ = askers(stage.world)
    every = (
        "SELECT section_id FROM page_sections JOIN confluence_pages page ON page.id = page_id WHERE title = 'Closed'"
    )
    closed = {row["section_id"] for row in rows(stage.context.store.engine, every)}
    for exact in (True, False):
        found = nearest(stage.connection, "holidays", employee, stage.embedder, most=40, exact=exact)
        assert len(found) == 2
        assert not closed.intersection(found)
    assert not closed.intersection(searching.by_words(stage.connection, "holidays", employee))

    monkeypatch.setattr(searching, "by_words", lambda *_: sorted(closed))
    assert titles(stage, employee) == {"Open"}


def test_a_comment_that_is_withdrawn_is_out_at_the_commit(stage: Stage) -> None:
    """Its section stays until the next pass over the texts, and its vector longer; so does that of a newer text."""
    employee, _ = askers(stage.world)
    items = frozenset({ItemKind.COMMENTS})
    scope = replace(stage.context.scope, pages=PageScope(items=items))
    stage.context = replace(stage.context, scope=scope)
    comment = stage.world.comment(stage.page("Open").id, storage="<p>Zebras are counted on Fridays.</p>")
    stage.mirror()
    stage.index()

    def found() -> list[bool]:
        texts = [each.text for each in stage.found("When are zebras counted?", employee)]
        near = [
            nearest(stage.connection, "zebras", employee, stage.embedder, most=9, exact=each) for each in (True, False)
        ]
        return ["Zebras" in str(texts), *(len(each) > 2 for each in near)]

    assert found() == [True, True, True]
    stage.world.remove_comment(comment.id, trash=True)
    run(stage.context, SyncRequest(mode=Mode.FULL))
    assert rows(stage.context.store.engine, "SELECT FROM page_sections WHERE comment_id IS NOT NULL")
    assert found() == [False, False, False]


def test_a_change_embeds_what_is_new(stage: Stage) -> None:
    """One section of an edit, none of a new title; a page waits for its text."""
    employee, _ = askers(stage.world)
    page = stage.page("Open")
    assert stage.index() == Indexed(pages=0, embedded=0, waiting=0)
    stage.world.edit_page(page.id, storage=page.storage.replace("thirty", "thirty-one"))
    stage.mirror(Mode.INCREMENTAL)
    assert stage.index() == Indexed(pages=1, embedded=1, waiting=0)
    assert "thirty-one" in answer("How many holidays?", stage.found("How many holidays?", employee))

    stage.world.rename_page(page.id, "Renamed")
    stage.mirror(Mode.INCREMENTAL)
    execute(stage.context.store.engine, f"UPDATE page_texts SET content_hash = 'older' WHERE page_id = '{page.id}'")
    assert stage.index() == Indexed(pages=0, embedded=0, waiting=1)
    assert titles(stage, employee) == set(), "the text of another body is not shown"
    stage.mirror(Mode.INCREMENTAL)
    assert stage.index() == Indexed(pages=1, embedded=0, waiting=0)
    assert titles(stage, employee) == {"Renamed"}


def test_another_model_embeds_everything_again(stage: Stage) -> None:
    """And until then its questions find nothing by vectors."""

    class Other(HashedWords):
        model = "other"

    employee, _ = askers(stage.world)
    stage.embedder = Other()
    assert by_vector(stage.connection, "holidays", employee, stage.embedder) == []
    execute(stage.context.store.engine, "DELETE FROM rag_position")
    assert stage.index().embedded == 3
    assert by_vector(stage.connection, "holidays", employee, stage.embedder) != []


def test_the_plan_follows_the_share(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    """Exact for somebody who may read little; both ways give the same, and the index is used in one of them alone."""
    employee, manager = askers(stage.world)
    assert [readable_share(stage.connection, each) for each in (employee, manager)] == [0.5, 1.0]
    taken: list[bool] = []
    real = nearest

    def noted(*arguments: object, most: int, exact: bool) -> list[str]:
        taken.append(exact)
        return real(*arguments, most=most, exact=exact)  # type: ignore[arg-type] # passed on as they are

    monkeypatch.setattr(searching, "nearest", noted)
    found = [by_vector(stage.connection, "holidays", each, stage.embedder) for each in (employee, manager)]
    monkeypatch.setattr(searching, "SMALL_SHARE", 0.5)
    assert [by_vector(stage.connection, "holidays", each, stage.embedder) for each in (employee, manager)] == found
    assert taken == [False, False, True, False]

    stage.connection.execute("SET LOCAL enable_seqscan = off; SET LOCAL enable_sort = off")
    for expression, expected in (("cached.embedding <=> %s", True), ("(cached.embedding <=> %s) + 0", False)):
        query = f"EXPLAIN SELECT FROM rag_embeddings cached ORDER BY {expression} LIMIT 1".encode()
        plan = str(stage.connection.execute(query, ["[" + ",".join(["1"] * DIMENSIONS) + "]"]).fetchall())
        assert ("rag_embeddings_nearest" in plan) == expected


def test_questions_of_any_kind_are_answered(stage: Stage) -> None:
    """Operators, quotes and nothing at all are words, or none."""
    employee, _ = askers(stage.world)
    luck = random.Random(3)  # noqa: S311 -- the same questions each time
    odd = ["", "???", "or or -", '"holidays', "holidays' OR '1'='1", "% %s {}", "x" * 5000, "漢字は?"]
    for question in [*odd, *("".join(luck.choices("ab'\"\\:*&|!()<>- ", k=20)) for _ in range(20))]:
        assert {passage.title for passage in stage.found(question, employee)} <= {"Open"}


def test_vectors_are_of_length_one_and_the_same_each_time() -> None:
    """Also of nothing, and of scripts without blanks."""
    for text in ("", "a", "Annual leave", "東京オフィス案内"):
        (vector,) = HashedWords().embed([text])
        assert len(vector) == DIMENSIONS
        assert abs(sum(value * value for value in vector) - 1) < 1e-9
        assert HashedWords().embed([text]) == [vector]


def test_the_demo_answers_two_people(
    engine: Engine, connection: Connection, capsys: pytest.CaptureFixture[str]
) -> None:
    """An edit changes the answer, a restriction that of one of them, a deletion takes the page away."""
    from confluence_simulator import handbook_world  # noqa: PLC0415

    world = handbook_world()
    with Simulator(world, username=USERNAME, api_token=TOKEN) as site:
        stage = make_stage(world, site.site_url, engine.url.render_as_string(hide_password=False), connection)
        play(stage)
        stage.context.store.engine.dispose()
    said = capsys.readouterr().out

    first, edited, restricted, deleted = (
        said.partition(start)[2].partition(end)[0]
        for start, end in (
            ("Embedded: ", "One paragraph"),
            ("One paragraph", "The salary bands"),
            ("The salary bands were", "The page about"),
            ("The page about", "\0"),
        )
    )
    assert "eleven" not in first
    assert "embedded=1," in edited
    assert "eleven days from now on" in edited
    employee, manager = restricted.split("What are the yearly")[1:]
    assert ("Salary bands and reviews >" in employee, "Salary bands and reviews >" in manager) == (False, True)
    assert "Carrying+over" not in deleted
    assert "/pages/" in deleted
