"""Joins the log of a process that is not ours, as an orchestrator's: its handlers and formats stay as they are."""

import logging
import threading
from collections.abc import Collection

import structlog
from structlog.types import EventDict, WrappedLogger

from hr_sync.logs.pipeline import PINNED
from hr_sync.logs.redaction import Redaction


def join_logging(secrets: Collection[str] = ()) -> None:
    """Hand our events to the loggers of this process, one redacted line each, unless it has set up structlog itself.

    Libraries that log headers and bodies below warning are kept from that, whatever level the process has set.
    """
    for name in PINNED:
        library = logging.getLogger(name)
        library.setLevel(max(library.level, logging.WARNING))
    if not structlog.is_configured():
        structlog.configure(
            processors=[
                structlog.stdlib.filter_by_level,
                structlog.contextvars.merge_contextvars,
                structlog.processors.format_exc_info,
                _Redacted(),
                structlog.processors.KeyValueRenderer(key_order=["event"]),
            ],
            logger_factory=structlog.stdlib.LoggerFactory(),
            wrapper_class=structlog.stdlib.BoundLogger,
        )
    for step in structlog.get_config()["processors"]:
        if isinstance(step, _Redacted):
            step.add(secrets)


class _Redacted:
    """A step that masks the secrets of all settings that this process has read."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._secrets: frozenset[str] = frozenset()
        self._redaction = Redaction.of(())

    def add(self, secrets: Collection[str]) -> None:
        with self._lock:
            self._secrets |= frozenset(secrets)
            self._redaction = Redaction.of(self._secrets)

    def __call__(self, _logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
        return self._redaction.mapping(event)
