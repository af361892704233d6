"""Runs a parsed query over an index: the world as it was when the index last caught up."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from confluence_simulator.cql.dates import minute, read_date
from confluence_simulator.cql.syntax import Both, Clause, CqlError, Function, Node, Not, Query, Value
from confluence_simulator.rendering import as_text
from confluence_simulator.world import Attachment, Comment, Content, Page, World
from confluence_simulator.world.records import last_touched

Test = Callable[[Content], bool]
EQUAL = frozenset({"=", "!=", "in", "not in"})
TEXTUAL = frozenset({"~", "!~"})
ORDERED = frozenset({"=", "!=", ">", ">=", "<", "<="})
NEGATED = {"!=": "=", "not in": "in", "!~": "~"}
TYPES = ("page", "blogpost", "comment", "attachment", "folder", "space", "user", "whiteboard", "database", "embed")


@dataclass(frozen=True, kw_only=True)
class Context:
    """`moment` is how far the index has come, `now` the world's present, `user_id` who asks.

    `moves` says whether a move counts as a modification.
    """

    world: World
    moment: datetime
    now: datetime
    zone: ZoneInfo
    user_id: str | None = None
    moves: bool = False


class Search:
    """A query made ready to run. Raises CqlError when it names a field, operator or value that there is not."""

    def __init__(self, query: Query, context: Context) -> None:
        self._context = context
        self._test = (lambda _: True) if query.where is None else self._compile(query.where)
        self._order = query.order
        for order in query.order:
            if order.field not in SORT_KEYS:
                raise CqlError(f"Could not parse cql : order by {order.field}")

    def matches(self, content: Content) -> bool:
        return self._test(content)

    def sort_key(self, content: Content) -> tuple[Any, ...]:
        """Ascending keys also for descending orders; the id makes them unique."""
        parts: list[Any] = []
        for order in self._order:
            value = SORT_KEYS[order.field](self._context, content)
            if order.descending and isinstance(value, int):
                value = -value
            elif order.descending:
                value = [*(-ord(character) for character in value), 1]
            parts.append(value)
        return (*parts, int(content.id.removeprefix("att")))

    def _compile(self, node: Node) -> Test:
        if isinstance(node, Clause):
            return self._clause(node)
        if isinstance(node, Not):
            inner = self._compile(node.inner)
            return lambda content: not inner(content)
        tests = [self._compile(part) for part in node.parts]
        if isinstance(node, Both):
            return lambda content: all(test(content) for test in tests)
        return lambda content: any(test(content) for test in tests)

    def _clause(self, clause: Clause) -> Test:
        if clause.operator in NEGATED:
            positive = self._clause(Clause(clause.field, NEGATED[clause.operator], clause.values))
            return lambda content: not positive(content)
        if clause.field in ("created", "lastmodified"):
            return self._date(clause)
        if clause.field in ("title", "text", "sitesearch"):
            return self._words(clause)
        if clause.field not in FIELDS:
            raise CqlError(f"Could not parse cql : No field exists with name: {clause.field}")
        if clause.operator not in EQUAL:
            raise CqlError(f"Could not parse cql : {clause.field} does not support {clause.operator}")
        wanted = [self._text(value) for value in clause.values]
        if clause.field == "type" and any(value.lower() not in TYPES for value in wanted):
            raise CqlError(f"Could not parse cql : type {wanted}")
        return FIELDS[clause.field](self._context, wanted)

    def _text(self, value: Value) -> str:
        if not isinstance(value, Function):
            return value
        if value.name == "currentuser" and not value.arguments:
            return self._context.user_id or ""
        raise CqlError(f"Could not parse cql : {value.name}()")

    def _date(self, clause: Clause) -> Test:
        if clause.operator not in ORDERED:
            raise CqlError(f"Could not parse cql : {clause.field} does not support {clause.operator}")
        wanted = read_date(clause.values[0], self._context.now, self._context.zone)
        compare: dict[str, Callable[[datetime], bool]] = {
            "=": lambda found: found == wanted,
            ">": lambda found: found > wanted,
            ">=": lambda found: found >= wanted,
            "<": lambda found: found < wanted,
            "<=": lambda found: found <= wanted,
        }
        holds = compare[clause.operator]
        if clause.field == "created":
            return lambda content: holds(minute(content.created_at))
        moves = self._context.moves
        return lambda content: holds(minute(last_touched(content, moves=moves)))

    def _words(self, clause: Clause) -> Test:
        """`~` finds every word, in any order; a word that ends in * finds those that begin so."""
        wanted = self._text(clause.values[0])
        if clause.operator in ("=", "in") and clause.field == "title":
            titles = {self._text(value).casefold() for value in clause.values}
            return lambda content: content.title.casefold() in titles
        if clause.operator != "~":
            raise CqlError(f"Could not parse cql : {clause.field} does not support {clause.operator}")
        words = [word.strip('"').casefold() for word in wanted.split()]
        if clause.field == "title":
            return lambda content: _holds_words(content.title, words)
        return lambda content: _holds_words(f"{content.title} {as_text(content.storage)}", words)


def _holds_words(text: str, words: list[str]) -> bool:
    present = "".join(character if character.isalnum() else " " for character in text.casefold()).split()
    return all(
        any(found.startswith(word[:-1]) if word.endswith("*") else found == word for found in present) for word in words
    )


def _in_space(_: Context, wanted: list[str]) -> Test:
    keys = {key.casefold() for key in wanted}
    return lambda content: content.space_key.casefold() in keys


def _of_space_type(context: Context, wanted: list[str]) -> Test:
    return lambda content: context.world.space(content.space_id).type in wanted


def _of_type(_: Context, wanted: list[str]) -> Test:
    kinds = {kind.lower() for kind in wanted}
    return lambda content: content.kind in kinds


def _with_id(_: Context, wanted: list[str]) -> Test:
    return lambda content: content.id in wanted


def _under(context: Context, wanted: list[str]) -> Test:
    """All descendants, not the page itself."""

    def test(content: Content) -> bool:
        chain = context.world.ancestors(content, context.moment) if isinstance(content, Page) else []
        return any(ancestor.id in wanted for ancestor in chain)

    return test


def _with_parent(_: Context, wanted: list[str]) -> Test:
    return lambda content: isinstance(content, Page) and content.parent_id in wanted


def _in_container(_: Context, wanted: list[str]) -> Test:
    return lambda content: isinstance(content, Attachment | Comment) and content.container_id in wanted


def _with_label(_: Context, wanted: list[str]) -> Test:
    names = {name.casefold() for name in wanted}
    return lambda content: isinstance(content, Page) and any(label.name.casefold() in names for label in content.labels)


def _created_by(_: Context, wanted: list[str]) -> Test:
    return lambda content: content.author_id in wanted


def _edited_by(context: Context, wanted: list[str]) -> Test:
    return lambda content: any(state.editor_id in wanted for state in context.world.versions(content.id))


FIELDS: dict[str, Callable[[Context, list[str]], Test]] = {
    "space": _in_space,
    "space.key": _in_space,
    "space.type": _of_space_type,
    "type": _of_type,
    "id": _with_id,
    "content": _with_id,
    "ancestor": _under,
    "parent": _with_parent,
    "container": _in_container,
    "label": _with_label,
    "creator": _created_by,
    "contributor": _edited_by,
}
SORT_KEYS: dict[str, Callable[[Context, Content], Any]] = {
    "created": lambda _, content: int(content.created_at.timestamp() * 1000),
    "lastmodified": lambda context, content: int(last_touched(content, moves=context.moves).timestamp() * 1000),
    "title": lambda _, content: content.title.casefold(),
    "id": lambda _, content: int(content.id.removeprefix("att")),
    "type": lambda _, content: content.kind,
    "space": lambda _, content: content.space_key,
}
