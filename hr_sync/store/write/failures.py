"""Pages that could not be fetched, read or stored: recorded with reason and count, retried with growing waits."""

from collections.abc import Collection, Sequence
from typing import cast

from sqlalchemy import Table, delete, func, literal, select, text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from hr_sync.store.tables import PageFailure
from hr_sync.store.values import STAGES_OF_ITEMS, Failure, FailureStage
from hr_sync.store.write.arrays import as_arrays, unnested

FIRST_WAIT_MINUTES = 5  #: doubled with each failure in a row
LONGEST_WAIT_MINUTES = 24 * 60
LARGEST_VERSION = 2**31 - 1  #: a larger one is what the page failed with, and must not make its failure fail

_FAILURES = cast("Table", PageFailure.__table__)
_GIVEN = ("page_id", "space_key", "stage", "error_class", "message", "version", "run_id")


def record_failures(session: Session, space_key: str, run_id: int, failures: Sequence[Failure]) -> None:
    """Insert failures, or count them up where the page failed before, and set when each is tried again."""
    by_page = {failure.page_id: failure for failure in failures}  # a statement touches no row twice
    if not by_page:
        return
    given = unnested({name: _FAILURES.c[name] for name in _GIVEN})
    first = func.now() + text(f"interval '{FIRST_WAIT_MINUTES} minutes'")
    rows = select(*(given.c[name] for name in _GIVEN), literal(1), first).order_by(given.c.page_id)
    statement = insert(_FAILURES).from_select([*_GIVEN, "attempts", "next_attempt_at"], rows)
    attempts = _FAILURES.c.attempts + 1
    minutes = func.least(literal(FIRST_WAIT_MINUTES) * func.pow(2, func.least(attempts, 20) - 1), LONGEST_WAIT_MINUTES)
    statement = statement.on_conflict_do_update(
        index_elements=["page_id"],
        set_={
            **{name: statement.excluded[name] for name in _GIVEN if name != "page_id"},
            "attempts": attempts,
            "last_failed_at": func.now(),
            "next_attempt_at": func.now() + text("interval '1 minute'") * minutes,
        },
    )
    session.execute(
        statement,
        as_arrays(
            [
                {
                    "page_id": failure.page_id,
                    "space_key": space_key,
                    "stage": failure.stage,
                    "error_class": failure.error_class,
                    "message": failure.message,
                    "version": failure.version if (failure.version or 0) <= LARGEST_VERSION else None,
                    "run_id": run_id,
                }
                for failure in by_page.values()
            ]
        ),
    )


def failing_pages(session: Session, space_key: str, *, due_only: bool) -> list[str]:
    """Return the ids of the pages of a space that failed and have not succeeded since, sorted."""
    query = select(_FAILURES.c.page_id).where(_FAILURES.c.space_key == space_key)
    query = query.where(_FAILURES.c.stage.not_in(STAGES_OF_ITEMS))  # those are no pages
    if due_only:
        query = query.where(_FAILURES.c.next_attempt_at <= func.now())
    return list(session.scalars(query.order_by(_FAILURES.c.page_id)))


def failing_items(session: Session, space_key: str, stage: FailureStage, run_id: int | None) -> int:
    """Count the items of a space that failed and have not succeeded since; with `run_id` those of that run."""
    failed = [_FAILURES.c.space_key == space_key, _FAILURES.c.stage == stage]
    if run_id is not None:
        failed.append(_FAILURES.c.run_id == run_id)
    return session.scalar(select(func.count()).select_from(_FAILURES).where(*failed)) or 0


def forget_failures(session: Session, page_ids: Collection[str]) -> None:
    """Delete the failures of these pages."""
    session.execute(delete(_FAILURES).where(_FAILURES.c.page_id.in_(page_ids)))


def forget_failures_before(
    session: Session, space_key: str, run_id: int, *, untried: Collection[FailureStage] = ()
) -> None:
    """Delete the failures of a space that this run did not record, but not those of the stages `untried`.

    A run downloads no file, so that it does not know whether a download fails by now.
    """
    untried = (*untried, FailureStage.ATTACHMENT_TEXT)
    old = [_FAILURES.c.space_key == space_key, _FAILURES.c.run_id != run_id, _FAILURES.c.stage.not_in(untried)]
    session.execute(delete(_FAILURES).where(*old))
