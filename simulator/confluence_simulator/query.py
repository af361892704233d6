"""A request's query parameters, read strictly: what the API would not accept raises BadParameterError."""

from collections.abc import Sequence
from typing import Literal

from confluence_simulator.messages import Pairs
from confluence_simulator.refusals import BadParameterError

ListParameters = Literal["repeated", "comma", "both"]


class Query:
    """`lists` says in which ways a list parameter may hold several values."""

    def __init__(self, pairs: Pairs, lists: ListParameters = "both") -> None:
        self.pairs = pairs
        self._lists = lists

    def __contains__(self, name: str) -> bool:
        return any(key == name for key, _ in self.pairs)

    def one(self, name: str, default: str = "") -> str:
        """Return the first value of a repeated parameter."""
        return next((value for key, value in self.pairs if key == name), default)

    def many(self, name: str, *, most: int = 0) -> tuple[str, ...]:
        """Return the values of a list parameter, repeated (`id=1&id=2`) or joined by commas (`id=1,2`).

        Where only one of the two is understood, the other is not refused: the first value of a repeated parameter
        counts, or a value with commas is one value, which nothing has.
        """
        given = [value for key, value in self.pairs if key == name]
        if self._lists == "repeated":
            values = tuple(value for value in given if value)
        else:
            counted = given[:1] if self._lists == "comma" else given
            values = tuple(part for value in counted for part in value.split(",") if part)
        if most and len(values) > most:
            raise BadParameterError(name, f"{len(values)} values", f"at most {most} values")
        return values

    def ids(self, name: str, *, most: int = 0) -> tuple[str, ...]:
        values = self.many(name, most=most)
        for value in values:
            if not value.isascii() or not all(part.isdigit() for part in value.split(",")):
                raise BadParameterError(name, value, "Long")
        return values

    def integer(self, name: str, default: int, *, low: int, high: int | None = None) -> int:
        text = self.one(name)
        if not text:
            return default
        value = int(text) if text.isascii() and text.lstrip("-").isdigit() else None
        if value is None or value < low or (high is not None and value > high):
            raise BadParameterError(name, text, f"integer between {low} and {high or 'any number'}")
        return value

    def choice(self, name: str, allowed: Sequence[str], default: str = "") -> str:
        value = self.one(name, default)
        if value and value not in allowed:
            raise BadParameterError(name, value, f"one of {', '.join(allowed)}")
        return value

    def choices(self, name: str, allowed: Sequence[str], default: tuple[str, ...] = ()) -> tuple[str, ...]:
        values = self.many(name)
        for value in values:
            if not set(value.split(",")) <= set(allowed):
                raise BadParameterError(name, value, f"one of {', '.join(allowed)}")
        return values or default

    def flag(self, name: str, *, default: bool = False) -> bool:
        return self.choice(name, ("true", "false"), str(default).lower()) == "true"
