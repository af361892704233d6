"""Tells the world outside of a run: a sign to whoever waits for one, metrics in a file. Light, for runs from cron."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from hr_sync.domain.outcome import Outcome, RunReport

if TYPE_CHECKING:
    from hr_sync.service.ping import PingKind
    from hr_sync.settings import Settings


@contextmanager
def notify(settings: "Settings") -> Iterator[Callable[[RunReport], None]]:
    """Tell that a run begins, how it ended, or that it crashed; the metrics go to the configured file."""
    from hr_sync.service.ping import PingKind

    send = sender(settings)
    send(PingKind.START)

    def tell(report: RunReport) -> None:
        send(sign_of(report))
        if settings.service.metrics_file is not None:
            from hr_sync.service.metrics import Metrics

            metrics = Metrics()
            metrics.observe(report)
            metrics.write_textfile(settings.service.metrics_file)

    try:
        yield tell
    except BaseException:
        send(PingKind.FAILURE)
        raise


def sender(settings: "Settings") -> "Callable[[PingKind], None]":
    """Return what sends signs to the configured address; to nobody where there is none."""
    from hr_sync.service.ping import Ping

    url = settings.service.ping_url
    ping = Ping(url.get_secret_value()) if url else None

    def send(sign: "PingKind") -> None:
        if ping is not None:
            ping.send(sign)

    return send


def sign_of(report: RunReport) -> "PingKind":
    """Only a complete run is a success."""
    from hr_sync.service.ping import PingKind

    return PingKind.SUCCESS if report.outcome is Outcome.COMPLETE else PingKind.FAILURE
