"""What a failure makes of a space and of the run."""

from hr_sync.domain.outcome import ExitCode, Outcome
from hr_sync.errors import AccessDenied, ConfluenceUnavailable, CredentialsRefused, HrSyncError, ServerFailed, Stopped


def meets_every_space(failure: HrSyncError) -> bool:
    """Tell a site that is down or has shut us out from one space that cannot be read."""
    if isinstance(failure, ServerFailed | AccessDenied):
        return False
    return isinstance(failure, ConfluenceUnavailable | CredentialsRefused | Stopped)


def outcome_of(failure: HrSyncError) -> Outcome:
    """Return the outcome that a failure leaves."""
    if isinstance(failure, Stopped):
        return Outcome.STOPPED
    return Outcome.PARTIAL if failure.exit_code == ExitCode.PARTIAL else Outcome.FAILED
