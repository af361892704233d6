"""Canaries in every place that a secret or a page's text may reach a log from."""

import logging
import time
from collections.abc import Callable
from typing import Any

import psycopg
import pytest
import structlog
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr
from sqlalchemy.exc import DataError, IntegrityError

from hr_sync.logs.redaction import Redaction, escaped
from hr_sync.logs.tracebacks import render

LogTo = Callable[..., Any]
FORMATS = pytest.mark.parametrize("format", ["json", "console"])
ours = structlog.get_logger("hr_sync.sync.run")


def _fail_deeply(frames: int, secret: str) -> None:
    password = f"local-canary-{frames}"
    if frames:
        _fail_deeply(frames - 1, secret)
    raise RuntimeError("failed", len(password))


def _fail(error: BaseException) -> None:
    raise error


@FORMATS
def test_no_local_variable_is_printed(log_to: LogTo, format: str) -> None:  # noqa: A002
    """Structlog's own dictionary tracebacks print those of every frame."""
    log = log_to(format=format)

    try:
        _fail_deeply(20, "ARGUMENT-CANARY".lower())
    except RuntimeError:
        ours.exception("run.failed")
        logging.getLogger("hr_sync.foreign").exception("run failed")

    assert log.getvalue().count("RuntimeError: ('failed'") == 2
    assert "local-canary-1" not in log.getvalue()
    assert "argument-canary" not in log.getvalue()


@FORMATS
def test_a_known_secret_is_masked_wherever_it_stands(log_to: LogTo, format: str) -> None:  # noqa: A002
    """Event, key, value, nested value, message of an error in the chain, argument of a library's message."""
    canary = 'ca"na\\ry'
    log = log_to(format=format, secrets=(canary, "x"))

    with structlog.contextvars.bound_contextvars(run_id=canary):
        ours.info(f"event {canary}", **{f"key {canary}": 1}, value=f"text <{canary}>", deep=[{"a": (canary,)}])
        logging.getLogger("urllib3").warning("sent %s", canary)
        try:
            try:
                _fail(ValueError(canary))
            except ValueError as error:
                raise RuntimeError("outer") from error
        except RuntimeError as error:
            ours.error("run.failed", exc_info=True, error=error, repr=repr(error.__cause__))

    text = log.getvalue()
    assert text.count("***") >= 9
    for spelling in (canary, canary.replace("\\", "\\\\"), "na\\", "ca\\"):
        assert spelling not in text
    assert "text" in text  # a secret of one letter masks nothing


@pytest.mark.parametrize(
    "text",
    [
        "GET https://jane:canary@acme.com/wiki",
        "postgresql://hr:canary@/db?host=/run",
        "postgresql+psycopg://canary@h/db",
        "Authorization: Basic Y2FuYXJ5OmNhbmFyeQ==canary",
        "authorization: canary canary",
        "sent Bearer canary-canary.canary",
        "Basic CanaryCanary0=",
        "Set-Cookie: JSESSIONID=canary; Path=/",
        "url: /wiki/api/v2/pages?cursor=canary&limit=canary (Caused by",
        "host=h password=canary dbname=db",
        "password='canary canary' user=hr",
        "{'token': 'canary', \"api_token\": \"canary\"}",
        "api-key=canary",
    ],
)
def test_shapes_that_hold_credentials_are_masked(text: str) -> None:
    """For secrets that nobody told us of."""
    masked = Redaction().one_line(text)

    assert "canary" not in masked.lower()
    assert "***" in masked


@pytest.mark.parametrize(
    "text",
    [
        "basic authentication is refused; use a token",
        "confluence.token: nothing to authenticate with",
        "https://acme.atlassian.net/wiki/api/v2/pages",
        "see https://docs.acme.com and mail jane@acme.com",
        "12 pages, 3 tokens",
        "Größe 日本語",
    ],
)
def test_ordinary_text_stays(text: str) -> None:
    """Over-masked logs help nobody."""
    assert Redaction().one_line(text) == text


def test_a_key_that_says_secret_hides_its_value() -> None:
    """Whatever the value is; an absent one may be seen to be absent."""
    shown = Redaction().value(
        {"password": "canary", "Authorization": ["canary"], "db_dsn": {"a": "canary"}, "api-key": 7, "token": None}
    )

    assert shown == {"password": "***", "Authorization": "***", "db_dsn": "***", "api-key": "***", "token": None}


def test_other_things_become_text_or_less() -> None:
    """Bytes may be a body, so that only their number is told; depth, length and width have an end."""
    redaction = Redaction()
    deep: list[Any] = []
    for _ in range(50):
        deep = [deep]

    assert redaction.value(SecretStr("canary")) == "**********"
    assert redaction.value(b"canary") == "<6 bytes>"
    assert "…" in str(redaction.value(deep))
    assert len(str(redaction.value("x" * 10_000_000))) == 4_001
    assert len(str(redaction.value({str(number): number for number in range(1_000)}))) < 2_000


def test_a_long_text_is_searched_in_linear_time() -> None:
    """No pattern runs away on repeated beginnings of a match."""
    started = time.monotonic()
    for part in ("a://", "basic ", "password=", "?a=", "token':", "Authorization: ", "a" * 21, "\x1b"):
        Redaction.of(["canary"]).one_line(part * 200_000)

    assert time.monotonic() - started < 3


def test_a_database_error_tells_state_and_constraint_and_nothing_of_the_row(log_to: LogTo) -> None:
    """The server quotes the whole row in its detail, SQLAlchemy the bound values."""
    log = log_to()
    original = psycopg.errors.CheckViolation("Failing row contains (SALARY-canary).")
    error = IntegrityError("INSERT ... canary", {"body": "SALARY-canary"}, original)

    try:
        raise error from original
    except IntegrityError as caught:
        ours.error("page.failed", exc_info=True, error=caught, cause=caught.__cause__)

    (event,) = log.events()
    assert event["error"] == "sqlalchemy.exc.IntegrityError (sqlstate=23514)"
    assert event["exception"].endswith("sqlalchemy.exc.IntegrityError (sqlstate=23514)")
    assert "psycopg.errors.CheckViolation (sqlstate=23514)" in event["exception"]
    assert "SALARY" not in log.getvalue()


def test_an_error_of_our_own_class_that_quotes_like_the_database_is_no_way_around() -> None:
    """The family counts, not the module of the last subclass."""

    class Special(DataError):
        pass

    assert "canary" not in render(Special("canary", {}, ValueError("canary")))


def test_the_chain_of_errors_is_told_oldest_first() -> None:
    """As Python does it; a chain without end has one here."""
    loop = ValueError("loop")
    try:
        try:
            _fail(KeyError("first"))
        except KeyError:
            raise ValueError("second")  # noqa: B904 - the implicit chain is what is tried
    except ValueError as error:
        rendered = render(error)
    loop.__cause__ = loop

    assert (
        rendered.index("KeyError: 'first'")
        < rendered.index("While this was handled")
        < rendered.index("ValueError: second")
    )
    assert render(loop).count("ValueError: loop") == 10


@given(st.text(st.characters(codec=None)))
def test_escaped_text_is_one_printable_line(text: str) -> None:
    """Any text, lone surrogates included."""
    line = escaped(text)

    assert len(line.splitlines()) <= 1
    assert line.encode().decode() == line
    assert not any(sign in line for sign in "\x00\n\r\x1b\x7f\x85\u2028\u202e\u2066")
