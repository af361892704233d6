"""Faults of access: permissions, roles, groups, restrictions, administrator rights, Admin keys and OAuth tokens."""

import copy
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from confluence_simulator.call import Conditions
from confluence_simulator.faults.kind import FaultContext, Kind
from confluence_simulator.messages import Answer

Document = dict[str, Any]
NOBODYS_KIND = "team"
"""A kind of principal that Confluence does not have."""
PRINCIPAL_MEMBERS = ("principal", "subject")
ID_MEMBERS = ("id", "principalId", "userKey", "name")
TYPE_MEMBERS = ("type", "principalType")


def _entries(document: Any) -> list[Document]:
    """Return the permissions or role assignments of an answer: a bare list on Data Center, rows on Cloud."""
    rows = document.get("results") if isinstance(document, dict) else document
    if not isinstance(rows, list):
        return []
    return [row for row in rows if isinstance(row, dict) and any(name in row for name in PRINCIPAL_MEMBERS)]


def _on_copy(change: Callable[[Any, Any], None]) -> Callable[[FaultContext, Answer], Answer]:
    """`change` edits a copy of the document, with the argument of the fault."""

    def after(context: FaultContext, answer: Answer) -> Answer:
        if answer.document is None:
            return answer
        document = copy.deepcopy(answer.document)
        change(document, context.argument)
        return replace(answer, document=document)

    return after


def _on_first(change: Callable[[Document], None]) -> Callable[[FaultContext, Answer], Answer]:
    def on_document(document: Any, _: Any) -> None:
        for row in _entries(document)[:1]:
            change(row)

    return _on_copy(on_document)


def _on_principal(change: Callable[[Document], None]) -> Callable[[FaultContext, Answer], Answer]:
    def on_row(row: Document) -> None:
        for name in PRINCIPAL_MEMBERS:
            if name in row:
                change(row[name])

    return _on_first(on_row)


def _left_out(document: Any, argument: Any) -> None:
    """Keep the first rows alone; the link to further ones goes, too."""
    if _entries(document):
        del (document["results"] if isinstance(document, dict) else document)[int(argument or 0) :]
        if isinstance(document, dict):
            document.get("_links", {}).pop("next", None)


def _nameless(row: Document) -> None:
    for name in PRINCIPAL_MEMBERS:
        row.pop(name, None)


def _without_id(principal: Document) -> None:
    for name in ID_MEMBERS:
        principal.pop(name, None)


def _of_unknown_kind(principal: Document) -> None:
    for name in TYPE_MEMBERS:
        if name in principal:
            principal[name] = NOBODYS_KIND.upper() if name == "principalType" else NOBODYS_KIND


def _unknown_mode(document: Any, _: Any) -> None:
    if isinstance(document, dict) and "results" not in document:
        document["mode"] = "ROLES_OF_ANOTHER_KIND"


def _without_permissions(document: Any, _: Any) -> None:
    rows = document.get("results") if isinstance(document, dict) else None
    for row in (rows or [])[:1]:
        row.pop("spacePermissions", None)


def _restricted_to_nobody_known(document: Any, _: Any) -> None:
    """Take the id from every user of a read restriction, in an answer about one page or in each row of a list."""
    rows = [document] if isinstance(document, dict) else []
    rows += [row for row in rows[0].get("results") or () if isinstance(row, dict)] if rows else []
    for row in rows:
        read = row.get("read") or (row.get("restrictions") or {}).get("read") or row
        users = ((read.get("restrictions") or {}).get("user") or {}).get("results", ())
        for user in users:
            for name in ("accountId", "userKey", "username"):
                user.pop(name, None)


def _expiry(document: Any, argument: Any) -> None:
    if isinstance(document, dict) and document.pop("expires_in", None) is not None and argument is not None:
        document["expires_in"] = argument


def _set(**changes: Any) -> Callable[[FaultContext, Conditions], Conditions]:
    return lambda _, conditions: replace(conditions, **changes)


def _forbid(context: FaultContext, conditions: Conditions) -> Conditions:
    """Take the view of a space from everybody who has it by the group of all users."""
    space = context.world.space(str(context.argument)) if context.argument else context.world.spaces()[0]
    context.world.forbid_space(space.key, group=context.world.everybody.id)
    return conditions


def _leave(context: FaultContext, conditions: Conditions) -> Conditions:
    world = context.world
    context.world.set_groups(str(context.argument or world.author.username), ())
    return conditions


ACCESS = {
    "permissions-left-out": Kind(
        about="Permissions or role assignments are missing at the end, without a sign (argument: how many remain, 0)",
        after=_on_copy(_left_out),
    ),
    "permission-without-principal": Kind(
        about="The first permission or role assignment names nobody", after=_on_first(_nameless)
    ),
    "permission-without-id": Kind(
        about="The principal of the first permission or role assignment has no id", after=_on_principal(_without_id)
    ),
    "permission-unknown-principal": Kind(
        about="The principal of the first permission or role assignment is of a kind that nobody knows",
        after=_on_principal(_of_unknown_kind),
    ),
    "role-mode-unknown": Kind(about="The role mode is one that nobody knows", after=_on_copy(_unknown_mode)),
    "role-without-permissions": Kind(
        about="The first role does not say what it permits", after=_on_copy(_without_permissions)
    ),
    "restriction-without-user-id": Kind(
        about="The users of read restrictions have no id", after=_on_copy(_restricted_to_nobody_known)
    ),
    "token-expiry": Kind(
        about="The answer with an OAuth token says something else of its end (argument: expires_in, else missing)",
        after=_on_copy(_expiry),
    ),
    "tokens-end": Kind(
        about="Every OAuth token issued so far ends before this answer, for good", before=_set(tokens_end=True)
    ),
    "admin-key-ends": Kind(about="The Admin key ends before this answer, for good", before=_set(admin_key_ends=True)),
    "admin-rights-lost": Kind(about="The account is no administrator", before=_set(unprivileged=True)),
    "forbid-during-walk": Kind(
        about="A space is forbidden to the group of all users before this answer (argument: its key; else the first)",
        before=_forbid,
    ),
    "leave-during-walk": Kind(
        about="A user leaves every group before this answer (argument: the username; else the world's author)",
        before=_leave,
    ),
}
