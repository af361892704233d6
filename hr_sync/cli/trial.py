"""Bounds for commands that a person waits for: what is down is reported within ten seconds."""

from dataclasses import replace
from typing import TYPE_CHECKING

from hr_sync.confluence.http.name_lookup import SECONDS, resolve
from hr_sync.errors import DatabaseUnavailable

if TYPE_CHECKING:
    from hr_sync.confluence.http.session import Limits
    from hr_sync.settings import DatabaseSettings

TRIAL_SECONDS = 8.0  #: for one request or statement
_CONNECT_SECONDS = 3
_DEFAULT_PORT = 5432


def short_limits(limits: "Limits") -> "Limits":
    """Return limits with two attempts, and seconds for each request."""
    return replace(
        limits,
        request_timeout_seconds=min(limits.request_timeout_seconds, TRIAL_SECONDS),
        request_deadline_seconds=min(limits.request_deadline_seconds, TRIAL_SECONDS),
        retry=replace(
            limits.retry,
            max_attempts=min(limits.retry.max_attempts, 2),
            max_slow_attempts=1,
            longest_wait_seconds=min(limits.retry.longest_wait_seconds, TRIAL_SECONDS / 5),
        ),
    )


def short_database(database: "DatabaseSettings") -> "DatabaseSettings":
    """Return settings with seconds to connect and for each statement. Raise DatabaseUnavailable if the DNS is silent.

    libpq would wait for the DNS without a limit.
    """
    url = database.sqlalchemy_url
    if url is not None and url.host:
        try:
            resolve(url.host, url.port or _DEFAULT_PORT)
        except TimeoutError:
            raise DatabaseUnavailable(
                f"PostgreSQL {url.host}: the DNS did not answer for this name within {SECONDS:g} s. Check the DNS of "
                "this machine, and database.url."
            ) from None
        except (OSError, UnicodeError):
            pass  # libpq says why
    return database.model_copy(
        update={
            "connect_timeout_seconds": min(database.connect_timeout_seconds, _CONNECT_SECONDS),
            "statement_timeout_seconds": min(database.statement_timeout_seconds, round(TRIAL_SECONDS)),
        }
    )
