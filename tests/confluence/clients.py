"""A small site, clients for it, and a cancellation that records waits instead of waiting."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeAlias

from confluence_simulator import BodyLengths, Fault, Simulator, World, generated_world

from hr_sync.cancellation import Cancellation
from hr_sync.confluence.http.client import HttpClient
from hr_sync.confluence.http.credentials import Credentials
from hr_sync.confluence.http.retry import RetryRules
from hr_sync.confluence.http.session import Limits

USERNAME = "hr-bot@example.com"
TOKEN = "simulated-token"
BASIC = Credentials(username=USERNAME, password=TOKEN)
BEARER = Credentials(token=TOKEN)
PAGES = 12
EVERY_PAGE = "api/v2/pages"
FIVE_AT_ONCE = {"limit": 5, "sort": "id"}

Open: TypeAlias = Callable[..., HttpClient]


class RecordedWaits(Cancellation):
    """Is never set, and lets a second of waiting pass in no time."""

    def __init__(self) -> None:
        super().__init__()
        self.seconds: list[float] = []

    def wait(self, seconds: float | None = None) -> bool:
        self.seconds.append(seconds or 0.0)
        return False


def small_world() -> World:
    """Return a world of twelve pages of a few hundred bytes in one space."""
    return generated_world(pages=PAGES, spaces=1, lengths=BodyLengths(median=200, mean=300, maximum=2000))


def limits(**changes: Any) -> Limits:
    """Return bounds that fail fast; fields of RetryRules go to `retry`."""
    retry = {name: changes.pop(name) for name in list(changes) if name in RetryRules.__slots__}
    rules = RetryRules(**{"max_attempts": 3, "first_wait_seconds": 0.001, "longest_wait_seconds": 60.0, **retry})
    return Limits(**{"request_timeout_seconds": 1, "request_deadline_seconds": 5, **changes, "retry": rules})


@contextmanager
def open_client(
    base: str, credentials: Credentials = BASIC, cancellation: Cancellation | None = None, **changes: Any
) -> Iterator[HttpClient]:
    """Open a client and close this thread's session at the end."""
    client = HttpClient(base, credentials, limits(**changes), cancellation or RecordedWaits())
    try:
        yield client
    finally:
        client.close()


def ids_of(client: HttpClient, **query: Any) -> list[str]:
    """Walk the pages of the site, five at a time, and return their ids in the order of the answers."""
    walk = client.walk(EVERY_PAGE, {**FIVE_AT_ONCE, **query})
    return [item["id"] for answer in walk for item in answer.content["results"]]


def kinds_fired(site: Simulator) -> list[str]:
    """Return the names of the faults that really happened, in order."""
    return [fault.kind for fault in site.faults.fired]


def broken(site: Simulator, kind: str, **how: Any) -> Fault:
    """Plan a fault for the listing's second page, unless said otherwise."""
    fault = Fault(kind=kind, **{"at": 2, **how})
    site.faults.add(fault)
    return fault
