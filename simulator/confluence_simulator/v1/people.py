"""Users and groups in v1 answers: account ids on Cloud, usernames and user keys on Data Center."""

from dataclasses import replace
from typing import Any

from confluence_simulator.world import Group, User

FORMER = "Former user (Deleted)"


def cloud_user(user: User | None, site_url: str, *, shows_email: bool = True) -> dict[str, Any]:
    """Return an account as Cloud shows it; one that was deleted is of unknown type."""
    if user is None:
        picture = {"path": "/wiki/aa-avatar/anonymous", "width": 48, "height": 48, "isDefault": True}
        return {
            "type": "anonymous",
            "profilePicture": picture,
            "displayName": "Anonymous",
            "_expandable": {"operations": ""},
            "_links": {"self": f"{site_url}/rest/api/user/anonymous"},
        }
    name = shown_name(user)
    return {
        "type": "unknown" if user.closed else "known",
        "accountId": user.account_id,
        "accountType": "" if user.closed else user.account_type,
        "email": user.email if shows_email and not user.closed else "",
        "publicName": public_name(user),
        "profilePicture": {
            "path": f"/wiki/aa-avatar/{user.account_id}",
            "width": 48,
            "height": 48,
            "isDefault": False,
        },
        "displayName": name,
        "isExternalCollaborator": False,
        "isGuest": False,
        "locale": "en_US",
        "accountStatus": account_status(user),
        "_expandable": {"operations": "", "personalSpace": ""},
        "_links": {"self": f"{site_url}/rest/api/user?accountId={user.account_id}"},
    }


def shown_name(user: User) -> str:
    """Return the name that Cloud shows."""
    if user.closed:
        return FORMER
    return user.display_name if user.active else f"{user.display_name} (Unlicensed)"


def public_name(user: User) -> str:
    """Return the name that Cloud shows everybody, whatever the profile shows to those who may see more."""
    return shown_name(replace(user, display_name=user.public_name or user.display_name))


def account_status(user: User) -> str:
    """Return `active`, `inactive` or `closed`."""
    if user.closed:
        return "closed"
    return "active" if user.active else "inactive"


def datacenter_user(user: User | None, site_url: str, context: str) -> dict[str, Any]:
    """Return an account as Data Center shows it, without an e-mail address."""
    picture = {"path": f"{context}/images/icons/profilepics/default.svg", "width": 48, "height": 48, "isDefault": True}
    if user is None:
        return {"type": "anonymous", "profilePicture": picture, "displayName": "Anonymous"}
    return {
        "type": "known",
        "username": user.username,
        "userKey": user.user_key,
        "profilePicture": picture,
        "displayName": f"Unknown User ({user.username})" if user.closed else user.display_name,
        "_links": {"self": f"{site_url}/rest/api/user?key={user.user_key}"},
        "_expandable": {"status": ""},
    }


def cloud_group(group: Group, site_url: str) -> dict[str, Any]:
    return {
        "type": "group",
        "name": group.name,
        "id": group.id,
        "_links": {"self": f"{site_url}/rest/api/group/by-id?id={group.id}"},
    }


def datacenter_group(group: Group, site_url: str) -> dict[str, Any]:
    return {"type": "group", "name": group.name, "_links": {"self": f"{site_url}/rest/api/group/{group.name}"}}
