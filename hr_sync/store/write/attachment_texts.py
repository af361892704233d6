"""Writes what was read of attached files, with its sections; tells which sections come and go with an attachment.

Needs no lease: a text is a function of the bytes of one version, and it is written only while that version is on a live
page. The pages are locked first, then the attachments, each in the order of their ids.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, cast

from sqlalchemy import Table, Text, bindparam, delete, func, select
from sqlalchemy.dialects.postgresql import ARRAY, insert
from sqlalchemy.orm import Session

from hr_sync.domain.attachment_texts import TextOutcome
from hr_sync.domain.changes import ChangeAction, ChangedField
from hr_sync.store.attachment_tables import AttachmentText, PageAttachment
from hr_sync.store.item_conditions import is_known
from hr_sync.store.tables import PageFailure
from hr_sync.store.values import Failure, FailureStage
from hr_sync.store.write.arrays import as_arrays
from hr_sync.store.write.changes import Change, record_changes
from hr_sync.store.write.failures import record_failures
from hr_sync.store.write.locks import PAGES
from hr_sync.store.write.section_order import close_up, first_ordinals
from hr_sync.store.write.text_rows import SECTIONS, SectionWrite, any_section_row, put_sections

MAX_FORGOTTEN = 200  #: attachments in one transaction

_ATTACHMENTS = cast("Table", PageAttachment.__table__)
FILE_TEXTS = cast("Table", AttachmentText.__table__)
_FAILURES = cast("Table", PageFailure.__table__)
_NO_RUN = 0  # of the feed, and of failures: a pass over the texts belongs to no run
_IS_LIVE = PAGES.c.hidden_at.is_(None) & PAGES.c.removed_at.is_(None) & (PAGES.c.status == "current")


@dataclass(frozen=True, kw_only=True, slots=True)
class AttachmentTextWrite:
    """What was read of one version of an attachment; see the columns of `attachment_texts`."""

    attachment_id: str
    page_id: str
    version: int
    metadata_digest: str
    content_sha256: str | None
    reader_version: int
    section_size: int
    title: str
    space_key: str
    search_languages: Sequence[str]
    file_words: str  #: words of the name of the file, which are searched with the title
    kind: str | None
    outcome: TextOutcome
    missing: Sequence[Mapping[str, str]] = ()
    missing_parts: int = 0
    limits_reached: Sequence[str] = ()
    hidden_characters: int = 0
    sections: Sequence[SectionWrite] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class ShownSections:
    """The sections that consumers see of one attachment or comment."""

    item_id: str
    page_id: str
    space_key: str
    page_version: int
    section_ids: frozenset[str]


@dataclass(slots=True)
class _Difference:
    """What differs in the sections of one page."""

    space_key: str
    version: int
    added: list[str] = field(default_factory=list)
    changed: list[str] = field(default_factory=list)
    removed: list[str] = field(default_factory=list)


def write_attachment_texts(session: Session, writes: Sequence[AttachmentTextWrite]) -> frozenset[str]:
    """Write what was read of attachments. Return the ids of those that are still what was read, on a live page.

    All have the same `search_languages`. A failure of each is forgotten.
    """
    current = _still_current(session, writes)
    if not current:
        return frozenset()
    ids = [each.attachment_id for each in current]
    beside = sorted({*ids, *_files_on(session, [each.page_id for each in current])})  # their sections may move
    before = shown_sections(session, beside)
    session.execute(_put_texts(), [_row(each) for each in current])
    changed = _write_sections(session, current)
    after = shown_sections(session, beside)
    record_section_changes(session, _NO_RUN, before, after, changed=changed, reason="a file of it was read")
    succeeded = (_FAILURES.c.page_id.in_(ids), _FAILURES.c.stage == FailureStage.ATTACHMENT_TEXT)
    session.execute(delete(_FAILURES).where(*succeeded))
    return frozenset(ids)


def shown_sections(session: Session, attachment_ids: Collection[str]) -> dict[str, ShownSections]:
    """Return the sections that consumers see of these attachments, as far as page and file decide, by attachment."""
    file, read, section, page = _ATTACHMENTS.c, FILE_TEXTS.c, SECTIONS.c, PAGES.c
    query = (
        select(file.id, page.id.label("page_id"), page.space_key, page.version)
        .add_columns(func.array_agg(section.section_id).label("section_ids"))
        .join_from(SECTIONS, _ATTACHMENTS, (file.id == section.attachment_id) & (file.page_id == section.page_id))
        .join(FILE_TEXTS, (read.attachment_id == file.id) & (read.version == file.version))
        .join(PAGES, page.id == file.page_id)
        .where(section.attachment_id == func.any(bindparam("ids", type_=ARRAY(Text))), _IS_LIVE)
        .where(file.hidden_at.is_(None), file.removed_at.is_(None), is_known(file.known_since))
        .group_by(file.id, page.id)
    )
    return {
        row.id: ShownSections(
            item_id=row.id,
            page_id=row.page_id,
            space_key=row.space_key,
            page_version=row.version,
            section_ids=frozenset(row.section_ids),
        )
        for row in session.execute(query, {"ids": list(attachment_ids)})
    }


def record_section_changes(
    session: Session,
    run_id: int,
    before: Mapping[str, ShownSections],
    after: Mapping[str, ShownSections],
    *,
    changed: Collection[str] = (),
    reason: str,
) -> None:
    """Note a change of each page of which consumers see other sections of attachments or comments than before.

    `changed`: sections that were written, or that moved.
    """
    pages: dict[str, _Difference] = {}
    for shown, others, name in ((before, after, "removed"), (after, before, "added")):
        for attachment_id, each in shown.items():
            other = others.get(attachment_id)
            same = other.section_ids if other is not None and other.page_id == each.page_id else frozenset()
            page = pages.setdefault(each.page_id, _Difference(each.space_key, each.page_version))
            getattr(page, name).extend(each.section_ids - same)
            if shown is after:
                page.changed.extend(each.section_ids & same & frozenset(changed))
    record_changes(
        session,
        run_id,
        [
            Change(
                page_id=page_id,
                space_key=page.space_key,
                action=ChangeAction.DERIVE,
                changed_fields=(ChangedField.SECTIONS,),
                version=page.version,
                reason=reason,
                sections_added=sorted(page.added),
                sections_changed=sorted(page.changed),
                sections_removed=sorted(page.removed),
            )
            for page_id, page in sorted(pages.items())
            if page.added or page.changed or page.removed
        ],
    )


def forget_attachment_texts(session: Session) -> int:
    """Delete a chunk of what was read of attachments, and the failures of their downloads. Return how many."""
    session.execute(delete(_FAILURES).where(_FAILURES.c.stage == FailureStage.ATTACHMENT_TEXT))
    page_ids = select(_ATTACHMENTS.c.page_id).join(FILE_TEXTS, FILE_TEXTS.c.attachment_id == _ATTACHMENTS.c.id)
    chunk = session.scalars(page_ids.distinct().order_by(_ATTACHMENTS.c.page_id).limit(MAX_FORGOTTEN)).all()
    if not chunk:
        return 0
    lock_pages_of(session, chunk)
    ids = session.scalars(
        select(FILE_TEXTS.c.attachment_id)
        .join(_ATTACHMENTS, FILE_TEXTS.c.attachment_id == _ATTACHMENTS.c.id)
        .where(_ATTACHMENTS.c.page_id.in_(chunk))
    ).all()
    before = shown_sections(session, ids)
    delete_attachment_texts(session, ids)
    record_section_changes(session, _NO_RUN, before, {}, reason="a file of it is not read any more")
    return len(ids)


def delete_attachment_texts(session: Session, attachment_ids: Sequence[str]) -> None:
    """Delete what was read of these attachments, with its sections."""
    given = bindparam("ids", type_=ARRAY(Text))
    for column in (SECTIONS.c.attachment_id, FILE_TEXTS.c.attachment_id):
        session.execute(delete(column.table).where(column == func.any(given)), {"ids": list(attachment_ids)})


def record_download_failures(session: Session, failures: Mapping[str, Sequence[Failure]]) -> None:
    """Record that files could not be downloaded, by the keys of their spaces, in the order of these."""
    for space_key, failed in sorted(failures.items()):
        record_failures(session, space_key, _NO_RUN, failed)


def forget_old_download_failures(session: Session) -> int:
    """Delete the failures of downloads of what is no live attachment of a live page. Return how many."""
    failed, file = _FAILURES.c, _ATTACHMENTS.c
    live = (
        select(file.id)
        .join(PAGES, PAGES.c.id == file.page_id)
        .where(file.id == failed.page_id, file.hidden_at.is_(None), file.removed_at.is_(None), _IS_LIVE)
        .exists()
    )
    statement = delete(_FAILURES).where(failed.stage == FailureStage.ATTACHMENT_TEXT, ~live)
    return len(session.scalars(statement.returning(failed.page_id)).all())


def lock_pages_of(session: Session, page_ids: Collection[str]) -> frozenset[str]:
    """Lock pages as a writer of their texts does, in the order of their ids. Return those that are live."""
    page = PAGES.c
    query = (
        select(page.id, _IS_LIVE.label("is_live"))
        .where(page.id == func.any(bindparam("ids", type_=ARRAY(Text))))
        .order_by(page.id)
        .with_for_update(key_share=True)
    )
    return frozenset(row.id for row in session.execute(query, {"ids": sorted(set(page_ids))}) if row.is_live)


def _still_current(session: Session, writes: Sequence[AttachmentTextWrite]) -> list[AttachmentTextWrite]:
    """Lock pages and attachments. Return the writes of what is live, and is what was read."""
    live = lock_pages_of(session, [each.page_id for each in writes])
    file = _ATTACHMENTS.c
    query = (
        select(file.id, file.page_id, file.version, file.metadata_digest)
        .where(file.id == func.any(bindparam("ids", type_=ARRAY(Text))))
        .where(file.hidden_at.is_(None), file.removed_at.is_(None))
        .order_by(file.id)
        .with_for_update(read=True)
    )
    rows = session.execute(query, {"ids": [each.attachment_id for each in writes]})
    found = {row.id: (row.page_id, row.version, row.metadata_digest) for row in rows}
    return [
        each
        for each in sorted(writes, key=lambda each: each.attachment_id)
        if each.page_id in live and found.get(each.attachment_id) == (each.page_id, each.version, each.metadata_digest)
    ]


def _files_on(session: Session, page_ids: Collection[str]) -> Sequence[str]:
    """Return the attachments that have sections on these pages."""
    section = SECTIONS.c
    query = select(section.attachment_id).distinct()
    return session.scalars(query.where(section.page_id.in_(page_ids), section.attachment_id.is_not(None))).all()


def _write_sections(session: Session, writes: Sequence[AttachmentTextWrite]) -> frozenset[str]:
    """Write the sections that differ, delete those that are gone, and close up. Return what was written or moved."""
    kept = [section.section_id for each in writes for section in each.sections]
    section = SECTIONS.c
    gone = delete(SECTIONS).where(
        section.attachment_id == func.any(bindparam("ids", type_=ARRAY(Text))),
        section.section_id != func.all(bindparam("kept", type_=ARRAY(Text))),
    )
    session.execute(gone, {"ids": [each.attachment_id for each in writes], "kept": kept})
    pages = sorted({each.page_id for each in writes})
    firsts: dict[str, int] = {}
    for page_id in pages:
        counts = {each.attachment_id: len(each.sections) for each in writes if each.page_id == page_id}
        firsts |= first_ordinals(session, page_id, counts)
    rows = [
        any_section_row(
            each_section,
            page_id=each.page_id,
            attachment_id=each.attachment_id,
            titles=f"{each.title}\n{each.file_words}",
            first_ordinal=firsts[each.attachment_id],
        )
        for each in writes
        for each_section in each.sections
    ]
    put = put_sections(tuple(writes[0].search_languages))
    written = session.scalars(put, as_arrays(rows)).all() if rows else ()
    moved = close_up(session, pages)
    return frozenset((*written, *(section_id for ids in moved.values() for section_id in ids)))


def _put_texts() -> Any:
    statement = insert(FILE_TEXTS)
    names = [column.name for column in FILE_TEXTS.c if column.name not in ("attachment_id", "read_at")]
    fresh: dict[str, Any] = {name: statement.excluded[name] for name in names}
    return statement.on_conflict_do_update(index_elements=["attachment_id"], set_=fresh | {"read_at": func.now()})


def _row(write: AttachmentTextWrite) -> dict[str, Any]:
    names = [column.name for column in FILE_TEXTS.c if column.name not in ("sections", "read_at")]
    row = {name: getattr(write, name) for name in names}
    return row | {
        "sections": len(write.sections),
        "search_languages": list(write.search_languages),
        "missing": [dict(part) for part in write.missing],
        "limits_reached": list(write.limits_reached),
    }
