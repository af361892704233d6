"""Run notifications: pings for a dead man's switch, and metrics in a file.

Imports little, so that cron runs start fast.
"""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Protocol

from hr_sync.domain.outcome import ExitCode, Mode, Outcome, RunReport
from hr_sync.errors import ConfigurationError, HrSyncError, UsageError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from hr_sync.service.ping import PingKind
    from hr_sync.settings import Settings


class ReportRun(Protocol):
    """Reports how a run ended."""

    def __call__(self, report: RunReport, *, held: int = 0) -> None:
        """Report the end; `held` is the number of removals that wait for a decision in any space after the run."""


@contextmanager
def notify(settings: "Settings", mode: Mode) -> Iterator[ReportRun]:
    """Report that a run begins, how it ended, or that it failed; write its metrics to the configured file.

    Raise ConfigurationError before the run if the file cannot be written.
    """
    from hr_sync.service.ping import PingKind

    path = settings.service.metrics_file
    if path is not None:
        _check_folder(path)
    send = sender(settings)
    send(PingKind.START)

    def report_run(report: RunReport, *, held: int = 0) -> None:
        send(ping_kind(report, held=held))
        if path is not None:
            from hr_sync.service.metrics import Metrics

            metrics = Metrics()
            metrics.observe(report)
            try:
                metrics.write_textfile(path, settings.site)
            except OSError as error:
                raise _not_writable(path, error) from None

    try:
        yield report_run
    except BaseException as failure:
        send(PingKind.FAILURE)
        # A mistake in typing is no run.
        if path is not None and not isinstance(failure, UsageError):
            _write_failure(path, settings.site, mode, failure)
        raise


def sender(settings: "Settings") -> "Callable[[PingKind], None]":
    """Return a function that pings the configured address; it does nothing if there is none."""
    from hr_sync.service.ping import Ping

    url = settings.service.ping_url
    ping = Ping(url.get_secret_value()) if url else None

    def send(kind: "PingKind") -> None:
        if ping is not None:
            ping.send(kind)

    return send


def ping_kind(report: RunReport, *, held: int) -> "PingKind":
    """Return success for a complete run after which no removal waits for a decision, and failure for any other."""
    from hr_sync.service.ping import PingKind

    return PingKind.SUCCESS if report.outcome is Outcome.COMPLETE and not held else PingKind.FAILURE


def _write_failure(path: "Path", site: str | None, mode: Mode, failure: BaseException) -> None:
    """Let the metrics say which exit code a run without a report ended with, instead of that of the run before."""
    from hr_sync.service.metrics import Metrics

    metrics = Metrics()
    metrics.count_failed(mode, failure.exit_code if isinstance(failure, HrSyncError) else ExitCode.FAILED)
    with suppress(OSError):  # the failure itself is what people must learn
        metrics.write_textfile(path, site)


def _check_folder(path: "Path") -> None:
    import tempfile

    try:
        with tempfile.TemporaryFile(dir=path.parent):
            pass
    except OSError as error:
        raise _not_writable(path, error) from None


def _not_writable(path: "Path", error: OSError) -> ConfigurationError:
    return ConfigurationError(
        f"service.metrics_file: {path} cannot be written ({error.strerror}). Name a file in a folder that exists and "
        "that this user may write to."
    )
