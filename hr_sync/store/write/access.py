"""Writes labels and readers of live pages, and nothing else of their rows."""

import json
from collections.abc import Sequence
from functools import cache
from typing import Any

from sqlalchemy import Boolean, Text, Update, case, cast, column, func, update
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Session

from hr_sync.domain.access import AttributeStep, acl_digest, as_rows
from hr_sync.domain.changes import ChangeAction, ChangedField
from hr_sync.store.lease import Lease, check_lease
from hr_sync.store.write.arrays import as_arrays, unnested
from hr_sync.store.write.changes import Change, record_changes
from hr_sync.store.write.locks import PAGES, lock_pages

_FIELDS = {ChangeAction.RELABEL: ChangedField.LABELS, ChangeAction.RESTRICT: ChangedField.RESTRICTIONS}
_SEPARATOR = "\x1f"  # between labels: arrays of arrays cannot be unnested by one level, and no text of ours holds it


def write_attributes(
    session: Session, lease: Lease, run_id: int, pages: Sequence[Sequence[AttributeStep]]
) -> list[AttributeStep]:
    """Write the steps of each page and their feed rows. Return the steps that were written.

    A page that is no longer live in the space of the lease is left alone. Raises LeaseLost.
    """
    check_lease(session, lease)
    locked = lock_pages(session, [steps[0].page_id for steps in pages])
    here = {
        page_id: row.before
        for page_id, row in locked.items()
        if row.before.live and row.before.space_key == lease.space_key
    }
    written = [steps for steps in pages if steps[0].page_id in here]
    if not written:
        return []
    session.execute(_put_attributes(), as_arrays([_row(run_id, steps) for steps in written]))
    flat = [step for steps in written for step in steps]
    record_changes(
        session,
        run_id,
        [
            Change(
                page_id=step.page_id,
                space_key=lease.space_key,
                action=step.action,
                changed_fields=(_FIELDS[step.action],),
                version=here[step.page_id].version,
                reason=step.reason,
            )
            for step in flat
        ],
    )
    return flat


@cache
def _put_attributes() -> Update:
    given = unnested(
        {name: PAGES.c[name] for name in ("id", "restriction_digest", "last_written_run_id")}
        | {name: column(name, Text) for name in ("labels", "readers")}
        | {name: column(name, Boolean) for name in ("relabels", "restricts")}
    )
    labels = func.string_to_array(given.c.labels, _SEPARATOR)
    values = {
        "labels": case((given.c.relabels, labels), else_=PAGES.c.labels),
        "readers": case((given.c.restricts, cast(given.c.readers, JSONB)), else_=PAGES.c.readers),
        "restriction_digest": case((given.c.restricts, given.c.restriction_digest), else_=PAGES.c.restriction_digest),
        "last_written_run_id": given.c.last_written_run_id,
        "synced_at": func.now(),
    }
    return update(PAGES).where(PAGES.c.id == given.c.id).values(values)


def _row(run_id: int, steps: Sequence[AttributeStep]) -> dict[str, Any]:
    row: dict[str, Any] = {
        "id": steps[0].page_id,
        "labels": None,
        "readers": None,
        "restriction_digest": None,
        "relabels": False,
        "restricts": False,
        "last_written_run_id": run_id,
    }
    for step in steps:
        if step.action is ChangeAction.RELABEL:
            row |= {"relabels": True, "labels": _SEPARATOR.join(sorted(step.attributes.labels or ()))}
        else:
            row["restricts"] = True
            readers = step.attributes.readers
            if readers is not None:
                row |= {"readers": json.dumps(as_rows(readers)), "restriction_digest": acl_digest(readers)}
    return row
