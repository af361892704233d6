"""One run: list, plan, fetch, apply, record. What cron runs is what the scheduler runs: `run.run`."""
