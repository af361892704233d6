"""The part of the client library that sends requests, without the clients of the other products.

`import atlassian` loads all of them, with Jira, Bamboo and Bitbucket, an HTML parser and a query language: a quarter of
what a run that finds nothing changed takes on the processor. Only `atlassian.rest_client` is needed, and of what that
imports neither of the two libraries for OAuth 1, which are imported where somebody asks it for that.
"""

import importlib
import importlib.util
import sys
from functools import partial
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
    instead = {"atlassian": package, **_oauth()}
    instead = {each: module for each, module in instead.items() if each not in sys.modules}
    sys.modules.update(instead)
    try:
        return importlib.import_module(name)
    finally:
        for each in instead:
            del sys.modules[each]


def _oauth() -> dict[str, ModuleType]:
    """Return modules with the names that the client imports for OAuth; the libraries are imported by the first call."""
    signing, sessions = ModuleType("oauthlib.oauth1.rfc5849"), ModuleType("requests_oauthlib")
    signing.__dict__["SIGNATURE_RSA_SHA512"] = "RSA-SHA512"
    sessions.__dict__.update({name: partial(_made_by, "requests_oauthlib", name) for name in ("OAuth1", "OAuth2")})
    return {each.__name__: each for each in (signing, sessions)}


def _made_by(library: str, name: str, *values: Any, **named: Any) -> Any:
    """Call a class of a library that was not imported before."""
    return getattr(importlib.import_module(library), name)(*values, **named)


_LIBRARY = _rest_client()  # while this module is imported, which one thread does for all


def client_library(base: str, session: requests.Session) -> Any:
    """Return the client library's client for one address, which has no types. It sends nothing yet."""
    return _LIBRARY.AtlassianRestAPI(base, session=session, backoff_and_retry=False, retry_with_header=False)
