"""The HTTP application: probes, health, metrics, the status page and notifications. Loads nothing from other hosts.

It writes nothing: a notification only says what the next run reads.

| path | 200 means | needs the token |
|---|---|---|
| `/livez` | every lane of the scheduler has a heartbeat, and no run ignores its deadline | no |
| `/readyz` | the database answers, and its tables are those of this build | no |
| `/healthz` | the mirror is fresh and nothing waits for a decision; details with the token only | no |
| `/metrics`, `/`, `/pages/ID` | | yes, where there is one |
| `POST /notify` (202) | it was understood, and nothing else | yes, or a signature with it; never without one |

Without a token only this machine is answered: a request whose `Host` names another one is refused.
"""

import threading
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from http import HTTPStatus
from urllib.parse import parse_qs
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

import orjson
import structlog

from hr_sync.domain.page_ref import page_id_of
from hr_sync.domain.printed_commands import complete_commands, complete_document
from hr_sync.errors import HrSyncError, UsageError
from hr_sync.service.auth import RefusedTokens, is_signed, may_read, names_this_machine
from hr_sync.service.health import Health, HealthState
from hr_sync.service.html import Activity, Pages
from hr_sync.service.metrics import Metrics
from hr_sync.service.notification import (
    LARGEST_BODY_BYTES,
    InvalidNotificationError,
    TooManyIdsError,
    read_notification,
)
from hr_sync.service.server import serving
from hr_sync.store.read.history import PageHistory
from hr_sync.store.read.overview import Overview
from hr_sync.sync.context import Notified

log = structlog.get_logger(__name__)

MOST_PAGES = 4  # pages and scrapes being made at once; together with the probes that wait below the server's threads
LONGEST_QUERY = 2000  # characters
_ASK_FOR_TOKEN = ("WWW-Authenticate", 'Basic realm="hr_sync", charset="UTF-8"')
_HEADERS = [
    ("X-Content-Type-Options", "nosniff"),
    ("Referrer-Policy", "no-referrer"),
    ("Cross-Origin-Resource-Policy", "same-origin"),
    ("Cache-Control", "no-store"),
]


@dataclass(frozen=True, kw_only=True, slots=True)
class Probes:
    """What every request needs. Called from the threads of the server; `alive` must not block."""

    alive: Callable[[], bool]  #: False: a restart would help
    ready: Callable[[], None]  #: raises HrSyncError when the database is away or its tables are not ours
    token: str | None = None  #: None: everybody on this machine may read


@dataclass(frozen=True, kw_only=True, slots=True)
class Endpoints(Probes):
    """The sources of the answers about a site.

    `name`: the one of several sites that they are about; its paths then begin with `/sites/NAME`.
    """

    overview: Callable[[], Overview]
    health: Callable[[Overview], Health]
    history: Callable[[str], PageHistory]  #: of a page id
    metrics: Metrics
    activity: Callable[[], Activity]
    title: Callable[[str], str | None] | None = None  #: of a page id; None: no titles are shown
    name: str | None = None
    notify: Callable[[Notified], None] | None = None  #: keeps it for a run; must not block. None: no /notify


@dataclass(frozen=True, kw_only=True, slots=True)
class Running:
    """A running server."""

    port: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Answer:
    """What is answered to a request."""

    body: bytes | str
    status: HTTPStatus = HTTPStatus.OK
    kind: str = "text/html; charset=utf-8"
    headers: tuple[tuple[str, str], ...] = ()


@contextmanager
def start_web(host: str, port: int, endpoints: Endpoints) -> Iterator[Running]:
    """Serve until the block ends; port 0 lets the system choose. Raise OSError when the port is taken."""
    with start_application(host, port, SiteApplication(endpoints)) as running:
        yield running


@contextmanager
def start_application(host: str, port: int, application: WSGIApplication) -> Iterator[Running]:
    """Serve an application of ours in the same way."""
    with serving(host, port, application, largest_body_bytes=2 * LARGEST_BODY_BYTES) as chosen:
        log.info("web.started", host=host, port=chosen)
        yield Running(port=chosen)


class Application(ABC):
    """Answers who may read: checks each request, and answers probes. What is shown is in the classes below it."""

    def __init__(self, probes: Probes, slots: threading.BoundedSemaphore, *, site: str | None = None) -> None:
        self._site = site  #: the one of several that it is about
        self._probes = probes
        self._pages = Pages(site)
        self._slots = slots
        self._refused = RefusedTokens()
        policy = (
            f"default-src 'none'; style-src {self._pages.style_source}; img-src data:; form-action 'self'; "
            "base-uri 'none'; frame-ancestors 'none'"
        )
        self._headers = [("Content-Security-Policy", policy), *_HEADERS]

    @abstractmethod
    def show(self, path: str, query: str) -> Answer:
        """Answer a request that may be answered. Raise HrSyncError when the database cannot be read."""

    @abstractmethod
    def health(self, *, may: bool) -> Answer:
        """Answer /healthz; in detail if the reader may see that."""

    @abstractmethod
    def notified(self, environ: WSGIEnvironment) -> Answer | None:
        """Answer /notify; None if there is no such path."""

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        answer = self._answer(environ)
        body = answer.body.encode() if isinstance(answer.body, str) else answer.body
        length = [("Content-Type", answer.kind), ("Content-Length", str(len(body)))]
        start_response(f"{answer.status.value} {answer.status.phrase}", [*length, *self._headers, *answer.headers])
        return [] if environ["REQUEST_METHOD"] == "HEAD" else [body]

    def _answer(self, environ: WSGIEnvironment) -> Answer:
        if environ["PATH_INFO"] == "/notify" and (answer := self.notified(environ)) is not None:
            return answer
        if environ["REQUEST_METHOD"] not in {"GET", "HEAD"}:
            return text_answer("Only GET and HEAD.", HTTPStatus.METHOD_NOT_ALLOWED, ("Allow", "GET, HEAD"))
        if self._probes.token is None and not names_this_machine(environ.get("HTTP_HOST", "localhost")):
            words = "Ask for 127.0.0.1 or localhost, or set service.token."
            return text_answer(words, HTTPStatus.MISDIRECTED_REQUEST)
        try:
            return self._answer_checked(environ)
        except HrSyncError as failure:
            page = self._pages.message("The database cannot be read", str(failure))
            return Answer(body=page, status=HTTPStatus.SERVICE_UNAVAILABLE)
        except Exception:
            log.exception("web.failed", path=environ["PATH_INFO"])
            page = self._pages.message("An error", "This could not be shown. See the log.")
            return Answer(body=page, status=HTTPStatus.INTERNAL_SERVER_ERROR)

    def _answer_checked(self, environ: WSGIEnvironment) -> Answer:
        path = environ["PATH_INFO"]
        authorization = environ.get("HTTP_AUTHORIZATION", "")
        may = may_read(authorization, self._probes.token)
        if authorization and not may:
            self._refused.note(environ.get("REMOTE_ADDR", ""))
        if may or self._site is None:  # the probes of one of several sites would tell that there is such a site
            if path == "/livez":
                alive = self._probes.alive()
                return json_answer({"ok": alive}, ok=alive)
            if path == "/readyz":
                return self._readyz(may=may)
            if path == "/healthz":
                return self.health(may=may)
        if not may:
            words = "A token is needed, as bearer or as the password."
            return text_answer(words, HTTPStatus.UNAUTHORIZED, _ASK_FOR_TOKEN)
        if not self._slots.acquire(blocking=False):
            return text_answer("Too many requests at once.", HTTPStatus.SERVICE_UNAVAILABLE, ("Retry-After", "1"))
        try:
            return self.show(path, environ.get("QUERY_STRING", "")[:LONGEST_QUERY])
        finally:
            self._slots.release()

    def _readyz(self, *, may: bool) -> Answer:
        try:
            self._probes.ready()
        except HrSyncError as failure:
            return json_answer(
                {"ok": False} | ({"reason": complete_commands(str(failure), site=self._site)} if may else {}), ok=False
            )
        return json_answer({"ok": True}, ok=True)

    def _not_found(self, message: str) -> Answer:
        return Answer(body=self._pages.message("Not found", message), status=HTTPStatus.NOT_FOUND)


class SiteApplication(Application):
    """Shows one site."""

    def __init__(self, endpoints: Endpoints, slots: threading.BoundedSemaphore | None = None) -> None:
        """`slots`: how many pages are made at once, where other sites are shown by the same server."""
        super().__init__(endpoints, slots or threading.BoundedSemaphore(MOST_PAGES), site=endpoints.name)
        self._ends = endpoints

    def show(self, path: str, query: str) -> Answer:
        """Return metrics, the status page or a page of the mirror."""
        if path == "/metrics":
            return Answer(body=self._ends.metrics.exposition(), kind="text/plain; version=0.0.4; charset=utf-8")
        if path == "/":
            overview = self._ends.overview()
            health = self._ends.health(overview)
            shows = self._ends.title is not None
            body = self._pages.status(overview, health, self._ends.activity(), now=datetime.now(UTC), show_titles=shows)
            return Answer(body=body)
        if path == "/pages":
            return self._page_details(parse_qs(query).get("id", [""])[0])
        if path.startswith("/pages/"):
            return self._page_details(path.removeprefix("/pages/"))
        return self._not_found("There is nothing here.")

    def notified(self, environ: WSGIEnvironment) -> Answer | None:
        """Keep what was notified. No answer depends on what is mirrored, nor says what was wrong."""
        notify = self._ends.notify
        if notify is None or (self._site is not None and environ["REQUEST_METHOD"] != "POST"):
            return None
        if environ["REQUEST_METHOD"] != "POST":
            return text_answer("Only POST.", HTTPStatus.METHOD_NOT_ALLOWED, ("Allow", "POST"))
        body = environ["wsgi.input"].read(LARGEST_BODY_BYTES + 1)
        status = self._refusal(environ, body)
        if status is None:
            try:
                notify(read_notification(body))
            except InvalidNotificationError:
                status = HTTPStatus.BAD_REQUEST
            except TooManyIdsError:
                status = HTTPStatus.REQUEST_ENTITY_TOO_LARGE
        self._ends.metrics.count_notification(accepted=status is None)
        if status is HTTPStatus.UNAUTHORIZED:
            return not_notified()
        return Answer(body=b"", status=HTTPStatus.ACCEPTED) if status is None else text_answer(status.phrase, status)

    def _refusal(self, environ: WSGIEnvironment, body: bytes) -> HTTPStatus | None:
        """Return why a notification is not read; None if it is."""
        authorization, signature = environ.get("HTTP_AUTHORIZATION", ""), environ.get("HTTP_X_HUB_SIGNATURE", "")
        token = self._ends.token
        if token is None or not (may_read(authorization, token) or is_signed(body, signature, token)):
            if authorization or signature:
                self._refused.note(environ.get("REMOTE_ADDR", ""))
            return HTTPStatus.UNAUTHORIZED
        if len(body) > LARGEST_BODY_BYTES:
            return HTTPStatus.REQUEST_ENTITY_TOO_LARGE
        kind = environ.get("CONTENT_TYPE", "").partition(";")[0].strip().lower()
        return None if kind == "application/json" else HTTPStatus.UNSUPPORTED_MEDIA_TYPE

    def health(self, *, may: bool) -> Answer:
        """Answer how well the mirror is."""
        health = health_of_site(self._ends)
        detail = health_document(health, self._site) if may else {"state": health.state}
        return json_answer({"ok": health.ok} | detail, ok=health.ok)

    def _page_details(self, given: str) -> Answer:
        try:
            page_id = page_id_of(given)
        except UsageError as failure:
            return self._not_found(str(failure))
        history = self._ends.history(page_id)
        title = self._ends.title(page_id) if self._ends.title is not None else None
        body = self._pages.page(
            page_id,
            history,
            title=title,
            show_titles=self._ends.title is not None,
            link=self._ends.activity().link(page_id),
        )
        known = history.stored is not None or history.failure is not None or bool(history.changes)
        return Answer(body=body, status=HTTPStatus.OK if known else HTTPStatus.NOT_FOUND)


def health_of_site(site: Endpoints) -> Health:
    """Return how well the mirror of a site is."""
    try:
        return site.health(site.overview())
    except HrSyncError as failure:
        return Health(state=HealthState.WRONG, reasons=(str(failure),))


def health_document(health: Health, site: str | None) -> dict[str, object]:
    """Return all of it for JSON, with commands that can be typed."""
    return complete_document(asdict(health), site=site)


def not_notified() -> Answer:
    """Answer a notification of somebody who may not send any."""
    status = HTTPStatus.UNAUTHORIZED
    return text_answer(status.phrase, status, _ASK_FOR_TOKEN)


def json_answer(document: object, *, ok: bool) -> Answer:
    """Return a document; what is not well has a status of its own."""
    status = HTTPStatus.OK if ok else HTTPStatus.SERVICE_UNAVAILABLE
    return Answer(body=orjson.dumps(document), status=status, kind="application/json")


def text_answer(words: str, status: HTTPStatus, *headers: tuple[str, str]) -> Answer:
    """Return a line of text."""
    return Answer(body=f"{words}\n", status=status, kind="text/plain; charset=utf-8", headers=headers)
