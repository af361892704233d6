"""One run: list, plan, fetch, apply, record. Cron and the scheduler both call `run.run`."""
