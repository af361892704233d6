"""From a request to the API's answer: through site or gateway, for which account, by which handler."""

from dataclasses import dataclass, field, replace

from confluence_simulator import cloud, datacenter, downloads, tokens
from confluence_simulator.admin_key import AdminKey
from confluence_simulator.call import ORDINARY, Call, Conditions
from confluence_simulator.credentials import caller
from confluence_simulator.listing import ListingCache
from confluence_simulator.messages import Answer, Request
from confluence_simulator.query import ListParameters, Query
from confluence_simulator.refusals import (
    ANONYMOUS,
    USER_HEADER,
    BadParameterError,
    RefusedError,
    login_page,
    no_such_page,
    unauthorized,
    unknown_cloud_id,
    v1_refusal,
    v2_refusal,
)
from confluence_simulator.routes import Routes
from confluence_simulator.tenant import Tenant
from confluence_simulator.tokens import Tokens
from confluence_simulator.webhooks import Webhooks
from confluence_simulator.world import User, World

GATEWAY = "/ex/confluence/"
LOGIN_PATHS = ("/login.action", "/login")
TENANT_INFO = "/_edge/tenant_info"


@dataclass(frozen=True)
class ResolvedPath:
    """`route` is the path below the site's context."""

    route: str
    through_gateway: bool = False


@dataclass
class Site:
    """One simulated site. Its origin, and that of the media service, are known once the servers listen."""

    world: World
    tenant: Tenant
    origin: str = ""
    media_origin: str = ""
    listings: ListingCache = field(default_factory=ListingCache)

    def __post_init__(self) -> None:
        self.webhooks = Webhooks(self.world, self.tenant)
        self.tokens = Tokens(self.tenant)
        self.admin_key = AdminKey(self.world)
        on_premises = (*self.webhooks.routes(), *datacenter.ROUTES)
        in_cloud = (*self.admin_key.routes(), *cloud.ROUTES)
        self._routes = Routes(in_cloud if self.tenant.flavor == "cloud" else on_premises)

    def standing(self, request: Request) -> tuple[bool, bool]:
        """Return what an answer depends on beside the request and the world: whether token and Admin key still hold."""
        return self.tokens.is_live(tokens.bearer(request)), self.admin_key.opens(request)

    def route(self, path: str) -> str:
        """Return the path below context or gateway prefix, or the whole path where neither fits."""
        inner = path.removeprefix(self.tenant.gateway_prefix)
        context = self.tenant.context
        return inner[len(context) :] if inner.startswith(context + "/") else path

    def answer(self, request: Request, conditions: Conditions = ORDINARY) -> Answer:
        """Answer a request; nothing that a client sends raises."""
        try:
            return self._answer(request, conditions)
        except RefusedError as refused:
            return refused.answer

    def _answer(self, request: Request, conditions: Conditions) -> Answer:
        if conditions.tokens_end:
            self.tokens.end_all()
        if conditions.admin_key_ends:
            self.admin_key.end()
        if self.tenant.flavor == "cloud" and request.path in (TENANT_INFO, tokens.CLOUD_PATH, tokens.RESOURCES_PATH):
            return self._beside_the_site(request)
        if self.tenant.flavor == "cloud" and request.path.startswith(downloads.MEDIA_PREFIX):
            return downloads.answer_media(self.world, request)
        resolved = self._resolve(request)
        if (request.method, resolved.route) == ("POST", tokens.DATACENTER_PATH) and self._has_own_tokens:
            return self.tokens.issue(request)
        if resolved.route in LOGIN_PATHS and self.tenant.flavor == "datacenter":
            return login_page()
        known, oauth = caller(request, self.tenant, self.tokens, self.world, through_gateway=resolved.through_gateway)
        user = None if conditions.anonymous else known
        if self.admin_key.opens(request) and not (resolved.through_gateway or oauth) and user is not None:
            conditions = replace(conditions, admin_key=user.administrator)
        call = Call(
            request=request,
            query=Query(request.query, self._lists(request)),
            captured={},
            route=resolved.route,
            world=self.world,
            tenant=self.tenant,
            origin=self.origin,
            media_origin=self.media_origin,
            user=user,
            listings=self.listings,
            conditions=conditions,
            through_gateway=resolved.through_gateway,
            oauth=oauth,
        )
        return self._named(self._handled(call), user)

    @property
    def _has_own_tokens(self) -> bool:
        """Whether this is a Data Center that issues tokens for client credentials."""
        return self.tenant.flavor == "datacenter" and self.tenant.at_least(*tokens.DATACENTER_FROM)

    def _beside_the_site(self, request: Request) -> Answer:
        """Answer what Cloud's edge, gateway or authorization server answers, which is no part of the site's API."""
        if request.path == TENANT_INFO:
            return Answer(document={"cloudId": self.tenant.cloud_id})
        if request.path == tokens.CLOUD_PATH:
            return self.tokens.issue(request) if request.method == "POST" else no_such_page()
        if not self.tokens.is_live(tokens.bearer(request)):
            return unauthorized()
        resource = {
            "id": self.tenant.cloud_id,
            "url": self.origin,
            "name": "simulated",
            "scopes": tokens.SCOPES.split(),
            "avatarUrl": f"{self.origin}/avatar.png",
        }
        return Answer(document=[resource])

    def _lists(self, request: Request) -> ListParameters:
        """Return how lists of values are written: the switch is about v2 alone."""
        return self.tenant.list_parameters if "/api/v2/" in request.path else "both"

    def _handled(self, call: Call) -> Answer:
        matched = self._routes.match(call.request.method, call.route)
        if matched is None:
            return no_such_page()
        handler, captured = matched
        try:
            return handler(replace(call, captured=captured))
        except RefusedError as refused:
            return refused.answer
        except BadParameterError as error:
            if "/api/v2/" in call.request.path:
                return v2_refusal(400, "INVALID_REQUEST_PARAMETER", str(error))
            return v1_refusal(400, "BadRequestException", str(error))

    def _named(self, answer: Answer, user: User | None) -> Answer:
        """Name the account in a header, as Data Center does."""
        if self.tenant.flavor == "cloud":
            return answer
        name = ANONYMOUS if user is None else user.username
        return replace(answer, headers=(*answer.headers, (USER_HEADER, name)))

    def _resolve(self, request: Request) -> ResolvedPath:
        path, through_gateway = request.path, False
        if self.tenant.flavor == "cloud" and path.startswith(GATEWAY):
            if not path.startswith(f"{self.tenant.gateway_prefix}/"):
                raise RefusedError(unknown_cloud_id(path))
            path, through_gateway = path.removeprefix(self.tenant.gateway_prefix), True
        if not path.startswith(self.tenant.context + "/"):
            raise RefusedError(no_such_page())
        return ResolvedPath(path[len(self.tenant.context) :], through_gateway)
