"""Reads the feed of changes: which pages changed since last time. The only place that knows how the feed is read."""

from dataclasses import dataclass
from typing import TypeAlias

import psycopg

Connection: TypeAlias = psycopg.Connection[tuple[object, ...]]

_POSITION = "SELECT feed_epoch()::text, pruned_seq, (SELECT coalesce(max(seq), 0) FROM content_changes) FROM feed_state"
_CHANGED = "SELECT DISTINCT page_id FROM content_changes WHERE seq > %s AND seq <= %s"
_EVERY_PAGE = "SELECT id FROM confluence_pages WHERE removed_at IS NULL"


@dataclass(frozen=True)
class Changes:
    """Pages that changed, and the position to read on from: store both in one transaction."""

    page_ids: list[str]
    position: str


def changes_since(connection: Connection, position: str | None) -> Changes:
    """Return what changed since a position; every page there is without one, or where the feed has a gap.

    The order of `seq` is the order of the commits, so nothing appears later behind the number that is read first here.
    A gap is another epoch (a restored database) or changes that were deleted as old (docs/feed.md, "By SQL").
    """
    epoch, seq = position.split(":") if position else ("", "0")
    row = connection.execute(_POSITION).fetchone()
    assert row is not None  # noqa: S101 -- init-db makes it
    epoch_now, pruned, last = str(row[0]), int(str(row[1])), int(str(row[2]))
    if epoch == epoch_now and pruned <= int(seq):
        pages = connection.execute(_CHANGED, [seq, last])
    else:
        pages = connection.execute(_EVERY_PAGE)
    return Changes(page_ids=[str(page_id) for (page_id,) in pages], position=f"{epoch_now}:{max(last, pruned)}")
