"""Shows settings without their secrets, and lists the secrets for the log to mask."""

import base64
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, quote_plus, unquote, urlsplit

from pydantic import SecretStr

from hr_sync.settings.keys import keys

if TYPE_CHECKING:
    from hr_sync.settings.model import Settings

DEFAULT = "default"
_HIDDEN = "***"


def shown(settings: "Settings") -> dict[str, dict[str, dict[str, Any]]]:
    """Return `{group: {key: {"value": ..., "source": ...}}}`, ready for JSON, with every secret as `***`."""
    groups = settings.model_dump(mode="json", by_alias=True)
    for key in keys():
        value = groups[key.group][key.name]
        is_secret = isinstance(getattr(getattr(settings, key.group), key.attribute), SecretStr)
        groups[key.group][key.name] = {
            "value": _HIDDEN if is_secret else value,
            "source": settings.source_of(key.path) or DEFAULT,
        }
    return groups


def secret_values(settings: "Settings") -> tuple[str, ...]:
    """Return every secret in each spelling that a library may print: as set, escaped in a URL, in a Basic header."""
    found = {
        value.get_secret_value()
        for key in keys()
        if isinstance(value := getattr(getattr(settings, key.group), key.attribute), SecretStr)
    }
    url = settings.database.sqlalchemy_url
    if url is not None and url.password:
        found.add(str(url.password))
    if settings.confluence.proxy and (password := urlsplit(settings.confluence.proxy.get_secret_value()).password):
        found |= {password, unquote(password)}
    spelled = found | {quote(secret, safe="") for secret in found} | {quote_plus(secret) for secret in found}
    confluence = settings.confluence
    if confluence.username is not None and confluence.api_token is not None:
        pair = f"{confluence.username}:{confluence.api_token.get_secret_value()}"
        spelled.add(base64.b64encode(pair.encode()).decode())
    return tuple(sorted(spelled, key=len, reverse=True))
