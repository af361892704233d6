"""Finds the API gateway's address of a Cloud site. Scoped tokens and service accounts work there alone."""

import re
import threading
from urllib.parse import urlsplit

from hr_sync.confluence.http.client import Credentials, HttpClient, Limits
from hr_sync.confluence.http.urls import api_base
from hr_sync.errors import AnswerNotTrusted

GATEWAY_ORIGIN = "https://api.atlassian.com"
_CLOUD_ID = re.compile(r"[0-9A-Za-z-]{1,64}")  # it becomes a part of a path


def cloud_base(site: str, limits: Limits, stop: threading.Event, *, gateway_origin: str = GATEWAY_ORIGIN) -> str:
    """Return the base for a scoped token of `site`, the address of a Cloud site.

    The site is asked for its cloud id without credentials: it would answer them with 401 or as to an anonymous visitor.
    Raises AnswerNotTrusted when there is no such site, and what a gateway raises.
    """
    parts = urlsplit(site)
    asker = HttpClient(f"{parts.scheme}://{parts.netloc}", Credentials(), limits, stop)
    try:
        cloud_id = asker.get("_edge/tenant_info").get("cloudId")
    finally:
        asker.close()
    if not isinstance(cloud_id, str) or not _CLOUD_ID.fullmatch(cloud_id):
        raise AnswerNotTrusted("The site does not tell its cloud id.", remedy="Check confluence.url.")
    return api_base(f"{gateway_origin}/ex/confluence/{cloud_id}")
