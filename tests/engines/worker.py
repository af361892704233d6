"""A worker of procrastinate for a test: `worker.py SETTINGS QUEUE_SCHEMA`. It looks every second for what is due."""

import sys
from pathlib import Path

from procrastinate import PsycopgConnector

from hr_sync.cli.bootstrap import queue_connection
from hr_sync.engines.procrastinate import make_app, run_worker
from hr_sync.settings import load_settings

if __name__ == "__main__":
    config = Path(sys.argv[1])
    connector = PsycopgConnector(kwargs=dict(queue_connection(load_settings(config), sys.argv[2])), min_size=1)
    app = make_app(connector, {"one": config}, cron="* * * * * *", stalled_seconds=2)
    run_worker(app, ["one"], concurrency=2, heartbeat_seconds=0.5)
