"""Every kind of fault by its name."""

from collections.abc import Mapping
from types import MappingProxyType

from hr_sync.simulator.faults.answers import ANSWERS
from hr_sync.simulator.faults.circumstances import CIRCUMSTANCES
from hr_sync.simulator.faults.documents import DOCUMENTS
from hr_sync.simulator.faults.kind import Kind
from hr_sync.simulator.faults.paging import PAGING
from hr_sync.simulator.faults.wire import WIRE

KINDS: Mapping[str, Kind] = MappingProxyType({**ANSWERS, **DOCUMENTS, **PAGING, **CIRCUMSTANCES, **WIRE})
