"""Runs spaces one by one: what an orchestrator or a task queue imports (docs/engines.md).

    >>> from hr_sync.engines import due_spaces, run_space
    >>> for due in due_spaces("config.toml"):
    ...     result = run_space(due.space_key, due.mode, config="config.toml")
    ...     print(result.space_key, result.outcome, result.exit_code)
    HR complete 0
    IT complete 0

Any number of processes on any number of machines may call these at the same time. The database says which spaces are
due, and the lease of a space lets one worker at a time write it. Importing this loads neither the command line nor an
engine; `hr_sync.engines.procrastinate` is the one that comes along (extra `scale`). The names below are stable.
"""

from hr_sync.cancellation import Cancellation
from hr_sync.domain.outcome import Mode
from hr_sync.domain.rounds import DueSpace
from hr_sync.engines.space_jobs import due_spaces, prune, run_space, site_names
from hr_sync.engines.space_result import SpaceResult

__all__ = ["Cancellation", "DueSpace", "Mode", "SpaceResult", "due_spaces", "prune", "run_space", "site_names"]
