"""The error of a request that is not retried: about the whole site, or about one answer."""

import ssl
from collections.abc import Iterator

import requests
import urllib3
from urllib3.exceptions import NewConnectionError

from hr_sync.confluence.http.response import endpoint_of
from hr_sync.confluence.http.retry import LIMITED_STATUSES
from hr_sync.confluence.http.transport import AnswerCutOff, DeadlinePassed
from hr_sync.errors import AnswerTooSlow, ConfluenceUnavailable, ServerFailed

_LONGEST_RETRY_AFTER_SECONDS = 86_400.0


def is_slow(failure: requests.RequestException | None) -> bool:
    """Return True if there was a connection, and no whole answer in time."""
    return isinstance(failure, requests.ReadTimeout | DeadlinePassed)


def is_about_answer(response: requests.Response | None, failure: requests.RequestException | None) -> bool:
    """Return True if a smaller request may help: not without a connection, and not when a rate limit is used up."""
    if response is not None:
        return response.status_code >= 500
    return failure is None or isinstance(failure, AnswerCutOff) or _why_unreachable(failure) is None


def status_failure(response: requests.Response, attempts: int, asked_seconds: float | None) -> ConfluenceUnavailable:
    """Return the error for a status that stayed the same after every try."""
    asked = min(asked_seconds, _LONGEST_RETRY_AFTER_SECONDS) if asked_seconds is not None else None
    if response.status_code in LIMITED_STATUSES:
        when = f"in {asked:.0f} s" if asked is not None else "later"
        return ConfluenceUnavailable(
            f"Confluence limits the request rate ({response.status_code}); try again {when}.",
            retry_after_seconds=asked,
        )
    return ServerFailed(
        f"Confluence failed with status {response.status_code} at {endpoint_of(response)}, tried {_times(attempts)}. "
        "Try again later.",
        retry_after_seconds=asked,
        status=response.status_code,
    )


def no_answer(
    failure: requests.RequestException | None,
    attempts: int,
    *,
    host: str,
    timeout_seconds: float,
    deadline_seconds: float,
) -> ConfluenceUnavailable:
    """Return the error for a request without an answer, with host and reason."""
    where, tries = f"Confluence at {host}", _times(attempts)
    if is_slow(failure) and is_about_answer(None, failure):
        return AnswerTooSlow(
            f"{where} gave no complete answer in time ({timeout_seconds:g} s to the next byte, {deadline_seconds:g} s "
            f"in all), tried {tries}. Try again later, or raise confluence.request_timeout_seconds and "
            "request_deadline_seconds."
        )
    if failure is None or is_about_answer(None, failure):
        reason = str(failure) if isinstance(failure, AnswerCutOff) else "the connection was closed or reset"
        return ServerFailed(f"{where} gave no complete answer: {reason}, tried {tries}. Try again later.")
    return ConfluenceUnavailable(
        f"{where} could not be reached: {_why_unreachable(failure)}, tried {tries}. Check confluence.url."
    )


def _times(attempts: int) -> str:
    return "once" if attempts == 1 else f"{attempts} times"


def _why_unreachable(error: requests.RequestException) -> str | None:
    """Return in words why no connection could be made; None if there was one and the answer failed."""
    causes = list(_causes(error))
    if isinstance(error, requests.exceptions.ProxyError):
        # Of a refused tunnel the proxy's own words name its status: 407 wants a user and a password.
        words = next((str(each) for each in causes if str(each).startswith("Tunnel connection failed")), None)
        return f"the proxy of confluence.proxy failed ({words or 'no connection to it could be made'})"
    for cause in causes:
        if (reason := _why_no_tls(cause)) is not None:
            return reason
        match cause:
            case urllib3.exceptions.NameResolutionError():
                return "its host name cannot be resolved"
            case ConnectionRefusedError():
                return "it refused the connection"
            case urllib3.exceptions.ConnectTimeoutError() if not isinstance(cause, NewConnectionError):
                return "it did not answer the connection in time"
    for cause in causes:
        if isinstance(cause, NewConnectionError):
            numbers = [each.strerror for each in causes if isinstance(each, OSError) and each.strerror]
            return f"no connection could be made ({numbers[-1] if numbers else type(cause).__name__})"
    return None


def _why_no_tls(cause: BaseException) -> str | None:
    match cause:
        case ssl.SSLCertVerificationError():
            return (
                "its TLS certificate could not be verified. If your company signs its own, set confluence.ca_file to "
                "its CA bundle"
            )
        case TimeoutError() if "handshake" in str(cause):
            return "it did not answer the TLS handshake in time; check https and the port"
        case ssl.SSLError() if "WRONG_VERSION" in str(cause) or "UNKNOWN_PROTOCOL" in str(cause):
            return "it does not speak TLS at this port; check https and the port"
        case ssl.SSLError() if "EOF" not in str(cause):
            return f"TLS failed ({cause.reason or 'unknown reason'})"
    return None


def is_about_tls(error: requests.RequestException) -> bool:
    """Return True if a retry would fail in the same way: the same certificate, or a port without TLS."""
    return any(isinstance(cause, ssl.SSLError) and "EOF" not in str(cause) for cause in _causes(error))


def _causes(error: BaseException) -> Iterator[BaseException]:
    """Yield an error and all its causes."""
    seen: set[int] = set()
    waiting: list[BaseException] = [error]
    while waiting:
        each = waiting.pop(0)
        if id(each) in seen:
            continue
        seen.add(id(each))
        yield each
        inner = [each.__cause__, each.__context__, getattr(each, "reason", None), *each.args]
        waiting += [cause for cause in inner if isinstance(cause, BaseException)]
