"""The kinds of items that are mirrored, and how Confluence is asked about each."""

from typing import Any

from hr_sync.domain.attachments import Attachment
from hr_sync.store.item_tables import ATTACHMENTS
from hr_sync.sync.page_items import MirroredItems

MIRRORED_ATTACHMENTS = MirroredItems[Attachment](
    table=ATTACHMENTS,
    listing=lambda source, space: source.attachments(space),
    recent=lambda source, space, since: source.recent_attachments(space, since),
    lookup=lambda source, attachment_id: source.lookup_attachment(attachment_id),
)

#: What is mirrored with the pages of a space, in this order.
MIRRORED: tuple[MirroredItems[Any], ...] = (MIRRORED_ATTACHMENTS,)
