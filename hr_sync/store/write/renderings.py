"""Writes what the macros of pages show, and takes it out of texts where it may not be shown any more.

It is what the account of hr_sync sees of other pages. So it is stored only while consumers see what the account sees
(`access_policy.mode`), and goes with the transaction that ends that. A text is written only while the rendering that it
was made with is the stored one, whose row is locked.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

from sqlalchemy import Table, delete, func, or_, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from hr_sync.domain.access import AccessMode
from hr_sync.store.access_tables import AccessPolicyRow
from hr_sync.store.read.live import storable
from hr_sync.store.read.traces import word_pattern
from hr_sync.store.text_tables import PageInclude, PageRendering, PageText
from hr_sync.store.write.included_access import derive_of_hosts
from hr_sync.store.write.locks import PAGES
from hr_sync.store.write.mentions import withdraw_texts

RENDERED = "rendered"  #: kind in `page_includes` of what macros show
_RENDERINGS = cast("Table", PageRendering.__table__)
_TEXTS = cast("Table", PageText.__table__)
_INCLUDES = cast("Table", PageInclude.__table__)


@dataclass(frozen=True, kw_only=True, slots=True)
class RenderingWrite:
    """What was answered about the macros of one page; `outputs` None: nothing, for the reason in `error`."""

    page_id: str
    asked_version: int
    version: int
    outputs: str | None
    outputs_hash: str = ""
    error: str | None = None


def write_renderings(session: Session, writes: Iterable[RenderingWrite]) -> bool:
    """Write renderings, while consumers see what the account sees. Return False, and write nothing, otherwise."""
    given = sorted(writes, key=lambda each: each.page_id)
    ids = [each.page_id for each in given]
    query = select(PAGES.c.id).where(PAGES.c.id.in_(ids)).order_by(PAGES.c.id)
    stored = frozenset(session.scalars(query.with_for_update(key_share=True, read=True)))
    if session.scalar(select(AccessPolicyRow.mode).with_for_update(read=True)) != AccessMode.ACCOUNT:
        return False
    for each in given:
        if each.page_id in stored:
            values: dict[str, Any] = {
                "outputs": each.outputs,
                "outputs_hash": each.outputs_hash,
                "version": each.version,
                "asked_version": each.asked_version,
                "error": each.error,
                "asked_at": func.now(),
            }
            row = insert(_RENDERINGS).values(page_id=each.page_id, **values)
            session.execute(row.on_conflict_do_update(index_elements=[_RENDERINGS.c.page_id], set_=values))
    return True


def stored_outputs(session: Session, page_ids: Collection[str]) -> dict[str, str]:
    """Lock the renderings of these pages, and return the hash of each by page id; absent: there is none."""
    if not page_ids:
        return {}
    row = _RENDERINGS.c
    query = select(row.page_id, row.outputs_hash).where(row.page_id.in_(sorted(page_ids))).order_by(row.page_id)
    return {found.page_id: found.outputs_hash for found in session.execute(query.with_for_update(read=True))}


def outputs_stand(page_id: str, outputs_hash: str, stored: Mapping[str, str]) -> bool:
    """Return whether the rendering that a text was made with is the stored one."""
    return not outputs_hash or stored.get(page_id) == outputs_hash


def withdraw_renderings(session: Session, run_id: int) -> int:
    """Delete every rendering, and take what macros show out of every text. Return how many texts.

    Consumers are shown no sections of these pages until they are made again from stored bodies. Who may read a page
    follows from its own facts again. Nothing is locked where no rendering is stored: a text is made with one alone.
    """
    if session.scalar(select(_RENDERINGS.c.page_id).limit(1)) is None:
        return 0
    query = select(PAGES.c.id).join(_TEXTS, _TEXTS.c.page_id == PAGES.c.id).where(_TEXTS.c.outputs_hash != "")
    session.execute(query.order_by(PAGES.c.id).with_for_update(of=PAGES))
    session.execute(delete(_RENDERINGS))  # waits for the texts that are being written
    shown = select(_TEXTS.c.page_id).where(_TEXTS.c.outputs_hash != "").order_by(_TEXTS.c.page_id)
    page_ids = session.scalars(shown).all()
    _withdraw(session, run_id, page_ids, "what its macros show may not be shown any more")
    return len(page_ids)


def erase_from_renderings(session: Session, run_id: int, words: Sequence[str]) -> int:
    """Delete the renderings in which one of these words stands, with the texts of their pages. Return how many."""
    forms = sorted({storable(each) for each in words if each.strip()})
    if not forms:
        return 0
    holds = or_(*(_RENDERINGS.c.outputs.icontains(form, autoescape=True) for form in forms))
    gone = delete(_RENDERINGS).where(holds, _RENDERINGS.c.outputs.op("~*")(word_pattern(forms)))
    page_ids = sorted(session.scalars(gone.returning(_RENDERINGS.c.page_id)))
    _withdraw(session, run_id, page_ids, "a person whom its macros show was erased")
    return len(page_ids)


def _withdraw(session: Session, run_id: int, page_ids: Sequence[str], reason: str) -> None:
    if not page_ids:
        return
    session.execute(select(PAGES.c.id).where(PAGES.c.id.in_(page_ids)).order_by(PAGES.c.id).with_for_update())
    withdraw_texts(session, run_id, page_ids, reason)
    session.execute(update(_TEXTS).where(_TEXTS.c.page_id.in_(page_ids)).values(outputs_hash=""))
    session.execute(delete(_INCLUDES).where(_INCLUDES.c.page_id.in_(page_ids), _INCLUDES.c.kind == RENDERED))
    derive_of_hosts(session, run_id, page_ids)
