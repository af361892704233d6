"""CQL's grammar: text to a tree of clauses. What it cannot read raises CqlError, as Confluence answers 400."""

import re
from dataclasses import dataclass

TOKEN = re.compile(
    r"""\s*(?:
        (?P<quoted>"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')
      | (?P<operator>!=|!~|>=|<=|=|~|>|<)
      | (?P<punctuation>[(),])
      | (?P<word>[^\s"'=!~<>(),]+)
    )""",
    re.VERBOSE,
)
RESERVED = frozenset({"and", "or", "not", "in", "order", "by", "asc", "desc"})


class CqlError(ValueError):
    """The query is not CQL, or uses a field, operator or value that the field does not have."""


@dataclass(frozen=True)
class Function:
    name: str
    arguments: tuple[str, ...]


Value = str | Function


@dataclass(frozen=True)
class Clause:
    """`operator` is one of = != ~ !~ > >= < <= in, "not in"; the last two take several values."""

    field: str
    operator: str
    values: tuple[Value, ...]


@dataclass(frozen=True)
class Not:
    inner: "Node"


@dataclass(frozen=True)
class Both:
    parts: tuple["Node", ...]


@dataclass(frozen=True)
class Either:
    parts: tuple["Node", ...]


Node = Clause | Not | Both | Either


@dataclass(frozen=True)
class Order:
    field: str
    descending: bool


@dataclass(frozen=True)
class Query:
    """`where` is None for a query that only orders."""

    where: Node | None
    order: tuple[Order, ...]


@dataclass(frozen=True)
class _Token:
    kind: str
    text: str


def parse(text: str) -> Query:
    """Parse a query; raise CqlError for everything that is not CQL, the empty text included."""
    return _Parser(_tokens(text), text).query()


def _tokens(text: str) -> list[_Token]:
    found, position = [], 0
    stripped = text.rstrip()
    while position < len(stripped):
        match = TOKEN.match(stripped, position)
        if match is None or match.lastgroup is None:
            raise CqlError(f"Could not parse cql : {text}")
        value = match[match.lastgroup]
        if match.lastgroup == "quoted":
            value = re.sub(r"\\(.)", r"\1", value[1:-1])
        found.append(_Token(match.lastgroup, value))
        position = match.end()
    return found


class _Parser:
    def __init__(self, tokens: list[_Token], text: str) -> None:
        self._tokens = tokens
        self._text = text
        self._at = 0

    def query(self) -> Query:
        where = None if self._peeks("order") else self._either()
        order: list[Order] = []
        if self._takes("order"):
            self._needs("by")
            order.append(self._order())
            while self._takes(",", kind="punctuation"):
                order.append(self._order())
        if self._at != len(self._tokens) or (where is None and not order):
            raise self._error()
        return Query(where, tuple(order))

    def _either(self) -> Node:
        parts = [self._both()]
        while self._takes("or"):
            parts.append(self._both())
        return parts[0] if len(parts) == 1 else Either(tuple(parts))

    def _both(self) -> Node:
        parts = [self._single()]
        while self._takes("and"):
            parts.append(self._single())
        return parts[0] if len(parts) == 1 else Both(tuple(parts))

    def _single(self) -> Node:
        if self._takes("not"):
            return Not(self._single())
        if self._takes("(", kind="punctuation"):
            inner = self._either()
            self._needs(")", kind="punctuation")
            return inner
        return self._clause()

    def _clause(self) -> Clause:
        field = self._next("word").text.lower()
        if field in RESERVED:
            raise self._error()
        if self._takes("not"):
            self._needs("in")
            return Clause(field, "not in", self._values())
        if self._takes("in"):
            return Clause(field, "in", self._values())
        operator = self._next("operator").text
        return Clause(field, operator, (self._value(),))

    def _values(self) -> tuple[Value, ...]:
        self._needs("(", kind="punctuation")
        values = [self._value()]
        while self._takes(",", kind="punctuation"):
            values.append(self._value())
        self._needs(")", kind="punctuation")
        return tuple(values)

    def _value(self) -> Value:
        token = self._next("quoted", "word")
        if token.kind == "quoted":
            return token.text
        if token.text.lower() in RESERVED:
            raise self._error()
        if not self._takes("(", kind="punctuation"):
            return token.text
        arguments: list[str] = []
        while not self._takes(")", kind="punctuation"):
            arguments.append(self._next("quoted", "word").text)
            self._takes(",", kind="punctuation")
        return Function(token.text.lower(), tuple(arguments))

    def _order(self) -> Order:
        field = self._next("word").text.lower()
        descending = self._takes("desc")
        if not descending:
            self._takes("asc")
        return Order(field, descending)

    def _peeks(self, text: str, kind: str = "word") -> bool:
        if self._at >= len(self._tokens):
            return False
        token = self._tokens[self._at]
        return token.kind == kind and token.text.lower() == text

    def _takes(self, text: str, kind: str = "word") -> bool:
        found = self._peeks(text, kind)
        self._at += found
        return found

    def _needs(self, text: str, kind: str = "word") -> None:
        if not self._takes(text, kind):
            raise self._error()

    def _next(self, *kinds: str) -> _Token:
        if self._at >= len(self._tokens) or self._tokens[self._at].kind not in kinds:
            raise self._error()
        self._at += 1
        return self._tokens[self._at - 1]

    def _error(self) -> CqlError:
        return CqlError(f"Could not parse cql : {self._text}")
