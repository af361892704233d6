"""Every kind of fault by its name."""

from collections.abc import Mapping
from types import MappingProxyType

from confluence_simulator.faults.access import ACCESS
from confluence_simulator.faults.answers import ANSWERS
from confluence_simulator.faults.conditions import CONDITIONS
from confluence_simulator.faults.dates import DATES
from confluence_simulator.faults.documents import DOCUMENTS
from confluence_simulator.faults.kind import Kind
from confluence_simulator.faults.pages import PAGES
from confluence_simulator.faults.paging import PAGING
from confluence_simulator.faults.wire import WIRE

KINDS: Mapping[str, Kind] = MappingProxyType(
    {**ANSWERS, **DOCUMENTS, **PAGES, **PAGING, **DATES, **CONDITIONS, **ACCESS, **WIRE}
)
