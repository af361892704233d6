"""The kinds of items that are mirrored, and how Confluence is asked about each."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from hr_sync.confluence.comments import MOST_WITH_BODIES
from hr_sync.confluence.source import Source
from hr_sync.domain.attachments import Attachment
from hr_sync.domain.comments import Comment, CommentWrite
from hr_sync.domain.deletion import LookupStatus
from hr_sync.store.item_tables import ATTACHMENTS, COMMENTS
from hr_sync.sync.fetch import BodyFetcher
from hr_sync.sync.page_items import Completed, MirroredItems


def read_comments(source: Source, fetcher: BodyFetcher, writes: Sequence[CommentWrite]) -> Completed[Comment]:
    """Read the texts of comments, 50 a request; one that comes in an older version, or not, is read by itself.

    What a single read does not show is not written: the next full run looks for it. What it cannot tell has failed.
    """
    wanted = {write.item.id: write for write in writes if write.item.storage is None}
    ids = list(wanted)
    chunks = [ids[start : start + MOST_WITH_BODIES] for start in range(0, len(ids), MOST_WITH_BODIES)]
    found = {each: one for part in fetcher.ask_each(source.comments.with_texts, chunks) for each, one in part.items()}
    found = {each: one for each, one in found.items() if one.version >= wanted[each].item.version}
    alone = [each for each in ids if each not in found]
    unreadable: dict[str, str] = {}
    for comment_id, lookup in zip(alone, fetcher.ask_each(source.comments.lookup, alone), strict=True):
        if lookup.item is not None and lookup.item.storage is not None:
            found[comment_id] = lookup.item
        elif lookup.result is not LookupStatus.NOT_FOUND:
            unreadable[comment_id] = "its text could not be read"
    done = [
        write if write.item.storage is not None else replace(write, item=found[write.item.id])
        for write in writes
        if write.item.storage is not None or write.item.id in found
    ]
    return Completed(
        writes=[write for write in done if write.item.status == "current"],
        unreadable=unreadable,
    )


MIRRORED_ATTACHMENTS = MirroredItems[Attachment](
    table=ATTACHMENTS,
    listing=lambda source, space: source.attachments(space),
    recent=lambda source, spaces, since: source.recent_attachments(spaces, since),
    lookup=lambda source, attachment_id: source.lookup_attachment(attachment_id),
)
MIRRORED_COMMENTS = MirroredItems[Comment](
    table=COMMENTS,
    listing=lambda source, space: source.comments.of_spaces([space]),
    recent=lambda source, spaces, since: source.comments.of_spaces(spaces, since=since),
    lookup=lambda source, comment_id: source.comments.lookup(comment_id),
    complete=read_comments,
)

#: What is mirrored with the pages of a space, in this order.
MIRRORED: tuple[MirroredItems[Any], ...] = (MIRRORED_ATTACHMENTS, MIRRORED_COMMENTS)
