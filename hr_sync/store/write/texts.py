"""Writes texts and sections of pages; a section is written only where it differs.

Needs no lease: a text is a function of the stored bodies and names, and it is written only while they are the stored
ones. The
access set of a page follows the pages that its text shows, in the same transaction. Each live page whose sections
consumers see otherwise than before has a row in the feed.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import NamedTuple

from sqlalchemy import Text, and_, bindparam, delete, func, or_, select, update
from sqlalchemy.dialects.postgresql import ARRAY, insert
from sqlalchemy.orm import Session

from hr_sync.domain.changes import ChangeAction, ChangedField, IncludeState
from hr_sync.store.text_tables import TextPolicyRow
from hr_sync.store.write.arrays import as_arrays
from hr_sync.store.write.changes import Change, record_changes
from hr_sync.store.write.comment_sections import COMMENTS_TABLE, is_shown_section, texts_of_comments
from hr_sync.store.write.included_access import derive_of_hosts
from hr_sync.store.write.locks import PAGES
from hr_sync.store.write.mentions import add_mentions, names_stand, stored_names, write_mentions
from hr_sync.store.write.renderings import outputs_stand, stored_outputs
from hr_sync.store.write.section_order import close_up
from hr_sync.store.write.set_rows import lock_policy
from hr_sync.store.write.text_rows import (
    INCLUDES,
    SECTIONS,
    TEXTS,
    TextKept,
    TextWrite,
    count_sections,
    put_includes,
    put_sections,
    put_texts,
    section_row,
    text_row,
)

_MADE_FROM = (
    "content_hash",
    "title",
    "space_key",
    "renderer_version",
    "section_size",
    "comments_digest",
    "outputs_hash",
)
_NO_RUN = 0  # of the feed: a pass over the texts belongs to no run


@dataclass(frozen=True, kw_only=True, slots=True)
class TextsWritten:
    """What a chunk of texts changed."""

    pages: int  #: whose text was written; the others have another body by now
    sections_written: int  #: new ones, and those that differ
    sections_deleted: int


class _Stored(NamedTuple):
    """The text that is stored of a page."""

    content_hash: str | None
    section_ids: frozenset[str]  #: of its own text
    has_files: bool = False  #: there are sections of attachments too


@dataclass(frozen=True, slots=True)
class _Current:
    """A locked row."""

    content_hash: str
    title: str
    space_key: str
    space_id: str | None
    version: int
    is_live: bool
    shows_others: bool  #: by its text up to now


def write_texts(session: Session, texts: Sequence[TextWrite], kept: Sequence[TextKept] = ()) -> TextsWritten:
    """Write texts with their sections, and delete the sections that are gone. `kept`: older texts that stay.

    All have the same `search_languages`.
    """
    shown = {each.page_id: each.shown for each in texts} | _shown_in(session, [each.page_id for each in kept])
    rows = _lock_pages(session, {*shown, *(source for sources in shown.values() for source in sources)})
    lock_policy(session)  # which comments and files are shown follows from the mode
    intact = {page_id for page_id, sources in shown.items() if _are_stored(rows, sources)}
    given: list[TextWrite | TextKept] = [*texts, *kept]
    names = stored_names(session, {user_id for each in given for user_id, name in each.mentions.items() if name})
    outputs = stored_outputs(session, [each.page_id for each in texts if each.outputs_hash])
    stands = [
        each for each in given if each.page_id in intact and _is_of(rows, each) and names_stand(each.mentions, names)
    ]
    current = _with_shown_comments(session, stands)
    stays = [each for each in current if isinstance(each, TextKept)]
    writes = [
        each
        for each in current
        if isinstance(each, TextWrite) and outputs_stand(each.page_id, each.outputs_hash, outputs)
    ]
    every: list[TextWrite | TextKept] = [*writes, *stays]
    if not every:
        return TextsWritten(pages=0, sections_written=0, sections_deleted=0)
    before = _stored_sections(session, [each.page_id for each in every])
    _put_texts(session, writes)
    _keep(session, stays)
    session.execute(count_sections(), {"page_ids": [each.page_id for each in every]})
    written, deleted = _write_sections(session, every)
    shifted = close_up(session, [each.page_id for each in every])
    _write_includes(session, writes)
    write_mentions(session, {each.page_id: each.mentions for each in writes})
    add_mentions(session, {each.page_id: each.mentions for each in stays})
    record_changes(session, _NO_RUN, _changes(every, rows, before, written=written, deleted=deleted, shifted=shifted))
    derive_of_hosts(
        session, _NO_RUN, [each.page_id for each in writes if each.shows_others or rows[each.page_id].shows_others]
    )
    return TextsWritten(pages=len(writes), sections_written=len(written), sections_deleted=len(deleted))


def _with_shown_comments(session: Session, writes: Sequence[TextWrite | TextKept]) -> list[TextWrite | TextKept]:
    """Return the texts without sections of comments that were withdrawn, edited or closed since they were read.

    Such a text has the digest of other comments than there are, and is made again.
    """
    wanted = {each.comment_id for write in writes for each in write.sections if each.comment_id is not None}
    shown = texts_of_comments(session, wanted)
    return [_with_comments(write, shown) for write in writes]


def _with_comments(write: TextWrite | TextKept, shown: Collection[tuple[str, str, str]]) -> TextWrite | TextKept:
    kept = [
        each
        for each in write.sections
        if each.comment_id is None or (write.page_id, each.comment_id, each.comment_hash) in shown
    ]
    if len(kept) == len(write.sections):
        return write
    first = write.sections[0].ordinal  # without gaps: what follows is counted
    return replace(write, sections=[replace(each, ordinal=first + place) for place, each in enumerate(kept)])


def _lock_pages(session: Session, page_ids: Collection[str]) -> dict[str, _Current]:
    """Lock pages in the order of their ids."""
    page = PAGES.c
    query = (
        select(page.id, page.content_hash, page.title, page.space_key, page.space_id, page.version)
        .add_columns(
            and_(page.hidden_at.is_(None), page.removed_at.is_(None), page.status == "current"),
            page.own_access_set_id.is_not(None),
        )
        .where(page.id.in_(page_ids))
        .order_by(page.id)
        .with_for_update(key_share=True)
    )
    return {page_id: _Current(*rest) for page_id, *rest in session.execute(query)}


def _is_of(rows: Mapping[str, _Current], text: TextWrite | TextKept) -> bool:
    """Return whether the page still has the body, title and space of a text."""
    row = rows.get(text.page_id)
    made_from = (text.content_hash, text.title, text.space_key)
    return row is not None and (row.content_hash, row.title, row.space_key) == made_from


def _are_stored(rows: Mapping[str, _Current], shown: Mapping[str, str | None]) -> bool:
    """Return whether each page that a text shows is live, and still has the body that is shown."""
    sources = ((rows.get(page_id), content_hash) for page_id, content_hash in shown.items())
    return all(row is not None and row.is_live and row.content_hash == made_from for row, made_from in sources)


def _shown_in(session: Session, page_ids: Sequence[str]) -> dict[str, dict[str, str | None]]:
    """Return what the stored texts of these pages show, with the hashes of the bodies that are shown."""
    shown: dict[str, dict[str, str | None]] = {page_id: {} for page_id in page_ids}
    place = INCLUDES.c
    query = select(place.page_id, place.source_id, place.source_hash).where(
        place.page_id.in_(page_ids), place.state == IncludeState.SHOWN
    )
    for page_id, source_id, source_hash in session.execute(query) if page_ids else ():
        shown[page_id][source_id] = source_hash
    return shown


def _put_texts(session: Session, writes: Sequence[TextWrite]) -> None:
    if writes:
        session.execute(put_texts(), as_arrays([text_row(each) for each in writes]))


def _keep(session: Session, kept: Sequence[TextKept]) -> None:
    """Let older texts stand for the stored bodies, with comments as they are now."""
    for each in kept:
        values = {name: getattr(each, name) for name in _MADE_FROM}
        values["search_languages"] = list(each.search_languages)  # its vectors stay: nothing can make them again
        values["kept_since"] = func.coalesce(TEXTS.c.kept_since, func.now())
        values["rendered_at"] = func.now()
        session.execute(update(TEXTS).where(TEXTS.c.page_id == each.page_id).values(values))


def _stored_sections(session: Session, page_ids: Sequence[str]) -> dict[str, _Stored]:
    """Return what the stored texts of these pages were made from, and the ids of their sections, by page id."""
    # A section of a comment that was edited or withdrawn is not seen any more: that was told when it was.
    is_own = and_(SECTIONS.c.attachment_id.is_(None), or_(SECTIONS.c.comment_id.is_(None), is_shown_section()))
    ids = func.array_remove(func.array_agg(SECTIONS.c.section_id).filter(is_own), None)
    has_files = func.count(SECTIONS.c.attachment_id) > 0
    query = (
        select(TEXTS.c.page_id, TEXTS.c.content_hash, ids.label("section_ids"), has_files.label("has_files"))
        .join(PAGES, PAGES.c.id == TEXTS.c.page_id)
        .outerjoin(SECTIONS, SECTIONS.c.page_id == TEXTS.c.page_id)
        .outerjoin(COMMENTS_TABLE, COMMENTS_TABLE.c.id == SECTIONS.c.comment_id)
        .where(TEXTS.c.page_id.in_(page_ids))
        .group_by(TEXTS.c.page_id)
    )
    rows = session.execute(query)
    return {row.page_id: _Stored(row.content_hash, frozenset(row.section_ids or ()), row.has_files) for row in rows}


def _write_sections(session: Session, writes: Sequence[TextWrite | TextKept]) -> tuple[frozenset[str], frozenset[str]]:
    """Write the sections that differ, and delete those that are gone. Return the ids of both.

    Of a page whose text is kept those of its comments alone.
    """
    made = [each.page_id for each in writes if isinstance(each, TextWrite)]
    rows = [section_row(each, section) for each in writes for section in each.sections]
    gone = delete(SECTIONS).where(
        SECTIONS.c.page_id.in_([each.page_id for each in writes]),
        SECTIONS.c.attachment_id.is_(None),
        or_(SECTIONS.c.page_id.in_(made), SECTIONS.c.comment_id.is_not(None)),
        SECTIONS.c.section_id != func.all(bindparam("kept", type_=ARRAY(Text))),
    )
    deleted = session.scalars(gone.returning(SECTIONS.c.section_id), {"kept": [row["section_id"] for row in rows]})
    deleted_ids = frozenset(deleted)
    put = put_sections(tuple(writes[0].search_languages))
    return (frozenset(session.scalars(put, as_arrays(rows))) if rows else frozenset()), deleted_ids


def _changes(
    writes: Sequence[TextWrite | TextKept],
    current: Mapping[str, _Current],
    before: Mapping[str, _Stored],
    *,
    written: Collection[str],
    deleted: Collection[str],
    shifted: Mapping[str, Sequence[str]],
) -> Iterator[Change]:
    """Yield a change for each live page whose sections consumers see otherwise than before.

    Sections are not shown while their text was made from another body. So a text of a new body is a change even where
    every section is the same again.
    """
    for write in writes:
        stored = before.get(write.page_id, _Stored(None, frozenset()))
        ids = [section.section_id for section in write.sections]
        differing = [each for each in ids if each in written or each not in stored.section_ids]
        removed = sorted(each for each in stored.section_ids if each in deleted)
        is_another = stored.content_hash != write.content_hash
        is_shown_again = is_another and (ids or stored.section_ids or stored.has_files)
        moved = shifted.get(write.page_id, ())
        locked = current[write.page_id]
        if locked.is_live and (differing or removed or moved or is_shown_again):
            yield Change(
                page_id=write.page_id,
                space_key=write.space_key,
                action=ChangeAction.DERIVE,
                changed_fields=(ChangedField.SECTIONS,),
                version=locked.version,
                reason="its text was made"
                if isinstance(write, TextWrite)
                else "its body arrived without text, so that its older text stays",
                sections_added=[each for each in differing if each not in stored.section_ids],
                sections_changed=[*(each for each in differing if each in stored.section_ids), *moved],
                sections_removed=removed,
            )


def _write_includes(session: Session, writes: Sequence[TextWrite]) -> None:
    session.execute(delete(INCLUDES).where(INCLUDES.c.page_id.in_([each.page_id for each in writes])))
    rows = [{"page_id": each.page_id} | asdict(place) for each in writes for place in each.includes]
    if rows:
        session.execute(put_includes(), as_arrays(rows))


def write_text_policy(session: Session, search_languages: Sequence[str]) -> bool:
    """Write in which languages sections are searched, if it differs. Return True if it does."""
    stored = session.execute(select(TextPolicyRow.search_languages)).scalar_one_or_none()
    given = list(search_languages)
    if stored == given:
        return False
    statement = insert(TextPolicyRow).values(id=1, search_languages=given)
    session.execute(statement.on_conflict_do_update(index_elements=["id"], set_={"search_languages": given}))
    return True
