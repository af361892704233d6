"""Writes members of groups, and accounts. Only what differs is written, and the clock of each group that was read."""

from collections.abc import Collection, Iterable
from datetime import datetime

from sqlalchemy import delete, func, select, true
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from hr_sync.domain.access import Identity
from hr_sync.store.access_tables import Group, GroupMember, KnownUser


def write_members(session: Session, group_id: str, members: Collection[str] | None, began_at: datetime) -> None:
    """Write the members of a group as they were at `began_at`; None: they could not be read, and nobody counts."""
    state = {"members_known": members is not None, "checked_at": began_at}
    row = insert(Group).values(id=group_id, **state)
    session.execute(row.on_conflict_do_update(index_elements=[Group.id], set_=state))
    wanted = frozenset(members or ())
    stored = frozenset(session.scalars(select(GroupMember.user_id).where(GroupMember.group_id == group_id)))
    if gone := sorted(stored - wanted):
        session.execute(
            delete(GroupMember).where(GroupMember.group_id == group_id, GroupMember.user_id == func.any(gone))
        )
    if new := sorted(wanted - stored):
        rows = [{"group_id": group_id, "user_id": each} for each in new]
        session.execute(insert(GroupMember).on_conflict_do_nothing(), rows)


def forget_groups(session: Session, kept: Collection[str]) -> None:
    """Delete the groups that nothing names any more, with their members."""
    session.execute(delete(Group).where(Group.id != func.all(sorted(kept)) if kept else true()))


def write_identities(session: Session, identities: Iterable[Identity]) -> None:
    """Write accounts as Confluence has just shown them."""
    for each in sorted(identities, key=lambda each: each.user_id):
        values = {
            "display_name": each.display_name,
            "email": each.email,
            "email_source": each.email_source,
            "active": each.active,
        }
        row = insert(KnownUser).values(user_id=each.user_id, **values)
        session.execute(
            row.on_conflict_do_update(index_elements=[KnownUser.user_id], set_=values | {"seen_at": func.now()})
        )
