"""Chooses the reader for a Confluence: Cloud's or Data Center's. Both give the same model."""

from typing import Literal, TypeAlias

from hr_sync.confluence.addresses import is_cloud
from hr_sync.confluence.cloud import CloudReader
from hr_sync.confluence.datacenter import DataCenterReader
from hr_sync.confluence.gateway import Gateway
from hr_sync.errors import AnswerNotTrusted, CredentialsRefused, EndpointRemoved, NotFound

Reader: TypeAlias = CloudReader | DataCenterReader
Flavor: TypeAlias = Literal["auto", "cloud", "datacenter"]


def open_reader(gateway: Gateway, flavor: Flavor = "auto") -> Reader:
    """Give the reader for the Confluence behind a gateway.

    With `auto` an address that can only be Cloud's is believed; any other Confluence is asked. Raises then what the
    gateway raises, for a server that cannot be reached or answers as neither flavour.
    """
    if flavor == "cloud" or (flavor == "auto" and (is_cloud(gateway.base) or _is_cloud(gateway))):
        return CloudReader(gateway)
    return DataCenterReader(gateway)


def _is_cloud(gateway: Gateway) -> bool:
    """Tell Cloud by an answer of its v2, Data Center by one of v1.

    A 404 alone is no sign of Data Center: a suspended site, a proxy and a wrong address give it too, and whoever logs
    people in may redirect the addresses that it does not know.
    """
    try:
        gateway.get("api/v2/spaces", {"limit": 1})
    except (NotFound, AnswerNotTrusted, CredentialsRefused) as no_cloud:
        try:
            gateway.get("rest/api/space", {"limit": 1})
        except (NotFound, AnswerNotTrusted, CredentialsRefused, EndpointRemoved):
            raise no_cloud from None
        return False
    return True
