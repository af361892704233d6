"""The account of a request, from its Authorization header."""

import base64
import binascii

from confluence_simulator.messages import Answer, Request
from confluence_simulator.refusals import (
    RefusedError,
    forbidden,
    login_needed,
    not_permitted,
    seraph_refusal,
    unauthorized,
    v2_refusal,
)
from confluence_simulator.tenant import Tenant
from confluence_simulator.tokens import Tokens, bearer
from confluence_simulator.world import User, World


def caller(
    request: Request, tenant: Tenant, tokens: Tokens, world: World, *, through_gateway: bool
) -> tuple[User | None, bool]:
    """Return the account of right credentials, None for an anonymous caller, and whether they are an OAuth token.

    Raise RefusedError, as the tenant does, for other credentials, and for an account that may not use the site. OAuth
    tokens of Cloud work through the gateway alone.
    """
    oauth = tokens.is_live(bearer(request)) and (through_gateway or tenant.flavor == "datacenter")
    if oauth or (_is_right(request, tenant) and (through_gateway or not tenant.scoped_token)):
        if world.bot.licensed:
            return world.bot, oauth
        raise RefusedError(not_permitted() if tenant.flavor == "cloud" else forbidden(request.path))
    anonymous = tenant.bad_credentials == "anonymous" and world.anonymous_may_use
    if anonymous and not (tenant.scoped_token or through_gateway):
        return None, False
    raise RefusedError(_refusal(request, tenant, through_gateway=through_gateway))


def _is_right(request: Request, tenant: Tenant) -> bool:
    scheme, _, value = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer":
        return value == (tenant.bearer_token or tenant.api_token)
    if scheme.lower() != "basic":
        return False
    try:
        decoded = base64.b64decode(value, validate=True).decode()
    except (binascii.Error, UnicodeDecodeError):
        return False
    return decoded == f"{tenant.username}:{tenant.api_token}"


def _refusal(request: Request, tenant: Tenant, *, through_gateway: bool) -> Answer:
    if tenant.flavor == "datacenter":
        if tenant.bad_credentials == "login":
            return login_needed(tenant.context, request.target)
        return seraph_refusal()
    if through_gateway or tenant.scoped_token:
        return unauthorized()
    if "/api/v2/" in request.path:
        return v2_refusal(401, "UNAUTHORIZED", "Unauthorized")
    return not_permitted()
