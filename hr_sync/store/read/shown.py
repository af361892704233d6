"""How many pages of each space consumers are shown, and why not the others. Read only."""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import and_, func, or_, select
from sqlalchemy.orm import Session

from hr_sync.domain.access import AccessMode, AccessPolicy, AccessSet, Layer, Principal, PrincipalKind
from hr_sync.domain.principal_words import GroupFact
from hr_sync.domain.shown_pages import ShownPages, SpaceAccess, shown_pages
from hr_sync.store.access_tables import (
    AccessLayer,
    AccessPolicyRow,
    AccessPrincipal,
    ContentNode,
    Group,
    GroupMember,
    SpacePermission,
)
from hr_sync.store.access_tables import AccessSet as AccessSetRow
from hr_sync.store.read.access import stored_policy
from hr_sync.store.read.pages import LIVE
from hr_sync.store.tables import ConfluencePage, PageBody, SyncSpace

_GROUP = PrincipalKind.GROUP
_OF_USERS = f"{PrincipalKind.USER}:%"
#: Stands for the sets of a space of which something is shown: which layers leave others out is not asked there.
_LEFT_OUT: AccessSet = frozenset({frozenset[Principal]()})


def licence_groups_were_read(session: Session) -> bool:
    """Return True if the groups that grant use of Confluence were ever read, whatever that showed."""
    return session.scalar(select(AccessPolicyRow.licence_checked_at)) is not None


def stored_licence_groups(session: Session) -> frozenset[str]:
    """Return the groups that grant use of Confluence; none if they are not known."""
    return frozenset(session.scalar(select(AccessPolicyRow.licence_groups)) or ())


def read_shown_pages(
    session: Session,
    *,
    space_keys: Collection[str] | None = None,
    policy: AccessPolicy | None = None,
    licence_groups: Collection[str] | None = None,
) -> list[ShownPages]:
    """Return what consumers are shown of each space, by key; of these spaces alone if there are any.

    `policy` and `licence_groups`: others than the stored ones, for what they would show.
    """
    stored, stored_licence = stored_policy(session), stored_licence_groups(session)
    policy = policy or stored or AccessPolicy()
    licence = stored_licence if licence_groups is None else frozenset(licence_groups)
    is_derived = policy.audience_groups == (stored or policy).audience_groups and licence == stored_licence
    spaces = _spaces(session, space_keys)
    pages = _pages(session, spaces)
    if policy.mode is AccessMode.ACCOUNT:
        return [shown_pages(space.access(pages[space.space_key]), policy, licence) for space in spaces]
    viewers = _viewers(session, [space.space_id for space in spaces if space.space_id and space.viewers_known])
    layers = _layers(session, _needed(pages, is_derived=is_derived))
    # Only these stand in messages; counting members takes the longest.
    closed = [space.space_id for space in spaces if any(each.set_id in layers for each in pages[space.space_key])]
    named = {each.id for space_id in closed for each in viewers.get(space_id or "", ()) if each.kind is _GROUP}
    groups = group_facts(session, {*named, *policy.audience_groups})
    unread = _unread_nodes(session, [space.space_id for space in spaces if space.space_id])
    return [
        shown_pages(
            space.access(
                pages[space.space_key],
                layers=layers,
                viewers=viewers.get(space.space_id or "", frozenset()) if space.viewers_known else None,
                unread_nodes=unread.get(space.space_id or "", 0),
                groups=groups,
            ),
            policy,
            licence,
        )
        for space in spaces
    ]


def group_facts(session: Session, group_ids: Collection[str]) -> dict[str, GroupFact]:
    """Return the names of groups, and how many members they have where that is known, by id."""
    if not group_ids:
        return {}
    max_age = select(AccessPolicyRow.max_age_hours).scalar_subquery()
    is_recent = Group.checked_at > func.now() - func.make_interval(0, 0, 0, 0, max_age)
    members = select(func.count()).where(GroupMember.group_id == Group.id).scalar_subquery()
    rows = session.execute(
        select(Group.id, Group.name, members, func.coalesce(and_(Group.members_known, is_recent), False)).where(
            Group.id == func.any(sorted(group_ids))
        )
    )
    return {
        group_id: GroupFact(name=name, members=count if is_known else None) for group_id, name, count, is_known in rows
    }


@dataclass(frozen=True, kw_only=True, slots=True)
class _Space:
    space_key: str
    space_id: str | None
    viewers_known: bool
    doubt: str | None
    access_age: timedelta | None
    look_age: timedelta | None

    def access(
        self,
        pages: Sequence["_Pages"],
        *,
        layers: Mapping[int, AccessSet] | None = None,
        viewers: Layer | None = None,
        unread_nodes: int = 0,
        groups: Mapping[str, GroupFact] | None = None,
    ) -> SpaceAccess:
        return SpaceAccess(
            space_key=self.space_key,
            sets=[(each.access_set(layers or {}), each.count) for each in pages],
            viewers=viewers,
            doubt=self.doubt,
            access_age=self.access_age,
            look_age=self.look_age,
            unread_nodes=unread_nodes,
            groups=groups or {},
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class _Pages:
    """The live pages of a space that have one access set."""

    set_id: int | None
    audience: bool  #: whether the stored audience passes the set
    count: int

    def access_set(self, layers: Mapping[int, AccessSet]) -> AccessSet | None:
        """Return the set. Without its layers, nothing but whether the audience passes it holds of it."""
        if self.set_id is None:
            return None
        return layers.get(self.set_id, frozenset[Layer]() if self.audience else _LEFT_OUT)


def _spaces(session: Session, space_keys: Collection[str] | None) -> list[_Space]:
    space = SyncSpace
    query = select(
        space.space_key,
        space.space_id,
        space.viewers_known,
        space.viewers_doubt,
        func.statement_timestamp() - space.access_checked_at,
        func.statement_timestamp() - space.last_complete_at,
    ).where(space.gone_at.is_(None))
    if space_keys is not None:
        query = query.where(space.space_key == func.any(sorted(space_keys)))
    return [
        _Space(
            space_key=key,
            space_id=space_id,
            viewers_known=viewers_known,
            doubt=doubt,
            access_age=access_age,
            look_age=look_age,
        )
        for key, space_id, viewers_known, doubt, access_age, look_age in session.execute(
            query.order_by(space.space_key)
        )
    ]


def _pages(session: Session, spaces: Sequence[_Space]) -> dict[str, list[_Pages]]:
    """Return the live pages by the key of their space, which rows under a former key find by its id."""
    page = ConfluencePage
    keys = {space.space_id: space.space_key for space in spaces if space.space_id}
    rows = session.execute(
        select(
            page.space_id, page.space_key, page.access_set_id, func.coalesce(AccessSetRow.audience, False), func.count()
        )
        .join_from(page, PageBody, PageBody.page_id == page.id)
        .outerjoin(AccessSetRow, AccessSetRow.id == page.access_set_id)
        .where(LIVE, page.status == "current")
        .where(
            or_(
                page.space_id == func.any(sorted(keys)), page.space_key == func.any([each.space_key for each in spaces])
            )
        )
        .group_by(page.space_id, page.space_key, page.access_set_id, AccessSetRow.audience)
    )
    found: defaultdict[str, list[_Pages]] = defaultdict(list)
    for space_id, space_key, set_id, audience, count in rows:
        found[keys.get(space_id or "", space_key)].append(_Pages(set_id=set_id, audience=audience, count=count))
    return found


def _needed(pages: Mapping[str, Sequence[_Pages]], *, is_derived: bool) -> frozenset[int]:
    """Return the sets whose layers are needed: what the audience passes is stored, unless it is another audience."""
    return frozenset(
        each.set_id
        for some in pages.values()
        if not is_derived or not any(each.audience for each in some)
        for each in some
        if each.set_id is not None
    )


def _layers(session: Session, set_ids: Collection[int]) -> dict[int, AccessSet]:
    """Return access sets by number, without their users: no audience names one."""
    if not set_ids:
        return {}
    same = and_(
        AccessPrincipal.layer == AccessLayer.layer,
        AccessPrincipal.principal.not_like(_OF_USERS),
    )
    rows = session.execute(
        select(AccessLayer.set_id, AccessLayer.layer, AccessPrincipal.principal)
        .outerjoin(AccessPrincipal, same)
        .where(AccessLayer.set_id == func.any(sorted(set_ids)))
    )
    sets: defaultdict[int, set[str]] = defaultdict(set)
    tokens: defaultdict[str, set[str]] = defaultdict(set)
    for set_id, layer, token in rows:
        sets[set_id].add(layer)
        tokens[layer].update(() if token is None else (token,))
    made = {layer: frozenset(map(Principal.of, each)) for layer, each in tokens.items()}
    return {set_id: frozenset(made[layer] for layer in layers) for set_id, layers in sets.items()}


def _viewers(session: Session, space_ids: Sequence[str]) -> dict[str, Layer]:
    permission = SpacePermission
    found: defaultdict[str, set[Principal]] = defaultdict(set)
    rows = session.execute(
        select(permission.space_id, permission.principal).where(permission.space_id == func.any(list(space_ids)))
    )
    for space_id, token in rows:
        found[space_id].add(Principal.of(token))
    return {space_id: frozenset(layer) for space_id, layer in found.items()}


def _unread_nodes(session: Session, space_ids: Sequence[str]) -> dict[str, int]:
    node = ContentNode
    is_unread = or_(node.restriction.is_(None), ~node.parent_known, node.outdated)
    query = select(node.space_id, func.count()).where(node.space_id == func.any(list(space_ids)), is_unread)
    return dict(session.execute(query.group_by(node.space_id)).all())
