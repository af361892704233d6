"""Puts the program together from its settings: log, database, gateway, mirror. Everything heavy is imported here."""

import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from hr_sync import __version__

if TYPE_CHECKING:
    from sqlalchemy import Engine
    from sqlalchemy.orm import Session, sessionmaker

    from hr_sync.confluence.http.client import HttpClient
    from hr_sync.confluence.http.stats import HttpStats
    from hr_sync.settings import Settings
    from hr_sync.store.cancel import Connections
    from hr_sync.sync.context import Scope, SyncContext


def open_settings(config: Path | None) -> "Settings":
    """Read the settings and set up the log as they say. Raises ConfigurationError."""
    from hr_sync.cli.heap import keep_heap_small
    from hr_sync.logs import configure_logging
    from hr_sync.settings import load_settings, secret_values

    keep_heap_small()
    settings = load_settings(config)
    configure_logging(level=settings.log.level, format=settings.log.format, secrets=secret_values(settings))
    return settings


@contextmanager
def open_database(settings: "Settings") -> Iterator["Engine"]:
    """Return the engine of the configured database; without `database.url`, of an embedded one that runs meanwhile.

    Raises ConfigurationError and DatabaseUnavailable.
    """
    from hr_sync.embedded.server import EmbeddedPostgres
    from hr_sync.store.db_errors import database_errors
    from hr_sync.store.engine import make_engine

    database = settings.database
    with ExitStack() as stack:
        url = database.sqlalchemy_url or stack.enter_context(EmbeddedPostgres(database.embedded_folder)).url
        engine = make_engine(
            url,
            schema=database.schema_name,
            pool_size=database.pool_size,
            max_overflow=database.max_overflow,
            pool_timeout_seconds=database.pool_timeout_seconds,
            pool_recycle_seconds=database.pool_recycle_seconds,
            connect_timeout_seconds=database.connect_timeout_seconds,
            statement_timeout_seconds=database.statement_timeout_seconds,
            lock_timeout_seconds=database.lock_timeout_seconds,
        )
        stack.callback(engine.dispose)
        stack.enter_context(database_errors(engine))
        yield engine


def open_gateway(settings: "Settings", stop: threading.Event, http_stats: "HttpStats | None" = None) -> "HttpClient":
    """Return the door to the configured Confluence.

    Connects to nothing yet, unless there is a scoped token for a Cloud site: its API gateway has to be found then.
    """
    from hr_sync.confluence.http.client import Credentials, HttpClient, Limits
    from hr_sync.confluence.http.cloud_id import cloud_base
    from hr_sync.confluence.http.retry import RetryRules
    from hr_sync.confluence.http.urls import api_base, is_cloud_site

    confluence = settings.confluence
    limits = Limits(
        max_connections=confluence.max_connections,
        request_timeout_seconds=confluence.request_timeout_seconds,
        request_deadline_seconds=confluence.request_deadline_seconds,
        max_answer_bytes=confluence.max_answer_megabytes * 1_000_000,
        retry=RetryRules(
            max_attempts=confluence.max_attempts,
            first_wait_seconds=confluence.first_retry_wait_seconds,
            longest_wait_seconds=confluence.max_retry_wait_seconds,
        ),
        ca_file=str(confluence.ca_file) if confluence.ca_file else None,
    )
    credentials = Credentials(
        username=confluence.username,
        password=confluence.api_token.get_secret_value() if confluence.api_token else None,
        token=confluence.token.get_secret_value() if confluence.token else None,
    )
    if credentials.token and is_cloud_site(confluence.url):
        base = cloud_base(confluence.url, limits, stop)
    else:
        base = api_base(confluence.url)
    return HttpClient(base, credentials, limits, stop, http_stats)


@contextmanager
def open_context(settings: "Settings", stop: threading.Event) -> Iterator["SyncContext"]:
    """Wire both ends together; the tables are made when they are missing. Raises SchemaError when they are older."""
    from hr_sync.store.schema import ensure_schema

    with open_database(settings) as engine:
        ensure_schema(engine)
        yield make_context(settings, engine, stop)


class HeldLeases:
    """Releases the leases of this process, once it is known where they are."""

    _sessions: "sessionmaker[Session] | None" = None
    _connections: "Connections | None" = None

    def are_in(self, engine: "Engine") -> None:
        """Say which database they are in."""
        from hr_sync.store.cancel import Connections
        from hr_sync.store.engine import make_sessions

        self._connections = Connections(engine)
        self._sessions = make_sessions(engine)

    def release(self) -> None:
        """Release them over another connection, since those at work may hang. Raises what the database raises.

        A write that waits for somebody else's lock keeps its own lease's row from everybody: it is broken off first.
        """
        from hr_sync.store.lease import release_leases_of
        from hr_sync.sync.workers import worker_name

        if self._sessions is not None and self._connections is not None:
            self._connections.break_off()
            release_leases_of(self._sessions, worker_name())


def make_context(
    settings: "Settings", engine: "Engine", stop: threading.Event, http_stats: "HttpStats | None" = None
) -> "SyncContext":
    """Wire both ends together over an engine whose tables are there. Asks Confluence when its flavour is not known."""
    from hr_sync.confluence.source import open_source
    from hr_sync.domain.deletion import DeletionLimit
    from hr_sync.store.engine import make_sessions
    from hr_sync.sync.context import SyncContext

    confluence, sync = settings.confluence, settings.sync
    return SyncContext(
        reader=open_source(open_gateway(settings, stop, http_stats), confluence.flavor),
        engine=engine,
        sessions=make_sessions(engine),
        scope=make_scope(settings),
        access_with_full=settings.access.with_full,
        overlap=timedelta(minutes=sync.overlap_minutes),
        version=__version__,
        connections=confluence.max_connections,
        guard=DeletionLimit(max_removed_pages=sync.max_removed_pages, max_removed_fraction=sync.max_removed_fraction),
        stop=stop,
    )


def make_scope(settings: "Settings") -> "Scope":
    """Return which spaces and pages are mirrored."""
    from hr_sync.domain.scope import PageScope
    from hr_sync.sync.context import Scope

    confluence = settings.confluence
    return Scope(
        spaces=confluence.spaces,
        exclude_spaces=confluence.exclude_spaces,
        include_personal_spaces=confluence.include_personal_spaces,
        pages=PageScope(
            page_trees=frozenset(confluence.page_trees),
            exclude_page_trees=frozenset(confluence.exclude_page_trees),
            include_labels=frozenset(confluence.include_labels),
            exclude_labels=frozenset(confluence.exclude_labels),
        ),
    )
