"""What is served over HTTP: probes, health, metrics and the status page. Read-only, and nothing foreign is ever loaded.

| path | answers | needs the token |
|---|---|---|
| `/livez` | whether the loop turns and no run ignores its deadline; asks nobody | no |
| `/readyz` | whether the database is there with the right tables | no |
| `/healthz` | whether the mirror is kept; 503 when not; details with the token only | no |
| `/metrics`, `/`, `/pages/ID` | | yes, where there is one |
"""

import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from http import HTTPStatus
from urllib.parse import parse_qs
from wsgiref.types import StartResponse, WSGIEnvironment

import orjson
import structlog

from hr_sync.domain.page_ref import page_id_of
from hr_sync.errors import HrSyncError, UsageError
from hr_sync.service.auth import may_read
from hr_sync.service.health import Health
from hr_sync.service.metrics import Metrics
from hr_sync.service.page_details import message_page, page_details
from hr_sync.service.server import serving
from hr_sync.service.status_page import now_utc, status_page
from hr_sync.service.style import STYLE_HASH
from hr_sync.store.read.history import PageHistory
from hr_sync.store.read.overview import Overview

log = structlog.get_logger(__name__)

MOST_ANSWERING = 32  # requests being answered at once, `/livez` aside
LONGEST_QUESTION = 2000  # characters of a query

_POLICY = (
    f"default-src 'none'; style-src '{STYLE_HASH}'; img-src data:; form-action 'self'; "
    "base-uri 'none'; frame-ancestors 'none'"
)
_SAFE = [
    ("Content-Security-Policy", _POLICY),
    ("X-Content-Type-Options", "nosniff"),
    ("Referrer-Policy", "no-referrer"),
    ("Cross-Origin-Resource-Policy", "same-origin"),
    ("Cache-Control", "no-store"),
    ("Server", "hr_sync"),
]


@dataclass(frozen=True, kw_only=True, slots=True)
class Endpoints:
    """What the answers are made of. Called from the threads of the server; `alive` must not wait for anything."""

    alive: Callable[[], bool]  #: a restart would not help
    ready: Callable[[], None]  #: raises HrSyncError when the database is away or its tables are not ours
    overview: Callable[[], Overview]
    health: Callable[[Overview], Health]
    history: Callable[[str], PageHistory]  #: of a page id
    metrics: Metrics
    title: Callable[[str], str | None] | None = None  #: of a page id; None: no titles are shown
    token: str | None = None  #: None: anybody may read


@dataclass(frozen=True, kw_only=True, slots=True)
class Running:
    """A server that answers."""

    port: int


@dataclass(frozen=True, kw_only=True, slots=True)
class _Answer:
    body: bytes | str
    status: HTTPStatus = HTTPStatus.OK
    kind: str = "text/html; charset=utf-8"
    headers: tuple[tuple[str, str], ...] = ()


@contextmanager
def start_web(host: str, port: int, endpoints: Endpoints) -> Iterator[Running]:
    """Serve until the block ends; port 0 lets the system choose. Raises OSError when the port is taken."""
    with serving(host, port, _Site(endpoints)) as chosen:
        log.info("web.started", host=host, port=chosen)
        yield Running(port=chosen)


class _Site:
    def __init__(self, endpoints: Endpoints) -> None:
        self._ends = endpoints
        self._slots = threading.BoundedSemaphore(MOST_ANSWERING)

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        answer = self._answer(environ)
        body = answer.body.encode() if isinstance(answer.body, str) else answer.body
        length = [("Content-Type", answer.kind), ("Content-Length", str(len(body)))]
        start_response(f"{answer.status.value} {answer.status.phrase}", [*length, *_SAFE, *answer.headers])
        return [] if environ["REQUEST_METHOD"] == "HEAD" else [body]

    def _answer(self, environ: WSGIEnvironment) -> _Answer:
        if environ["REQUEST_METHOD"] not in {"GET", "HEAD"}:
            return _text("Only GET and HEAD.", HTTPStatus.METHOD_NOT_ALLOWED, ("Allow", "GET, HEAD"))
        if environ["PATH_INFO"] == "/livez":
            alive = self._ends.alive()
            return _json({"ok": alive}, ok=alive)
        if not self._slots.acquire(blocking=False):
            return _text("Too many at once.", HTTPStatus.SERVICE_UNAVAILABLE, ("Retry-After", "1"))
        try:
            return self._ask(environ)
        except HrSyncError as failure:
            return _Answer(body=message_page("Not now", str(failure)), status=HTTPStatus.SERVICE_UNAVAILABLE)
        except Exception:
            log.exception("web.failed", path=environ["PATH_INFO"])
            page = message_page("An error", "This could not be shown. The log tells why.")
            return _Answer(body=page, status=HTTPStatus.INTERNAL_SERVER_ERROR)
        finally:
            self._slots.release()

    def _ask(self, environ: WSGIEnvironment) -> _Answer:
        path = environ["PATH_INFO"]
        may = may_read(environ.get("HTTP_AUTHORIZATION", ""), self._ends.token)
        if path == "/readyz":
            return self._readyz(may=may)
        if path == "/healthz":
            return self._healthz(may=may)
        if not may:
            ask = ("WWW-Authenticate", 'Basic realm="hr_sync", charset="UTF-8"')
            return _text("A token is needed, as bearer or as the password.", HTTPStatus.UNAUTHORIZED, ask)
        if path == "/metrics":
            return _Answer(body=self._ends.metrics.exposition(), kind="text/plain; version=0.0.4; charset=utf-8")
        if path == "/":
            overview = self._ends.overview()
            health = self._ends.health(overview)
            shows = self._ends.title is not None
            return _Answer(body=status_page(overview, health, now=now_utc(), show_titles=shows))
        if path == "/pages":
            asked = parse_qs(environ.get("QUERY_STRING", "")[:LONGEST_QUESTION]).get("id", [""])[0]
            return self._page(asked)
        if path.startswith("/pages/"):
            return self._page(path.removeprefix("/pages/"))
        return _Answer(body=message_page("Not found", "There is nothing here."), status=HTTPStatus.NOT_FOUND)

    def _readyz(self, *, may: bool) -> _Answer:
        try:
            self._ends.ready()
        except HrSyncError as failure:
            return _json({"ok": False} | ({"reason": str(failure)} if may else {}), ok=False)
        return _json({"ok": True}, ok=True)

    def _healthz(self, *, may: bool) -> _Answer:
        try:
            health = self._ends.health(self._ends.overview())
        except HrSyncError as failure:
            health = Health(ok=False, reasons=(str(failure),), spaces=())
        return _json(asdict(health) if may else {"ok": health.ok}, ok=health.ok)

    def _page(self, given: str) -> _Answer:
        try:
            page_id = page_id_of(given)
        except UsageError as failure:
            return _Answer(body=message_page("Not found", str(failure)), status=HTTPStatus.NOT_FOUND)
        history = self._ends.history(page_id)
        title = self._ends.title(page_id) if self._ends.title is not None else None
        body = page_details(page_id, history, title=title, show_titles=self._ends.title is not None)
        known = history.stored is not None or history.failure is not None or bool(history.changes)
        return _Answer(body=body, status=HTTPStatus.OK if known else HTTPStatus.NOT_FOUND)


def _json(document: object, *, ok: bool) -> _Answer:
    status = HTTPStatus.OK if ok else HTTPStatus.SERVICE_UNAVAILABLE
    return _Answer(body=orjson.dumps(document), status=status, kind="application/json")


def _text(words: str, status: HTTPStatus, *headers: tuple[str, str]) -> _Answer:
    return _Answer(body=f"{words}\n", status=status, kind="text/plain; charset=utf-8", headers=headers)
