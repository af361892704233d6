"""Who may read a page, by layer, and why not everybody; what somebody may read; what a restriction would change.

Answers come from the mirror: they are what consumers get. Confluence is asked for nothing but names that the mirror
does not know, if it can be reached.
"""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TypeVar

from hr_sync.confluence.source import Source
from hr_sync.domain.access import (
    EVERY_ASKER,
    AccessMode,
    AccessSet,
    Audience,
    Identity,
    Layer,
    Principal,
    PrincipalKind,
    Restriction,
    access_set_of,
    audience_passes,
    layer_of,
)
from hr_sync.domain.principal_words import GroupFact, NamedPrincipal, listed, named_layer, principals_in_words
from hr_sync.domain.shown_pages import audience_words
from hr_sync.errors import ConfluenceError, UsageError
from hr_sync.store.read.readers import Names, ReadablePage, StoredNode, StoredReaders, StoredTree
from hr_sync.store.store import Store

Value = TypeVar("Value")


class NamesOfConfluence:
    """Asks Confluence for names that the mirror does not know; returns none where it cannot be reached or refuses."""

    def __init__(self, open_source: Callable[[], Source]) -> None:
        self._open: Callable[[], Source] | None = open_source  #: None: it could not be reached
        self._source: Source | None = None

    def groups(self, group_ids: Collection[str]) -> dict[str, str]:
        """Return names of groups, by id."""
        return self._asked(lambda source: source.group_names(group_ids), {}) if group_ids else {}

    def users(self, user_ids: Collection[str]) -> dict[str, str]:
        """Return names of users, by id."""
        found: dict[str, Identity] = {}
        if user_ids:
            found = self._asked(lambda source: source.identities(user_ids), found)
        return {each.user_id: each.display_name for each in found.values() if each.display_name}

    def group_id(self, name: str) -> str | None:
        """Return the id of the group with this name; None if none is visible."""
        return self._asked(lambda source: source.group_id(name), None)

    def _asked(self, ask: Callable[[Source], Value], otherwise: Value) -> Value:
        if self._open is None:
            return otherwise
        try:
            self._source = self._source or self._open()
            return ask(self._source)
        except ConfluenceError:
            self._open = None  # whoever waits for an answer waits for one time-out
            return otherwise


@dataclass(frozen=True, kw_only=True, slots=True)
class ReaderLayer:
    """Whom one layer lets pass: the space, a node on the way, or the page itself."""

    what: str  #: space, page, folder, ...
    id: str
    title: str | None  #: key of the space, or title of a mirrored page
    is_known: bool
    restricts: bool  #: False: it restricts nobody
    principals: Sequence[NamedPrincipal]  #: of whom a reader must be one
    lets_audience_pass: bool
    doubt: str | None = None  #: why it is not known

    @property
    def words(self) -> str:
        """Return whom it lets pass, in words."""
        if not self.is_known:
            return f"not known{f': {self.doubt}' if self.doubt else ''}"
        return principals_in_words(self.principals) if self.restricts else "everybody who may view the space"

    @property
    def place(self) -> str:
        """Return how a message names it."""
        return f"space {self.title}" if self.what == "space" else f"{self.what} {self.title or self.id}"


@dataclass(frozen=True, kw_only=True, slots=True)
class PageReaders:
    """Who may read one page, by layer: the space, everything above the page from the top down, and the page itself."""

    page_id: str
    title: str
    space_key: str
    is_shown: bool  #: to consumers, in `live_pages`
    open_to: str | None  #: whom every page that is shown is open to; None: not shown, or not by access
    summary: str  #: whether it is shown to every reader of the audience, and why not
    is_known: bool  #: all layers are known
    readers: int | None  #: people who may read it, where the members of all groups are known
    layers: Sequence[ReaderLayer]
    access_age: timedelta | None  #: of the facts; None: they were never read


@dataclass(frozen=True, kw_only=True, slots=True)
class PageEffect:
    """What a restriction would change for one page."""

    page_id: str
    title: str
    shown_before: bool  #: to every reader of the audience
    shown_after: bool
    readers_before: int | None  #: people, where that is known
    readers_after: int | None


@dataclass(frozen=True, kw_only=True, slots=True)
class RestrictionPreview:
    """What would change if one node were restricted to these groups alone. Nothing was written."""

    node_id: str
    title: str | None
    groups: Sequence[NamedPrincipal]
    pages: Sequence[PageEffect]  #: live pages of its subtree, itself among them

    @property
    def shown_before(self) -> int:
        """Return how many of the pages are shown to consumers now."""
        return sum(page.shown_before for page in self.pages)

    @property
    def shown_after(self) -> int:
        """Return how many would be."""
        return sum(page.shown_after for page in self.pages)


@dataclass(frozen=True, kw_only=True, slots=True)
class Readable:
    """What somebody may read."""

    user: str
    is_known: bool  #: the mirror names the user anywhere
    groups: Sequence[str] | None  #: ids; None: no members are mirrored, so none counts
    pages: Sequence[ReadablePage]


@dataclass(frozen=True, kw_only=True, slots=True)
class ReadersComparison:
    """What only one of two users may read."""

    user: Readable
    other: Readable
    both: int
    only_user: Sequence[ReadablePage]
    only_other: Sequence[ReadablePage]


def readers_of_page(store: Store, page_id: str, confluence: NamesOfConfluence | None = None) -> PageReaders:
    """Return who may read a page. Raise UsageError if the mirror does not have it."""
    found = store.readers(page_id)
    if found is None:
        raise UsageError(f"The mirror has no page {page_id}. See why: `hr-sync explain {page_id}`.")
    return describe_readers(found, _names(store, _principals_of(found), confluence))


def describe_readers(found: StoredReaders, names: Names) -> PageReaders:
    """Return the readers of a page by layer, from what is stored of them."""
    audience = Audience(groups=found.policy.audience_groups, licence_groups=found.licence_groups)
    space = ReaderLayer(
        what="space",
        id=found.space.space_id or "",
        title=found.space.space_key,
        is_known=found.space.layer is not None,
        restricts=True,
        principals=named_layer(found.space.layer or frozenset(), names.groups, names.users),
        lets_audience_pass=found.space.layer is not None and audience_passes(frozenset({found.space.layer}), audience),
        doubt=found.space.doubt,
    )
    nodes = [_node_layer(node, audience, names, is_page=node.id == found.page_id) for node in found.chain]
    layers = [space, *nodes]
    access_set = _set_of(found) if found.is_known else None
    everybody = audience_words(found.policy, names.groups)
    return PageReaders(
        page_id=found.page_id,
        title=found.title,
        space_key=found.space.space_key,
        is_shown=found.is_shown,
        open_to=everybody if found.is_shown and found.policy.mode is AccessMode.ENFORCE else None,
        summary=_summary(found, layers, everybody),
        is_known=found.is_known,
        readers=count_readers(access_set, names.members),
        layers=layers,
        access_age=found.space.access_age,
    )


def preview_restriction(
    store: Store, node_id: str, groups: Sequence[str], confluence: NamesOfConfluence | None = None
) -> RestrictionPreview:
    """Return what would change if a node were restricted to these groups alone. Nothing is written.

    Raise UsageError for a node or a group that nobody knows.
    """
    tree = store.tree_around(node_id)
    if tree is None:
        raise UsageError(f"The mirror knows no page or folder {node_id}. See why: `hr-sync explain {node_id}`.")
    group_ids = frozenset(find_group(store, each, confluence) for each in groups)
    changed = replace(tree.nodes[node_id], restriction=Restriction(groups=group_ids), outdated=False)
    concerned = sorted(_subtree(tree, node_id))
    before, after = _access_sets(tree, concerned), _access_sets(tree, concerned, changed)
    sets = {page_id: (before[page_id], after[page_id]) for page_id in concerned}
    principals = {each for pair in sets.values() for found in pair if found for layer in found for each in layer}
    names = _names(store, {*principals, *(Principal(PrincipalKind.GROUP, each) for each in group_ids)}, confluence)
    audience = Audience(groups=tree.policy.audience_groups, licence_groups=tree.licence_groups)

    def shown(access_set: AccessSet | None) -> bool:
        return tree.policy.mode is AccessMode.ACCOUNT or audience_passes(access_set, audience)

    return RestrictionPreview(
        node_id=node_id,
        title=tree.nodes[node_id].title,
        groups=named_layer(frozenset(Principal(PrincipalKind.GROUP, each) for each in group_ids), names.groups),
        pages=[
            PageEffect(
                page_id=page_id,
                title=tree.pages[page_id],
                shown_before=shown(now),
                shown_after=shown(then),
                readers_before=count_readers(now, names.members),
                readers_after=count_readers(then, names.members),
            )
            for page_id, (now, then) in sets.items()
        ],
    )


def pages_of_user(
    store: Store, user: str, groups: Collection[str] | None, confluence: NamesOfConfluence | None = None
) -> Readable:
    """Return what somebody may read: a user by id or e-mail address, in these groups, by id or name.

    Without groups those count in which the mirror has the user. Raise UsageError for an address or a group that nobody
    knows.
    """
    user_id = find_user(store, user)
    given = None if groups is None else sorted({find_group(store, each, confluence) for each in groups})
    return Readable(
        user=user_id,
        is_known=store.is_known_user(user_id),
        groups=store.mirrored_groups_of(user_id) if given is None else given,
        pages=store.readable_pages(user_id, given),
    )


def compare(user: Readable, other: Readable) -> ReadersComparison:
    """Return what only one of two users may read."""
    here, there = ({page.id for page in each.pages} for each in (user, other))
    return ReadersComparison(
        user=user,
        other=other,
        both=len(here & there),
        only_user=[page for page in user.pages if page.id not in there],
        only_other=[page for page in other.pages if page.id not in here],
    )


def find_user(store: Store, given: str) -> str:
    """Return the id of a user, given by id or e-mail address. Raise UsageError for an address of none or of several."""
    if "@" not in given:
        return given
    found = store.users_with_address(given)
    if len(found) != 1:
        known = "no user" if not found else f"{len(found)} users ({listed(found)})"
        raise UsageError(
            f"The mirror knows {known} with the address {given}. Name the account id (Cloud) or the user key (Data "
            "Center) instead."
        )
    return found[0]


def find_group(store: Store, given: str, confluence: NamesOfConfluence | None = None) -> str:
    """Return the id of a group, given by id or name. Raise UsageError for one that nobody knows."""
    found = store.find_group(given)
    if found is None and confluence is not None:
        found = confluence.group_id(given)
    if found is None:
        raise UsageError(f"No group {given} is known to the mirror, or visible in Confluence. Check its name or id.")
    return found


def count_readers(access_set: AccessSet | None, members: Mapping[str, frozenset[str]]) -> int | None:
    """Return how many people pass a set; None if all licensed users do, or the members of a group are not known."""
    if access_set is None:
        return None
    people: frozenset[str] | None = None
    for layer in access_set:
        if any(each.kind is PrincipalKind.CLASS and each.id in EVERY_ASKER for each in layer):
            continue
        some: set[str] = set()
        for each in layer:
            if each.kind is PrincipalKind.USER:
                some.add(each.id)
            elif each.kind is PrincipalKind.GROUP:
                if each.id not in members:
                    return None
                some |= members[each.id]
        people = frozenset(some) if people is None else people & some
    return None if people is None else len(people)


def _principals_of(found: StoredReaders) -> set[Principal]:
    layers = [found.space.layer or frozenset(), *(_own_layer(node) or frozenset() for node in found.chain)]
    audience = {Principal(PrincipalKind.GROUP, each) for each in found.policy.audience_groups}
    return {each for layer in layers for each in layer} | audience


def _own_layer(node: StoredNode) -> Layer | None:
    return None if node.restriction is None else layer_of(node.restriction)


def _set_of(found: StoredReaders) -> AccessSet | None:
    if found.space.layer is None:
        return None
    return frozenset({found.space.layer, *(layer for node in found.chain if (layer := _own_layer(node)) is not None)})


def _node_layer(node: StoredNode, audience: Audience, names: Names, *, is_page: bool) -> ReaderLayer:
    doubt = None
    if node.restriction is None:
        doubt = "Confluence did not show its restriction"
    elif node.outdated and is_page:
        doubt = "its text is newer than its restriction"
    if not node.parent_known:
        doubt = "Confluence did not show what is above it" if doubt is None else doubt
    layer = _own_layer(node)
    return ReaderLayer(
        what=node.kind or "page",
        id=node.id,
        title=node.title,
        is_known=doubt is None,
        restricts=layer is not None,
        principals=named_layer(layer or frozenset(), names.groups, names.users),
        lets_audience_pass=doubt is None and (layer is None or audience_passes(frozenset({layer}), audience)),
        doubt=doubt,
    )


def _summary(found: StoredReaders, layers: Sequence[ReaderLayer], everybody: str) -> str:
    """Return whether the page is shown to consumers, and why not. The first reason that fits counts."""
    if found.is_shown:
        if found.policy.mode is AccessMode.ACCOUNT:
            return "Shown to consumers: access.mode is account, so all that the account of hr_sync sees is."
        return f"Shown to consumers: open to {everybody}."
    return f"Not shown to consumers: {_reason(found, layers, everybody)}"


def _reason(found: StoredReaders, layers: Sequence[ReaderLayer], everybody: str) -> str:
    policy, space = found.policy, found.space
    read = f"`hr-sync run --access --space {space.space_key}`"
    if not found.is_live:
        return "it is hidden or removed."
    hide = policy.hide_after_hours
    if hide is not None and (space.look_age is None or space.look_age >= timedelta(hours=hide)):
        return f"its space was not looked at completely for {hide} h (sync.hide_after_hours)."
    if policy.mode is AccessMode.ACCOUNT:
        return "its body is missing."
    if space.access_age is None:
        return f"who may read it was never read. Read it: {read}."
    if space.access_age >= timedelta(hours=policy.max_age_hours):
        return f"who may read it was last read {_hours(space.access_age)} h ago. Read it again: {read}."
    unknown = [layer for layer in layers if not layer.is_known]
    if unknown:
        return f"who may read it is not known; {unknown[0].place}: {unknown[0].words}."
    if not found.is_known:
        return f"what is above it is not known. Read it again: {read}."
    closed = [layer for layer in layers if not layer.lets_audience_pass]
    if closed:
        ways = "; ".join(f"{layer.place} lets {layer.words} pass" for layer in closed)
        return f"not open to {everybody}: {ways}."
    return "its body is missing."


def _hours(age: timedelta) -> int:
    return int(age.total_seconds() // 3600)


def _subtree(tree: StoredTree, node_id: str) -> frozenset[str]:
    """Return the live pages at and below a node."""
    children: dict[str, list[str]] = {}
    for node in tree.nodes.values():
        if node.parent_id is not None:
            children.setdefault(node.parent_id, []).append(node.id)
    seen: set[str] = set()
    waiting = [node_id]
    while waiting:
        here = waiting.pop()
        if here not in seen:
            seen.add(here)
            waiting += children.get(here, [])
    return frozenset(seen & tree.pages.keys())


def _access_sets(
    tree: StoredTree, page_ids: Iterable[str], changed: StoredNode | None = None
) -> dict[str, AccessSet | None]:
    """Return the access sets of pages as they are, or with one node changed."""
    nodes = dict(tree.nodes) if changed is None else {**tree.nodes, changed.id: changed}
    own = {node.id: node.restriction for node in nodes.values()}
    parents = {node.id: node.parent_id for node in nodes.values()}
    unresolved = {node.id for node in nodes.values() if not node.parent_known}
    outdated = {node.id for node in nodes.values() if node.outdated}
    return {
        page_id: access_set_of(page_id, tree.space.layer, own, parents, unresolved, outdated=outdated)
        for page_id in page_ids
    }


def _names(store: Store, principals: Iterable[Principal], confluence: NamesOfConfluence | None) -> Names:
    """Return names from the mirror, and from Confluence what it lacks."""
    wanted = set(principals)
    names = store.names_of(wanted)
    groups = {
        each.id
        for each in wanted
        if each.kind is PrincipalKind.GROUP and (each.id not in names.groups or names.groups[each.id].name is None)
    }
    users = {each.id for each in wanted if each.kind is PrincipalKind.USER} - names.users.keys()
    if confluence is None:
        return names
    named = {
        group_id: replace(names.groups.get(group_id, GroupFact()), name=name)
        for group_id, name in confluence.groups(groups).items()
    }
    return replace(names, groups={**names.groups, **named}, users={**confluence.users(users), **names.users})
