"""Comments of a space, by the search index of v1, which both flavours have.

The only other list that is not page by page is that of every comment of the site, in Cloud's v2. The index is walked
without texts, which takes a request for 200 comments; texts are read of what has changed, 50 a request. What the index
lacks is a question, which `lookup` answers.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from urllib.parse import quote

from hr_sync.confluence.access import SEARCH, WIDEST_EXPANDED, content_of
from hr_sync.confluence.comments_json import ALL_PARTS, LIST_PARTS, ListedComment, read_listed, read_single_v2
from hr_sync.confluence.http.client import HttpClient
from hr_sync.confluence.json_fields import FieldError
from hr_sync.confluence.lookups import look_up_item
from hr_sync.confluence.pagination import with_smaller_pages
from hr_sync.domain.comments import Comment, CommentKind, CommentListing, CommentLookup
from hr_sync.domain.content import Space
from hr_sync.domain.deletion import LookupStatus
from hr_sync.errors import UNANSWERED, ScopeMissing

MOST_WITH_BODIES = 50  #: comments whose texts one request reads
_INDEX_OVERLAP = timedelta(days=1)  # the index has dates without seconds, in a time zone that is not known
_DEEPEST = 50  # comments that name one another as their container


class SpaceComments:
    """Asks about the comments of spaces. `Source.comments` is one."""

    def __init__(
        self,
        client: HttpClient,
        check_site: Callable[[], None],
        look_up: Callable[[str], CommentLookup],
        *,
        by_offset: bool = False,
    ) -> None:
        """`look_up`: the single read of one comment in any state, with its text, which differs between the flavours."""
        self.lookup = look_up
        self._client = client
        self._check_site = check_site
        self._by_offset = by_offset

    def of_spaces(self, spaces: Sequence[Space], *, since: datetime | None = None) -> CommentListing:
        """List the current comments that the index holds of spaces, without texts; to its end or an exception.

        With `since` those of a later version, and others. Also comments about what is no page. Ordered by when they
        were written, so that new versions during the walk move none of them. Nothing is concluded from what is absent,
        or from one that was known to be gone, without `lookup`.
        """
        changed = "" if since is None else f' and lastmodified >= "{(since - _INDEX_OVERLAP).date().isoformat()}"'
        cql = f"{content_of([space.key for space in spaces], 'comment')}{changed} order by created"

        def walk(width: int, tries: int | None) -> CommentListing:
            found, unreadable = self._walk({"cql": cql, "limit": width, "expand": LIST_PARTS}, tries)
            items, without_page = _on_their_pages(found)
            if since is None:  # the comment that names the page may be older
                unreadable |= dict.fromkeys(without_page, "the list of comments names no page of it")
            return CommentListing(items=items, unreadable=unreadable)

        return with_smaller_pages(walk, WIDEST_EXPANDED, check_site=self._check_site)

    def with_texts(self, comment_ids: Sequence[str]) -> Mapping[str, Comment]:
        """Read at most 50 comments with their texts, by one request. What is not read so is absent: use `lookup`."""
        cql = f"type = comment and id in ({', '.join(comment_ids)})"
        query = {"cql": cql, "limit": MOST_WITH_BODIES, "expand": ALL_PARTS}
        try:
            found, _ = self._walk(query, tries=1)
        except ScopeMissing:
            raise
        except UNANSWERED:  # one text that cannot be rendered fails the whole answer
            return {}
        items, _ = _on_their_pages(found)
        return {each: items[each] for each in comment_ids if each in items and items[each].storage is not None}

    def _walk(self, query: Mapping[str, object], tries: int | None) -> tuple[dict[str, ListedComment], dict[str, str]]:
        found: dict[str, ListedComment] = {}
        unreadable: dict[str, str] = {}
        for answer in self._client.walk(SEARCH, query, max_attempts=tries, by_offset=self._by_offset):
            for item in answer.content["results"]:
                try:
                    listed = read_listed(item)
                except FieldError as error:
                    unreadable[item["id"]] = f"the list of comments gives no {error}"
                    continue
                before = found.get(listed.comment.id)
                is_newer = before is None or before.comment.version <= listed.comment.version
                if listed.comment.status == "current" and is_newer:
                    found[listed.comment.id] = listed
        return found, unreadable


def look_up_on_cloud(client: HttpClient, comment_id: str) -> CommentLookup:
    """Look a comment up by id, among those below pages and then among those beside their words.

    Not found is what neither endpoint shows.
    """
    results = []
    for kind in CommentKind:
        found = look_up_item(partial(_read_v2, client, comment_id, kind))
        if found.result is LookupStatus.FOUND:
            return found
        results.append(found.result)
    missing = all(result is LookupStatus.NOT_FOUND for result in results)
    return CommentLookup(result=LookupStatus.NOT_FOUND if missing else LookupStatus.UNKNOWN)


def _read_v2(client: HttpClient, comment_id: str, kind: CommentKind) -> Comment:
    path = f"api/v2/{kind}-comments/{quote(comment_id, safe='')}"
    return read_single_v2(client.get(path, {"body-format": "storage"}), comment_id, kind)


def _on_their_pages(found: Mapping[str, ListedComment]) -> tuple[dict[str, Comment], list[str]]:
    """Return each comment with its page, and the ids of those whose page is not named by what they answer either."""
    items: dict[str, Comment] = {}
    without_page: list[str] = []
    for comment_id, listed in found.items():
        above, steps = listed, 0
        while above.below is not None and above.below in found and steps < _DEEPEST:
            above, steps = found[above.below], steps + 1
        if above.below is None:
            items[comment_id] = replace(listed.comment, page_id=above.comment.page_id)
        else:
            without_page.append(comment_id)
    return items, without_page
