"""Sets up logging once per process: every event, ours or a library's, is formatted and redacted in the same way.

Events have a dotted name and fields: `log.info("space.listed", space="HR", pages=61)`. Whatever is bound by
`structlog.contextvars` (run_id, space, page_id) joins each event of the same thread, those of libraries too.
"""

import json
import logging
import os
import sys
import threading
from collections.abc import Collection
from typing import TYPE_CHECKING, TextIO

import structlog
from structlog.types import EventDict, Processor, WrappedLogger

from hr_sync.logs.lines import LineWriter
from hr_sync.logs.redaction import Redaction
from hr_sync.logs.tracebacks import render

if TYPE_CHECKING:
    from types import TracebackType

OURS = "hr_sync"
# They log headers, bodies and bound parameters below WARNING.
PINNED = ("atlassian", "urllib3", "requests", "sqlalchemy", "alembic", "apscheduler")
_FIRST_KEYS = ("timestamp", "level", "logger", "event")


def configure_logging(
    level: str = "info",
    format: str = "auto",  # noqa: A002 - the name of the setting
    stream: TextIO | None = None,
    secrets: Collection[str] = (),
) -> None:
    """Log our events from `level` on and those of libraries from warning on, to `stream` (standard error).

    `format` is `console`, `json`, or `auto`: console on a terminal, one JSON object a line elsewhere. `secrets` are
    masked wherever they occur. A second call replaces the first.
    """
    stream = sys.stderr if stream is None else stream
    is_terminal = stream is not None and stream.isatty()
    for_people = format == "console" or (format == "auto" and is_terminal)
    renderer = _console(colors=is_terminal) if for_people else _json_line
    redaction = Redaction.of(secrets)
    formatter = structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=[*_facts(), structlog.stdlib.ExtraAdder()],
        processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *_last_steps(redaction), renderer],
        use_get_message=True,
    )
    _route(
        logging.getLevelNamesMapping()[level.upper()], _Handler(LineWriter(stream), formatter, is_json=not for_people)
    )
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *_facts(),
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
    )
    _hook_unhandled()


def log_failure(error: str, exit_code: int) -> bool:
    """Log what ends the process, and return True, if the log is JSON; otherwise leave it to be printed for people.

    Before the settings are read, the log is JSON if HR_SYNC_LOG__FORMAT says so.
    """
    handlers = _our_handlers()
    if not handlers and os.environ.get("HR_SYNC_LOG__FORMAT", "").strip().lower() == "json":
        configure_logging(format="json")
    elif not log_is_json():
        return False
    structlog.get_logger(OURS).error("process.failed", error=error, exit_code=exit_code)
    return True


def log_is_json() -> bool:
    """Return True if the log has been set up as JSON: standard error then holds one object a line and nothing else."""
    return any(handler.is_json for handler in _our_handlers())


def _our_handlers() -> "list[_Handler]":
    return [handler for handler in logging.getLogger().handlers if isinstance(handler, _Handler)]


def _facts() -> list[Processor]:
    return [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]


def _last_steps(redaction: Redaction) -> list[Processor]:
    def render_exception(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
        error = event.pop("exc_info", None)
        if error is True:
            error = sys.exc_info()
        if isinstance(error, tuple):
            error = error[1]
        if isinstance(error, BaseException):
            event["exception"] = render(error)
        return event

    def redact(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
        exception = event.pop("exception", None)
        redacted = redaction.mapping(event)
        if exception is not None:
            redacted["exception"] = redaction.traceback(str(exception))
        return redacted

    return [render_exception, redact]


def _json_line(_: WrappedLogger, __: str, event: EventDict) -> str:
    first = {key: event[key] for key in _FIRST_KEYS if key in event}
    return json.dumps({**first, **event}, separators=(",", ":"))


def _console(*, colors: bool) -> Processor:
    renderer = structlog.dev.ConsoleRenderer(colors=colors and "NO_COLOR" not in os.environ)

    def console_lines(logger: WrappedLogger, method: str, event: EventDict) -> str:
        exception = event.pop("exception", "")
        line = renderer(logger, method, event)
        # What follows an event is indented, so that no message can forge an event on a line of its own.
        return "\n    ".join([str(line), *exception.split("\n")] if exception else [str(line)])

    return console_lines


class _Handler(logging.Handler):
    """Formats and writes; an event that cannot be formatted is logged without its fields."""

    def __init__(self, lines: LineWriter, formatter: logging.Formatter, *, is_json: bool) -> None:
        super().__init__()
        self.is_json = is_json
        self._lines = lines
        self._lost = 0
        self.setFormatter(formatter)

    def emit(self, record: logging.LogRecord) -> None:
        if not self._write(record):
            self._lost += 1
        elif self._lost:
            facts = {"name": OURS, "levelno": logging.WARNING, "levelname": "WARNING", "lines": self._lost}
            self._lost = 0
            self._write(logging.makeLogRecord({"msg": "log.lines_lost", **facts}))

    def _write(self, record: logging.LogRecord) -> bool:
        try:
            line = self.format(record)
        except Exception as error:  # noqa: BLE001 - a field's own __str__ may raise anything
            facts = {"level": "error", "logger": record.name, "event": "log.unformattable"}
            line = json.dumps({**facts, "error": type(error).__name__})
        return self._lines.write(line)


def _route(level: int, handler: logging.Handler) -> None:
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(max(level, logging.WARNING))
    logging.getLogger(OURS).setLevel(level)
    for name in PINNED:
        logging.getLogger(name).setLevel(max(level, logging.WARNING))
    logging.captureWarnings(capture=True)


def _hook_unhandled() -> None:
    log = structlog.get_logger(OURS)

    def on_error(kind: type[BaseException], error: BaseException, trace: "TracebackType | None") -> None:
        if issubclass(kind, KeyboardInterrupt):
            sys.__excepthook__(kind, error, trace)
        else:
            log.critical("process.crashed", exc_info=error)

    def on_thread_error(crash: threading.ExceptHookArgs) -> None:
        log.critical("thread.crashed", thread=crash.thread and crash.thread.name, exc_info=crash.exc_value)

    def on_unraisable(fault: "sys.UnraisableHookArgs") -> None:
        log.error("cleanup.failed", exc_info=fault.exc_value)

    sys.excepthook = on_error
    threading.excepthook = on_thread_error
    sys.unraisablehook = on_unraisable
