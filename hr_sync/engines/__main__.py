"""`python -m hr_sync.engines`: a worker of procrastinate for the spaces of one or more sites."""

import argparse
import re
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from hr_sync.errors import ConfigurationError, HrSyncError, UsageError

if TYPE_CHECKING:
    from procrastinate import App

    from hr_sync.settings import Settings


def main(arguments: Sequence[str] | None = None) -> int:
    """Make the tables of the queue, or run a worker until SIGTERM. Return the exit code, as hr-sync has them."""
    parser = argparse.ArgumentParser(prog="python -m hr_sync.engines", description=__doc__)
    parser.add_argument("command", choices=("init", "worker"), help="make the tables of the queue, or do its jobs")
    parser.add_argument("--config", action="append", type=Path, required=True, help="a settings file; may be repeated")
    parser.add_argument("--queue-schema", default="hr_sync_queue", help="of the tables of the queue")
    parser.add_argument("--concurrency", type=int, default=4, help="spaces of each site at once in this process")
    given = parser.parse_args(arguments)
    try:
        if not re.fullmatch("[a-z_][a-z0-9_]{0,62}", given.queue_schema):
            raise UsageError("--queue-schema takes small letters, digits and _.")
        if given.concurrency < 1:
            raise UsageError("--concurrency takes 1 or more.")
        app, sites = _open_app(given.config, given.queue_schema, given.concurrency)
        from hr_sync.engines.procrastinate import run_worker
        from hr_sync.store.db_errors import queue_errors

        with queue_errors():
            if given.command == "init":
                _init(app, given.queue_schema)
            else:
                run_worker(app, sites, concurrency=given.concurrency)
    except HrSyncError as failure:
        sys.stderr.write(f"{failure}\n")
        return int(failure.exit_code)
    return 0


def _open_app(files: Sequence[Path], schema: str, concurrency: int) -> "tuple[App, Sequence[str]]":
    from hr_sync.engines.space_jobs import SiteSettings
    from hr_sync.logs import configure_logging
    from hr_sync.settings import load_settings, secret_values, site_names

    try:
        from procrastinate import PsycopgConnector

        from hr_sync.engines.procrastinate import make_app
    except ImportError:
        from hr_sync.cli.installing import install_command

        command = install_command("procrastinate>=3.10,<4")
        raise ConfigurationError(f"procrastinate is not installed. Type: {command}") from None
    from hr_sync.cli.bootstrap import queue_connection

    sites = [SiteSettings(file, site) for file in files for site in (site_names(file) or (None,))]
    settings = [load_settings(each.file, site=each.site) for each in sites]
    log = settings[0].log
    secrets = {secret for each in settings for secret in secret_values(each)}
    configure_logging(level=log.level, format=log.format, secrets=secrets)
    connector = PsycopgConnector(kwargs=dict(queue_connection(settings[0], schema)), min_size=1, max_size=4)
    named = {_site(each): of for each, of in zip(settings, sites, strict=True)}
    return make_app(connector, named, concurrency=concurrency), list(named)


def _site(settings: "Settings") -> str:
    """Return a name for a site that every worker gives it, wherever its settings file is."""
    return f"{settings.confluence.url} {settings.database.schema_name}"


def _init(app: "App", schema: str) -> None:
    connector = app.connector.get_sync_connector()
    with app.open():
        found = connector.execute_query_one("SELECT to_regclass('procrastinate_jobs') IS NOT NULL AS is_there")
        if not found["is_there"]:
            connector.execute_query(f'CREATE SCHEMA IF NOT EXISTS "{schema}"')
            app.schema_manager.apply_schema()


if __name__ == "__main__":
    sys.exit(main())
