"""One log for our events and those of libraries: one event a line, nothing secret in it, and it never ends a run."""

from hr_sync.logs.pipeline import configure_logging

__all__ = ["configure_logging"]
