"""Cloud's REST API v1: what is still alive of it."""

from hr_sync.simulator.call import Call
from hr_sync.simulator.messages import Answer
from hr_sync.simulator.people_shapes import cloud_user
from hr_sync.simulator.routes import Route


def current_user(call: Call) -> Answer:
    """`type` is known or anonymous: the only dependable way to tell whether credentials work."""
    return Answer(document=cloud_user(call.user, call.site_url))


ROUTES = (Route("GET", "/rest/api/user/current", current_user),)
