"""The query language of Confluence's search: text to a predicate over content. Knows no HTTP."""

from hr_sync.simulator.cql.evaluate import Context, Search
from hr_sync.simulator.cql.syntax import CqlError, parse

__all__ = ["Context", "CqlError", "Search", "parse"]
