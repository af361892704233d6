"""Writes labels of live pages, and nothing else of their rows."""

from collections.abc import Sequence
from functools import cache

from sqlalchemy import Text, Update, column, func, update
from sqlalchemy.orm import Session

from hr_sync.domain.changes import ChangeAction, ChangedField
from hr_sync.domain.plan import LabelStep
from hr_sync.store.lease import Lease, check_lease
from hr_sync.store.write.arrays import as_arrays, unnested
from hr_sync.store.write.changes import Change, record_changes
from hr_sync.store.write.locks import PAGES, lock_pages

_SEPARATOR = "\x1f"  # between labels: arrays of arrays cannot be unnested by one level, and no text of ours holds it


def write_labels(session: Session, lease: Lease, run_id: int, steps: Sequence[LabelStep]) -> list[LabelStep]:
    """Write labels, one step a page, and their feed rows. Return the steps that were written.

    A page that is no longer live in the space of the lease is left alone. Raises LeaseLost.
    """
    check_lease(session, lease)
    locked = lock_pages(session, [step.page_id for step in steps])
    here = {
        page_id: row.before
        for page_id, row in locked.items()
        if row.before.live and row.before.space_key == lease.space_key
    }
    written = [step for step in steps if step.page_id in here]
    if not written:
        return []
    rows = [
        {"id": step.page_id, "labels": _SEPARATOR.join(sorted(step.labels)), "last_written_run_id": run_id}
        for step in written
    ]
    session.execute(_put_labels(), as_arrays(rows))
    record_changes(
        session,
        run_id,
        [
            Change(
                page_id=step.page_id,
                space_key=lease.space_key,
                action=ChangeAction.RELABEL,
                changed_fields=(ChangedField.LABELS,),
                version=here[step.page_id].version,
                reason=step.reason,
            )
            for step in written
        ],
    )
    return written


@cache
def _put_labels() -> Update:
    given = unnested(
        {name: PAGES.c[name] for name in ("id", "last_written_run_id")} | {"labels": column("labels", Text)}
    )
    values = {
        "labels": func.string_to_array(given.c.labels, _SEPARATOR),
        "last_written_run_id": given.c.last_written_run_id,
        "synced_at": func.now(),
    }
    return update(PAGES).where(PAGES.c.id == given.c.id).values(values)
