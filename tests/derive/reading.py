"""A mirror whose attachments are read: a world with files, its site, and the pass over them."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any, Literal

from confluence_simulator import Simulator, World
from sqlalchemy import Engine

from hr_sync.cancellation import Cancellation
from hr_sync.confluence.cloud import CloudSource
from hr_sync.confluence.datacenter import DataCenterSource
from hr_sync.confluence.http.session import Limits
from hr_sync.derive.attachments import AttachmentReport, FileSettings, derive_attachment_texts
from hr_sync.derive.texts import derive_texts
from hr_sync.documents.result import Kind
from hr_sync.domain.content import ItemKind
from hr_sync.domain.scope import PageScope
from hr_sync.sync.context import SyncContext
from tests.derive.consumer import Consumer
from tests.support.database import rows
from tests.support.wiring import FAST_RETRY, ask, context_of, full

WITH_FILES = PageScope(items=frozenset({ItemKind.ATTACHMENTS}))
FLAVORS: dict[str, tuple[Literal["cloud", "datacenter"], type[CloudSource] | type[DataCenterSource]]] = {
    "cloud": ("cloud", CloudSource),
    "datacenter": ("datacenter", DataCenterSource),
}
SETTINGS = FileSettings(
    kinds=[kind.value for kind in Kind],
    max_bytes=1_000_000,
    max_bytes_of_pass=10_000_000,
    section_size=2000,
    search_languages=("english",),
)


@dataclass
class Mirror:
    """A mirror, and what its passes did."""

    world: World
    site: Simulator
    engine: Engine
    context: SyncContext
    consumer: Consumer

    def derive(self, cancellation: Cancellation | None = None, **changes: Any) -> AttachmentReport:
        """Make the texts of the pages, and read the files."""
        given = cancellation or Cancellation()
        derive_texts(self.context.store, given, section_size=2000)
        return derive_attachment_texts(self.context.store, self.context.source, given, replace(SETTINGS, **changes))

    def downloads(self) -> list[str]:
        """Return the routes that files were asked at."""
        return [record.route for record in self.site.requests if "download" in record.route]

    def shown(self) -> list[tuple[str | None, list[str], str]]:
        """Return attachment, headings and text of each section that consumers see, by page and place."""
        found = ask(
            self.engine,
            'SELECT attachment_id, heading_path, text FROM live_sections ORDER BY page_id COLLATE "C", ordinal',
        )
        return [(attachment_id, list(path), text) for attachment_id, path, text in found]

    def section_ids(self) -> list[str]:
        """Return the ids of the sections that consumers see, by page and place."""
        found = ask(self.engine, 'SELECT section_id FROM live_sections ORDER BY page_id COLLATE "C", ordinal')
        return [section_id for (section_id,) in found]

    def places(self) -> list[tuple[str | None, int]]:
        """Return the attachment and the place of each section, in their order."""
        found = ask(self.engine, "SELECT attachment_id, ordinal FROM live_sections ORDER BY ordinal")
        return [(attachment_id, ordinal) for attachment_id, ordinal in found]

    def sections_of(self, attachment_id: str) -> list[dict[str, Any]]:
        """Return the sections of one file that consumers see."""
        return rows(self.engine, "SELECT * FROM live_sections WHERE attachment_id = %s ORDER BY ordinal", attachment_id)

    def found_by_functions(self, word: str) -> tuple[int, int, int]:
        """Return how many sections the audience finds by a word, and how many it may read, listed and counted."""
        (found,) = ask(
            self.engine,
            "SELECT (SELECT count(*) FROM search_live_sections(%s)), "
            "(SELECT count(*) FROM sections_readable_by(NULL)), count_sections_readable_by(NULL)",
            word,
        )
        return found

    def of_files(self) -> list[tuple[str, str]]:
        """Return the name of the file and the text of each section of a file that consumers see."""
        return [(path[0], text) for attachment_id, path, text in self.shown() if attachment_id is not None]

    def outcomes(self) -> dict[str, str]:
        """Return what became of each file, by name."""
        return dict(
            ask(
                self.engine,
                "SELECT name, outcome FROM attachment_texts JOIN page_attachments ON id = attachment_id",
            )
        )

    def failures(self) -> list[dict[str, Any]]:
        """Return the files that could not be downloaded."""
        return rows(self.engine, "SELECT * FROM page_failures WHERE stage = 'attachment_text'")


def handbook() -> World:
    """Return a space with one page that has two sections."""
    world = World()
    world.create_space("HR")
    world.create_page(space_key="HR", title="Leave", storage="<h1>Days</h1><p>Thirty.</p><h1>Forms</h1><p>Below.</p>")
    return world


@contextmanager
def mirror_of(world: World, engine: Engine, flavor: str = "cloud", **changes: Any) -> Iterator[Mirror]:
    """Serve a world and mirror it with its attachments, of which none is read yet."""
    name, source = FLAVORS[flavor]
    with Simulator(world, flavor=name) as site:
        limits = Limits(
            max_connections=4, request_timeout_seconds=5, retry=FAST_RETRY, media_origins=(site.media_origin,)
        )
        context = context_of(site, engine, source=source, pages=WITH_FILES, limits=limits, **changes)
        start = context.store.feed.snapshot("live_sections", lambda _: None, lambda _: None)
        report = full(context)
        assert report.outcome == "complete", report
        site.requests.clear()
        yield Mirror(world, site, engine, context, Consumer(engine, context, start))
