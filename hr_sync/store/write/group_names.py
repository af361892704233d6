"""Writes the names of groups, so that people read them where Confluence's permissions have ids alone."""

from collections.abc import Collection, Mapping

from sqlalchemy import func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from hr_sync.store.access_tables import Group


def unnamed_groups(session: Session, group_ids: Collection[str]) -> frozenset[str]:
    """Return those of the groups whose name is not stored."""
    query = select(Group.id).where(Group.id == func.any(sorted(group_ids)), Group.name.is_not(None))
    return frozenset(group_ids) - set(session.scalars(query))


def write_group_names(session: Session, names: Mapping[str, str]) -> None:
    """Store the names of groups, by id; whether their members are known stays as it is."""
    rows = [{"id": group_id, "name": name} for group_id, name in sorted(names.items())]
    statement = insert(Group).values(rows)
    changed = Group.name.is_distinct_from(statement.excluded.name)
    session.execute(
        statement.on_conflict_do_update(
            index_elements=[Group.id], set_={"name": statement.excluded.name}, where=changed
        )
    )
