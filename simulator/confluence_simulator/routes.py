"""A table of paths and the functions that answer them."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from confluence_simulator.call import Handler


@dataclass(frozen=True)
class Route:
    """`pattern` holds names in braces, each for one path segment, e.g. "/api/v2/pages/{id}"."""

    method: str
    pattern: str
    handler: Handler


class Routes:
    def __init__(self, routes: Sequence[Route]) -> None:
        self._plain = {(route.method, route.pattern): route.handler for route in routes}
        self._patterns = [
            (route.method, re.compile(re.sub(r"\{(\w+)\}", r"(?P<\1>[^/]+)", route.pattern)), route.handler)
            for route in routes
            if "{" in route.pattern
        ]

    def match(self, method: str, path: str) -> tuple[Handler, dict[str, str]] | None:
        plain = self._plain.get((method, path))
        if plain is not None:
            return plain, {}
        for allowed, pattern, handler in self._patterns:
            found = pattern.fullmatch(path) if method == allowed else None
            if found is not None:
                return handler, found.groupdict()
        return None
