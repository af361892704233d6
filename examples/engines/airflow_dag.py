"""Airflow 3: look every minute for spaces that are due, and run each as a task of its own."""

from datetime import UTC, datetime, timedelta

from airflow.sdk import dag, task
from airflow.sdk.exceptions import AirflowFailException

from hr_sync.engines import due_spaces, run_space

CONFIG = "/etc/hr_sync/config.toml"
WORTH_A_LOOK = {1, 4, 77, 78}  # a bug, held removals, refused, settings; 3 and 75 mend themselves


@task
def find_due() -> list[dict[str, str]]:
    """Return the spaces that are due. Ask Confluence only if there are any."""
    return [{"space_key": due.space_key, "mode": str(due.mode)} for due in due_spaces(CONFIG)]


# No retries: a space that was not done is still due, and the next look finds it.
@task(retries=0, max_active_tis_per_dag=4)
def run_one(space_key: str, mode: str) -> dict[str, object]:
    """Run a space. It is left alone if it is not due any more."""
    result = run_space(space_key, mode, CONFIG)
    if result.exit_code in WORTH_A_LOOK:
        raise AirflowFailException(result.error)
    return {"outcome": result.outcome, **result.counts}


# Several runs at once: a long pass over one space keeps the others from nothing.
@dag(schedule=timedelta(minutes=1), start_date=datetime(2026, 1, 1, tzinfo=UTC), catchup=False, max_active_runs=4)
def hr_sync() -> None:
    """Mirror Confluence."""
    run_one.expand_kwargs(find_due())


hr_sync()
