"""Cloud's Admin key: for some minutes an administrator sees everything, in requests that carry a header.

A request whose key has ended is answered as without a key, so that a client loses most pages without an error.
"""

from datetime import datetime, timedelta
from typing import Any

import orjson

from confluence_simulator.call import Call
from confluence_simulator.links import zulu
from confluence_simulator.messages import Answer, Request
from confluence_simulator.refusals import BadParameterError, forbidden, v2_not_found
from confluence_simulator.routes import Route
from confluence_simulator.world import World

PATH = "/api/v2/admin-key"
HEADER = "atl-confluence-with-admin-key"
DEFAULT_MINUTES = 10
MOST_MINUTES = 60


class AdminKey:
    """The key of the account that reads the site. It ends by the clock of the world."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._ends_at: datetime | None = None

    @property
    def is_live(self) -> bool:
        """Return whether the key has been made and has not ended."""
        return self._ends_at is not None and self._world.now < self._ends_at

    def opens(self, request: Request) -> bool:
        """Return whether this request is answered under the key."""
        return request.headers.get(HEADER, "").lower() == "true" and self.is_live

    def end(self) -> None:
        """End the key."""
        self._ends_at = None

    def routes(self) -> tuple[Route, ...]:
        """Return the routes of the key: make, read and end it."""
        return (Route("POST", PATH, self._make), Route("GET", PATH, self._read), Route("DELETE", PATH, self._delete))

    def _make(self, call: Call) -> Answer:
        if not _may(call):
            return forbidden(call.request.path)
        try:
            given = orjson.loads(call.request.body) if call.request.body else {}
            minutes = int(given.get("durationInMinutes", DEFAULT_MINUTES))
        except (orjson.JSONDecodeError, AttributeError, TypeError, ValueError) as error:
            raise BadParameterError("durationInMinutes", "", "a number of minutes") from error
        if not 1 <= minutes <= MOST_MINUTES:
            raise BadParameterError("durationInMinutes", str(minutes), f"1 to {MOST_MINUTES}")
        self._ends_at = self._world.now + timedelta(minutes=minutes)
        return self._shown(call, self._ends_at)

    def _read(self, call: Call) -> Answer:
        if not _may(call):
            return forbidden(call.request.path)
        if self._ends_at is None or not self.is_live:
            return v2_not_found("admin key", "current")
        return self._shown(call, self._ends_at)

    def _delete(self, call: Call) -> Answer:
        if not _may(call):
            return forbidden(call.request.path)
        self.end()
        return Answer(status=204, body=b"")

    def _shown(self, call: Call, ends_at: datetime) -> Answer:
        document: dict[str, Any] = {"accountId": "", "expirationTime": zulu(ends_at)}
        if call.user is not None:
            document["accountId"] = call.user.account_id
        return Answer(document=document)


def _may(call: Call) -> bool:
    """Return whether the caller may use a key: an administrator, on the site's own address, without OAuth."""
    return call.administers and not (call.through_gateway or call.oauth)
