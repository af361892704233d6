"""Faults as data: what can go wrong between a client and Confluence, each under a name.

`answers.py` answers in the API's place, `conditions.py` changes the world or the caller before, `documents.py` and
`paging.py` change the API's answer, `wire.py` sends it badly, `access.py` holds the faults of who may read what;
`catalogue.py` puts them together.
"""

from confluence_simulator.faults.catalogue import KINDS
from confluence_simulator.faults.plan import Fault, FaultPlan

__all__ = ["KINDS", "Fault", "FaultPlan"]
