"""Confluence Cloud: REST v2 for spaces and pages, v1 only for the current user, searches and restrictions."""

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime
from urllib.parse import quote

from hr_sync.confluence.access import (
    SEARCH,
    UNANSWERED,
    WIDEST_EXPANDED,
    ExpandedAttributes,
    check_account,
    complete_labels,
    labels_at,
    pages_of,
    restriction_of,
    walk_attributes,
)
from hr_sync.confluence.access_json import ATTRIBUTE_PARTS, CLOUD, LABEL_PARTS
from hr_sync.confluence.cloud_json import (
    COLLECTIONS,
    read_account,
    read_ancestors,
    read_heads,
    read_lookup,
    read_pages,
    read_parent,
    read_space,
)
from hr_sync.confluence.http.client import HttpClient
from hr_sync.confluence.http.response import Json
from hr_sync.confluence.http.urls import PageUrls
from hr_sync.confluence.json_fields import FieldError, choose_spaces, is_current_in, read_each_space, read_labels
from hr_sync.confluence.pagination import TRIES_WHEN_WIDE, fetch_in_halves, with_smaller_pages
from hr_sync.domain.access import OwnAttributes, Restriction
from hr_sync.domain.content import ContentNode, Fetched, Head, Listing, Page, RecentChanges, Space, SpaceList
from hr_sync.domain.deletion import LookupResult, LookupStatus
from hr_sync.errors import (
    AccessDenied,
    AnswerNotTrusted,
    AnswerUnusable,
    EndpointRemoved,
    NotFound,
    ScopeMissing,
    ServerFailed,
)

WIDEST = 250  #: most entries that Cloud gives in one answer
EVERY_STATUS = ("current", "archived", "trashed", "deleted")
_FEW = 50  #: heads at once where most often nothing changed
_FEW_PAGES = 10  #: whose labels are asked one by one, without a walk over the labels of the space
_UNPROVEN_CHAIN = 25  #: ancestors, Cloud's default limit; a chain as long may be cut
_MAX_CHAIN = 1000


class CloudSource:
    """The `Source` for Confluence Cloud."""

    def __init__(self, client: HttpClient) -> None:
        self.client = client
        self._urls = PageUrls(client.base)
        self._joins_lists = False  # `id=1,2` in place of `id=1&id=2`
        self._is_style_proven = False

    def check_account(self) -> None:
        """Implement `Source.check_account`."""
        check_account(self.client, read_account)

    def spaces(self, keys: Sequence[str] = ()) -> SpaceList:
        """Implement `Source.spaces`. Whatever the list by keys lacks is looked for among all spaces, by alias too."""
        if keys:
            try:
                found = self._spaces(*(keys[start : start + WIDEST] for start in range(0, len(keys), WIDEST)))
            except (AnswerUnusable, NotFound):  # a server that reads lists of keys otherwise
                found = SpaceList(spaces=(), unreadable=())
            chosen, is_complete = choose_spaces(found, keys)
            if is_complete:
                return chosen
        every = self._spaces(())
        return choose_spaces(every, keys)[0] if keys else every

    def find_space(self, space: Space) -> Space:
        """Implement `Source.find_space`."""
        try:
            found = read_space(self.client.get(f"api/v2/spaces/{quote(space.id, safe='')}"))
        except FieldError as error:
            raise AnswerNotTrusted(f"Confluence describes a space without {error}.") from None
        if found.id != space.id:
            raise AnswerNotTrusted("Confluence answered with a space that was not asked for.")
        return found

    def listing(self, space: Space) -> Listing:
        """Implement `Source.listing`.

        Sorted by id: Cloud's cursor then stands on the id, and edits during the walk neither skip nor repeat a page.
        """
        return with_smaller_pages(
            lambda width, tries: self._listing(space, width, tries), WIDEST, check_site=self.check_account
        )

    def recent(self, space: Space, since: datetime) -> RecentChanges:
        """Implement `Source.recent`, newest first.

        Read from the pages themselves and not from the search index, whose clock and lag nobody documents.
        """
        return with_smaller_pages(
            lambda width, tries: self._recent(space, since, width, tries), _FEW, check_site=self.check_account
        )

    def pages(self, ids: Sequence[str], space: Space) -> Fetched:
        """Implement `Source.pages`."""
        return fetch_in_halves(ids, lambda some: self._pages(some, space), self.check_account)

    def lookup(self, page_id: str) -> LookupResult:
        """Implement `Source.lookup`: `GET /pages/{id}` shows trashed and archived pages too."""
        try:
            return read_lookup(self.client.get(_page(page_id)), page_id)
        except ScopeMissing:
            return LookupResult(page_id=page_id, result=LookupStatus.UNKNOWN)
        except (NotFound, AccessDenied):
            return LookupResult(page_id=page_id, result=LookupStatus.NOT_FOUND)
        except (AnswerNotTrusted, EndpointRemoved, ServerFailed):
            return LookupResult(page_id=page_id, result=LookupStatus.UNKNOWN)

    def lookup_many(self, ids: Sequence[str]) -> dict[str, LookupResult]:
        """Implement `Source.lookup_many`: the list of pages by ids, in any status. What cannot be read is absent."""
        found: dict[str, LookupResult] = {}
        for start in range(0, len(ids), WIDEST):
            some = ids[start : start + WIDEST]
            try:
                answers = self._by_ids(some, {"limit": WIDEST}, EVERY_STATUS, TRIES_WHEN_WIDE)
            except UNANSWERED:
                continue
            lookups = (read_lookup(item, item["id"]) for answer in answers for item in answer["results"])
            found.update((each.page_id, each) for each in lookups if each.result is LookupStatus.FOUND)
        return found

    def parent_of(self, node: ContentNode) -> ContentNode | None:
        """Implement `Source.parent_of`: each kind has an endpoint of its own."""
        if node.kind is not None:
            return self._parent_of(node)
        try:
            return self._parent_of(ContentNode(id=node.id, kind="page"))
        except (NotFound, AccessDenied, AnswerUnusable) as no_page:
            try:
                return self._parent_of(ContentNode(id=node.id, kind="folder"))
            except AnswerUnusable:  # 400 is what some sites say of the id of a page here
                raise no_page from None

    def ancestors(self, page_id: str) -> tuple[ContentNode, ...]:
        """Implement `Source.ancestors`. The list begins at the top and is cut there, so the top is asked again."""
        chain = self._ancestors(ContentNode(id=page_id, kind="page"))
        cut = len(chain) >= _UNPROVEN_CHAIN
        while cut:
            more = self._ancestors(chain[0])
            chain = [*more, *chain]
            cut = bool(more)
            if len(chain) > _MAX_CHAIN:
                raise AnswerNotTrusted("The ancestors of a page do not end.")
        return tuple(reversed(chain))

    def labels(self, space: Space, ids: Collection[str]) -> dict[str, frozenset[str] | None]:
        """Implement `Source.labels`."""
        if len(ids) <= _FEW_PAGES:
            return {page_id: self.labels_of(page_id) for page_id in ids}
        walked = self._labels_by_page(space, len(ids))
        return self._vouched(walked, self._indexed(space, LABEL_PARTS), ids)

    def labels_of(self, page_id: str) -> frozenset[str] | None:
        """Implement `Source.labels_of`."""
        return labels_at(self.client, f"{_page(page_id)}/labels")

    def attributes(self, space: Space, ids: Collection[str]) -> OwnAttributes:
        """Implement `Source.attributes`. Only v1 shows restrictions, and its only list is that of the search index."""
        walked = self._labels_by_page(space, len(ids))
        indexed = self._indexed(space, ATTRIBUTE_PARTS)
        return OwnAttributes(labels=self._vouched(walked, indexed, ids), restrictions=indexed.restrictions)

    def restriction_of(self, node_id: str) -> Restriction:
        """Implement `Source.restriction_of`."""
        return restriction_of(self.client, node_id, CLOUD)

    def _spaces(self, *key_lists: Sequence[str]) -> SpaceList:
        answers: list[Json] = []
        for keys in key_lists:
            query: dict[str, object] = {"limit": WIDEST, "status": "current"} | ({"keys": keys} if keys else {})
            answers += (answer.content for answer in self.client.walk("api/v2/spaces", query, needs_ids=False))
        found = read_each_space(answers, read_space)
        return SpaceList(spaces=[each for each in found.spaces if not each.archived], unreadable=found.unreadable)

    def _listing(self, space: Space, width: int, tries: int | None) -> Listing:
        heads: dict[str, Head] = {}
        unreadable: dict[str, str] = {}
        began_at: datetime | None = None
        query = {"limit": width, "sort": "id", "status": "current"}
        for number, answer in enumerate(self.client.walk(_pages_in(space), query, max_attempts=tries)):
            began_at = answer.date if number == 0 else began_at
            some, bad = read_heads(answer.content, space, self._urls)
            heads.update((page_id, head) for page_id, head in some.items() if is_current_in(head, space))
            unreadable.update(bad)
        return Listing(space=space, heads=heads, unreadable=unreadable, began_at=began_at)

    def _recent(self, space: Space, since: datetime, width: int, tries: int | None) -> RecentChanges:
        heads: dict[str, Head] = {}
        unreadable: dict[str, str] = {}
        began_at: datetime | None = None
        query = {"limit": width, "sort": "-modified-date", "status": "current"}
        for number, answer in enumerate(self.client.walk(_pages_in(space), query, max_attempts=tries)):
            began_at = answer.date if number == 0 else began_at
            some, bad = read_heads(answer.content, space, self._urls)
            newer = {page_id: head for page_id, head in some.items() if head.last_updated >= since}
            heads.update((page_id, head) for page_id, head in newer.items() if is_current_in(head, space))
            unreadable.update(bad)
            if some and not newer and not bad:  # one older page among newer ones proves nothing about the order
                break
        return RecentChanges(space=space, heads=heads, unreadable=unreadable, began_at=began_at)

    def _pages(self, ids: Sequence[str], space: Space) -> Fetched:
        pages: dict[str, Page] = {}
        unreadable: dict[str, str] = {}
        wanted = frozenset(ids)
        query = {"body-format": "storage", "limit": WIDEST}
        for answer in self._by_ids(ids, query, ("current",), TRIES_WHEN_WIDE if len(ids) > 1 else None):
            some, bad = read_pages(answer, wanted, space, self._urls)
            pages.update(some)
            unreadable.update(bad)
        return Fetched(pages=pages, unreadable=unreadable, absent=wanted - pages.keys() - unreadable.keys())

    def _by_ids(
        self, ids: Sequence[str], query: dict[str, object], statuses: Sequence[str], tries: int | None
    ) -> list[Json]:
        """Return the answers of the list of pages by ids.

        Atlassian documents lists as joined by commas; repeated parameters work too, perhaps not everywhere. An answer
        with two of the ids proves the style that was sent. Before that, an answer with other pages, with fewer than two
        or none at all is compared with that of the other style. Raise AnswerUnusable if the server ignores the ids.
        """
        answers: list[Json] | None = None
        failure: AnswerUnusable | None = None
        try:
            answers = self._ask_by_ids(ids, query, statuses, tries, joined=self._joins_lists)
        except AnswerUnusable as error:
            if self._is_style_proven or len(ids) == 1:
                raise
            failure = error
        if not self._is_style_proven and len(ids) > 1:
            if _count(answers) < 2:
                answers = self._in_other_style(ids, query, statuses, tries, answers)
            self._is_style_proven = _count(answers) >= 2
        if answers is None:
            raise failure or AnswerUnusable("Confluence answered with pages that were not asked for.")
        return answers

    def _in_other_style(
        self,
        ids: Sequence[str],
        query: dict[str, object],
        statuses: Sequence[str],
        tries: int | None,
        answers: list[Json] | None,
    ) -> list[Json] | None:
        """Return the answers in the other style of lists if they hold more, and keep to that style then."""
        try:
            others = self._ask_by_ids(ids, query, statuses, tries, joined=not self._joins_lists)
        except (AnswerNotTrusted, NotFound, ServerFailed):
            return answers
        if others is None or (answers is not None and _count(others) <= _count(answers)):
            return answers
        self._joins_lists = not self._joins_lists
        return others

    def _ask_by_ids(
        self,
        ids: Sequence[str],
        query: dict[str, object],
        statuses: Sequence[str],
        tries: int | None,
        *,
        joined: bool,
    ) -> list[Json] | None:
        """Return the answers in one style of lists; None if they hold a page that was not asked for."""
        lists = {"id": ids, "status": statuses}
        sent = {name: ",".join(values) if joined else values for name, values in lists.items()}
        answers: list[Json] = []
        for answer in self.client.walk("api/v2/pages", {**query, **sent}, max_attempts=tries):
            if not {item["id"] for item in answer.content["results"]} <= set(ids):
                return None
            answers.append(answer.content)
        return answers

    def _parent_of(self, node: ContentNode) -> ContentNode | None:
        return read_parent(self.client.get(_node(node)), node)

    def _ancestors(self, node: ContentNode) -> list[ContentNode]:
        walk = self.client.walk(f"{_node(node)}/ancestors", {"limit": WIDEST})
        return [each for answer in walk for each in read_ancestors(answer.content)]

    def _indexed(self, space: Space, parts: str) -> ExpandedAttributes:
        def walk(width: int, tries: int | None) -> ExpandedAttributes:
            query = {"cql": pages_of(space.key), "limit": width, "expand": parts}
            return walk_attributes(self.client, SEARCH, query, CLOUD, tries)

        return with_smaller_pages(walk, WIDEST_EXPANDED, check_site=self.check_account)

    def _vouched(
        self, walked: dict[str, set[str]] | None, indexed: ExpandedAttributes, ids: Collection[str]
    ) -> dict[str, frozenset[str] | None]:
        """Return the labels that were found label by label where the search index, read later, shows no other.

        A page that the index does not show, or shows with a label more, is asked itself.
        """
        known: dict[str, frozenset[str] | None] = {}
        for page_id in ids if walked is not None else ():
            by_label = frozenset((walked or {}).get(page_id, ()))
            is_vouched = page_id in indexed.labels and (indexed.labels[page_id] or frozenset()) <= by_label
            known[page_id] = by_label if is_vouched else None
        return complete_labels(known, ids, self.labels_of)

    def _labels_by_page(self, space: Space, pages: int) -> dict[str, set[str]] | None:
        """Return the labels of each page of a space, by a walk over every label; None if that is not proven or dearer.

        By Atlassian's document the list of a space's labels holds `my` and `team` ones unless asked otherwise. Only a
        global label in it proves that it holds those too; else the labels of the whole site are listed.
        """
        names, has_global = self._label_names(f"api/v2/spaces/{quote(space.id, safe='')}/content/labels", {})
        if not has_global:
            try:
                names = {**names, **self._label_names("api/v2/labels", {"prefix": "global"})[0]}
            except UNANSWERED:
                return None
        if len(names) > pages:
            return None
        found: dict[str, set[str]] = {}
        for label_id, name in names.items():
            for page_id in self._labelled(space, label_id):
                found.setdefault(page_id, set()).add(name)
        return found

    def _label_names(self, path: str, query: dict[str, object]) -> tuple[dict[str, str], bool]:
        """Return label id → name of a list of labels, without those that are ours alone, and whether one is global."""
        names: dict[str, str] = {}
        has_global = False
        for answer in self.client.walk(path, {"limit": WIDEST, "sort": "id", **query}):
            for item in answer.content["results"]:
                names.update((item["id"], name) for name in read_labels({"results": [item]}))
                has_global |= item.get("prefix") == "global"
        return names, has_global

    def _labelled(self, space: Space, label_id: str) -> Iterable[str]:
        """Return the ids of the pages of a space that carry a label; none for a label that nothing visible carries."""
        path = f"api/v2/labels/{quote(label_id, safe='')}/pages"

        def walk(width: int, tries: int | None) -> list[str]:
            query = {"space-id": space.id, "sort": "id", "limit": width}
            answers = self.client.walk(path, query, max_attempts=tries)
            return [item["id"] for answer in answers for item in answer.content["results"]]

        try:
            return with_smaller_pages(walk, WIDEST, check_site=self.check_account)
        except NotFound:
            return ()


def _count(answers: list[Json] | None) -> int:
    """Return how many pages answers hold; -1 for no answer that can be used."""
    return -1 if answers is None else len({item["id"] for answer in answers for item in answer["results"]})


def _page(page_id: str) -> str:
    return f"api/v2/pages/{quote(page_id, safe='')}"


def _node(node: ContentNode) -> str:
    if node.kind not in COLLECTIONS:
        raise AnswerNotTrusted(
            "Confluence names a kind of content above a page that this version does not know.",
            remedy="Upgrade hr_sync.",
        )
    return f"api/v2/{COLLECTIONS[node.kind]}/{quote(node.id, safe='')}"


def _pages_in(space: Space) -> str:
    return f"api/v2/spaces/{quote(space.id, safe='')}/pages"
