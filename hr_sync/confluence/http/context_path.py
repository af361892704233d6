"""Detects an address without its context path: no Confluence at the root of the site, and one below it."""

from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit

from hr_sync.confluence.http.client import HttpClient
from hr_sync.errors import AccessDenied, AnswerUnusable, EndpointRemoved, HrSyncError, NotFound

_USUAL = ("wiki", "confluence")


@contextmanager
def naming_context_path(client: HttpClient) -> Iterator[None]:
    """Name the right address if there is no Confluence at the root of the site, but one at a usual path."""
    try:
        yield
    except (AnswerUnusable, NotFound):
        path = usual_path(client)
        if path is None:
            raise
        raise AnswerUnusable(
            f"There is no Confluence at {client.base}, but there is one below /{path}.",
            remedy=f"Set confluence.url to {client.base}/{path}.",
        ) from None


def usual_path(client: HttpClient) -> str | None:
    """Return the usual context path below which Confluence answers, for an address that has none; None: nowhere."""
    if urlsplit(client.base).path:
        return None
    return next((path for path in _USUAL if _answers(client, path)), None)


def _answers(client: HttpClient, path: str) -> bool:
    """Return True if Confluence itself answers below a path, with any status."""
    try:
        client.get(f"{path}/rest/api/space", {"limit": 1}, max_attempts=1)
    except (AccessDenied, EndpointRemoved, NotFound):
        return True
    except HrSyncError:
        return False
    return True
