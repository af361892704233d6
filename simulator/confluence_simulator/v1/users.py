"""Accounts by their ids: one, and on Cloud many at once, in v1 and v2."""

from typing import Any

import orjson

from confluence_simulator.call import Call
from confluence_simulator.messages import Answer
from confluence_simulator.refusals import BadParameterError, RefusedError, v1_refusal
from confluence_simulator.routes import Route
from confluence_simulator.v1.people import account_status, public_name, shown_name
from confluence_simulator.v1.shapes import is_cloud, shows_email, user_object
from confluence_simulator.world import User, WorldError

MOST = 200


def user(call: Call) -> Answer:
    """Answer the account that `accountId` (Cloud), `key` or `username` (Data Center) names."""
    names = ("accountId",) if is_cloud(call) else ("key", "username")
    wanted = next((call.query.one(name) for name in names if name in call.query), "")
    found = _known(call, [wanted])
    if not found:
        message = f"No user with id: {wanted}"
        reason = "" if is_cloud(call) else "Not Found"
        raise RefusedError(v1_refusal(404, "NotFoundException", message, authorized=False, reason=reason))
    return Answer(document=user_object(call, found[0].account_id))


def users(call: Call) -> Answer:
    """Answer the accounts of the first 200 ids; ids that nobody has are left out without a sign."""
    wanted = [value for value in call.query.many("accountId") if value]
    if not wanted:
        raise BadParameterError("accountId", "", "at least one account id")
    limit = call.query.integer("limit", MOST, low=1, high=MOST)
    shown = [user_object(call, user.account_id) for user in _known(call, wanted[:limit])]
    links = {"self": call.site_url + call.route, "base": call.site_url, "context": call.tenant.context}
    return Answer(document={"results": shown, "start": 0, "limit": limit, "size": len(shown), "_links": links})


def users_bulk(call: Call) -> Answer:
    """Answer v2's list of the accounts whose ids the body names."""
    try:
        given = orjson.loads(call.request.body)
        wanted = [str(each) for each in given["accountIds"]]
    except (orjson.JSONDecodeError, KeyError, TypeError) as error:
        raise BadParameterError("accountIds", "", "a list of account ids") from error
    results = [_row(call, user) for user in _known(call, wanted)]
    return Answer(document={"results": results, "_links": {"base": call.site_url}})


def _known(call: Call, wanted: list[str]) -> list[User]:
    found: dict[str, User] = {}
    for name in wanted:
        try:
            user = call.world.user(name)
        except WorldError:
            continue
        own = (user.account_id,) if is_cloud(call) else (user.user_key, user.username)
        if name in own:
            found[user.account_id] = user
    return list(found.values())


def _row(call: Call, user: User) -> dict[str, Any]:
    path = f"/wiki/aa-avatar/{user.account_id}"
    return {
        "displayName": shown_name(user),
        "timeZone": None,
        "personalSpaceId": None,
        "isExternalCollaborator": False,
        "accountStatus": account_status(user),
        "accountId": user.account_id,
        "email": user.email if shows_email(call, user) and not user.closed else "",
        "accountType": "unknown" if user.closed else user.account_type,
        "publicName": public_name(user),
        "profilePicture": {"path": path, "isDefault": False},
    }


CLOUD_ROUTES = (
    Route("GET", "/rest/api/user", user),
    Route("GET", "/rest/api/user/bulk", users),
    Route("POST", "/api/v2/users-bulk", users_bulk),
)
DATACENTER_ROUTES = (Route("GET", "/rest/api/user", user),)
