"""Measures what three askers get of 100,000 sections, who may read 60 %, 2 % and 0.01 % of them: recall and time.

`.venv/bin/python -m examples.rag.measure`: an embedded PostgreSQL of its own, some minutes. Texts are made up of words
by topic, so that neighbours exist; recall is the share of the ten nearest sections that the search returns.
"""

import argparse
import os
import platform
import random
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import psycopg

from examples.rag.changes import Connection
from examples.rag.embedder import HashedWords, as_sql
from examples.rag.indexing import create_tables
from examples.rag.searching import (
    SMALL_SHARE,
    Asker,
    by_vector,
    by_words,
    nearest,
    nearest_as_planned,
    readable_share,
    search,
)
from hr_sync.embedded.server import EmbeddedPostgres
from hr_sync.store.engine import make_engine
from hr_sync.store.schema import ensure_schema

SECTIONS_OF_A_PAGE = 10
TOPICS, WORDS_OF_A_TOPIC, WORDS_OF_A_SECTION = 400, 30, 60
TOP = 10
WANTED = {"60 %": 0.95, "2 %": 1.0, "0.01 %": 1.0}  #: recall, on the average of the questions
#: Who may read a page, by the share of the pages. Those of the rest are nobody's here.
SHARES = {"g:staff": 0.6, "g:board": 0.02, "u:kim": 0.0001, "g:others": 1.0}
ASKERS = {
    "60 %": Asker(None, ["staff"]),
    "2 %": Asker(None, ["board"]),
    "0.01 %": Asker("kim", []),
}
PAGES = """
    INSERT INTO sync_spaces (space_key, space_id, epoch, access_checked_at, last_complete_at, viewers_known)
        VALUES ('HR', '1', 1, now(), now(), true);
    INSERT INTO text_policy (search_languages) VALUES ('{english}')"""
LAYERS = """
    WITH made AS (
        INSERT INTO access_sets (digest, layers, audience) VALUES (%(principal)s, 1, %(principal)s = 'g:staff')
        RETURNING id),
    layer AS (INSERT INTO access_layers SELECT id, %(principal)s FROM made),
    principal AS (INSERT INTO access_principals VALUES (%(principal)s, %(principal)s))
    SELECT id FROM made"""
PAGE_COLUMNS = """confluence_pages (id, title, space_key, space_id, content_hash, last_updated, version, url, status,
    metadata_digest, access_set_id)"""
TEXT_COLUMNS = """page_texts (page_id, content_hash, title, space_key, renderer_version, section_size, sections,
    markdown, parsed_as, has_computed_content, hidden_characters, search_languages)"""
SECTIONS = """
    INSERT INTO page_sections (section_id, page_id, ordinal, level, heading_path, text, embed_text, text_hash,
        search_vector)
    SELECT text_hash, page_id, ordinal, 1, '{}', text, text, text_hash, to_tsvector('english', text) FROM made"""


class Filled:
    """A database with sections and their embeddings."""

    def __init__(self, connection: Connection, sections: int) -> None:
        self.connection = connection
        self.luck = random.Random(11)  # noqa: S311 -- the same texts each time
        self.embedder = HashedWords()
        self.words = [f"{self._syllables()}{n}" for n in range(6_000)]
        self.topics = [self.luck.sample(self.words, WORDS_OF_A_TOPIC) for _ in range(TOPICS)]
        connection.execute(PAGES.encode())
        self._fill(sections // SECTIONS_OF_A_PAGE)

    def _syllables(self) -> str:
        return "".join(self.luck.choice("bdfgklmnprst") + self.luck.choice("aeiou") for _ in range(3))

    def text(self, topic: Sequence[str]) -> str:
        """Return a text that is half about a topic and half about anything, rare words seldom."""
        own = self.luck.choices(topic, k=WORDS_OF_A_SECTION // 2)
        other = [self.words[int(len(self.words) * self.luck.random() ** 3)] for _ in range(WORDS_OF_A_SECTION // 2)]
        return " ".join(self.luck.sample(own + other, WORDS_OF_A_SECTION))

    def question(self) -> str:
        """Return some words of a topic."""
        return " ".join(self.luck.sample(self.luck.choice(self.topics), 5))

    def _fill(self, pages: int) -> None:
        sets = self._access_sets(pages)
        with self.connection.cursor() as cursor:
            with cursor.copy(f"COPY {PAGE_COLUMNS} FROM STDIN".encode()) as copy:
                for n in range(pages):
                    copy.write_row(
                        [f"{n}", f"Page {n}", "HR", "1", "h", "2026-01-01", 1, f"https://w/{n}", "current", "", sets[n]]
                    )
            with cursor.copy(f"COPY {TEXT_COLUMNS} FROM STDIN".encode()) as copy:
                for n in range(pages):
                    row = [f"{n}", "h", f"Page {n}", "HR", 1, 2000, SECTIONS_OF_A_PAGE, "", "strict", False, 0]
                    copy.write_row([*row, ["english"]])
            cursor.execute(
                "CREATE TEMP TABLE made (page_id text, ordinal int, text text, text_hash text, embedding vector)"
            )
            with cursor.copy(b"COPY made FROM STDIN") as copy:
                for n in range(pages):
                    topic = self.luck.choice(self.topics)
                    texts = [self.text(topic) for _ in range(SECTIONS_OF_A_PAGE)]
                    for place, vector in enumerate(self.embedder.embed(texts)):
                        copy.write_row([f"{n}", place, texts[place], f"{n}-{place}", as_sql(vector)])
        self.connection.execute(SECTIONS)
        self.connection.execute("INSERT INTO page_bodies (page_id, storage) SELECT id, 'x' FROM confluence_pages")
        began = time.perf_counter()
        self.connection.execute("SET maintenance_work_mem = '1GB'")
        self.connection.execute("DROP INDEX rag_embeddings_nearest")
        self.connection.execute(
            "INSERT INTO rag_embeddings SELECT text_hash, %s, embedding FROM made", [self.embedder.model]
        )
        self.connection.execute(
            "CREATE INDEX rag_embeddings_nearest ON rag_embeddings USING hnsw (embedding vector_cosine_ops)"
        )
        self.connection.commit()
        print(f"Index of {pages * SECTIONS_OF_A_PAGE:,} vectors built in {time.perf_counter() - began:.0f} s.")
        self.connection.autocommit = True
        self.connection.execute("VACUUM ANALYZE")
        self.connection.autocommit = False

    def _access_sets(self, pages: int) -> list[int]:
        """Return the access set of each page, in random order."""
        ids: list[int] = []
        for principal, share in SHARES.items():
            row = self.connection.execute(LAYERS.encode(), {"principal": principal}).fetchone()
            assert row is not None  # noqa: S101 -- RETURNING
            ids += [int(str(row[0]))] * min(max(1, round(pages * share)), pages - len(ids))
        self.luck.shuffle(ids)
        return ids


def timed(connection: Connection, act: Callable[[], list[str]]) -> tuple[float, list[str]]:
    """Return how many milliseconds something takes, and its result."""
    began = time.perf_counter()
    found = act()
    taken = (time.perf_counter() - began) * 1000
    connection.rollback()
    return taken, found


def of_default(filled: Filled, question: str, asker: Asker) -> list[str]:
    """Return what pgvector's defaults return: the index, and no further look where little passed the filter."""
    filled.connection.execute("SET LOCAL hnsw.iterative_scan = off; SET LOCAL enable_sort = off")
    return nearest_as_planned(filled.connection, question, asker, filled.embedder, most=TOP, may_use_index=True)


def measure(filled: Filled, questions: int) -> bool:
    """Print a line for each asker. Return True if each recall is what is wanted."""
    is_met = True
    print(
        "\n| may read | way | recall | least | by defaults | vectors, ms | words, ms | both, ms |"
        "\n|---|---|--:|--:|--:|--:|--:|--:|"
    )
    for name, asker in ASKERS.items():
        share = readable_share(filled.connection, asker)
        answers = [measured(filled, filled.question(), asker) for _ in range(questions)]
        recalls = [answer.recall for answer in answers]
        is_met &= statistics.mean(recalls) >= WANTED[name]
        by_defaults = statistics.mean(answer.recall_by_defaults for answer in answers)
        vectors, words, both = (spread([answer.times[place] for answer in answers]) for place in range(3))
        print(
            f"| {name} | {'exact' if share <= SMALL_SHARE else 'index'} | {statistics.mean(recalls):.3f} "
            f"| {min(recalls):.2f} | {by_defaults:.3f} | {vectors} | {words} | {both} |"
        )
    return is_met


def measure_audience(filled: Filled, questions: int) -> None:
    """Print how long a search of the audience takes, who may read 60 % of the sections too."""
    times = []
    for _ in range(questions):
        taken, found = timed(filled.connection, partial(of_audience, filled.connection, filled.question()))
        assert found  # noqa: S101 -- else nothing was measured
        times.append(taken)
    print(f"\nsearch_live_sections: {spread(times)} ms")


def of_audience(connection: Connection, question: str) -> list[str]:
    """Return what the audience finds."""
    words = " or ".join(question.split())
    query = "SELECT section_id FROM search_live_sections(%s, 10)"
    return [str(section_id) for (section_id,) in connection.execute(query, [words], prepare=False)]


@dataclass(frozen=True)
class Measured:
    """One question of one asker."""

    recall: float
    recall_by_defaults: float
    times: tuple[float, float, float]  #: by vector, by words, and both together


def measured(filled: Filled, question: str, asker: Asker) -> Measured:
    """Ask in every way."""
    connection, embedder = filled.connection, filled.embedder
    _, right = timed(connection, lambda: nearest(connection, question, asker, embedder, most=TOP, exact=True))
    vectors, found = timed(connection, lambda: by_vector(connection, question, asker, embedder, most=TOP))
    _, defaults = timed(connection, lambda: of_default(filled, question, asker))
    words, _ = timed(connection, lambda: by_words(connection, question, asker))
    both, _ = timed(connection, lambda: [each.page_id for each in search(connection, question, asker, embedder)])
    return Measured(recall(right, found), recall(right, defaults), (vectors, words, both))


def recall(right: Sequence[str], found: Sequence[str]) -> float:
    """Return which share of the right ones was found."""
    return len(set(right) & set(found)) / len(right) if right else 1.0


def spread(milliseconds: Sequence[float]) -> str:
    """Return median and 95th percentile."""
    ordered = sorted(milliseconds)
    return f"{statistics.median(ordered):.1f} ({ordered[int(len(ordered) * 0.95) - 1]:.1f})"


def main() -> int:
    """Fill a database, and measure. Return 1 if a recall is less than wanted."""
    parser = argparse.ArgumentParser(prog="python -m examples.rag.measure", description=__doc__)
    parser.add_argument("--sections", type=int, default=100_000)
    parser.add_argument("--questions", type=int, default=100)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="rag-measure-") as folder:
        os.chmod(folder, 0o755)  # noqa: PTH101, S103 -- PostgreSQL may run as another account
        with EmbeddedPostgres(Path(folder) / "postgres", shared_buffers="512MB") as server:
            engine = make_engine(server.url)
            ensure_schema(engine)
            url = engine.url.set(drivername="postgresql").render_as_string(hide_password=False)
            with psycopg.connect(url) as connection:
                create_tables(connection)
                version = connection.execute(
                    "SELECT current_setting('server_version') || ', pgvector ' || extversion FROM pg_extension"
                    " WHERE extname = 'vector'"
                ).fetchone()
                print(f"PostgreSQL {version and version[0]}, {platform.machine()}, {os.cpu_count()} cores")
                filled = Filled(connection, given.sections)
                is_met = measure(filled, given.questions)
                measure_audience(filled, given.questions)
    return 0 if is_met else 1


if __name__ == "__main__":
    sys.exit(main())
