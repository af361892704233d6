"""Reads the files of attachments, and keeps their sections up to date.

The pass comes after a run and the texts of its pages. Each file is downloaded into a temporary file before any
transaction begins, read by a process of its own, and written if its attachment still is what was read. A file that
fails costs itself alone; a failure that every file would meet ends the pass. What is left is read after the next run.
"""

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import IO

import structlog

from hr_sync.cancellation import Cancellation
from hr_sync.confluence.source import Source
from hr_sync.derive.file_sections import WrittenAs, relabelled, text_of_document, text_of_reason
from hr_sync.documents.reader import DocumentReader
from hr_sync.documents.result import READER_VERSION, Document, Kind, Limits, Unreadable
from hr_sync.documents.sniff import kinds_by_name
from hr_sync.domain.attachment_texts import AttachmentTextCounts, TextOutcome
from hr_sync.domain.principal_words import number
from hr_sync.errors import (
    ConfigurationError,
    ConfluenceError,
    ConfluenceUnavailable,
    CredentialsRefused,
    EndpointRemoved,
    ScopeMissing,
    ServerFailed,
)
from hr_sync.render.markdown import as_text
from hr_sync.store.read.attachment_texts import PendingFile, ReadingRules
from hr_sync.store.store import Store
from hr_sync.store.values import Failure, FailureStage
from hr_sync.store.write.attachment_texts import AttachmentTextWrite

log = structlog.get_logger(__name__)

_AT_ONCE = 100  # attachments of one query
_RELABELLED_AT_ONCE = 10
_MOST_FAILURES_IN_A_ROW = 5  # more than that are about the way, and not about the files
_KEPT_CHARACTERS = 5_000_000  # of documents that are kept for files with the same bytes


@dataclass(frozen=True, kw_only=True, slots=True)
class FileSettings:
    """The settings that decide which files are read in a pass, and how."""

    kinds: Sequence[str]
    max_bytes: int  #: of one file
    max_bytes_of_pass: int
    section_size: int
    search_languages: Sequence[str]


@dataclass(kw_only=True, slots=True)
class AttachmentReport:
    """What one pass did."""

    downloads: int = 0
    bytes: int = 0
    written: int = 0  #: attachments of which what was read was stored
    failed: int = 0
    relabelled: int = 0  #: whose sections have another title, space or languages of the search now
    ended_by: str | None = None  #: why the pass ended before its end, with the remedy
    counts: AttachmentTextCounts = field(default_factory=AttachmentTextCounts)  #: of all live attachments, afterwards

    @property
    def warnings(self) -> list[str]:
        """Return what an operator should know, in words."""
        warnings = [] if self.ended_by is None else [f"Not every attachment was read: {self.ended_by}"]
        if self.failed:
            files = number(self.failed, "attachment")
            warnings.append(f"{files} could not be downloaded, and will be tried again. See which: `hr-sync status`.")
        return warnings


def derive_attachment_texts(
    store: Store, source: Source, cancellation: Cancellation, settings: FileSettings
) -> AttachmentReport:
    """Read the files of live attachments that were not read as they are now, newest first.

    Raise Stopped, DatabaseUnavailable, and ConfigurationError where the libraries for documents are not installed.
    """
    with DocumentReader(Limits(file_bytes=settings.max_bytes), cancellation) as reader:
        pass_ = _Pass(store, source, cancellation, settings, reader)
        store.attachment_texts.forget_old_failures()
        pass_.relabel()
        try:
            pass_.read()
        except (ConfluenceError, ConfigurationError) as failure:  # about every file
            pass_.report.ended_by = str(failure)
    report = pass_.report
    report.counts = store.attachment_texts.counts()
    _log(report)
    return report


def forget_attachment_texts(store: Store, cancellation: Cancellation) -> int:
    """Delete every text of an attachment, since the settings do not want them any more. Return how many."""
    if store.attachment_texts.is_empty():
        return 0
    forgotten = 0
    while deleted := store.attachment_texts.forget():
        cancellation.check()
        forgotten += deleted
    log.info("attachment_texts.forgotten", attachments=forgotten)
    return forgotten


class _Pass:
    """One pass over the files."""

    def __init__(
        self,
        store: Store,
        source: Source,
        cancellation: Cancellation,
        settings: FileSettings,
        reader: DocumentReader,
    ) -> None:
        self.report = AttachmentReport()
        self._texts = store.attachment_texts
        self._source = source
        self._cancellation = cancellation
        self._settings = settings
        self._reader = reader
        self._known = _KnownDocuments()
        self._failures_in_a_row = 0
        self._rules = ReadingRules(
            reader_version=READER_VERSION,
            section_size=settings.section_size,
            kinds=settings.kinds,
            max_bytes=settings.max_bytes,
            search_languages=settings.search_languages,
        )

    def relabel(self) -> None:
        """Write the sections of read files anew whose page has another title or space, without reading the files."""
        while stored := self._texts.to_relabel(self._rules, limit=_RELABELLED_AT_ONCE):
            self._cancellation.check()
            writes = [relabelled(each, self._settings.search_languages) for each in stored]
            written = self._texts.write(writes)
            self.report.relabelled += len(written)
            if not written:
                return  # all of them were changed meanwhile; the next pass sees what they are

    def read(self) -> None:
        """Read what is due, up to the limit of a pass. Raise a failure that every file would meet.

        What failed before comes last: however many files there are that cannot be downloaded, they keep none waiting.
        """
        self._read_those(failed=False)
        if self.report.bytes < self._settings.max_bytes_of_pass:
            self._read_those(failed=True)

    def _read_those(self, *, failed: bool) -> None:
        before: tuple[datetime, str] | None = None
        while pending := self._texts.pending(self._rules, failed=failed, before=before, limit=_AT_ONCE):
            decided = {each.file.id: self._by_metadata(each) for each in pending}
            self._write([text for text in decided.values() if text is not None])
            for each in pending:
                if decided[each.file.id] is None:
                    self._cancellation.check()
                    if self.report.bytes >= self._settings.max_bytes_of_pass:
                        return
                    self._read_file(each)
            before = (pending[-1].last_updated, pending[-1].file.id)

    def _by_metadata(self, pending: PendingFile) -> AttachmentTextWrite | None:
        """Return why a file is not read, as far as name, type and size tell; None: it has to be downloaded."""
        kinds = kinds_by_name(pending.file.media_type or "", pending.name)
        if not kinds:
            return text_of_reason(self._as(pending), TextOutcome.UNSUPPORTED_TYPE, kind=None)
        selected = self._selected(kinds)
        if not selected:
            return text_of_reason(self._as(pending), TextOutcome.TYPE_NOT_SELECTED, kind=kinds[0])
        size = pending.file.size_bytes
        if size is not None and size > self._settings.max_bytes:
            return text_of_reason(self._as(pending), TextOutcome.TOO_LARGE, kind=selected[0])
        return None

    def _read_file(self, pending: PendingFile) -> None:
        """Download a file, read it and write what was read; or record its failure."""
        try:
            text = self._text_of(pending)
        except (ScopeMissing, EndpointRemoved):
            raise
        except ServerFailed as failure:
            self._fail(pending, failure)
        except ConfluenceUnavailable:
            raise
        except CredentialsRefused as failure:  # a login page, or our account
            self._source.check_account()
            self._fail(pending, failure)
        except ConfluenceError as failure:
            self._fail(pending, failure)
        else:
            self._failures_in_a_row = 0
            self._write([text])

    def _text_of(self, pending: PendingFile) -> AttachmentTextWrite:
        with tempfile.TemporaryFile(prefix="hr-sync-") as file:
            max_bytes = self._settings.max_bytes
            digest = self._source.download_attachment(pending.file, file, max_bytes=max_bytes)
            self.report.downloads += 1
            self.report.bytes += file.tell()
            write_as = self._as(pending, content_sha256=digest)
            return self._known_text(pending, write_as, digest) or self._read_bytes(pending, write_as, file)

    def _known_text(self, pending: PendingFile, write_as: WrittenAs, digest: str) -> AttachmentTextWrite | None:
        """Return what was read of the same bytes before; None: they have to be read."""
        old, kinds = pending.old, self._kinds(pending)
        if old is not None and old.content_sha256 == digest and old.outcome.is_read and old.kind in kinds:
            stored = self._texts.stored(pending.file.id)
            if stored is not None and stored.row.content_sha256 == digest:
                return relabelled(stored, self._settings.search_languages, write_as)
        reason = self._texts.outcome_of_bytes(digest, READER_VERSION)
        if reason is not None:
            return text_of_reason(write_as, reason, kind=kinds[0])
        document = self._known.get(digest, kinds)
        return None if document is None else self._made(pending, write_as, document)

    def _read_bytes(self, pending: PendingFile, write_as: WrittenAs, file: IO[bytes]) -> AttachmentTextWrite:
        file.seek(0)
        found = self._reader.read(file.read(), media_type=pending.file.media_type or "", name=pending.name)
        if isinstance(found, Document):
            self._known.put(write_as.content_sha256 or "", self._kinds(pending), found)
        return self._made(pending, write_as, found)

    def _made(self, pending: PendingFile, write_as: WrittenAs, found: Document | Unreadable) -> AttachmentTextWrite:
        if isinstance(found, Unreadable):
            return text_of_reason(write_as, TextOutcome(found.reason.value), kind=self._kinds(pending)[0])
        if found.kind.value not in self._settings.kinds:
            return text_of_reason(write_as, TextOutcome.TYPE_NOT_SELECTED, kind=found.kind)
        return text_of_document(write_as, found, self._cancellation)

    def _kinds(self, pending: PendingFile) -> list[Kind]:
        return self._selected(kinds_by_name(pending.file.media_type or "", pending.name))

    def _selected(self, kinds: Sequence[Kind]) -> list[Kind]:
        return [kind for kind in kinds if kind.value in self._settings.kinds]

    def _as(self, pending: PendingFile, *, content_sha256: str | None = None) -> WrittenAs:
        return WrittenAs.of(pending, self._rules, content_sha256=content_sha256)

    def _write(self, texts: Sequence[AttachmentTextWrite]) -> None:
        self.report.written += len(self._texts.write(texts))

    def _fail(self, pending: PendingFile, failure: ConfluenceError) -> None:
        """Record that a file could not be downloaded. Raise the failure if too many in a row could not."""
        self.report.failed += 1
        self._failures_in_a_row += 1
        failed = Failure(
            page_id=pending.file.id,
            stage=FailureStage.ATTACHMENT_TEXT,
            error_class=type(failure).__name__,
            message=str(failure),
            version=pending.file.version,
        )
        self._texts.record_failures({pending.space_key: [failed]})
        if self._failures_in_a_row >= _MOST_FAILURES_IN_A_ROW:
            raise failure


class _KnownDocuments:
    """The documents that were read last, by their bytes and by what their names say: copies are read once."""

    def __init__(self) -> None:
        self._documents: dict[tuple[str, tuple[Kind, ...]], Document] = {}

    def get(self, digest: str, kinds: Sequence[Kind]) -> Document | None:
        """Return a document with these bytes; None if it is not known."""
        return self._documents.get((digest, tuple(kinds)))

    def put(self, digest: str, kinds: Sequence[Kind], document: Document) -> None:
        """Keep a document, and the ones before it as far as there is room."""
        self._documents[digest, tuple(kinds)] = document
        while sum(map(_characters, self._documents.values())) > _KEPT_CHARACTERS and len(self._documents) > 1:
            del self._documents[next(iter(self._documents))]


def _characters(document: Document) -> int:
    return sum(len(as_text(block)) for block in document.blocks)


def _log(report: AttachmentReport) -> None:
    if report.downloads or report.written or report.failed:
        log.info(
            "attachments.read",
            downloads=report.downloads,
            bytes=report.bytes,
            written=report.written,
            relabelled=report.relabelled,
            failed=report.failed,
        )
    if report.ended_by is not None:
        log.warning("attachments.not_read", reason=report.ended_by)
