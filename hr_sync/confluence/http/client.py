"""The HTTP client: sends requests, validates answers, retries, follows listings. Contains nothing specific to pages.

The client library serves as an authenticated transport and nothing more (ADR 0002). A method returns a validated JSON
object; everything else is one of the errors of `hr_sync.errors`.
"""

import random
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import nullcontext
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from typing import TypeAlias
from urllib.parse import urlencode, urlsplit

import orjson
import requests
import structlog

from hr_sync.cancellation import Cancellation
from hr_sync.confluence.http.admission import Admission, Turns
from hr_sync.confluence.http.credentials import Authentication, Credentials
from hr_sync.confluence.http.downloads import MOST_HOPS, FileSink, check_download, check_file, media_url
from hr_sync.confluence.http.failures import is_about_answer, is_about_tls, is_slow, no_answer, status_failure
from hr_sync.confluence.http.listing import ListingProgress, check_results, ids_in
from hr_sync.confluence.http.rate import RateGate
from hr_sync.confluence.http.response import (
    Answer,
    Json,
    check_status,
    date_of,
    decode_list,
    decode_object,
    endpoint_of,
)
from hr_sync.confluence.http.retry import (
    LIMITED_STATUSES,
    is_about_rate,
    retry_after_seconds,
    wait_seconds,
    worth_another_try,
)
from hr_sync.confluence.http.session import Body, Limits, Session
from hr_sync.confluence.http.stats import HttpStats
from hr_sync.confluence.http.transport import AnswerCutOff
from hr_sync.confluence.http.urls import is_loopback, next_in_header, resolve_next
from hr_sync.confluence.http.watchdog import RequestWatchdog
from hr_sync.errors import (
    AnswerNotTrusted,
    ConfluenceUnavailable,
    CredentialsRefused,
    ServerFailed,
)

log = structlog.get_logger(__name__)

Query: TypeAlias = Mapping[str, object]  #: a list makes a repeated parameter

_DEFAULT_LIMIT = 250
_LARGE_BYTES = 1 << 20


class HttpClient:
    """Sends requests to one Confluence with one account. Safe to use from many threads; each has its own session."""

    def __init__(
        self,
        base: str,
        credentials: Authentication,
        limits: Limits,
        cancellation: Cancellation,
        http_stats: HttpStats | None = None,
        *,
        gate: RateGate | None = None,
    ) -> None:
        """Take `base` as `urls.api_base` returns it. A cancellation ends every wait and every request at once.

        `http_stats` and `gate` may be those of earlier clients of the process.
        """
        self.base = base
        self.cancellation = cancellation
        self.http_stats = http_stats or HttpStats()
        self.admission = Admission(gate or RateGate(), limits, cancellation, self.http_stats)
        self._host = urlsplit(base).netloc
        self._credentials = credentials
        self._limits = limits
        self._watchdog = RequestWatchdog(cancellation)
        # Small objects in a large JSON document take thirty times its size: one such answer at a time.
        self._decoding = threading.Lock()
        self._thread = threading.local()
        self._is_site = True  # else the media service, whose headers say nothing about the site
        self._media_lock = threading.Lock()
        self._media_clients: dict[str, HttpClient] = {}  # by origin

    def get(self, path: str, query: Query | None = None, *, max_attempts: int | None = None) -> Json:
        """Return one JSON object at `path`, relative to the base, e.g. `api/v2/pages/1`.

        `max_attempts` limits the attempts, for callers who then send a smaller request. Raise NotFound, AccessDenied,
        CredentialsRefused, EndpointRemoved, AnswerUnusable, ServerFailed, ConfluenceUnavailable, Stopped.
        """
        return self._decode(self._request(self._url(path, query), max_attempts), path)

    def get_list(self, path: str, query: Query | None = None, *, max_attempts: int | None = None) -> list[Json]:
        """Return the objects of a JSON array at `path`, as `get` returns one object."""
        return decode_list(self._request(self._url(path, query), max_attempts).content, path)

    def post(self, path: str, document: Json) -> Json:
        """Return the JSON object that answers a JSON document, as `get` does.

        It is sent again after a failure: only for requests that change nothing.
        """
        body = Body(content=orjson.dumps(document), media_type="application/json")
        return self._decode(self._request(self._url(path), None, body=body), path)

    def post_secret(
        self, path: str, content: bytes, media_type: str, check: Callable[[requests.Response], None]
    ) -> Json:
        """Return the JSON object that answers `content`, which may be secret. `check` raises for no success."""
        body = Body(content=content, media_type=media_type)
        return self._decode(self._request(self._url(path), None, body=body, check=check), path)

    def walk(
        self,
        path: str,
        query: Query,
        *,
        max_attempts: int | None = None,
        identified_by: str = "id",
        needs_ids: bool = True,
        by_offset: bool = False,
    ) -> Iterator[Answer]:
        """Follow a listing to its end and yield each answer; its `results` are objects with string ids.

        `identified_by` names the id's field: v1 gives spaces a number as `id`, and a text as `key`. Without `needs_ids`
        an entry may lack it.

        A listing ends where no `next` is given, in the body or in the `Link` header, and nowhere else: servers lower
        `limit`, and permissions shorten answers. Some Data Centers return a `next` for ever: a listing `by_offset` ends
        after many empty answers too, and its last answer then still says `has_next`. Raise as `get` does, and
        AnswerNotTrusted for a listing that makes no progress or has no end.
        """
        url: str | None = f"{self.base}/{path}?{urlencode(query, doseq=True)}"
        limit = int(str(query.get("limit", _DEFAULT_LIMIT)))
        progress = ListingProgress(path, max_entries=self._limits.max_pages_per_space)
        while url is not None:
            progress.ask(url)
            content, url, date = self._one_answer(url, path, max_attempts, limit)
            progress.take(content, ids_in(content, path, identified_by, needs_ids=needs_ids), has_next=url is not None)
            yield Answer(content=content, date=date, has_next=url is not None)
            if by_offset and progress.ends_by_offset(content):
                return

    def download(self, path: str, sink: FileSink, *, media_type: str, expected_bytes: int | None) -> None:
        """Write an attachment's bytes into a file. `path`: of `cloud_download_path` or `data_center_download_path`.

        `media_type` and `expected_bytes` are those of the listing. Raise as `get` does, AnswerNotTrusted for what is
        not the file, and ConfigurationError where the disk does not take it. A redirect is followed to Atlassian's
        media service alone, without credentials.
        """
        client, url = self, self._url(path)
        for _ in range(MOST_HOPS + 1):
            check = partial(check_download, origins=self._limits.media_origins, with_credentials=client._is_site)
            try:
                response = client._request(url, None, sink=sink, check=check)
            except ConfluenceUnavailable as error:
                if client._is_site:
                    raise
                raise ServerFailed(f"Atlassian's media service returned no attachment. {error}") from error
            target = media_url(response, self._limits.media_origins)
            if target is None:
                sink.flush()
                check_file(response, sink.size, media_type=media_type, expected_bytes=expected_bytes)
                return
            client, url = self._media_client(target), target
        raise AnswerNotTrusted(f"The download of an attachment is redirected more than {MOST_HOPS} times.")

    def _media_client(self, url: str) -> "HttpClient":
        """Return a client without credentials for the origin of a redirect."""
        parts = urlsplit(url)
        origin = f"{parts.scheme}://{parts.netloc}"
        with self._media_lock:
            if origin not in self._media_clients:
                limits = replace(self._limits, public_addresses_only=not is_loopback(origin))
                client = HttpClient(origin, Credentials(), limits, self.cancellation, self.http_stats)
                client._is_site = False
                self._media_clients[origin] = client
            return self._media_clients[origin]

    def close(self) -> None:
        """Close this thread's session; those of other threads close with their thread."""
        with self._media_lock:
            media_clients = list(self._media_clients.values())
        for client in media_clients:
            client.close()
        session: Session | None = getattr(self._thread, "session", None)
        if session is not None:
            session.close()
            del self._thread.session

    def _url(self, path: str, query: Query | None = None) -> str:
        return f"{self.base}/{path}" + (f"?{urlencode(query, doseq=True)}" if query else "")

    def _one_answer(
        self, url: str, path: str, max_attempts: int | None, limit: int
    ) -> tuple[Json, str | None, datetime | None]:
        """Return one answer of a listing, the address of the next one, and the date; nothing keeps the bytes."""
        response = self._request(url, max_attempts)
        content = self._decode(response, path, limit)
        return content, self._next(content, response), date_of(response)

    def _decode(self, response: requests.Response, path: str, limit: int | None = None) -> Json:
        is_large = len(response.content) >= _LARGE_BYTES
        with self._decoding if is_large else nullcontext():
            content = decode_object(response.content, path)
            if limit is not None:
                check_results(content, path, limit)
            return content

    def _next(self, content: Json, response: requests.Response) -> str | None:
        links = content.get("_links")
        link = links.get("next") if isinstance(links, dict) else None
        if link is None:
            link = next_in_header(response.headers.get("Link", ""))
        if link is None:
            return None
        if not isinstance(link, str):
            raise AnswerNotTrusted("A listing's next link is no text.")
        return resolve_next(self.base, link)

    def _request(
        self,
        url: str,
        max_attempts: int | None,
        *,
        body: Body | None = None,
        check: Callable[[requests.Response], None] | None = None,
        sink: FileSink | None = None,
    ) -> requests.Response:
        """Send until there is a usable answer, or no attempt is left. Credentials that can be renewed are, once."""
        rules = self._limits.retry
        attempt = slow = 0
        turns = Turns(self.admission, rules.max_attempts)
        is_renewed = False
        while True:
            attempt += 1
            authorization = self._credentials.header()
            response, failure = self._once(url, authorization, body, sink)
            asked = None
            if response is not None:
                asked = retry_after_seconds(response.headers.get("Retry-After"), datetime.now(UTC))
                if not worth_another_try(response.status_code, asks_to_wait=asked is not None):
                    try:
                        if check is None:
                            check_status(response, with_credentials=authorization is not None)
                        else:
                            check(response)
                    except CredentialsRefused as error:
                        # Its subclasses are about one endpoint or about the address.
                        can_renew = not is_renewed and type(error) is CredentialsRefused
                        if not (can_renew and self._credentials.renew(authorization)):
                            raise
                        is_renewed, attempt = True, attempt - 1
                        continue
                    return response
            slow += is_slow(failure)
            is_last = max_attempts is not None and attempt >= max_attempts and is_about_answer(response, failure)
            attempt -= turns.is_missed(response, asked)
            wait = wait_seconds(rules, attempt=attempt, asked_seconds=asked, random=random.random)
            if response is not None and is_about_rate(response.status_code, asked):
                self.admission.close(asked or wait or 0.0)  # for every thread
            if wait is None or is_last or slow >= rules.max_slow_attempts:
                if response is not None:
                    raise status_failure(response, attempt, asked)
                raise self._no_answer(failure, attempt) from failure
            self._wait(wait, throttled=response is not None and response.status_code in LIMITED_STATUSES)

    def _wait(self, seconds: float, *, throttled: bool) -> None:
        """Wait before another try. Raise Stopped if a stop is requested meanwhile."""
        self.http_stats.count_retry(seconds, throttled=throttled)
        if throttled:
            log.info("http.throttled", seconds=round(seconds, 1))
        if self.cancellation.wait(seconds):
            self.cancellation.check()
        self.admission.has_waited()

    def _once(
        self, url: str, authorization: str | None = None, body: Body | None = None, sink: FileSink | None = None
    ) -> tuple[requests.Response | None, requests.RequestException | None]:
        self.cancellation.check()
        with self.admission.one_request(), self.http_stats.under_way():
            try:
                response = self._session().send(url, authorization, body, sink)
            except requests.RequestException as error:
                self.cancellation.check()  # the watchdog may have interrupted it
                if not isinstance(error, AnswerCutOff) and is_about_tls(error):
                    raise self._no_answer(error, 1) from error
                return None, error
        if self._is_site:
            self.admission.note(response)
        size = len(response.content) or (sink.size if sink is not None else 0)
        self.http_stats.count_answer(response, size, of_site=self._is_site)
        log.debug("http.answered", endpoint=endpoint_of(response), status=response.status_code, bytes=size)
        return response, None

    def _session(self) -> Session:
        """Return this thread's session."""
        session: Session | None = getattr(self._thread, "session", None)
        if session is None:
            session = self._thread.session = Session(self.base, self._limits, self._watchdog)
        return session

    def _no_answer(self, failure: requests.RequestException | None, attempts: int) -> ConfluenceUnavailable:
        return no_answer(
            failure,
            attempts,
            host=self._host,
            timeout_seconds=self._limits.request_timeout_seconds,
            deadline_seconds=self._limits.request_deadline_seconds,
        )
