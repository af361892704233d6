"""The API gateway's address of a Cloud site. Scoped tokens and service accounts work only there."""

import re
from urllib.parse import urlsplit

from hr_sync.cancellation import Cancellation
from hr_sync.confluence.http.client import HttpClient
from hr_sync.confluence.http.credentials import Credentials
from hr_sync.confluence.http.session import Limits
from hr_sync.confluence.http.urls import api_base, gateway_of
from hr_sync.errors import AnswerNotTrusted

_CLOUD_ID = re.compile(r"[0-9A-Za-z-]{1,64}")  # it becomes a part of a path


def cloud_base(site: str, limits: Limits, cancellation: Cancellation, *, gateway_origin: str | None = None) -> str:
    """Return the base for a scoped token of `site`, the address of a Cloud site.

    The request for the cloud id carries no credentials: the site would answer them with 401 or as an anonymous
    visitor's. Raise AnswerNotTrusted if there is no such site, and what HttpClient raises.
    """
    parts = urlsplit(site)
    client = HttpClient(f"{parts.scheme}://{parts.netloc}", Credentials(), limits, cancellation)
    try:
        cloud_id = client.get("_edge/tenant_info").get("cloudId")
    finally:
        client.close()
    if not isinstance(cloud_id, str) or not _CLOUD_ID.fullmatch(cloud_id):
        raise AnswerNotTrusted("The site does not name its cloud id.", remedy="Check confluence.url.")
    return api_base(f"{gateway_origin or gateway_of(site)}/ex/confluence/{cloud_id}")
