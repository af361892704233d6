"""Chooses the reader for a Confluence: Cloud's or Data Center's. Both give the same model."""

from typing import Literal, TypeAlias

from hr_sync.confluence.cloud import CloudSource
from hr_sync.confluence.datacenter import DataCenterSource
from hr_sync.confluence.http.client import HttpClient
from hr_sync.confluence.http.urls import is_cloud
from hr_sync.errors import AnswerNotTrusted, CredentialsRefused, EndpointRemoved, NotFound

Source: TypeAlias = CloudSource | DataCenterSource
Flavor: TypeAlias = Literal["auto", "cloud", "datacenter"]


def open_source(client: HttpClient, flavor: Flavor = "auto") -> Source:
    """Return the reader for the Confluence behind a gateway.

    With `auto` an address that can only be Cloud's is believed; any other Confluence is asked. Raises then what the
    gateway raises, for a server that cannot be reached or answers as neither flavour.
    """
    if flavor == "cloud" or (flavor == "auto" and (is_cloud(client.base) or _is_cloud(client))):
        return CloudSource(client)
    return DataCenterSource(client)


def _is_cloud(client: HttpClient) -> bool:
    """Tell Cloud by an answer of its v2, Data Center by one of v1.

    A 404 alone is no sign of Data Center: a suspended site, a proxy and a wrong address give it too, and whoever logs
    people in may redirect the addresses that it does not know.
    """
    try:
        client.get("api/v2/spaces", {"limit": 1})
    except (NotFound, AnswerNotTrusted, CredentialsRefused) as no_cloud:
        try:
            client.get("rest/api/space", {"limit": 1})
        except (NotFound, AnswerNotTrusted, CredentialsRefused, EndpointRemoved):
            raise no_cloud from None
        return False
    return True
