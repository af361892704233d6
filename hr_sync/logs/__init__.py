"""One log for our events and those of libraries: one event a line, no secret in it, and no failure of it ends a run."""

from hr_sync.logs.joined import join_logging
from hr_sync.logs.pipeline import configure_logging, log_failure, log_is_json

__all__ = ["configure_logging", "join_logging", "log_failure", "log_is_json"]
