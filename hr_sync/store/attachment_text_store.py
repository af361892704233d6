"""The texts of attachments, as the pass over them sees the database."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime

from hr_sync.domain.attachment_texts import AttachmentTextCounts, TextOutcome
from hr_sync.store.read.attachment_texts import (
    PendingFile,
    ReadingRules,
    StoredFileText,
    count_file_texts,
    file_texts_to_relabel,
    has_file_texts,
    outcome_of_bytes,
    pending_files,
    stored_file_text,
)
from hr_sync.store.transaction import Transactions
from hr_sync.store.values import Failure
from hr_sync.store.write.attachment_texts import (
    AttachmentTextWrite,
    forget_attachment_texts,
    forget_old_download_failures,
    record_download_failures,
    write_attachment_texts,
)


class AttachmentTextStore:
    """Part of a Store: every method is one transaction. Raises what the Store raises."""

    def __init__(self, transactions: Transactions) -> None:
        self._transactions = transactions

    def pending(
        self, rules: ReadingRules, *, failed: bool, before: tuple[datetime, str] | None = None, limit: int
    ) -> list[PendingFile]:
        """Return the next files to be read, newest first; with `before` those behind that date and id.

        `failed`: those that failed and are due again; otherwise those that did not fail. A file that is not shown until
        access was read after it is not among them.
        """
        return self._transactions.run(
            lambda session: pending_files(session, rules, failed=failed, before=before, limit=limit)
        )

    def to_relabel(self, rules: ReadingRules, *, limit: int) -> list[StoredFileText]:
        """Return what was read of files whose page has another title, space or languages of the search now."""
        return self._transactions.run(lambda session: file_texts_to_relabel(session, rules, limit=limit))

    def stored(self, attachment_id: str) -> StoredFileText | None:
        """Return what was read of an attachment, with its sections; None if it was not read."""
        return self._transactions.run(lambda session: stored_file_text(session, attachment_id))

    def outcome_of_bytes(self, content_sha256: str, reader_version: int) -> TextOutcome | None:
        """Return why bytes have no text, where some file with the same ones was read before; None: not known."""
        return self._transactions.run(lambda session: outcome_of_bytes(session, content_sha256, reader_version))

    def write(self, writes: Sequence[AttachmentTextWrite]) -> frozenset[str]:
        """Write what was read. Return the ids of what is still the same version on a live page."""
        return (
            self._transactions.run(lambda session: write_attachment_texts(session, writes)) if writes else frozenset()
        )

    def record_failures(self, failures: Mapping[str, Sequence[Failure]]) -> None:
        """Record that files could not be downloaded, by space: they are tried again, with growing waits."""
        self._transactions.run(lambda session: record_download_failures(session, failures))

    def forget_old_failures(self) -> int:
        """Delete the failures of downloads of what is not live any more. Return how many."""
        return self._transactions.run(forget_old_download_failures)

    def forget(self) -> int:
        """Delete a chunk of what was read of attachments, with its sections. Return how many attachments."""
        return self._transactions.run(forget_attachment_texts)

    def is_empty(self) -> bool:
        """Return whether nothing is stored of texts of attachments."""
        return not self._transactions.run(has_file_texts)

    def counts(self, space_keys: Collection[str] | None = None) -> AttachmentTextCounts:
        """Count the live attachments, of these spaces or of all, by what became of their text."""
        return self._transactions.run(lambda session: count_file_texts(session, space_keys))
