"""Walks over the lists of pages and of blog posts of a space on Cloud, each kind by its own list of v2."""

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from itertools import islice
from typing import Literal
from urllib.parse import quote

from hr_sync.confluence.both_ends import from_both_ends, in_order_of_ids
from hr_sync.confluence.cloud_json import read_heads
from hr_sync.confluence.http.client import HttpClient
from hr_sync.confluence.http.response import Answer
from hr_sync.confluence.http.urls import PageUrls
from hr_sync.confluence.json_fields import is_current_in, read_bodies
from hr_sync.confluence.pagination import TRIES_WHEN_WIDE, with_smaller_pages
from hr_sync.domain.content import ContentKind, Head, ListedPages, Listing, RecentChanges, Space

WIDEST = 250  #: most entries that Cloud gives in one answer
_ALONE = 8  # answers with bodies before another walk begins at the other end of the space
_MOST_ANSWERS = 10  # about the changes of a site: beyond that the spaces that are mirrored are a small part of it
_ANY_SPACE = Space(id="", key="", name="")
_FEW = 50  # heads at once where most often nothing changed
#: The path in v2 of what is mirrored as a page.
COLLECTION = {ContentKind.PAGE: "pages", ContentKind.BLOG_POST: "blogposts"}


class CloudWalks:
    """Walks over the pages or the blog posts of spaces, with smaller answers after a failure."""

    def __init__(self, client: HttpClient, urls: PageUrls, check_account: Callable[[], None]) -> None:
        """`check_account` raises if the whole site does not answer."""
        self._client = client
        self._urls = urls
        self._check_account = check_account

    def listing(self, space: Space, kind: ContentKind) -> Listing:
        """Return every current page of this kind.

        Sorted by id: Cloud's cursor then holds the id, and edits during the walk neither skip nor repeat a page.
        """
        return with_smaller_pages(
            lambda width, tries: self._listing(space, kind, width, tries), WIDEST, check_site=self._check_account
        )

    def listing_with_bodies(self, space: Space, kind: ContentKind) -> Iterator[ListedPages]:
        """Yield every current page of this kind with its body, some at a time.

        From the lowest id and, for a large space, from the highest too.
        """
        walks = (self._with_bodies(space, kind, "id"), self._with_bodies(space, kind, "-id"))
        for answer in from_both_ends(*walks, alone=_ALONE):
            some, unreadable = read_heads(answer.content, space, self._urls, kind)
            heads = {page_id: head for page_id, head in some.items() if is_current_in(head, space)}
            pages = read_bodies(answer.content, heads)
            answer.content["results"].clear()  # the walk refers to its last answer; what is written shall be freed
            yield ListedPages(heads=heads, unreadable=unreadable, pages=pages, began_at=answer.date)

    def recent(self, space: Space, since: datetime, kind: ContentKind) -> RecentChanges:
        """Return what changed lately of this kind, newest first.

        Read from the pages and not from the search index, whose clock and lag are not documented.
        """
        return with_smaller_pages(
            lambda width, tries: self._recent(space, since, kind, width, tries), _FEW, check_site=self._check_account
        )

    def recent_of_spaces(
        self, spaces: Sequence[Space], since: datetime, kind: ContentKind
    ) -> dict[str, RecentChanges] | None:
        """Return what changed lately in each of these spaces, from the list of the site, by space id.

        No filter by spaces: a server that reads it otherwise would show a part of them as if it were all. None if the
        list is too long, empty, or holds an entry that may be of any space.
        """
        return with_smaller_pages(
            lambda width, tries: self._recent_of_spaces(spaces, since, kind, width, tries),
            _FEW,
            check_site=self._check_account,
        )

    def _recent_of_spaces(
        self, spaces: Sequence[Space], since: datetime, kind: ContentKind, width: int, tries: int | None
    ) -> dict[str, RecentChanges] | None:
        heads: dict[str, Head] = {}
        began_at: datetime | None = None
        query = {"limit": width, "sort": "-modified-date", "status": "current"}
        answers = self._client.walk(f"api/v2/{COLLECTION[kind]}", query, max_attempts=tries)
        for number, answer in enumerate(islice(answers, min(len(spaces), _MOST_ANSWERS))):
            began_at = answer.date if number == 0 else began_at
            some, bad = read_heads(answer.content, _ANY_SPACE, self._urls, kind)
            if bad:
                return None
            newer = {page_id: head for page_id, head in some.items() if head.last_updated >= since}
            heads.update(newer)
            if some and not (newer and answer.has_next):
                return RecentChanges.by_space(spaces, heads.values(), began_at)
        return None

    def _listing(self, space: Space, kind: ContentKind, width: int, tries: int | None) -> Listing:
        heads: dict[str, Head] = {}
        unreadable: dict[str, str] = {}
        began_at: datetime | None = None
        query = {"limit": width, "sort": "id", "status": "current"}
        for number, answer in enumerate(self._client.walk(_list_of(space, kind), query, max_attempts=tries)):
            began_at = answer.date if number == 0 else began_at
            some, bad = read_heads(answer.content, space, self._urls, kind)
            heads.update((page_id, head) for page_id, head in some.items() if is_current_in(head, space))
            unreadable.update(bad)
        return Listing(space=space, heads=heads, unreadable=unreadable, began_at=began_at, kinds=frozenset({kind}))

    def _with_bodies(self, space: Space, kind: ContentKind, sort: Literal["id", "-id"]) -> Iterator[Answer]:
        query = {"limit": WIDEST, "sort": sort, "status": "current", "body-format": "storage"}
        answers = self._client.walk(_list_of(space, kind), query, max_attempts=TRIES_WHEN_WIDE)
        return in_order_of_ids(answers, descending=sort == "-id")

    def _recent(self, space: Space, since: datetime, kind: ContentKind, width: int, tries: int | None) -> RecentChanges:
        heads: dict[str, Head] = {}
        unreadable: dict[str, str] = {}
        began_at: datetime | None = None
        query = {"limit": width, "sort": "-modified-date", "status": "current"}
        for number, answer in enumerate(self._client.walk(_list_of(space, kind), query, max_attempts=tries)):
            began_at = answer.date if number == 0 else began_at
            some, bad = read_heads(answer.content, space, self._urls, kind)
            newer = {page_id: head for page_id, head in some.items() if head.last_updated >= since}
            heads.update((page_id, head) for page_id, head in newer.items() if is_current_in(head, space))
            unreadable.update(bad)
            if some and not newer and not bad:  # one older page among newer ones does not prove the order
                break
        return RecentChanges(space=space, heads=heads, unreadable=unreadable, began_at=began_at)


def _list_of(space: Space, kind: ContentKind) -> str:
    return f"api/v2/spaces/{quote(space.id, safe='')}/{COLLECTION[kind]}"
