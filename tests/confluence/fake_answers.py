"""Sources over a fake site that gives one answer for each path of the API."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from hr_sync.confluence.cloud import CloudSource
from hr_sync.confluence.datacenter import DataCenterSource
from tests.confluence.clients import open_client
from tests.confluence.fakes import Fake, Reply, Request, fake_site

OWN_403 = {"statusCode": 403, "message": "com.atlassian.confluence.api.PermissionException: no", "data": {}}
OWN_404 = {"statusCode": 404, "message": "com.atlassian.confluence.api.NotFoundException: no", "data": {}}
HTML = Reply(raw=b"<html>", headers={"Content-Type": "text/html"})
KNOWN = Reply(document={"type": "known", "accountId": "me", "userKey": "me"})

Answers = dict[str, Any]


def refused(status: int, document: Any = None) -> Reply:
    return Reply(status=status, document={} if document is None else document)


@contextmanager
def cloud(answers: Answers) -> Iterator[tuple[CloudSource, Fake]]:
    """Serve answers by path below the API; an answer is a Reply, a document, or a function of the request."""
    with fake_site(answering(answers)) as fake, open_client(fake.origin) as client:
        yield CloudSource(client), fake


@contextmanager
def datacenter(answers: Answers) -> Iterator[tuple[DataCenterSource, Fake]]:
    """Serve answers as `cloud` does."""
    with fake_site(answering(answers)) as fake, open_client(fake.origin) as client:
        yield DataCenterSource(client), fake


def answering(answers: Answers) -> Callable[[Request], Reply]:
    def answer(request: Request) -> Reply:
        path = request.path.removeprefix("/api/v2/").removeprefix("/rest/api/")
        found = {"user/current": KNOWN, **answers}.get(path, Reply(status=404, document=OWN_404))
        found = found(request) if callable(found) else found
        return found if isinstance(found, Reply) else Reply(document=found)

    return answer


def paths(fake: Fake) -> list[str]:
    """Return what was asked for, in order."""
    return [request.path for request in fake.requests]
