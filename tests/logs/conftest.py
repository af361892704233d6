"""Logging is set up once per process; each test here sets it up anew and leaves things as they were."""

import io
import json
import logging
import sys
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import structlog

from hr_sync.logs import configure_logging
from hr_sync.logs.pipeline import OURS, PINNED


@pytest.fixture(autouse=True)
def _restored() -> Iterator[None]:
    root = logging.getLogger()
    loggers = [root, *(logging.getLogger(name) for name in (OURS, *PINNED))]
    levels, handlers = [logger.level for logger in loggers], root.handlers[:]
    hooks = sys.excepthook, threading.excepthook, sys.unraisablehook
    yield
    sys.excepthook, threading.excepthook, sys.unraisablehook = hooks
    logging.captureWarnings(capture=False)
    root.handlers[:] = handlers
    for logger, level in zip(loggers, levels, strict=True):
        logger.setLevel(level)
    structlog.reset_defaults()
    structlog.contextvars.clear_contextvars()


class Log(io.StringIO):
    """Remembers what was written, as events when it is JSON."""

    def events(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.getvalue().splitlines()]


@pytest.fixture
def log_to() -> Callable[..., Log]:
    def configured(*, level: str = "debug", format: str = "json", secrets: tuple[str, ...] = ()) -> Log:  # noqa: A002
        stream = Log()
        configure_logging(level, format, stream, secrets)
        return stream

    return configured
