"""A consumer of the feed that keeps the sections that it is told of."""

from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Engine

from hr_sync.cancellation import Cancellation
from hr_sync.derive.texts import derive_texts
from hr_sync.domain.feed import FeedChange, FeedPosition
from hr_sync.sync.context import SyncContext
from tests.support.database import rows

SECTIONS = "SELECT * FROM live_sections WHERE page_id = %s"


@dataclass
class Consumer:
    """A consumer that reads each page again that a change names, and keeps what it finds. It shares no code."""

    engine: Engine
    context: SyncContext
    position: FeedPosition
    kept: dict[str, list[dict[str, Any]]] = field(default_factory=dict)

    def read(self) -> list[FeedChange]:
        """Read what is new; return it."""
        found = list(self.context.store.feed.changes_after(self.position, consumer="bot", limit=1000))
        for change in found:
            if change.attachment_id is None:  # a consumer of sections may leave out the others
                self.kept[change.page_id] = rows(self.engine, SECTIONS, change.page_id)
            self.position = FeedPosition(epoch=change.epoch, seq=change.seq)
        return found

    def derive(self) -> list[FeedChange]:
        """Make the texts, and return what the feed says of them."""
        self.read()
        derive_texts(self.context.store, Cancellation(), section_size=2000)
        return self.read_of_texts()

    def read_of_texts(self) -> list[FeedChange]:
        """Read what is new, which is about sections alone; return it. Nothing is shown that was not told."""
        found = self.read()
        assert {(each.kind, each.action) for each in found} <= {("sections", "derive")}
        assert [each.changed_fields for each in found] == [["sections"]] * len(found)
        assert self.missing() == []
        return found

    def missing(self) -> list[dict[str, Any]]:
        """Return the rows of the view that the consumer has not, or has otherwise."""
        kept = [row for each in self.kept.values() for row in each]
        shown = rows(self.engine, "SELECT * FROM live_sections")
        ages = ("checked_at", "access_checked_at")  # which move with each run
        bare = [[{name: row[name] for name in row if name not in ages} for row in each] for each in (kept, shown)]
        return [row for row in bare[1] if row not in bare[0]] + [row for row in bare[0] if row not in bare[1]]
