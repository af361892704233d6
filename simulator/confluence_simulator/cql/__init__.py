"""The query language of Confluence's search: text to a predicate over content. Knows no HTTP."""

from confluence_simulator.cql.evaluate import Context, Search
from confluence_simulator.cql.syntax import CqlError, parse

__all__ = ["Context", "CqlError", "Search", "parse"]
