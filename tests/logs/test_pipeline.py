"""What reaches the log, from whom, and in which form."""

import logging
import sys
import threading
import warnings
from collections.abc import Callable
from typing import Any

import pytest
import structlog

from hr_sync.logs.pipeline import PINNED

LogTo = Callable[..., Any]
ours = structlog.get_logger("hr_sync.sync.run")


def test_an_event_is_one_json_object(log_to: LogTo) -> None:
    """Time in UTC first, then level, logger, event name and fields."""
    log = log_to()

    ours.info("space.listed", space="HR", pages=61, complete=True, ratio=float("nan"))

    (event,) = log.events()
    assert list(event)[:4] == ["timestamp", "level", "logger", "event"]
    assert event.pop("timestamp").endswith("Z")
    assert event == {
        "level": "info",
        "logger": "hr_sync.sync.run",
        "event": "space.listed",
        "space": "HR",
        "pages": 61,
        "complete": True,
        "ratio": "nan",
    }


def test_what_is_bound_joins_the_events_of_libraries_too(log_to: LogTo) -> None:
    """Whose retry it was can be seen."""
    log = log_to()

    with structlog.contextvars.bound_contextvars(run_id="r-1", space="HR", page_id="7"):
        ours.info("page.fetched")
        logging.getLogger("urllib3.connectionpool").warning("Retrying %d", 3, extra={"attempt": 2})
    ours.info("run.ended")

    mine, theirs, after = log.events()
    assert [event["run_id"] + event["space"] + event["page_id"] for event in (mine, theirs)] == ["r-1HR7"] * 2
    assert (theirs["event"], theirs["attempt"]) == ("Retrying 3", 2)
    assert "run_id" not in after


@pytest.mark.parametrize("level", ["debug", "info", "warning"])
def test_libraries_are_silent_below_warning(log_to: LogTo, level: str) -> None:
    """Below it they log headers, bodies and bound parameters, whatever level was asked for."""
    log = log_to(level=level)

    for name in (*PINNED, "sqlalchemy.engine.Engine", "atlassian.rest_client", "some.other.library"):
        logging.getLogger(name).debug("canary")
        logging.getLogger(name).info("canary")
        logging.getLogger(name).warning("heard")

    assert [event["event"] for event in log.events()] == ["heard"] * (len(PINNED) + 3)


@pytest.mark.parametrize(
    ("level", "heard"),
    [
        ("debug", ["debug", "info", "warning", "error"]),
        ("info", ["info", "warning", "error"]),
        ("warning", ["warning", "error"]),
        ("error", ["error"]),
    ],
)
def test_the_level_is_for_our_own_events(log_to: LogTo, level: str, heard: list[str]) -> None:
    """A logger made before set-up obeys as well."""
    log = log_to(level=level)

    for name in ("debug", "info", "warning", "error"):
        ours.log(logging.getLevelNamesMapping()[name.upper()], "x.happened")

    assert [event["level"] for event in log.events()] == heard


def test_a_console_event_is_one_line_whatever_it_holds(log_to: LogTo) -> None:
    """Nothing in a field can end the line, steer the terminal or turn the reading direction."""
    log = log_to(format="console")
    steering = "".join(map(chr, [*range(0x20), *range(0x7F, 0xA0), 0x200B, 0x202E, 0x2028, 0x2066, 0xFEFF, 0xD800]))

    ours.info("page.applied" + steering, **{"title" + steering: "x\n2026-01-01 [info] forged" + steering})

    (line,) = log.getvalue().removesuffix("\n").split("\n")
    assert line.isprintable()
    assert "\\n2026-01-01 [info] forged" in line


def test_a_traceback_on_a_console_is_indented_below_its_event(log_to: LogTo) -> None:
    """A message of several lines cannot pass for an event."""
    log = log_to(format="console")

    ours.error("page.failed", exc_info=ValueError("first\n2026-01-01T00:00:00Z [info] forged\x1b[2J"))

    first, *rest = log.getvalue().splitlines()
    assert "page.failed" in first
    assert "    2026-01-01T00:00:00Z [info] forged\\x1b[2J" in rest
    assert all(line.startswith("    ") for line in rest)


def test_unhandled_errors_of_process_threads_and_cleanup_are_events(log_to: LogTo) -> None:
    """They would go to standard error past the redaction."""
    log = log_to(secrets=("canary-secret",))
    error = RuntimeError("canary-secret")

    def crash() -> None:
        raise error

    sys.excepthook(RuntimeError, error, None)
    thread = threading.Thread(target=crash, name="fetcher-1")
    thread.start()
    thread.join()

    class Unclean:
        def __del__(self) -> None:
            raise error

    Unclean()

    process, of_thread, cleanup = log.events()
    assert [process["event"], of_thread["event"], cleanup["event"]] == [
        "process.crashed",
        "thread.crashed",
        "cleanup.failed",
    ]
    assert of_thread["thread"] == "fetcher-1"
    assert "canary" not in log.getvalue()
    assert log.getvalue().count("RuntimeError: ***") == 3


def test_warnings_are_events(log_to: LogTo) -> None:
    """One line each, like all else."""
    log = log_to()

    with warnings.catch_warnings():
        warnings.simplefilter("always")
        logging.captureWarnings(capture=False)
        logging.captureWarnings(capture=True)  # pytest holds the hook of its own
        warnings.warn("old", stacklevel=1)

    (event,) = log.events()
    assert (event["logger"], event["level"]) == ("py.warnings", "warning")


def test_an_event_that_cannot_be_formatted_does_not_end_the_run(log_to: LogTo) -> None:
    """It is told of, without the field."""

    class Broken:
        def __str__(self) -> str:
            raise RuntimeError("canary")

    log = log_to()
    ours.info("page.applied", page=Broken())
    logging.getLogger("some.library").warning("%d pages", "canary")

    assert [event["error"] for event in log.events()] == ["RuntimeError", "TypeError"]
    assert {event["event"] for event in log.events()} == {"log.unformattable"}
    assert "canary" not in log.getvalue()


def test_a_second_set_up_replaces_the_first(log_to: LogTo) -> None:
    """No event is logged twice."""
    first, second = log_to(), log_to()

    ours.info("run.started")

    assert (first.getvalue(), len(second.events())) == ("", 1)
