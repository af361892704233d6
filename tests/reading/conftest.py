"""A mirror that is read as its consumers do: by the role of the scripts for readers, who has views and functions."""

import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta

import pytest

from hr_sync.cancellation import Cancellation
from hr_sync.derive.texts import derive_texts
from hr_sync.domain.access import AccessPolicy, Restriction
from hr_sync.reading import MirrorStore, open_store
from hr_sync.store.engine import make_engine
from hr_sync.store.item_tables import ATTACHMENTS, COMMENTS
from hr_sync.store.schema import ensure_schema
from hr_sync.store.store import Store
from tests.store.spaces import IT, NOON, comment, decision, file, leased, record, write
from tests.store.test_access_facts import node, write_facts
from tests.store.test_roles import LOGINS, PASSWORD, Installed

BOARD = Restriction(users=frozenset({"ann"}), groups=frozenset({"board"}))
DAY = timedelta(days=1)


@dataclass(frozen=True)
class Mirror:
    """A database made by the scripts."""

    installed: Installed
    url: str  #: of a reader
    feed_url: str  #: of a reader who is a consumer of the feed as well

    def tell(self, statements: str) -> None:
        """Execute statements as a superuser."""
        self.installed.tell(statements)


def fill(store: Store) -> None:
    """Write three pages that everybody may read, one that Ann and the board may read, and one that is removed."""
    with leased(store) as space:
        space.write_pages(
            [
                write("101", title="Parental leave", body="<p>Ten weeks.</p>"),
                write("102", title="Remote work", body="<p>Two days.</p>", last_updated=NOON + DAY),
                write("103", title="Salaries", body="<p>Bands.</p>", last_updated=NOON + 2 * DAY),
                write("104", title="Old leave", body="<p>Nine weeks.</p>"),
            ]
        )
        space.write_items(ATTACHMENTS, [file("301", "101", "Form.pdf"), file("302", "103", "Bands.xlsx")])
        space.write_items(ATTACHMENTS, [file("303", "104", "Old form.pdf")])
        space.write_items(COMMENTS, [comment("401", "101", "Also for part-timers?", quoted_text="Ten weeks")])
        space.remove([decision("104")])
        space.finish(lambda _: record(looked_at_all=True, listed_all=True), clear_old_failures=True)
    with leased(store, IT) as space:
        laptops = write("201", IT, title="Laptops", body="<p>After four years.</p>", version=4, last_updated=NOON + DAY)
        space.write_pages([laptops])
        space.finish(lambda _: record(IT, looked_at_all=True, listed_all=True), clear_old_failures=True)
    write_facts(store, [node("101"), node("102"), node("103", None, BOARD), node("104")])
    write_facts(store, [node("201")], IT)
    store.apply_access_policy(AccessPolicy())
    derive_texts(store, Cancellation(), section_size=2000)


@pytest.fixture(scope="session")
def mirror(postgres_server: str) -> Iterator[Mirror]:
    """Make the roles and the tables, and fill them as the worker does. Tests change nothing that others see."""
    installed = Installed(postgres_server, uuid.uuid4().hex[:8])
    installed.script("roles.sql", database="postgres")
    owner = make_engine(installed.url("hr_owner"))
    ensure_schema(owner)
    owner.dispose()
    installed.script("grants.sql")
    installed.script("row-level-security.sql")
    installed.script("feed-reader.sql")
    installed.tell(f"GRANT {installed.name('hr_reader')} TO {installed.name('hr_feed')}")
    for role in ("hr_reader", "hr_consumer", "hr_feed"):
        installed.tell(f"ALTER ROLE {installed.name(role)} LOGIN PASSWORD '{PASSWORD}'")
    worker = make_engine(installed.url("hr_worker"))
    fill(Store(worker))
    worker.dispose()
    yield Mirror(installed, installed.url("hr_reader"), installed.url("hr_feed"))
    installed.tell(f"DROP DATABASE {installed.name('hr')} WITH (FORCE)", database="postgres")
    installed.tell("".join(f"DROP ROLE {installed.name(role)};" for role in (*LOGINS, "hr_feed")), database="postgres")


@pytest.fixture
def store(mirror: Mirror) -> Iterator[MirrorStore]:
    """Open the mirror as a reader."""
    with open_store(mirror.url) as opened:
        yield opened
