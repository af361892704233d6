"""Decoders of who may view a space, of roles, and of who may use Confluence. Pure.

What an entry names is kept even if its kind is not known: nobody matches such a principal, and the list does not look
empty. An entry that names nothing, or no operation, raises FieldError: what it grants is not known.
"""

import re
from collections.abc import Mapping
from typing import Any

from hr_sync.confluence.json_fields import FieldError, object_of, storable_str, word_of
from hr_sync.domain.access import AccessClass, Principal, PrincipalKind

PERMISSIONS = "permissions"  #: `SpaceViewers.source`: from the permissions of the space
ROLES = "roles"  #: `SpaceViewers.source`: from its permissions and roles
VIEW = ("read", "space")
USE = ("use", "application")
_WORDS = re.compile("[^a-z]+")


def read_permission(item: Mapping[str, Any]) -> Principal | None:
    """Return who may view the space by one of Cloud's permissions; None for a permission to do something else."""
    operation = object_of(item, "operation")
    if not _is(operation, VIEW, key="key"):
        return None
    principal = object_of(item, "principal")
    return principal_of(word_of(principal, "type"), _id_of(principal, "id"))


def read_assignment(item: Mapping[str, Any]) -> tuple[Principal, str]:
    """Return who holds which role in the space: the principal and the id of the role."""
    principal = object_of(item, "principal")
    holder = principal_of(word_of(principal, "principalType"), _id_of(principal, "principalId"))
    return holder, word_of(item, "roleId")


def read_role(item: Mapping[str, Any]) -> tuple[str, bool]:
    """Return the id of a role, and whether its permissions let its holders view a space."""
    permissions = item.get("spacePermissions")
    if not isinstance(permissions, list) or not all(isinstance(each, str) for each in permissions):
        raise FieldError("spacePermissions")
    return word_of(item, "id"), any(set(_WORDS.split(each.lower())) == set(VIEW) for each in permissions)


def read_grant(item: Mapping[str, Any], operation: tuple[str, str]) -> Principal | None:
    """Return whom one of Data Center's permissions grants `operation`; None for another operation.

    An entry without a subject may stand for anonymous visitors, which another endpoint answers for sure.
    """
    if not _is(object_of(item, "operation"), operation, key="operationKey"):
        return None
    if item.get("subject") is None:
        return Principal(PrincipalKind.UNKNOWN, "subject:")
    subject = object_of(item, "subject")
    kind = word_of(subject, "type").lower()
    match kind:
        case "user":
            return Principal(PrincipalKind.USER, _id_of(subject, "userKey"))
        case "group":
            return Principal(PrincipalKind.GROUP, _id_of(subject, "name"))
    return Principal(PrincipalKind.UNKNOWN, f"{kind}:")


def grants(item: Mapping[str, Any], operation: tuple[str, str]) -> bool:
    """Return True if one of Data Center's permissions is for `operation`, whoever has it."""
    return _is(object_of(item, "operation"), operation, key="operationKey")


def principal_of(kind: str, name: str) -> Principal:
    """Return the principal of a kind in either spelling: `access-class` in permissions, `ACCESS_CLASS` in roles."""
    match kind.lower().replace("_", "-"):
        case "user":
            return Principal(PrincipalKind.USER, name)
        case "group":
            return Principal(PrincipalKind.GROUP, name)
        case "access-class" if (word := name.lower().replace("_", "-")) != AccessClass.EVERYONE:
            return Principal(PrincipalKind.CLASS, word)
        case other:  # among them a class with the name of our own one for spaces that an operator declares open
            return Principal(PrincipalKind.UNKNOWN, f"{other}:{name}")


def _is(operation: Mapping[str, Any], wanted: tuple[str, str], *, key: str) -> bool:
    return (word_of(operation, key).lower(), word_of(operation, "targetType").lower()) == wanted


def _id_of(item: Mapping[str, Any], key: str) -> str:
    value = storable_str(item, key)
    if not value:
        raise FieldError(key)
    return value
