"""Cloud's routes: all of v2, what is alive of v1, and what of v1 has been or is about to be removed."""

from dataclasses import replace

from confluence_simulator import downloads, v2
from confluence_simulator.call import Call, Handler
from confluence_simulator.messages import Answer
from confluence_simulator.refusals import v1_gone
from confluence_simulator.routes import Route
from confluence_simulator.v1 import content, groups, parts, permissions, search, users
from confluence_simulator.v1.audit import audit
from confluence_simulator.v1.people import cloud_user

DEPRECATED = (
    ("Deprecation", "Wed, 1 Mar 2023 00:00:00 GMT"),
    ("Warning", '299 - "Deprecated API, will be removed on Mon, 31 Mar 2025 00:00:00 GMT"'),
)


def current_user(call: Call) -> Answer:
    """Answer who asks; `type` (known or anonymous) is the only dependable sign that credentials work."""
    return Answer(document=cloud_user(call.user, call.site_url))


def _until_removed(handler: Handler) -> Handler:
    """Answer with deprecation headers, or with 410 where the tenant's switch says that the endpoint is removed."""

    def answer(call: Call) -> Answer:
        return v1_gone() if call.tenant.removed_v1 else replace(handler(call), headers=DEPRECATED)

    return answer


ROUTES = (
    *v2.ROUTES,
    *downloads.CLOUD_ROUTES,
    Route("GET", "/rest/api/user/current", current_user),
    Route("GET", "/rest/api/audit", audit),
    *search.ROUTES,
    *groups.CLOUD_ROUTES,
    *users.CLOUD_ROUTES,
    *permissions.CLOUD_ROUTES,
    *parts.ALIVE_ROUTES,
    *(
        Route(route.method, route.pattern, _until_removed(route.handler))
        for route in (*content.LIST_ROUTES, *parts.REMOVED_ROUTES)
    ),
)
