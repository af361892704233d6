"""A simulated Confluence site on a loopback port: world, API, faults and log put together."""

import time
from collections.abc import Iterable
from dataclasses import replace
from typing import Self, Unpack

from confluence_simulator import downloads, tokens
from confluence_simulator.answer_cache import CAPACITY_BYTES, AnswerCache, Packed, packed
from confluence_simulator.call import ORDINARY, Conditions
from confluence_simulator.control import PREFIX, Control
from confluence_simulator.faults import KINDS, Fault, FaultPlan
from confluence_simulator.faults.kind import EncodedAnswer, FaultContext
from confluence_simulator.faults.wire import whole
from confluence_simulator.links import http_date
from confluence_simulator.messages import GZIP_FROM_BYTES, Answer, Pairs, Request
from confluence_simulator.rate_limit import RateLimit, too_many_requests
from confluence_simulator.refusals import no_such_page
from confluence_simulator.requests_log import RequestLog, RequestRecord
from confluence_simulator.server import Delivery, Server
from confluence_simulator.site import Site
from confluence_simulator.tenant import Switches, Tenant
from confluence_simulator.world import World

LOOPBACK = "127.0.0.1"


class Simulator:
    """Serves `world` while entered as a context manager, or between start() and stop().

    `switches` are the fields of Tenant. The world may be edited at any time; the next answer shows it. `cache_bytes` 0
    makes every answer anew.
    """

    def __init__(
        self,
        world: World,
        *,
        port: int = 0,
        faults: Iterable[Fault] = (),
        cache_bytes: int = CAPACITY_BYTES,
        **switches: Unpack[Switches],
    ) -> None:
        self.world = world
        self.tenant = Tenant(**switches)
        self.requests = RequestLog()
        self.faults = FaultPlan(faults)
        self._site = Site(world, self.tenant)
        self._answers = AnswerCache(cache_bytes)
        self._rate = RateLimit(self.tenant.rate_per_second, time.monotonic)
        self._control = Control(world, self.requests, self.faults)
        self._server = Server(self._exchange_of_site, host=LOOPBACK, port=port)
        self._media_server: Server | None = None
        if self.tenant.flavor == "cloud":
            self._media_server = Server(self._exchange_of_files, host=LOOPBACK, port=0)
        self._auth_server: Server | None = None
        if self.tenant.client_id and self.tenant.flavor == "cloud":
            self._auth_server = Server(self._exchange_of_tokens, host=LOOPBACK, port=0)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self) -> None:
        """Start to serve; raise OSError when the port is taken."""
        for server in self._servers():
            server.start()
        self._site.origin, self._site.media_origin = self.origin, self.media_origin
        self._site.webhooks.start()

    def stop(self) -> None:
        """End every connection and thread; the world, the log and the faults that fired can still be read."""
        for server in self._servers():
            server.stop()
        self._site.webhooks.stop()

    @property
    def origin(self) -> str:
        """Scheme, host and port."""
        return f"http://{LOOPBACK}:{self._server.port}"

    @property
    def media_origin(self) -> str:
        """Scheme, host and port of the media service, which has the files of Cloud; Data Center has its own."""
        return self.origin if self._media_server is None else f"http://{LOOPBACK}:{self._media_server.port}"

    @property
    def site_url(self) -> str:
        """The address that a user would type, with the context path."""
        return self.origin + self.tenant.context

    @property
    def gateway_url(self) -> str:
        """The address of a Cloud site behind the API gateway, which scoped tokens need."""
        return f"{self.origin}{self.tenant.gateway_prefix}{self.tenant.context}"

    @property
    def token_url(self) -> str:
        """Where OAuth client credentials are exchanged for a token: on Cloud an authorization server of its own.

        Cloud's gateway does the same under `/oauth/token`.
        """
        if self._auth_server is None:
            return self.site_url + tokens.DATACENTER_PATH
        return f"http://{LOOPBACK}:{self._auth_server.port}{tokens.CLOUD_PATH}"

    def end_tokens(self) -> None:
        """End every OAuth token issued so far, as a revocation does."""
        self._site.tokens.end_all()

    def _servers(self) -> list[Server]:
        return [each for each in (self._server, self._media_server, self._auth_server) if each is not None]

    def _exchange_of_site(self, request: Request) -> Delivery:
        """Answer as the site, which is not the media service."""
        if self._media_server is not None and request.path.startswith(downloads.MEDIA_PREFIX):
            return whole(self._encoded(packed(no_such_page()), request))
        return self._exchange(request)

    def _exchange_of_files(self, request: Request) -> Delivery:
        """Answer as the media service, which has files and nothing else."""
        if not request.path.startswith(downloads.MEDIA_PREFIX):
            return whole(self._encoded(packed(no_such_page()), request))
        return self._exchange(request)

    def _exchange_of_tokens(self, request: Request) -> Delivery:
        """Answer as the authorization server, which knows nothing but tokens."""
        if request.path != tokens.CLOUD_PATH:
            return whole(self._encoded(packed(no_such_page()), request))
        return self._exchange(request)

    def _exchange(self, request: Request) -> Delivery:
        if request.path.startswith(PREFIX):
            answer = self._control.answer(request)
            return whole(self._encoded(packed(answer), request))
        began_at = time.monotonic()
        self.requests.begin()
        made, firing = self._packed(request, self.faults.take(request.target))
        encoded = self._encoded(made, request)
        delivery = self._send(request, encoded, firing)
        self.requests.record(
            RequestRecord(
                method=request.method,
                path=request.path,
                route=self._site.route(request.path),
                query=request.query,
                status=made.answer.status,
                response_bytes=len(encoded.payload),
                fault=", ".join(fault.kind for fault in firing) or None,
                began_at=began_at,
                answered_at=time.monotonic(),
            )
        )
        late = delivery.delay_seconds + self.tenant.latency_seconds + self.tenant.row_latency_seconds * made.rows
        return replace(delivery, delay_seconds=late, settled=self.requests.end)

    def _packed(self, request: Request, firing: list[Fault]) -> tuple[Packed, list[Fault]]:
        """Return the answer and the faults that fired: those of the request, and those that its answer met."""
        if not self._rate.allows():
            return packed(too_many_requests(self.tenant)), firing
        if firing or self.faults.depends_on_answer(request.target):
            answer, firing = self._spoiled(request, firing)
            return packed(answer), firing
        standing = self._site.standing(request)
        key = (request.method, request.target, request.headers.get("authorization"), standing, request.body)
        with self.world.lock:
            revision = self.world.revision
            found = self._answers.get(revision, key)
            if found is not None:
                return found, firing
            answer = self._site.answer(request)
            unchanged = self.world.revision == revision
        made = packed(answer)
        if request.method != "GET":
            self._answers.clear()
        elif unchanged:
            self._answers.put(revision, key, made)
        return made, firing

    def _spoiled(self, request: Request, firing: list[Fault]) -> tuple[Answer, list[Fault]]:
        conditions: Conditions = ORDINARY
        answer: Answer | None = None
        for fault in firing:
            kind, context = KINDS[fault.kind], self._context(request, fault)
            if kind.before is not None:
                conditions = kind.before(context, conditions)
            if kind.instead is not None:
                answer = kind.instead(context)
        if answer is None:
            with self.world.lock:
                answer = self._site.answer(request, conditions)
        unspoiled = answer
        touching = self.faults.take_touching(request.target, lambda fault: self._touches(request, fault, unspoiled))
        firing = [*firing, *touching]
        for fault in firing:
            change = KINDS[fault.kind].after
            if change is not None:
                answer = change(self._context(request, fault), answer)
        return answer, firing

    def _touches(self, request: Request, fault: Fault, answer: Answer) -> bool:
        touches = KINDS[fault.kind].touches
        return touches is not None and touches(self._context(request, fault), answer)

    def _context(self, request: Request, fault: Fault) -> FaultContext:
        return FaultContext(
            request=request, world=self.world, tenant=self.tenant, origin=self.origin, argument=fault.argument
        )

    def _encoded(self, made: Packed, request: Request) -> EncodedAnswer:
        zipped = request.accepts_gzip and len(made.plain) >= GZIP_FROM_BYTES
        payload = made.in_gzip() if zipped else made.plain
        encoding: Pairs = (("Content-Encoding", "gzip"), ("Vary", "Accept-Encoding")) if zipped else ()
        headers = (*self._dated(made.answer), *self._headers(made.answer), *encoding, *made.answer.headers)
        if request.method == "HEAD":
            payload = b""
        return EncodedAnswer(status=made.answer.status, headers=headers, payload=payload)

    def _dated(self, answer: Answer) -> Pairs:
        """Return the `Date` header: the clock of the world, never that of the machine."""
        if answer.date is None and self.tenant.date_header:
            return (("Date", http_date(self.world.now + self.tenant.date_offset)),)
        return (("Date", answer.date),) if answer.date else ()

    def _headers(self, answer: Answer) -> Pairs:
        if self.tenant.flavor == "datacenter":
            return (("Content-Type", answer.content_type), ("X-Confluence-Request-Time", "1"))
        trace = f"{len(self.requests):032x}"
        base = f'<{self.site_url}>; rel="base"'
        link = base if answer.next_target is None else f'<{answer.next_target}>; rel="next", {base}'
        return (
            ("Content-Type", answer.content_type),
            ("Link", link),
            ("Server", "AtlassianEdge"),
            ("Atl-TraceId", trace),
            ("Atl-Request-Id", trace),
            ("X-Confluence-Request-Time", "1"),
        )

    def _send(self, request: Request, encoded: EncodedAnswer, firing: list[Fault]) -> Delivery:
        for fault in firing:
            sending = KINDS[fault.kind].sending
            if sending is not None:
                return sending(self._context(request, fault), encoded)
        return whole(encoded)
