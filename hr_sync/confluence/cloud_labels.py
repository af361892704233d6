"""The labels of the pages of a space on Cloud, with few requests and not from the search index alone."""

from collections.abc import Callable, Collection, Iterable, Mapping
from typing import TypeVar
from urllib.parse import quote

from hr_sync.confluence.access import (
    SEARCH,
    WIDEST_EXPANDED,
    ExpandedAttributes,
    complete_labels,
    nodes_of,
    walk_attributes,
)
from hr_sync.confluence.access_json import ATTRIBUTE_PARTS, CLOUD, LABEL_PARTS
from hr_sync.confluence.cloud_walks import COLLECTION
from hr_sync.confluence.http.client import HttpClient
from hr_sync.confluence.json_fields import TYPE_OF, read_labels
from hr_sync.confluence.pagination import with_smaller_pages
from hr_sync.domain.access import Restriction
from hr_sync.domain.content import ContentKind, Space
from hr_sync.errors import UNANSWERED, NotFound

Found = TypeVar("Found")

_WIDEST = 250  # entries of one answer of v2


class SpaceLabels:
    """Reads the labels of a space label by label, and checks them against the search index."""

    def __init__(
        self,
        client: HttpClient,
        labels_of: Callable[[str, ContentKind], frozenset[str] | None],
        check_account: Callable[[], None],
    ) -> None:
        """`labels_of` requests the labels of one page of a kind."""
        self._client = client
        self._labels_of = labels_of
        self._check_account = check_account

    def of_pages(
        self, space: Space, ids: Collection[str], kind: ContentKind, *, with_restrictions: bool = False
    ) -> tuple[dict[str, frozenset[str] | None], Mapping[str, Restriction | None]]:
        """Return the labels of pages of one kind, and their restrictions in the index if requested."""
        walked = self._if_answered(lambda: self._labels_by_page(space, len(ids), kind), None)
        if with_restrictions:
            indexed = self._indexed(space, kind, ATTRIBUTE_PARTS)
        else:
            indexed = self._if_answered(lambda: self._indexed(space, kind, LABEL_PARTS), ExpandedAttributes())
        return self._vouched(walked, indexed, ids, kind), indexed.restrictions

    def _if_answered(self, ask: Callable[[], Found], otherwise: Found) -> Found:
        """Return what a list holds; `otherwise` if the list alone fails, so that each page is requested by itself."""
        try:
            return ask()
        except UNANSWERED:
            self._check_account()  # raises if the cause is not the list, but the site or our account
            return otherwise

    def _indexed(self, space: Space, kind: ContentKind, parts: str) -> ExpandedAttributes:
        def walk(width: int, tries: int | None) -> ExpandedAttributes:
            query = {"cql": nodes_of(space.key, (TYPE_OF[kind],)), "limit": width, "expand": parts}
            return walk_attributes(self._client, SEARCH, query, CLOUD, tries)

        return with_smaller_pages(walk, WIDEST_EXPANDED, check_site=self._check_account)

    def _vouched(
        self,
        walked: dict[str, set[str]] | None,
        indexed: ExpandedAttributes,
        ids: Collection[str],
        kind: ContentKind,
    ) -> dict[str, frozenset[str] | None]:
        """Return the labels that were found label by label where the search index, read later, shows no other.

        A page that the index lacks, or has with one label more, is requested by itself.
        """
        known: dict[str, frozenset[str] | None] = {}
        for page_id in ids if walked is not None else ():
            by_label = frozenset((walked or {}).get(page_id, ()))
            is_vouched = page_id in indexed.labels and (indexed.labels[page_id] or frozenset()) <= by_label
            known[page_id] = by_label if is_vouched else None
        return complete_labels(known, ids, lambda page_id: self._labels_of(page_id, kind))

    def _labels_by_page(self, space: Space, pages: int, kind: ContentKind) -> dict[str, set[str]] | None:
        """Return the labels of each page of a space, by a walk over every label; None if incomplete or too costly.

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
            for page_id in self._labelled(space, label_id, kind):
                found.setdefault(page_id, set()).add(name)
        return found

    def _label_names(self, path: str, query: dict[str, object]) -> tuple[dict[str, str], bool]:
        """Return label id → name of a list of labels, without those that are ours alone, and whether one is global."""
        names: dict[str, str] = {}
        has_global = False
        for answer in self._client.walk(path, {"limit": _WIDEST, "sort": "id", **query}):
            for item in answer.content["results"]:
                names.update((item["id"], name) for name in read_labels({"results": [item]}))
                has_global |= item.get("prefix") == "global"
        return names, has_global

    def _labelled(self, space: Space, label_id: str, kind: ContentKind) -> Iterable[str]:
        """Return the ids of the pages of a space that carry a label; none for a label that nothing visible carries."""
        path = f"api/v2/labels/{quote(label_id, safe='')}/{COLLECTION[kind]}"

        def walk(width: int, tries: int | None) -> list[str]:
            query = {"space-id": space.id, "sort": "id", "limit": width}
            answers = self._client.walk(path, query, max_attempts=tries)
            return [item["id"] for answer in answers for item in answer.content["results"]]

        try:
            return with_smaller_pages(walk, _WIDEST, check_site=self._check_account)
        except NotFound:
            return ()
