"""Data Center's REST API: v1 alone, with the scan, the version probe, the login page and webhooks."""

from confluence_simulator import downloads
from confluence_simulator.call import Call
from confluence_simulator.messages import Answer
from confluence_simulator.routes import Route
from confluence_simulator.v1 import content, groups, parts, permissions, search, users
from confluence_simulator.v1.audit import audit
from confluence_simulator.v1.people import datacenter_user


def current_user(call: Call) -> Answer:
    return Answer(document=datacenter_user(call.user, call.site_url, call.tenant.context))


def server_information(call: Call) -> Answer:
    return Answer(
        document={
            "version": call.tenant.version,
            "buildNumber": "9012",
            "baseUrl": call.site_url,
            "marketplaceBuildNumber": "9012",
        }
    )


def experimental_restrictions(_: Call) -> Answer:
    """Answer an empty list, whatever is restricted; only `rest/api/.../byOperation` shows restrictions."""
    return Answer(document={"results": [], "start": 0, "limit": 100, "size": 0, "_links": {}})


ROUTES = (
    Route("GET", "/rest/api/user/current", current_user),
    Route("GET", "/rest/api/server-information", server_information),
    Route("GET", "/rest/experimental/content/{id}/restriction", experimental_restrictions),
    Route("GET", "/rest/api/audit", audit),
    *downloads.DATACENTER_ROUTES,
    *groups.DATACENTER_ROUTES,
    *users.DATACENTER_ROUTES,
    *permissions.DATACENTER_ROUTES,
    *search.ROUTES,
    *content.DATACENTER_ROUTES,
    *content.LIST_ROUTES,
    *parts.ALIVE_ROUTES,
    *parts.REMOVED_ROUTES,
)
