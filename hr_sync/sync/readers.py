"""Who may read a page, by layer, and why not everybody.

Answers come from the mirror: they are what consumers get. Confluence is asked for nothing but names that the mirror
does not know, if it can be reached.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta

from hr_sync.domain.access import (
    EVERY_ASKER,
    AccessMode,
    AccessSet,
    Audience,
    Layer,
    Principal,
    PrincipalKind,
    audience_passes,
    layer_of,
    with_included,
)
from hr_sync.domain.principal_words import NamedPrincipal, named_layer, principals_in_words
from hr_sync.domain.shown_pages import audience_words
from hr_sync.errors import UsageError
from hr_sync.store.read.includes import StoredInclude
from hr_sync.store.read.readers import Names, StoredNode, StoredReaders
from hr_sync.store.store import Store
from hr_sync.sync.principal_names import NamesOfConfluence, names_of


@dataclass(frozen=True, kw_only=True, slots=True)
class ReaderLayer:
    """Whom one layer lets pass: the space, a node on the way, the page itself, or a page that its text shows."""

    what: str  #: space, page, folder, ..., or included page
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
    """Who may read one page, by layer: the space, everything above the page from the top down, and the page itself.

    Then the layers of the pages that its text shows, as far as they are others.
    """

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


def readers_of_page(store: Store, page_id: str, confluence: NamesOfConfluence | None = None) -> PageReaders:
    """Return who may read a page. Raise UsageError if the mirror does not have it."""
    found = store.access.readers(page_id)
    if found is None:
        raise UsageError(f"The mirror has no page {page_id}. See why: `hr-sync explain {page_id}`.")
    return describe_readers(found, names_of(store, _principals_of(found), confluence))


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
    layers = [space, *nodes, *_included_layers(found, audience, names)]
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
    layers += [layer for each in found.included for layer in each.access_set or ()]
    audience = {Principal(PrincipalKind.GROUP, each) for each in found.policy.audience_groups}
    return {each for layer in layers for each in layer} | audience


def _own_layer(node: StoredNode) -> Layer | None:
    return None if node.restriction is None else layer_of(node.restriction)


def _set_of(found: StoredReaders) -> AccessSet | None:
    return with_included(_own_set(found), [each.access_set for each in found.included])


def _own_set(found: StoredReaders) -> AccessSet | None:
    if found.space.layer is None:
        return None
    return frozenset({found.space.layer, *(layer for node in found.chain if (layer := _own_layer(node)) is not None)})


def _included_layers(found: StoredReaders, audience: Audience, names: Names) -> list[ReaderLayer]:
    """Return the layers that the page has only because its text shows other pages."""
    seen = set(_own_set(found) or ())
    layers: list[ReaderLayer] = []
    for page in found.included:
        if page.access_set is None:
            layers.append(_included_layer(page, None, audience, names))
            continue
        new = sorted(page.access_set - seen, key=lambda layer: sorted(each.token for each in layer))
        layers += [_included_layer(page, layer, audience, names) for layer in new]
        seen |= page.access_set
    return layers


def _included_layer(page: StoredInclude, layer: Layer | None, audience: Audience, names: Names) -> ReaderLayer:
    return ReaderLayer(
        what="included page",
        id=page.page_id,
        title=page.title,
        is_known=layer is not None,
        restricts=True,
        principals=named_layer(layer or frozenset(), names.groups, names.users),
        lets_audience_pass=layer is not None and audience_passes(frozenset({layer}), audience),
        doubt=None if layer is not None else "who may read it is not known",
    )


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
