"""The tables of access: facts from Confluence, the sets derived from them, and the policy. Declarations only."""

from datetime import datetime
from enum import StrEnum

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    ForeignKey,
    Identity,
    Index,
    SmallInteger,
    Text,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.orm import Mapped, mapped_column

from hr_sync.domain.access import AccessMode
from hr_sync.store.orm import Base

_NONE = text("'{}'")


class ContentNode(Base):
    """A page, blog post, folder, whiteboard, database or embed: its place and its own read restriction."""

    __tablename__ = "content_nodes"

    id: Mapped[str] = mapped_column(primary_key=True, comment="Confluence's id")
    kind: Mapped[str | None] = mapped_column(comment="page, blog_post, folder, whiteboard, ...; null = not given")
    parent_id: Mapped[str | None] = mapped_column(comment="Id of the parent; null at the top of a space")
    parent_known: Mapped[bool] = mapped_column(
        server_default=text("true"), comment="False: the parent could not be read, so no way up is known from here"
    )
    space_id: Mapped[str] = mapped_column(comment="Confluence's id of its space")
    restriction: Mapped[dict[str, list[str]] | None] = mapped_column(
        JSONB(none_as_null=True),
        comment="Own read restriction, {users, groups}, both sorted; both empty = restricts nobody, null = not known",
    )
    outdated: Mapped[bool] = mapped_column(
        server_default=text("false"),
        comment="The page has newer text than its restriction: its own access is not known; pages below keep theirs",
    )
    read_at: Mapped[datetime] = mapped_column(
        server_default=func.now(), comment="When this row was last written (the database's clock)"
    )

    __table_args__ = (
        Index(None, "parent_id"),
        Index(None, "space_id"),
        {"comment": "Nodes of the tree of a space, also those that are not mirrored: facts, as Confluence has them"},
    )


class SpacePermission(Base):
    """A principal that may view a space."""

    __tablename__ = "space_permissions"

    space_id: Mapped[str] = mapped_column(primary_key=True, comment="Confluence's id of the space")
    principal: Mapped[str] = mapped_column(
        primary_key=True, comment="u:<user>, g:<group>, c:<access class> or ?:<kind>:<id>, whom nobody matches"
    )

    __table_args__ = ({"comment": "Who may view a space; complete where sync_spaces.viewers_known"},)


class Group(Base):
    """A group of Confluence whose members are mirrored."""

    __tablename__ = "groups"

    id: Mapped[str] = mapped_column(primary_key=True, comment="Id of the group on Cloud, name on Data Center")
    name: Mapped[str | None] = mapped_column(comment="Name of the group")
    members_known: Mapped[bool] = mapped_column(
        server_default=text("false"), comment="False: its members could not be read, and nobody counts as one"
    )
    checked_at: Mapped[datetime | None] = mapped_column(
        comment="When its members were last read completely; older than access_policy.max_age_hours = not known"
    )

    __table_args__ = ({"comment": "Groups whose members are mirrored"},)


class GroupMember(Base):
    """A member of a group, also through nested groups."""

    __tablename__ = "group_members"

    group_id: Mapped[str] = mapped_column(
        ForeignKey(Group.id, ondelete="CASCADE"), primary_key=True, comment="The group"
    )
    user_id: Mapped[str] = mapped_column(primary_key=True, comment="Account id on Cloud, user key on Data Center")

    __table_args__ = (Index(None, "user_id"), {"comment": "Members of groups, those of nested groups included"})


class KnownUser(Base):
    """A user of Confluence."""

    __tablename__ = "identities"

    user_id: Mapped[str] = mapped_column(primary_key=True, comment="Account id on Cloud, user key on Data Center")
    display_name: Mapped[str | None] = mapped_column(comment="Name that Confluence shows")
    email: Mapped[str | None] = mapped_column(comment="E-mail address; null = not known, as most are on Cloud")
    email_source: Mapped[str | None] = mapped_column(comment="Where the address is from: api, scim, admin, manual")
    active: Mapped[bool | None] = mapped_column(comment="Whether the account may log in; null = not known")
    seen_at: Mapped[datetime] = mapped_column(server_default=func.now(), comment="When Confluence last showed it")

    __table_args__ = (
        Index("ix_identities_email", text("lower(email)")),
        {"comment": "Users of Confluence, for consumers that know people by their e-mail address"},
    )


class AccessSet(Base):
    """One distinct set of layers that a reader must pass."""

    __tablename__ = "access_sets"

    id: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True, comment="Number of the set")
    digest: Mapped[str] = mapped_column(
        comment="SHA-256 over the ids of its layers, sorted, and its spaces, as JSON texts"
    )
    layers: Mapped[int] = mapped_column(comment="How many layers it has, at least 1: the space's")
    audience: Mapped[bool] = mapped_column(comment="Whether every reader of the audience passes it, by access_policy")
    spaces: Mapped[list[str]] = mapped_column(
        ARRAY(Text),
        server_default=text("'{}'"),
        comment="Ids of the other spaces that its layers are from; old facts of one of them are not known",
    )

    __table_args__ = (
        Index("uq_access_sets_digest", "digest", unique=True),
        CheckConstraint("layers > 0", name="layers"),
        {"comment": "Who may read a page: each distinct AND of layers, of the space and of restrictions on the way up"},
    )


class AccessLayer(Base):
    """One layer of an access set."""

    __tablename__ = "access_layers"

    # No foreign keys here and in AccessPrincipal: a check costs as much as the row, while a revocation waits.
    # Sets are deleted by `delete_sets`, with the layers that no other set has.
    set_id: Mapped[int] = mapped_column(BigInteger, primary_key=True, comment="The set")
    layer: Mapped[str] = mapped_column(
        primary_key=True, comment="SHA-256 over the principals of the layer, sorted, as a JSON text"
    )

    __table_args__ = (
        Index(None, "layer", "set_id"),
        {"comment": "Layers of access sets: a reader must be one of the principals of each"},
    )


class AccessPrincipal(Base):
    """One principal of a layer, which any number of sets may have. The rows of a layer never change."""

    __tablename__ = "access_principals"

    layer: Mapped[str] = mapped_column(primary_key=True, comment="The layer, as in access_layers")
    principal: Mapped[str] = mapped_column(primary_key=True, comment="As in space_permissions")

    __table_args__ = (
        Index(None, "principal", "layer"),
        {"comment": "Principals of each distinct layer; a layer without any lets nobody pass"},
    )


def _words(words: type[StrEnum]) -> str:
    return ", ".join(f"'{word}'" for word in words)


class AccessPolicyRow(Base):
    """The settings that decide what consumers are shown: one row."""

    __tablename__ = "access_policy"

    id: Mapped[int] = mapped_column(SmallInteger, primary_key=True, server_default=text("1"), comment="Always 1")
    mode: Mapped[str] = mapped_column(
        server_default=text("'enforce'"),
        comment="enforce: pages that the audience may read by recent facts; account: all that the account sees",
    )
    max_age_hours: Mapped[int] = mapped_column(
        server_default=text("24"), comment="Access facts of a space that are older count as not known"
    )
    hide_after_hours: Mapped[int | None] = mapped_column(
        comment="A space without a complete look for so long is not shown; null = however long"
    )
    audience_groups: Mapped[list[str]] = mapped_column(
        ARRAY(Text), server_default=_NONE, comment="Groups that every reader is in, sorted"
    )
    licence_groups: Mapped[list[str]] = mapped_column(
        ARRAY(Text), server_default=_NONE, comment="Groups that grant use of Confluence, sorted; none = not known"
    )
    licence_checked_at: Mapped[datetime | None] = mapped_column(
        comment="When licence_groups were last read; older than max_age_hours = not known; null = never"
    )

    __table_args__ = (
        CheckConstraint("id = 1", name="one_row"),
        CheckConstraint(f"mode IN ({_words(AccessMode)})", name="mode"),
        CheckConstraint("max_age_hours > 0", name="max_age_hours"),
        CheckConstraint("hide_after_hours > 0", name="hide_after_hours"),
        {"comment": "What consumers are shown; a worker writes its settings here. Without the row they see nothing"},
    )


class AccessAuditRow(Base):
    """One audit of access: pairs of a page and a user, compared with Confluence's own answers."""

    __tablename__ = "access_audits"

    id: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True, comment="Number of the audit")
    made_at: Mapped[datetime] = mapped_column(server_default=func.now(), comment="When it ended")
    pairs: Mapped[int] = mapped_column(comment="Pairs that Confluence answered")
    unanswered: Mapped[int] = mapped_column(comment="Pairs that it did not answer")
    over_grants: Mapped[int] = mapped_column(comment="Pairs of which the mirror shows more than Confluence")
    under_grants: Mapped[int] = mapped_column(comment="Pairs of which the mirror shows less")
    upper_bound: Mapped[float] = mapped_column(
        comment="Most that the share of over-grants may be, with a confidence of 95 %"
    )

    __table_args__ = (
        Index(None, "made_at"),
        {"comment": "Audits of access against Confluence itself (hr-sync verify --access)"},
    )
