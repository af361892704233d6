"""The part of the client library that sends requests, without the clients of the other products.

`import atlassian` loads all of them, with Jira, Bamboo and Bitbucket, an HTML parser and a query language: a quarter of
what a run that finds nothing changed takes on the processor. Only `atlassian.rest_client` is needed.
"""

import importlib
import importlib.util
import sys
from types import ModuleType
from typing import Any

import requests


def _rest_client() -> ModuleType:
    """Import the one module below a package that has not run. Whoever imports the package later gets the whole."""
    name = "atlassian.rest_client"
    found = importlib.util.find_spec("atlassian")
    if name in sys.modules or found is None or "atlassian" in sys.modules:
        return importlib.import_module(name)
    package = ModuleType("atlassian")
    package.__path__ = list(found.submodule_search_locations or ())
    sys.modules["atlassian"] = package
    try:
        return importlib.import_module(name)
    finally:
        del sys.modules["atlassian"]


_LIBRARY = _rest_client()  # while this module is imported, which one thread does for all


def client_library(base: str, session: requests.Session) -> Any:
    """Return the client library's client for one address, which has no types. It sends nothing yet."""
    return _LIBRARY.AtlassianRestAPI(base, session=session, backoff_and_retry=False, retry_with_header=False)
