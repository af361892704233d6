"""What is stored of who may read single pages, for people who ask. Read only."""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from sqlalchemy import Text, bindparam, func, literal, or_, select, text, union_all
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Session

from hr_sync.domain.access import AccessPolicy, Layer, Principal, PrincipalKind, Restriction
from hr_sync.domain.principal_words import GroupFact
from hr_sync.domain.scope import MAX_LEVELS
from hr_sync.store.access_tables import (
    AccessPolicyRow,
    AccessPrincipal,
    ContentNode,
    Group,
    GroupMember,
    KnownUser,
    SpacePermission,
)
from hr_sync.store.engine import quoted_schema
from hr_sync.store.read.access import restriction_of, stored_policy
from hr_sync.store.read.includes import StoredInclude, read_includes
from hr_sync.store.read.pages import LIVE, find_page
from hr_sync.store.read.shown import group_facts, stored_licence_groups
from hr_sync.store.tables import ConfluencePage, SyncSpace


@dataclass(frozen=True, kw_only=True, slots=True)
class StoredNode:
    """One node of a space."""

    id: str
    kind: str | None
    title: str | None  #: None: not mirrored
    parent_id: str | None
    parent_known: bool
    restriction: Restriction | None  #: its own; None: not known
    outdated: bool  #: its text is newer than its restriction


@dataclass(frozen=True, kw_only=True, slots=True)
class StoredViewers:
    """The space of a page, and who may view it."""

    space_key: str
    space_id: str | None
    layer: Layer | None  #: None: not known
    source: str | None
    doubt: str | None
    access_age: timedelta | None  #: of the facts; None: they were never read
    look_age: timedelta | None  #: since the last complete look; None: there was none


@dataclass(frozen=True, kw_only=True, slots=True)
class StoredReaders:
    """What is stored of who may read one page."""

    page_id: str
    title: str
    is_live: bool  #: neither hidden nor removed
    is_shown: bool  #: `live_pages` has it
    is_known: bool  #: it has an access set
    space: StoredViewers
    chain: Sequence[StoredNode]  #: from the top of the space down to the page, as far as is known
    policy: AccessPolicy
    licence_groups: frozenset[str]
    included: Sequence[StoredInclude]  #: pages that its text shows: a reader must pass them too


@dataclass(frozen=True, kw_only=True, slots=True)
class StoredTree:
    """All nodes of a space, and its live pages by id with their titles."""

    space: StoredViewers
    nodes: Mapping[str, StoredNode]
    pages: Mapping[str, str]
    policy: AccessPolicy
    licence_groups: frozenset[str]


@dataclass(frozen=True, kw_only=True, slots=True)
class Names:
    """What the mirror knows of principals."""

    groups: Mapping[str, GroupFact]
    users: Mapping[str, str]  #: display names by id
    members: Mapping[str, frozenset[str]]  #: of the groups whose members are known


@dataclass(frozen=True, kw_only=True, slots=True)
class ReadablePage:
    """One page in a list."""

    id: str
    space_key: str
    title: str


_NODE = (
    ContentNode.id,
    ContentNode.kind,
    ConfluencePage.title,
    ContentNode.parent_id,
    ContentNode.parent_known,
    ContentNode.restriction,
    ContentNode.outdated,
)


def read_readers(session: Session, page_id: str) -> StoredReaders | None:
    """Return what is stored of who may read a page; None if the mirror does not have it."""
    page = find_page(session, page_id)
    if page is None:
        return None
    view = text(f"SELECT EXISTS (SELECT FROM {quoted_schema(session.connection())}.live_pages WHERE id = :id)")  # noqa: S608
    return StoredReaders(
        page_id=page.id,
        title=page.title,
        is_live=page.hidden_at is None and page.removed_at is None,
        is_shown=bool(session.scalar(view, {"id": page_id})),
        is_known=page.access_set_id is not None,
        space=_viewers(session, page.space_key, page.space_id),
        chain=_chain(session, page_id),
        policy=stored_policy(session) or AccessPolicy(),
        licence_groups=stored_licence_groups(session),
        included=read_includes(session, page_id),
    )


def read_tree(session: Session, node_id: str) -> StoredTree | None:
    """Return the nodes and the live pages of the space of a node; None if the mirror does not have the node."""
    space_id = session.scalar(select(ContentNode.space_id).where(ContentNode.id == node_id))
    if space_id is None:
        return None
    key = session.scalar(select(SyncSpace.space_key).where(SyncSpace.space_id == space_id))
    rows = session.execute(
        select(*_NODE)
        .outerjoin(ConfluencePage, ConfluencePage.id == ContentNode.id)
        .where(ContentNode.space_id == space_id)
    )
    nodes = [_node(row) for row in rows]
    pages = session.execute(
        select(ConfluencePage.id, ConfluencePage.title).where(LIVE, ConfluencePage.space_id == space_id)
    )
    return StoredTree(
        space=_viewers(session, key or "", space_id),
        nodes={node.id: node for node in nodes},
        pages={page_id: title for page_id, title in pages},  # noqa: C416 -- rows, which dict() takes for a mapping
        policy=stored_policy(session) or AccessPolicy(),
        licence_groups=stored_licence_groups(session),
    )


def read_names(session: Session, principals: Collection[Principal]) -> Names:
    """Return names of principals, and the members of groups, as far as the mirror knows them."""
    ids = {kind: [each.id for each in principals if each.kind is kind] for kind in PrincipalKind}
    groups = group_facts(session, ids[PrincipalKind.GROUP])
    known = [group_id for group_id, group in groups.items() if group.members is not None]
    members: defaultdict[str, set[str]] = defaultdict(set)
    query = select(GroupMember.group_id, GroupMember.user_id).where(GroupMember.group_id == func.any(known))
    for group_id, user_id in session.execute(query):
        members[group_id].add(user_id)
    users = session.execute(
        select(KnownUser.user_id, func.coalesce(KnownUser.display_name, KnownUser.email)).where(
            KnownUser.user_id == func.any(ids[PrincipalKind.USER])
        )
    )
    return Names(
        groups=groups,
        users={user_id: name for user_id, name in users if name},
        members={group_id: frozenset(members[group_id]) for group_id in known},
    )


def users_with_address(session: Session, address: str) -> list[str]:
    """Return the ids of the users with this e-mail address, in any case."""
    query = select(KnownUser.user_id).where(func.lower(KnownUser.email) == address.lower())
    return list(session.scalars(query.order_by(KnownUser.user_id)))


def is_known_user(session: Session, user_id: str) -> bool:
    """Return True if anything in the mirror names the user."""
    return _is_named(session, Principal(PrincipalKind.USER, user_id)) or bool(
        session.scalar(
            select(
                select(KnownUser.user_id).where(KnownUser.user_id == user_id).exists()
                | select(GroupMember.user_id).where(GroupMember.user_id == user_id).exists()
            )
        )
    )


def find_group(session: Session, name: str) -> str | None:
    """Return the id of the group with this id or name; None if the mirror knows none."""
    found = session.scalars(select(Group.id).where(or_(Group.id == name, Group.name == name)).order_by(Group.id)).all()
    if name in found or (not found and _is_named(session, Principal(PrincipalKind.GROUP, name))):
        return name
    return found[0] if found else None


def mirrored_groups_of(session: Session, user_id: str) -> list[str] | None:
    """Return the mirrored groups that a user is in; None if no members are mirrored at all."""
    if session.scalar(select(func.count()).select_from(Group).where(Group.members_known)) == 0:
        return None
    max_age = select(AccessPolicyRow.max_age_hours).scalar_subquery()
    query = (
        select(Group.id)
        .join(GroupMember, GroupMember.group_id == Group.id)
        .where(GroupMember.user_id == user_id, Group.members_known)
        .where(Group.checked_at > func.now() - func.make_interval(0, 0, 0, 0, max_age))
    )
    return sorted(session.scalars(query))


def readable_pages(session: Session, user_id: str, groups: Sequence[str] | None) -> list[ReadablePage]:
    """Return the live pages that somebody may read, by the function that consumers call."""
    readable = text(
        f"SELECT {quoted_schema(session.connection())}.pages_readable_by(:user_id, :groups) AS id"
    ).bindparams(bindparam("user_id", user_id, Text), bindparam("groups", groups, ARRAY(Text)))
    found = readable.columns(id=Text).subquery("readable")
    rows = session.execute(
        select(ConfluencePage.id, ConfluencePage.space_key, ConfluencePage.title)
        .join(found, found.c.id == ConfluencePage.id)
        .order_by(ConfluencePage.space_key, ConfluencePage.title, ConfluencePage.id)
    )
    return [ReadablePage(id=page_id, space_key=key, title=title) for page_id, key, title in rows]


def _viewers(session: Session, space_key: str, space_id: str | None) -> StoredViewers:
    space = SyncSpace
    same = space.space_id == space_id if space_id else space.space_key == space_key
    row = session.execute(
        select(
            space.space_key,
            space.viewers_known,
            space.viewers_source,
            space.viewers_doubt,
            func.statement_timestamp() - space.access_checked_at,
            func.statement_timestamp() - space.last_complete_at,
        )
        .where(same)
        .limit(1)
    ).one_or_none()
    key, is_known, source, doubt, access_age, look_age = row or (space_key, False, None, None, None, None)
    tokens = session.scalars(select(SpacePermission.principal).where(SpacePermission.space_id == space_id))
    return StoredViewers(
        space_key=key,
        space_id=space_id,
        layer=frozenset(Principal.of(token) for token in tokens) if is_known else None,
        source=source,
        doubt=doubt,
        access_age=access_age,
        look_age=look_age,
    )


def _chain(session: Session, page_id: str) -> list[StoredNode]:
    level = literal(1).label("level")
    way = select(ContentNode.id, ContentNode.parent_id, level).where(ContentNode.id == page_id).cte(recursive=True)
    way = way.union_all(
        select(ContentNode.id, ContentNode.parent_id, way.c.level + 1)
        .join(way, way.c.parent_id == ContentNode.id)
        .where(way.c.level < MAX_LEVELS)
    )
    rows = session.execute(
        select(*_NODE)
        .join(way, way.c.id == ContentNode.id)
        .outerjoin(ConfluencePage, ConfluencePage.id == ContentNode.id)
        .order_by(way.c.level)
    )
    chain: dict[str, StoredNode] = {}
    for row in rows:
        if row.id in chain:
            break  # a cycle
        chain[row.id] = _node(row)
    return list(chain.values())[::-1]


def _node(row: Any) -> StoredNode:
    return StoredNode(
        id=row.id,
        kind=row.kind,
        title=row.title,
        parent_id=row.parent_id,
        parent_known=row.parent_known,
        restriction=None if row.restriction is None else restriction_of(row.restriction),
        outdated=row.outdated,
    )


def _is_named(session: Session, principal: Principal) -> bool:
    of_sets = select(AccessPrincipal.principal).where(AccessPrincipal.principal == principal.token)
    of_spaces = select(SpacePermission.principal).where(SpacePermission.principal == principal.token)
    return bool(session.scalar(select(union_all(of_sets, of_spaces).exists())))
