"""Tracebacks without local variables, and without the messages of libraries that quote data.

A server error of PostgreSQL quotes the whole row ("Failing row contains ..."), and so the page; SQLAlchemy repeats it.
Of these only the SQLSTATE and the constraint are logged.
"""

import traceback
from collections.abc import Iterator

_QUOTING = frozenset({"sqlalchemy", "psycopg"})
_MOST_FRAMES = 30
_MOST_LINKS = 10
_LONGEST_MESSAGE_CHARACTERS = 2_000


def render(error: BaseException) -> str:
    """Return the chain of errors, oldest first, as Python prints it."""
    blocks = [f"{''.join(_frames(link))}{headline(link)}{joint}" for link, joint in _chain(error)]
    return "\n\n".join(reversed(blocks))


def _chain(error: BaseException) -> Iterator[tuple[BaseException, str]]:
    """Yield each error with the sentence that leads to the one that it caused."""
    joint = ""
    link: BaseException | None = error
    for _ in range(_MOST_LINKS):
        if link is None:
            return
        yield link, joint
        if link.__cause__ is not None:
            link, joint = link.__cause__, "\n\nThis was the direct cause of:"
        elif not link.__suppress_context__:
            link, joint = link.__context__, "\n\nWhile this was handled, another happened:"
        else:
            return


def _frames(error: BaseException) -> list[str]:
    if error.__traceback__ is None:
        return []
    # A negative limit keeps the frames next to the fault.
    return ["Traceback (innermost call last):\n", *traceback.format_tb(error.__traceback__, limit=-_MOST_FRAMES)]


def headline(error: BaseException) -> str:
    """Return type and message; of a database error what may be logged instead of the message."""
    kind = type(error)
    name = kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"
    if _quotes_data(kind):
        return f"{name}{_database_facts(error)}"
    message = str(error)[:_LONGEST_MESSAGE_CHARACTERS]
    return f"{name}: {message}" if message else name


def _quotes_data(kind: type[BaseException]) -> bool:
    return any(parent.__module__.partition(".")[0] in _QUOTING for parent in kind.__mro__)


def _database_facts(error: BaseException) -> str:
    original = getattr(error, "orig", error)
    facts = {
        "sqlstate": getattr(original, "sqlstate", None),
        "constraint": getattr(getattr(original, "diag", None), "constraint_name", None),
    }
    known = [f"{name}={value}" for name, value in facts.items() if value]
    return f" ({', '.join(known)})" if known else ""
