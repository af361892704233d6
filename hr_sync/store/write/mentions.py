"""Writes names of people whom texts mention, whom each text mentions, and takes names out of texts.

A text is written only while each name that it shows is still the one that is known: the rows of the names are locked
before, so that an erasure either comes first, or sees the text and withdraws it.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any, cast

from sqlalchemy import Table, Text, bindparam, delete, func, select, update
from sqlalchemy.dialects.postgresql import ARRAY, insert
from sqlalchemy.orm import Session

from hr_sync.domain.changes import ChangeAction, ChangedField
from hr_sync.domain.people import NameState, PublicName
from hr_sync.store.text_tables import MentionedUser, PageMention, PageSection, PageText
from hr_sync.store.write.arrays import as_arrays, unnested
from hr_sync.store.write.changes import Change, record_changes
from hr_sync.store.write.locks import PAGES

MAX_DELETED = 5000  #: rows in one transaction
_NAMES = cast("Table", MentionedUser.__table__)
_MENTIONS = cast("Table", PageMention.__table__)
_SECTIONS = cast("Table", PageSection.__table__)
_TEXTS = cast("Table", PageText.__table__)


def write_names(session: Session, names: Iterable[PublicName]) -> None:
    """Write what Confluence has just said of names. One that it did not answer for keeps the name it had."""
    for each in sorted(names, key=lambda each: each.user_id):
        values: dict[str, Any] = {"state": each.state.value, "asked_at": func.now()}
        row = insert(_NAMES).values(user_id=each.user_id, name=each.shown, **values)
        known = values if each.state is NameState.UNREAD else values | {"name": each.shown}
        session.execute(row.on_conflict_do_update(index_elements=[_NAMES.c.user_id], set_=known))


def forget_names(session: Session) -> int:
    """Delete every name, so that the texts which show one are made again. Return how many there were."""
    return len(session.scalars(delete(_NAMES).returning(_NAMES.c.user_id)).all())


def prune_names(session: Session) -> int:
    """Delete a chunk of the names of people whom no text mentions any more. Return how many."""
    unused = (
        select(_NAMES.c.user_id)
        .where(~select(_MENTIONS.c.page_id).where(_MENTIONS.c.user_id == _NAMES.c.user_id).exists())
        .limit(MAX_DELETED)
    )
    return len(session.scalars(delete(_NAMES).where(_NAMES.c.user_id.in_(unused)).returning(_NAMES.c.user_id)).all())


def stored_names(session: Session, user_ids: Collection[str]) -> dict[str, str | None]:
    """Lock the names of these people until the end of the transaction, and return those that are there."""
    if not user_ids:
        return {}
    ids = func.any(bindparam("ids", sorted(user_ids), ARRAY(Text)))
    query = select(_NAMES.c.user_id, _NAMES.c.name).where(_NAMES.c.user_id == ids).order_by(_NAMES.c.user_id)
    return {row.user_id: row.name for row in session.execute(query.with_for_update(read=True))}


def names_stand(mentions: Mapping[str, str | None], stored: Mapping[str, str | None]) -> bool:
    """Return whether each name that a text shows is still the one that is known."""
    return all(name is None or stored.get(user_id) == name for user_id, name in mentions.items())


def write_mentions(session: Session, mentions: Mapping[str, Mapping[str, str | None]]) -> None:
    """Write whom the texts of these pages mention, by page id, and the name that each text shows."""
    session.execute(delete(_MENTIONS).where(_MENTIONS.c.page_id.in_(list(mentions))))
    add_mentions(session, mentions)


def add_mentions(session: Session, mentions: Mapping[str, Mapping[str, str | None]]) -> None:
    """Write whom the texts of these pages mention beside whom they mentioned before."""
    rows = [
        {"page_id": page_id, "user_id": user_id, "name": name}
        for page_id, shown in mentions.items()
        for user_id, name in shown.items()
    ]
    if rows:
        given = unnested({each.name: each for each in _MENTIONS.c})
        names = [each.name for each in _MENTIONS.c]
        statement = insert(_MENTIONS).from_select(names, select(*(given.c[name] for name in names)))
        shown = {"name": statement.excluded.name}
        session.execute(
            statement.on_conflict_do_update(index_elements=["page_id", "user_id"], set_=shown), as_arrays(rows)
        )


def erase_name(session: Session, run_id: int, user_id: str) -> int:
    """Erase the name of a user, and every text that shows it. Return how many texts.

    Consumers are shown no sections of these pages until they are made again, with the placeholder.
    """
    session.execute(delete(_NAMES).where(_NAMES.c.user_id == user_id))  # waits for the texts that are being written
    shown = update(_MENTIONS).where(_MENTIONS.c.user_id == user_id, _MENTIONS.c.name.is_not(None))
    page_ids = session.scalars(shown.values(name=None).returning(_MENTIONS.c.page_id)).all()
    withdraw_texts(session, run_id, page_ids, "a person whom it names was erased")
    return len(page_ids)


def withdraw_texts(session: Session, run_id: int, page_ids: Sequence[str], reason: str) -> None:
    """Empty the texts of these pages, and delete their sections, until the next pass over the texts.

    Sections of files stay, and are not shown until then: they are made from no name, and a file is read once.
    """
    if not page_ids:
        return
    gone = delete(_SECTIONS).where(_SECTIONS.c.page_id.in_(page_ids), _SECTIONS.c.attachment_id.is_(None))
    sections: dict[str, list[str]] = {}
    for page_id, section_id in session.execute(gone.returning(_SECTIONS.c.page_id, _SECTIONS.c.section_id)):
        sections.setdefault(page_id, []).append(section_id)
    emptied = update(_TEXTS).where(_TEXTS.c.page_id.in_(page_ids))
    session.execute(emptied.values(content_hash="", markdown="", sections=0, kept_since=None))
    page = PAGES.c
    rows = session.execute(
        select(page.id, page.space_key, page.version)
        .where(page.id.in_(page_ids), page.hidden_at.is_(None), page.removed_at.is_(None), page.status == "current")
        .order_by(page.id)
    )
    record_changes(
        session,
        run_id,
        [
            Change(
                page_id=row.id,
                space_key=row.space_key,
                action=ChangeAction.DERIVE,
                changed_fields=(ChangedField.SECTIONS,),
                version=row.version,
                reason=reason,
                sections_removed=sorted(sections.get(row.id, ())),
            )
            for row in rows
        ],
    )
