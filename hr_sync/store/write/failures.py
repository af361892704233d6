"""Pages that could not be fetched, read or stored: remembered with reason and count, tried again ever more rarely."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from sqlalchemy import ColumnElement, delete, func, literal, select, text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from hr_sync.store.tables import PageFailure

FIRST_WAIT_MINUTES = 5  #: doubled with each failure in a row
LONGEST_WAIT_MINUTES = 24 * 60


@dataclass(frozen=True, kw_only=True, slots=True)
class Failure:
    """One page that failed, told without its content."""

    page_id: str
    stage: str  #: fetch, read or store
    error_class: str
    message: str
    version: int | None = None


def record_failures(session: Session, space_key: str, run_id: int, failures: Sequence[Failure]) -> None:
    """Add failures, or count them up where the page failed before, and say when it is tried again."""
    if not failures:
        return
    statement = insert(PageFailure)
    attempts = PageFailure.attempts + 1
    minutes = func.least(literal(FIRST_WAIT_MINUTES) * func.pow(2, func.least(attempts, 20) - 1), LONGEST_WAIT_MINUTES)
    statement = statement.on_conflict_do_update(
        index_elements=[PageFailure.page_id],
        set_={
            **{
                name: statement.excluded[name]
                for name in ("space_key", "stage", "error_class", "message", "version", "run_id")
            },
            "attempts": attempts,
            "last_failed_at": func.now(),
            "next_attempt_at": func.now() + text("interval '1 minute'") * minutes,
        },
    )
    first = func.now() + text(f"interval '{FIRST_WAIT_MINUTES} minutes'")
    for failure in sorted(failures, key=lambda failure: failure.page_id):
        session.execute(
            statement.values(
                page_id=failure.page_id,
                space_key=space_key,
                stage=failure.stage,
                error_class=failure.error_class,
                message=failure.message,
                version=failure.version,
                attempts=1,
                next_attempt_at=first,
                run_id=run_id,
            )
        )


def outstanding(session: Session, space_key: str) -> list[str]:
    """Return the ids of the pages of a space that failed and have not succeeded since, sorted."""
    return list(_ids(session, PageFailure.space_key == space_key))


def due(session: Session, space_key: str) -> list[str]:
    """Return those of them whose next attempt is due, sorted."""
    return list(_ids(session, PageFailure.space_key == space_key, PageFailure.next_attempt_at <= func.now()))


def forget_failures(session: Session, page_ids: Collection[str]) -> None:
    """Forget the failures of pages that turned out to have gone."""
    session.execute(delete(PageFailure).where(PageFailure.page_id.in_(page_ids)))


def forget_failures_before(session: Session, space_key: str, run_id: int) -> None:
    """Forget what no page of the space failed with in this run any more."""
    session.execute(delete(PageFailure).where(PageFailure.space_key == space_key, PageFailure.run_id != run_id))


def _ids(session: Session, *conditions: ColumnElement[bool]) -> Sequence[str]:
    return session.scalars(select(PageFailure.page_id).where(*conditions).order_by(PageFailure.page_id)).all()
