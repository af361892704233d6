"""The one HTTP door to Confluence: asks, checks the answer, tries again, follows listings. Knows no page.

The client library serves as an authenticated transport and nothing more (ADR 0002). What leaves here is a JSON object
that Confluence really meant, or one of the errors of `hr_sync.errors`.
"""

import random
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, TypeAlias
from urllib.parse import urlencode

import requests
from atlassian.confluence import ConfluenceServer
from requests.utils import parse_header_links

from hr_sync.confluence.http.response import Json, check_status, decode_object
from hr_sync.confluence.http.retry import (
    LIMITED_STATUSES,
    RetryRules,
    retry_after_seconds,
    wait_seconds,
    worth_another_try,
)
from hr_sync.confluence.http.stats import HttpStats
from hr_sync.confluence.http.transport import GuardedAdapter
from hr_sync.confluence.http.urls import resolve_next
from hr_sync.confluence.http.watchdog import RequestWatchdog
from hr_sync.errors import AnswerNotTrusted, ConfluenceUnavailable, ServerFailed, Stopped

Query: TypeAlias = Mapping[str, object]  #: a list makes a repeated parameter

_MOST_EMPTY_PAGES = 100  # in a row; permissions may empty some pages of a listing, not this many
_LONGEST_TIME_ASKED_SECONDS = 86_400.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Credentials:
    """Either `username` and `password` (an API token on Cloud), or `token` for a Bearer header."""

    username: str | None = None
    password: str | None = None
    token: str | None = None

    def __repr__(self) -> str:
        """Show no secret."""
        return "Credentials(...)"


@dataclass(frozen=True, kw_only=True, slots=True)
class Limits:
    """Bounds of one gateway."""

    max_connections: int = 8  #: requests under way at once, over all threads
    request_timeout_seconds: float = 30.0  #: to connect, and between two pieces of an answer
    request_deadline_seconds: float = 120.0  #: for a whole answer
    max_answer_bytes: int = 64_000_000  #: decoded
    retry: RetryRules = field(default_factory=RetryRules)
    ca_file: str | None = None  #: PEM bundle to verify TLS with, instead of the usual one


class HttpClient:
    """Asks one Confluence with one account. Safe to use from many threads; each has a session of its own."""

    def __init__(
        self,
        base: str,
        credentials: Credentials,
        limits: Limits,
        stop: threading.Event,
        http_stats: HttpStats | None = None,
    ) -> None:
        """`base` as `addresses.api_base` gives it. Every wait and every request ends at once when `stop` is set.

        `traffic` counts on where earlier gateways of the process left off.
        """
        self.base = base
        self.http_stats = http_stats or HttpStats()
        self._credentials = credentials
        self._limits = limits
        self._stop = stop
        self._cutter = RequestWatchdog(stop)
        self._places = threading.BoundedSemaphore(limits.max_connections)
        self._thread = threading.local()

    def get(self, path: str, query: Query | None = None, *, max_attempts: int | None = None) -> Json:
        """Ask for one JSON object at `path`, relative to the base, e.g. `api/v2/pages/1`.

        `max_attempts` bounds the tries of a server that fails (5xx), for callers who then ask for less.
        Raises NotFound, AccessDenied, CredentialsRefused, EndpointRemoved, AnswerNotTrusted, ServerFailed,
        ConfluenceUnavailable, Stopped.
        """
        url = f"{self.base}/{path}" + (f"?{urlencode(query, doseq=True)}" if query else "")
        return decode_object(self._ask(url, max_attempts).content, path)

    def walk(
        self, path: str, query: Query, *, max_attempts: int | None = None, identified_by: str = "id"
    ) -> Iterator[Json]:
        """Follow a listing to its end and yield each answer; its `results` are objects with string ids.

        `identified_by` names the id's field: v1 gives spaces a number as `id`, and a text as `key`.

        A listing ends where no `next` is given, in the body or in the `Link` header, and nowhere else: servers lower
        `limit`, and permissions shorten pages. Raises as `get` does, and AnswerNotTrusted when the listing goes round
        in circles.
        """
        url: str | None = f"{self.base}/{path}?{urlencode(query, doseq=True)}"
        asked: set[str] = set()
        seen: set[str] = set()
        empty_in_a_row = 0
        while url is not None:
            if url in asked:
                raise AnswerNotTrusted(f"The listing {path} came back to a page that it had given already.")
            asked.add(url)
            answer, url = self._answer(url, path, max_attempts)
            ids = _ids(answer, path, identified_by)
            empty_in_a_row = 0 if ids else empty_in_a_row + 1
            if url is not None and ((ids and ids <= seen) or empty_in_a_row > _MOST_EMPTY_PAGES):
                raise AnswerNotTrusted(f"The listing {path} makes no progress: more pages, and nothing new on them.")
            seen |= ids
            yield answer

    def close(self) -> None:
        """Close this thread's session; those of other threads close with their thread."""
        client = getattr(self._thread, "client", None)
        if client is not None:
            client.close()
            del self._thread.client

    def _answer(self, url: str, path: str, max_attempts: int | None) -> tuple[Json, str | None]:
        """Return one answer of a listing and where the next one is; nothing keeps what it was decoded from."""
        response = self._ask(url, max_attempts)
        answer = decode_object(response.content, path)
        return answer, self._next(answer, response)

    def _next(self, answer: Json, response: requests.Response) -> str | None:
        links = answer.get("_links")
        link = links.get("next") if isinstance(links, dict) else None
        if link is None:
            headers = parse_header_links(response.headers.get("Link", ""))
            link = next((entry["url"] for entry in headers if entry.get("rel") == "next"), None)
        if link is None:
            return None
        if not isinstance(link, str):
            raise AnswerNotTrusted("A listing's next link is no text.")
        return resolve_next(self.base, link)

    def _ask(self, url: str, max_attempts: int | None) -> requests.Response:
        """Ask until there is an answer worth reading, or patience ends."""
        rules = self._limits.retry
        attempt = 0
        while True:
            attempt += 1
            response, failure = self._once(url)
            asked = None
            if response is not None:
                asked = retry_after_seconds(response.headers.get("Retry-After"), datetime.now(UTC))
                if not worth_another_try(response.status_code, asks_to_wait=asked is not None):
                    check_status(response)
                    return response
            # Asking for less helps a server that fails, and not a broken connection or a rate that is used up.
            fails = response is not None and response.status_code >= 500
            last = fails and max_attempts is not None and attempt >= max_attempts
            wait = wait_seconds(rules, attempt=attempt, asked_seconds=asked, random=random.random)
            if wait is None or last:
                raise _gave_up(response, failure, attempt, asked) from failure
            self.http_stats.count_retry(
                wait, throttled=response is not None and response.status_code in LIMITED_STATUSES
            )
            if self._stop.wait(wait):
                raise Stopped("Asked to stop while waiting for Confluence.")

    def _once(self, url: str) -> tuple[requests.Response | None, requests.RequestException | None]:
        self._check_stop()
        with self._places, self.http_stats.under_way():
            try:
                response: requests.Response = self._client().request(
                    "GET", url, absolute=True, advanced_mode=True, allow_redirects=False
                )
            except requests.exceptions.SSLError as error:
                self._check_stop()
                raise ConfluenceUnavailable(
                    "The TLS certificate of Confluence could not be verified. If your company signs its own, "
                    "set confluence.ca_file to its CA bundle."
                ) from error
            except requests.RequestException as error:
                self._check_stop()  # which may have cut it off
                return None, error
        self.http_stats.count_answer(response)
        return response, None

    def _check_stop(self) -> None:
        if self._stop.is_set():
            raise Stopped("Asked to stop.")

    def _client(self) -> Any:
        """Return this thread's client. The class is named: `Confluence(...)` would choose one by host name (ADR 0002)."""
        client = getattr(self._thread, "client", None)
        if client is None:
            limits = self._limits
            session = requests.Session()
            session.trust_env = False  # no .netrc, no proxy and no CA bundle that nobody here configured
            session.verify = limits.ca_file or True
            session.headers["Accept-Encoding"] = "gzip"
            adapter = GuardedAdapter(
                self.base,
                self._cutter,
                max_answer_bytes=limits.max_answer_bytes,
                timeout_seconds=limits.request_timeout_seconds,
                deadline_seconds=limits.request_deadline_seconds,
            )
            session.mount("https://", adapter)
            session.mount("http://", adapter)
            client = ConfluenceServer(  # type: ignore[no-untyped-call] # the library has no types here
                self.base,
                username=self._credentials.username,
                password=self._credentials.password,
                token=self._credentials.token,
                session=session,
                backoff_and_retry=False,
                retry_with_header=False,
            )
            self._thread.client = client
        return client


def _ids(answer: Json, path: str, field: str) -> set[str]:
    """Return the ids in an answer's `results`, each a non-empty string of printable signs."""
    results = answer.get("results")
    if not isinstance(results, list):
        raise AnswerNotTrusted(f"The listing {path} answered without a list of results.")
    ids = [item.get(field) if isinstance(item, dict) else None for item in results]
    if not all(isinstance(page_id, str) and page_id and page_id.isprintable() for page_id in ids):
        raise AnswerNotTrusted(f"The listing {path} holds an entry without an id.")
    return set(ids)  # type: ignore[arg-type] # checked in the line above


def _gave_up(
    response: requests.Response | None,
    failure: requests.RequestException | None,
    attempts: int,
    asked_seconds: float | None,
) -> ConfluenceUnavailable:
    tries = "once" if attempts == 1 else f"{attempts} times"
    if response is None:
        kind = type(failure).__name__
        return ConfluenceUnavailable(f"Confluence could not be reached, tried {tries} ({kind}). Check confluence.url.")
    asked = min(asked_seconds, _LONGEST_TIME_ASKED_SECONDS) if asked_seconds is not None else None
    if response.status_code in LIMITED_STATUSES:
        when = f"in {asked:.0f} s" if asked is not None else "later"
        return ConfluenceUnavailable(
            f"Confluence limits our rate ({response.status_code}) and asks to come back {when}.",
            retry_after_seconds=asked,
        )
    return ServerFailed(
        f"Confluence failed with status {response.status_code}, tried {tries}. Try again later.",
        retry_after_seconds=asked,
    )
