"""Lists the archived pages of a space on Cloud, and fetches their bodies. Data Center archives whole spaces."""

from collections.abc import Callable, Sequence
from datetime import datetime
from urllib.parse import quote

from hr_sync.confluence.cloud_id_lists import PagesByIds
from hr_sync.confluence.cloud_json import read_heads, read_pages
from hr_sync.confluence.http.client import HttpClient
from hr_sync.confluence.http.urls import PageUrls
from hr_sync.confluence.json_fields import is_in
from hr_sync.confluence.pagination import TRIES_WHEN_WIDE, fetch_in_halves, with_smaller_pages
from hr_sync.domain.content import Fetched, Head, Listing, Page, Space
from hr_sync.errors import AnswerNotTrusted

_ARCHIVED = "archived"
_WIDEST = 250  # most entries that Cloud gives in one answer


class ArchivedPages:
    """Reads archived pages. The search index does not hold them."""

    def __init__(self, client: HttpClient, urls: PageUrls, check_account: Callable[[], None]) -> None:
        """`check_account` raises if the whole site does not answer."""
        self._client = client
        self._urls = urls
        self._check_account = check_account
        self._by_ids = PagesByIds(client, "pages")

    def listing(self, space: Space) -> Listing:
        """List every archived page of a space, without bodies. Complete or an exception, as `Source.listing`.

        Raise AnswerNotTrusted for an answer that holds other pages: the server ignored what was asked for.
        """
        return with_smaller_pages(
            lambda width, tries: self._listing(space, width, tries), _WIDEST, check_site=self._check_account
        )

    def pages(self, ids: Sequence[str], space: Space) -> Fetched:
        """Fetch the bodies of archived pages of one space, at most 250 ids, as `Source.pages` does of current ones."""
        return fetch_in_halves(ids, lambda some: self._pages(some, space), self._check_account)

    def _listing(self, space: Space, width: int, tries: int | None) -> Listing:
        heads: dict[str, Head] = {}
        unreadable: dict[str, str] = {}
        began_at: datetime | None = None
        query = {"limit": width, "sort": "id", "status": _ARCHIVED}
        path = f"api/v2/spaces/{quote(space.id, safe='')}/pages"
        for number, answer in enumerate(self._client.walk(path, query, max_attempts=tries)):
            began_at = answer.date if number == 0 else began_at
            some, bad = read_heads(answer.content, space, self._urls)
            if not all(is_in(head, space, _ARCHIVED) for head in some.values()):
                raise AnswerNotTrusted("Confluence's list of archived pages holds pages that are not archived there.")
            heads.update(some)
            unreadable.update(bad)
        return Listing(space=space, heads=heads, unreadable=unreadable, began_at=began_at)

    def _pages(self, ids: Sequence[str], space: Space) -> Fetched:
        pages: dict[str, Page] = {}
        unreadable: dict[str, str] = {}
        wanted = frozenset(ids)
        query: dict[str, object] = {"body-format": "storage", "limit": _WIDEST}
        tries = TRIES_WHEN_WIDE if len(ids) > 1 else None
        for answer in self._by_ids.answers(ids, query, (_ARCHIVED,), tries):
            some, bad = read_pages(answer, wanted, space, self._urls, status=_ARCHIVED)
            pages.update(some)
            unreadable.update(bad)
        return Fetched(pages=pages, unreadable=unreadable, absent=wanted - pages.keys() - unreadable.keys())
