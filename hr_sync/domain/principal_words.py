"""Principals in words: what people read instead of ids. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from hr_sync.domain.access import ERASED_USER, AccessClass, Layer, Principal, PrincipalKind

_MOST_NAMED = 5  # principals in a message


@dataclass(frozen=True, kw_only=True, slots=True)
class GroupFact:
    """What the mirror knows of a group."""

    name: str | None = None
    members: int | None = None  #: None: not mirrored, or too old


@dataclass(frozen=True, kw_only=True, slots=True)
class NamedPrincipal:
    """A principal in words."""

    kind: str  #: user, group, class, unknown
    id: str
    name: str | None = None
    members: int | None = None  #: of a group; None: not known

    @classmethod
    def of(
        cls, principal: Principal, groups: Mapping[str, GroupFact], users: Mapping[str, str] | None = None
    ) -> "NamedPrincipal":
        """Return a principal with what is known of it."""
        group = groups.get(principal.id, GroupFact()) if principal.kind is PrincipalKind.GROUP else GroupFact()
        user = _name_of_user(principal.id, users or {}) if principal.kind is PrincipalKind.USER else None
        return cls(kind=_KINDS[principal.kind], id=principal.id, name=group.name or user, members=group.members)

    @property
    def words(self) -> str:
        """Return how a message names it."""
        if self.kind == "class":
            return _CLASSES.get(self.id, f"the class {self.id}")
        if self.kind == "unknown":
            return f"{self.id}, of a kind that this version does not know"
        members = "" if self.members is None else f" ({number(self.members, 'member')})"
        return f"{self.kind} {self.name or self.id}{members}"


def _name_of_user(user_id: str, users: Mapping[str, str]) -> str | None:
    return "(erased)" if user_id == ERASED_USER else users.get(user_id)


_KINDS = {
    PrincipalKind.CLASS: "class",
    PrincipalKind.GROUP: "group",
    PrincipalKind.USER: "user",
    PrincipalKind.UNKNOWN: "unknown",
}
_CLASSES = {
    AccessClass.EVERYONE.value: "everybody (access.open_spaces)",
    AccessClass.ANONYMOUS.value: "anonymous visitors",
    AccessClass.AUTHENTICATED.value: "everybody with an account",
    AccessClass.LICENSED.value: "every licensed user",
}


def named_layer(
    layer: Layer, groups: Mapping[str, GroupFact], users: Mapping[str, str] | None = None
) -> list[NamedPrincipal]:
    """Return the principals of a layer: classes, groups, the large ones first, users, and what is not known."""
    order = list(_KINDS.values())
    named = [NamedPrincipal.of(each, groups, users) for each in layer]
    return sorted(named, key=lambda each: (order.index(each.kind), -(each.members or 0), each.name or each.id))


def principals_in_words(principals: Sequence[NamedPrincipal]) -> str:
    """Return principals in words, groups by name, users by number."""
    named = [each.words for each in principals if each.kind != "user"]
    users = sum(each.kind == "user" for each in principals)
    more = len(named) - _MOST_NAMED
    named = [*named[:_MOST_NAMED], *([f"{more} more"] if more > 0 else [])]
    return listed([*named, *([number(users, "user")] if users else [])]) or "nobody"


def listed(words: Sequence[str]) -> str:
    """Return words as a list in a sentence."""
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}" if words else ""


def number(count: int, noun: str, plural: str | None = None) -> str:
    """Return a count with its noun, whose plural is `plural` or ends in s."""
    return f"{count:,} {noun if count == 1 else plural or f'{noun}s'}"
