"""Edits of people and spaces: users, groups, space permissions, renaming and archiving of spaces."""

import uuid
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from confluence_simulator.world.clock import DEFAULT_START, DEFAULT_STEP
from confluence_simulator.world.records import (
    Group,
    Label,
    Space,
    SpacePermission,
    SpaceStatus,
    SpaceType,
    User,
    WorldError,
)
from confluence_simulator.world.store import FIRST_ID, Store

EVERYBODY = "confluence-users"
BOT = "hr-bot"
AUTHOR = "ann.lee"


class SpaceEdits(Store):
    """Starts with the group of all users, the account that syncs (`bot`) and a person who writes pages (`author`)."""

    def __init__(
        self,
        *,
        seed: int = 1,
        start: datetime = DEFAULT_START,
        step: timedelta = DEFAULT_STEP,
        first_id: int = FIRST_ID,
    ) -> None:
        super().__init__(seed=seed, start=start, step=step, first_id=first_id)
        self.everybody = self.add_group(EVERYBODY)
        self.bot = self.add_user(BOT, display_name="HR Bot", email="hr-bot@example.com")
        self.author = self.add_user(AUTHOR, display_name="Ann Lee", email="")

    def add_group(self, name: str) -> Group:
        with self.lock:
            group = Group(id=self._new_uuid(), name=name)
            self._groups[group.id] = group
            self.revision += 1
            return group

    def add_user(
        self, username: str, *, display_name: str = "", email: str = "", groups: tuple[str, ...] = (EVERYBODY,)
    ) -> User:
        """`groups` are names or ids."""
        with self.lock:
            user = User(
                account_id=f"712020:{self._new_uuid()}",
                username=username,
                user_key=f"{self._random.getrandbits(128):032x}",
                display_name=display_name or username,
                email=email,
                groups=tuple(self.group(name).id for name in groups),
            )
            self._users[user.account_id] = user
            self.revision += 1
            return user

    def label(self, name: str, *, prefix: str = "global") -> Label:
        """The one label of this name: everything that carries it shares its id."""
        with self.lock:
            if (prefix, name) not in self._labels:
                self._labels[prefix, name] = Label(id=self.new_id(), name=name, prefix=prefix)
            return self._labels[prefix, name]

    def deactivate_user(self, username: str) -> User:
        """Departed: Cloud shows such a user as "Name (Unlicensed)"."""
        return self._put_user(replace(self.user(username), active=False))

    def set_groups(self, username: str, groups: tuple[str, ...]) -> User:
        return self._put_user(replace(self.user(username), groups=tuple(self.group(name).id for name in groups)))

    def user(self, name: str) -> User:
        """By username, account id or user key."""
        if name in self._users:
            return self._users[name]
        for user in self._users.values():
            if name in (user.username, user.account_id, user.user_key):
                return user
        raise WorldError(f"There is no user {name!r}")

    def users(self) -> list[User]:
        return list(self._users.values())

    def group(self, name: str) -> Group:
        """By name or id."""
        for group in self._groups.values():
            if name in (group.name, group.id):
                return group
        raise WorldError(f"There is no group {name!r}")

    def groups(self) -> list[Group]:
        return list(self._groups.values())

    def create_space(
        self,
        key: str,
        name: str = "",
        *,
        type: SpaceType = "global",  # noqa: A002 - Confluence's own word
        status: SpaceStatus = "current",
        description: str = "",
        labels: tuple[str, ...] = (),
        readers: tuple[str, ...] = (EVERYBODY,),
        created_at: datetime | None = None,
    ) -> Space:
        """`readers` are groups that may view the space; it has no homepage until `set_homepage`."""
        with self._edit() as moment:
            if any(space.key.casefold() == key.casefold() for space in self._spaces.values()):
                raise WorldError(f"A space already exists with key {key}")
            space = Space(
                id=self.new_id(),
                key=key,
                name=name or key,
                type=type,
                status=status,
                created_at=created_at or moment,
                changed_at=moment,
                author_id=self.author.account_id,
                description=description,
                labels=tuple(self.label(name) for name in labels),
            )
            self._put_space(space)
            for reader in readers:
                self.permit_space(key, group=reader)
            return self.space(key)

    def space(self, key: str) -> Space:
        """By key or id."""
        if key in self._spaces:
            return self._spaces[key]
        for space in self._spaces.values():
            if key in (space.key, space.id):
                return space
        raise WorldError(f"There is no space {key!r}")

    def spaces(self) -> list[Space]:
        return list(self._spaces.values())

    def edit_space(self, key: str, **changes: Any) -> Space:
        """`name`, `type`, `status` (current or archived) or `description`; pages keep theirs."""
        with self._edit() as moment:
            return self._put_space(replace(self.space(key), changed_at=moment, **changes))

    def archive_space(self, key: str) -> Space:
        return self.edit_space(key, status="archived")

    def restore_space(self, key: str) -> Space:
        return self.edit_space(key, status="current")

    def rekey_space(self, key: str, new_key: str) -> Space:
        """Give the space another key: its id and its pages stay, their links change."""
        with self._edit() as moment:
            space = self._put_space(replace(self.space(key), key=new_key, changed_at=moment))
            for content in self.contents():
                if content.space_id == space.id:
                    self._put(replace(content, space_key=new_key, changed_at=moment))
            return space

    def alias_space(self, key: str, alias: str) -> Space:
        """Give the space an alias: its links change, its key does not. An empty alias takes it away."""
        space = self.space(key)
        taken = {
            name.casefold() for other in self.spaces() if other.id != space.id for name in (other.key, other.alias)
        }
        if alias and alias.casefold() in taken:
            raise WorldError(f"A space already exists with key or alias {alias}")
        return self.edit_space(key, alias=alias)

    def set_homepage(self, key: str, page_id: str | None) -> Space:
        return self.edit_space(key, homepage_id=page_id)

    def permit_space(self, key: str, *, group: str | None = None, user: str | None = None, everyone: str = "") -> Space:
        """Let a group, a user, or an access class (`ANONYMOUS_USERS`, `ALL_LICENSED_USERS`) view the space."""
        if group is not None:
            principal = ("group", self.group(group).id)
        elif user is not None:
            principal = ("user", self.user(user).account_id)
        else:
            principal = ("access-class", everyone)
        with self._edit():
            space = self.space(key)
            permission = SpacePermission(
                id=self.new_id(),
                principal_type=principal[0],
                principal_id=principal[1],
                operation="read",
                target_type="space",
            )
            return self._put_space(replace(space, permissions=(*space.permissions, permission)))

    def forbid_space(self, key: str, *, group: str | None = None, user: str | None = None) -> Space:
        """Take the view permission of a group or a user away."""
        principal_id = self.group(group).id if group is not None else self.user(user or "").account_id
        with self._edit():
            space = self.space(key)
            kept = tuple(permission for permission in space.permissions if permission.principal_id != principal_id)
            return self._put_space(replace(space, permissions=kept))

    def _put_space(self, space: Space) -> Space:
        self._spaces[space.id] = space
        self.revision += 1
        return space

    def _put_user(self, user: User) -> User:
        with self._edit():
            self._users[user.account_id] = user
            self.revision += 1
            return user

    def _new_uuid(self) -> str:
        return str(uuid.UUID(int=self._random.getrandbits(128), version=4))
