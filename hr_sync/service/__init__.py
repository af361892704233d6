"""The long-running container: schedule, signals, health, metrics and a status page."""
