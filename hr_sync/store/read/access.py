"""What is stored of the access to pages. Read only."""

from collections.abc import Collection, Mapping, Sequence
from datetime import timedelta

from sqlalchemy import ARRAY, Text, func, select, union
from sqlalchemy.dialects.postgresql import aggregate_order_by
from sqlalchemy.orm import Session

from hr_sync.domain.access import (
    AccessMode,
    AccessPolicy,
    AccessSet,
    Layer,
    NodeFact,
    Principal,
    PrincipalKind,
    Restriction,
)
from hr_sync.store.access_tables import (
    AccessLayer,
    AccessPolicyRow,
    AccessPrincipal,
    ContentNode,
    Group,
    GroupMember,
    SpacePermission,
)
from hr_sync.store.read.pages import LIVE
from hr_sync.store.tables import ConfluencePage, SyncSpace


def layers_of_sets(session: Session, set_ids: Sequence[int]) -> dict[int, list[list[str]]]:
    """Return the layers of access sets, each as its sorted tokens, by set."""
    principals = func.array_remove(
        func.array_agg(aggregate_order_by(AccessPrincipal.principal, AccessPrincipal.principal)),
        None,
        type_=ARRAY(Text),
    )
    rows = session.execute(
        select(AccessLayer.set_id, principals)
        .outerjoin(AccessPrincipal, AccessPrincipal.layer == AccessLayer.layer)
        .where(AccessLayer.set_id.in_(set_ids))
        .group_by(AccessLayer.set_id, AccessLayer.layer)
    )
    layers: dict[int, list[list[str]]] = {}
    for set_id, tokens in rows:
        layers.setdefault(set_id, []).append(sorted(tokens))
    return {set_id: sorted(each) for set_id, each in layers.items()}


def stored_access_sets(session: Session, space_key: str) -> dict[str, AccessSet | None]:
    """Return the own access sets of the live pages of a space, by page id, without the pages that their texts show.

    None is not known.
    """
    page = ConfluencePage
    own = func.nullif(func.coalesce(page.own_access_set_id, page.access_set_id), 0)
    rows = session.execute(select(page.id, own).where(LIVE, page.space_key == space_key)).all()
    sets = _as_sets(layers_of_sets(session, sorted({set_id for _, set_id in rows if set_id is not None})))
    return {page_id: None if set_id is None else sets.get(set_id) for page_id, set_id in rows}


def stored_nodes(session: Session, space_id: str) -> dict[str, NodeFact]:
    """Return the nodes of a space, by id."""
    node = ContentNode
    columns = (node.id, node.kind, node.parent_id, node.parent_known, node.restriction)
    return {
        row.id: NodeFact(
            id=row.id,
            kind=row.kind,
            parent_id=row.parent_id,
            parent_known=row.parent_known,
            restriction=None if row.restriction is None else restriction_of(row.restriction),
        )
        for row in session.execute(select(*columns).where(node.space_id == space_id))
    }


def stored_viewers(session: Session, space_id: str) -> Layer | None:
    """Return who may view a space, as it was read last; None if that is not known."""
    known = session.scalar(select(SyncSpace.viewers_known).where(SyncSpace.space_id == space_id))
    if not known:
        return None
    tokens = session.scalars(select(SpacePermission.principal).where(SpacePermission.space_id == space_id))
    return frozenset(Principal.of(token) for token in tokens)


def restriction_of(stored: Mapping[str, Sequence[str]]) -> Restriction:
    """Return a restriction as it is stored."""
    return Restriction(users=frozenset(stored["users"]), groups=frozenset(stored["groups"]))


def stored_policy(session: Session) -> AccessPolicy | None:
    """Return the policy; None if its row is missing."""
    row = session.get(AccessPolicyRow, 1)
    if row is None:
        return None
    return AccessPolicy(
        mode=AccessMode(row.mode),
        max_age_hours=row.max_age_hours,
        hide_after_hours=row.hide_after_hours,
        audience_groups=frozenset(row.audience_groups),
    )


def _as_sets(layers: Mapping[int, Sequence[Sequence[str]]]) -> dict[int, AccessSet]:
    return {
        set_id: frozenset(frozenset(Principal.of(token) for token in layer) for layer in each)
        for set_id, each in layers.items()
    }


def groups_in_use(session: Session) -> frozenset[str]:
    """Return the groups that a permission, a restriction or the audience names."""
    policy = session.execute(select(AccessPolicyRow)).scalar_one_or_none()
    of_audience = () if policy is None else policy.audience_groups
    return _named(session, PrincipalKind.GROUP) | frozenset(of_audience)


def users_in_use(session: Session) -> frozenset[str]:
    """Return the users that a permission or a restriction names, and the members of the mirrored groups."""
    return _named(session, PrincipalKind.USER) | frozenset(session.scalars(select(GroupMember.user_id)))


def _named(session: Session, kind: PrincipalKind) -> frozenset[str]:
    prefix = f"{kind}:"
    tokens = union(select(SpacePermission.principal), select(AccessPrincipal.principal)).subquery()
    found = session.scalars(select(tokens.c.principal).where(tokens.c.principal.startswith(prefix)))
    return frozenset(token.removeprefix(prefix) for token in found)


def groups_are_due(session: Session, groups: Collection[str], interval: timedelta) -> bool:
    """Return True if the members of one of these groups were not read for so long, or never."""
    recent = select(Group.id).where(Group.checked_at > func.now() - interval)
    return not frozenset(groups) <= frozenset(session.scalars(recent))


def spaces_of_nodes(session: Session, ids: Sequence[str]) -> frozenset[str]:
    """Return the ids of the spaces that these nodes are in, as far as they are stored."""
    return frozenset(session.scalars(select(ContentNode.space_id).where(ContentNode.id == func.any(list(ids)))))
