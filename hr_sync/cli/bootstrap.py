"""Wires the program from its settings: log, database, HTTP client, context. Imports heavy modules late."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from datetime import timedelta
from typing import TYPE_CHECKING

from hr_sync import __version__
from hr_sync.cli.options import SettingsChoice
from hr_sync.errors import ConfigurationError

if TYPE_CHECKING:
    from sqlalchemy import URL, Engine

    from hr_sync.cancellation import Cancellation
    from hr_sync.confluence.http.client import HttpClient
    from hr_sync.confluence.http.rate import RateGate
    from hr_sync.confluence.http.session import Limits
    from hr_sync.confluence.http.stats import HttpStats
    from hr_sync.confluence.source import Source
    from hr_sync.domain.access import AccessPolicy
    from hr_sync.domain.scope import SpaceScope
    from hr_sync.settings import ConfluenceSettings, Settings
    from hr_sync.store.store import Store
    from hr_sync.store.values import Worker
    from hr_sync.sync.context import SyncContext


def open_settings(config: SettingsChoice, *, is_quiet: bool = False, is_verbose: bool = False) -> "Settings":
    """Read the settings of one site and configure the log with them. Raise ConfigurationError.

    Raise UsageError if several sites are configured, and none was named.
    `is_quiet`: log warnings and errors at most, never more than the settings say. `is_verbose`: log everything.
    """
    settings = config.sources().settings(config.site)
    _open_log([settings], is_quiet=is_quiet, is_verbose=is_verbose)
    return settings


def open_each_settings(config: SettingsChoice) -> "Sequence[Settings]":
    """Read the settings of every site that is meant, and configure the log with them. Raise ConfigurationError."""
    settings = load_each_settings(config)
    _open_log(settings)
    return settings


def load_each_settings(config: SettingsChoice) -> "Sequence[Settings]":
    """Return the settings of every site that is meant. Raise ConfigurationError."""
    sources = config.sources()
    every = {} if config.site is not None else sources.of_every_site()
    return list(every.values()) or [sources.settings(config.site)]


def _open_log(sites: "Sequence[Settings]", *, is_quiet: bool = False, is_verbose: bool = False) -> None:
    import structlog

    from hr_sync.cli.heap import keep_heap_small
    from hr_sync.logs import configure_logging
    from hr_sync.settings import secret_values

    keep_heap_small()
    log = sites[0].log  # the same for all
    level = log.level
    if is_verbose:
        level = "debug"
    elif is_quiet and level != "error":
        level = "warning"
    secrets = [secret for each in sites for secret in secret_values(each)]
    configure_logging(level=level, format=log.format, secrets=secrets)
    for name in dict.fromkeys(name for each in sites for name in each.readable_secrets):
        structlog.get_logger(__name__).warning(
            "secrets.readable", file=name, remedy="Remove that permission: chmod o-r"
        )


@contextmanager
def open_database(settings: "Settings", *, is_trial: bool = False, sites: int = 1) -> Iterator["Engine"]:
    """Return the engine of the configured database; without `database.url`, of an embedded one that runs meanwhile.

    `is_trial`: a person waits for the result, so a server that does not answer is given up after seconds.
    `sites`: how many share its connections. Each may have as many in use as one alone.
    Raise ConfigurationError and DatabaseUnavailable.
    """
    from hr_sync.store.db_errors import database_errors
    from hr_sync.store.engine import make_engine

    database = settings.database
    if is_trial:
        from hr_sync.cli.trial import short_database

        database = short_database(database)
    with ExitStack() as stack:
        url: URL | str | None = database.sqlalchemy_url
        if url is None:
            from hr_sync.embedded.server import EmbeddedPostgres

            url = stack.enter_context(EmbeddedPostgres(database.embedded_folder)).url
        engine = make_engine(
            url,
            schema=database.schema_name,
            pool_size=database.pool_size,
            max_overflow=database.max_overflow + (sites - 1) * (database.pool_size + database.max_overflow),
            pool_timeout_seconds=database.pool_timeout_seconds,
            pool_recycle_seconds=database.pool_recycle_seconds,
            connect_timeout_seconds=database.connect_timeout_seconds,
            statement_timeout_seconds=database.statement_timeout_seconds,
            lock_timeout_seconds=database.lock_timeout_seconds,
            allow_plaintext=database.allow_plaintext,
        )
        stack.callback(engine.dispose)
        stack.enter_context(database_errors(engine))
        yield engine


def queue_connection(settings: "Settings", schema: str) -> Mapping[str, object]:
    """Return how a task queue connects to the configured database, for its tables in `schema`.

    Raise ConfigurationError without `database.url`: the embedded PostgreSQL is there for one process at a time.
    """
    from hr_sync.store.engine import queue_parameters

    database = settings.database
    if database.sqlalchemy_url is None:
        raise ConfigurationError("A task queue needs a PostgreSQL that all workers reach. Set database.url.")
    return queue_parameters(database.sqlalchemy_url, schema=schema, allow_plaintext=database.allow_plaintext)


def open_client(
    settings: "Settings",
    cancellation: "Cancellation",
    stats: "HttpStats | None" = None,
    *,
    is_trial: bool = False,
    gate: "RateGate | None" = None,
) -> "HttpClient":
    """Return the client of the configured Confluence.

    Connect to nothing yet, unless there is a scoped token or a client credential for a Cloud site: its API gateway has
    to be found then.
    `is_trial`: a person waits for the result, so a site that does not answer is given up after seconds.
    """
    from hr_sync.confluence.http.client import HttpClient
    from hr_sync.confluence.http.client_credentials import ClientSecret, connect_client
    from hr_sync.confluence.http.cloud_id import cloud_base
    from hr_sync.confluence.http.credentials import Credentials
    from hr_sync.confluence.http.urls import api_base, is_cloud_site

    confluence = settings.confluence
    limits = client_limits(confluence, is_trial=is_trial)
    if confluence.client_id is not None and confluence.client_secret is not None:
        secret = ClientSecret(client_id=confluence.client_id, secret=confluence.client_secret.get_secret_value())
        is_cloud = None if confluence.flavor == "auto" else confluence.flavor == "cloud"
        base, authentication = connect_client(confluence.url, secret, limits, cancellation, is_cloud=is_cloud)
        return HttpClient(base, authentication, limits, cancellation, stats, gate=gate)
    credentials = Credentials(
        username=confluence.username,
        password=confluence.api_token.get_secret_value() if confluence.api_token else None,
        token=confluence.token.get_secret_value() if confluence.token else None,
    )
    if credentials.token and is_cloud_site(confluence.url):
        base = cloud_base(confluence.url, limits, cancellation)
    else:
        base = api_base(confluence.url)
    return HttpClient(base, credentials, limits, cancellation, stats, gate=gate)


def client_limits(confluence: "ConfluenceSettings", *, is_trial: bool = False) -> "Limits":
    """Return the bounds of a client; `is_trial` as in `open_client`."""
    from hr_sync.confluence.http.retry import RetryRules
    from hr_sync.confluence.http.session import Limits

    limits = Limits(
        max_connections=confluence.max_connections,
        request_timeout_seconds=confluence.request_timeout_seconds,
        request_deadline_seconds=confluence.request_deadline_seconds,
        max_answer_bytes=confluence.max_answer_megabytes * 1_000_000,
        max_pages_per_space=confluence.max_pages_per_space,
        media_origins=tuple(confluence.media_origins),
        retry=RetryRules(
            max_attempts=confluence.max_attempts,
            first_wait_seconds=confluence.first_retry_wait_seconds,
            longest_wait_seconds=confluence.max_retry_wait_seconds,
        ),
        ca_file=str(confluence.ca_file) if confluence.ca_file else None,
        proxy=confluence.proxy.get_secret_value() if confluence.proxy else None,
    )
    if is_trial:
        from hr_sync.cli.trial import short_limits

        return short_limits(limits)
    return limits


def open_trial_source(settings: "Settings") -> "Source":
    """Return the source for a command that a person waits for, and that asks it for little."""
    from hr_sync.cancellation import Cancellation
    from hr_sync.confluence.source import open_source

    return open_source(open_client(settings, Cancellation(), is_trial=True), settings.confluence.flavor)


@contextmanager
def open_context(
    settings: "Settings",
    cancellation: "Cancellation",
    *,
    tables: "Callable[[Engine], object] | None" = None,
) -> Iterator["SyncContext"]:
    """Wire both ends together. Create the tables if they are missing, unless `tables` replaces that step.

    Raise SchemaError if the tables are older or newer than this build.
    """
    from hr_sync.cli.shared_rate import shared_gate
    from hr_sync.confluence.http.stats import HttpStats
    from hr_sync.store.values import Worker

    worker, stats = Worker.current(), HttpStats()
    with open_store(settings, tables=tables) as store, shared_gate(store, worker, stats) as gate:
        yield make_context(settings, store, cancellation, stats=stats, worker=worker, gate=gate)


@contextmanager
def open_store(settings: "Settings", *, tables: "Callable[[Engine], object] | None" = None) -> Iterator["Store"]:
    """Open the database alone, as `open_context` does."""
    from hr_sync.store.schema import ensure_schema
    from hr_sync.store.store import Store

    with open_database(settings) as engine:
        (tables or ensure_schema)(engine)
        if tables is None and settings.schemas:
            from hr_sync.store.union import keep_union

            keep_union(engine, settings.schemas)
        yield Store(engine)


def make_context(
    settings: "Settings",
    store: "Store",
    cancellation: "Cancellation",
    *,
    stats: "HttpStats | None" = None,
    worker: "Worker | None" = None,
    gate: "RateGate | None" = None,
) -> "SyncContext":
    """Wire both ends together over a store whose tables are there. Probe Confluence if its flavour is not known.

    `gate`: what the site has said to any worker about the rate of requests.
    """
    from hr_sync.confluence.source import open_source
    from hr_sync.domain.deletion_limit import DeletionLimit
    from hr_sync.store.values import Worker
    from hr_sync.sync.context import SyncContext, SyncPolicy

    confluence, sync = settings.confluence, settings.sync
    return SyncContext(
        source=open_source(open_client(settings, cancellation, stats, gate=gate), confluence.flavor),
        store=store,
        scope=make_scope(settings),
        worker=worker or Worker.current(),
        version=__version__,
        policy=SyncPolicy(
            counts_not_mirrored=True,
            limit=DeletionLimit(
                max_removed_pages=sync.max_removed_pages, max_removed_fraction=sync.max_removed_fraction
            ),
            overlap=timedelta(minutes=sync.overlap_minutes),
            access=access_policy(settings),
            compares_labels=settings.access.labels,
            open_spaces=frozenset(settings.access.open_spaces),
            groups_interval=_minutes(settings.access.groups_interval_minutes),
            busy_wait_seconds=sync.busy_wait_seconds,
        ),
        connections=confluence.max_connections,
    )


def _minutes(number: float | None) -> timedelta | None:
    return None if number is None else timedelta(minutes=number)


def access_policy(settings: "Settings") -> "AccessPolicy":
    """Return the settings that decide what consumers are shown."""
    from hr_sync.domain.access import AccessMode, AccessPolicy

    access = settings.access
    return AccessPolicy(
        mode=AccessMode(access.mode),
        max_age_hours=access.max_age_hours,
        hide_after_hours=settings.sync.hide_after_hours,
        audience_groups=frozenset(access.audience_groups),
    )


def make_scope(settings: "Settings") -> "SpaceScope":
    """Return which spaces and pages are mirrored."""
    from hr_sync.domain.content import ItemKind
    from hr_sync.domain.scope import PageScope, SpaceScope

    confluence = settings.confluence
    return SpaceScope(
        spaces=confluence.spaces,
        exclude_spaces=confluence.exclude_spaces,
        include_personal_spaces=confluence.include_personal_spaces,
        pages=PageScope(
            page_trees=frozenset(confluence.page_trees),
            exclude_page_trees=frozenset(confluence.exclude_page_trees),
            include_labels=frozenset(confluence.include_labels),
            exclude_labels=frozenset(confluence.exclude_labels),
            items=frozenset(kind for kind in ItemKind if kind.value in confluence.include),
            blog_posts="blog_posts" in confluence.include,
            archived_pages="archived_pages" in confluence.include,
        ),
    )
