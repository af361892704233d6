"""Dagster: look every minute for spaces that are due, and run each as a step of its own."""

import re
from collections.abc import Iterator

from dagster import Definitions, DynamicOut, DynamicOutput, Failure, ScheduleDefinition, job, op

from hr_sync.engines import DueSpace, due_spaces, run_space

CONFIG = "/etc/hr_sync/config.toml"
WORTH_A_LOOK = {1, 4, 77, 78}  # a bug, held removals, refused, settings; 3 and 75 mend themselves


@op(out=DynamicOut())
def find_due() -> Iterator[DynamicOutput[DueSpace]]:
    """Return the spaces that are due. Ask Confluence only if there are any."""
    for number, due in enumerate(due_spaces(CONFIG)):
        yield DynamicOutput(due, mapping_key=f"{number}_{re.sub(r'[^A-Za-z0-9]', '_', due.space_key)}")


# No retry policy: a space that was not done is still due, and the next look finds it.
@op
def run_one(due: DueSpace) -> dict[str, object]:
    """Run a space. It is left alone if it is not due any more."""
    result = run_space(due.space_key, due.mode, CONFIG)
    if result.exit_code in WORTH_A_LOOK:
        raise Failure(result.error, allow_retries=False)
    return {"outcome": result.outcome, **result.counts}


@job
def hr_sync() -> None:
    """Mirror Confluence."""
    find_due().map(run_one)


definitions = Definitions(schedules=[ScheduleDefinition(job=hr_sync, cron_schedule="* * * * *")])
