"""Erases what the mirror holds of one user: account, memberships, and the places that name the user in who may read.

A restriction or a permission keeps its place: it names the erased user, whom nobody is (`ERASED_USER`), instead. Taking
the user out would leave a restriction that names nobody, and that restricts nobody. Access sets are rewritten in the
same way, so that every page has the readers it had, without this one.

Nothing here needs a lease. It waits for transactions that derive access sets, and they wait for it, so that no page
gets a set back that names the user. What Confluence still shows of the user comes back with the next access run.
"""

from dataclasses import dataclass, fields

from sqlalchemy import TextClause, delete, or_, select, text, update
from sqlalchemy.orm import Session

from hr_sync.domain.access import ERASED_USER, Principal, PrincipalKind
from hr_sync.domain.changes import ChangeAction, ChangedField
from hr_sync.domain.people import FORMER_USER
from hr_sync.store.access_tables import AccessLayer, AccessPolicyRow, AccessPrincipal, GroupMember, KnownUser
from hr_sync.store.comment_tables import PageComment
from hr_sync.store.engine import quoted_schema
from hr_sync.store.item_conditions import is_known
from hr_sync.store.read.live import storable
from hr_sync.store.text_tables import MentionedUser
from hr_sync.store.write.changes import Change, record_changes
from hr_sync.store.write.locks import PAGES
from hr_sync.store.write.mentions import erase_name
from hr_sync.store.write.renderings import erase_from_renderings
from hr_sync.store.write.set_rows import DIGEST, LAYER_NAME, delete_sets

_RESTRICTIONS = """
    UPDATE {schema}.content_nodes SET restriction = jsonb_set(restriction, '{{users}}', (
        SELECT jsonb_agg(name ORDER BY name COLLATE "C") FROM (
            SELECT DISTINCT CASE WHEN name = :user THEN :erased ELSE name END AS name
            FROM jsonb_array_elements_text(restriction -> 'users') AS named (name)) AS kept))
    WHERE restriction -> 'users' ? CAST(:user AS text) RETURNING id"""

_PERMISSIONS = """
    WITH gone AS (
        DELETE FROM {schema}.space_permissions WHERE principal = :token RETURNING space_id
    ), kept AS (
        INSERT INTO {schema}.space_permissions (space_id, principal) SELECT space_id, :erased_token FROM gone
        ON CONFLICT DO NOTHING
    )
    SELECT space_id FROM gone"""

# Layers that no set has, where rows of sets were lost: the statement below does not find them.
_UNUSED = """
    DELETE FROM {schema}.access_principals named
    WHERE layer IN (SELECT layer FROM {schema}.access_principals WHERE principal = :token)
        AND NOT EXISTS (SELECT FROM {schema}.access_layers used WHERE used.layer = named.layer)"""

# The set that takes the place of each set that names the user. Layers and sets have the form of `access_sets.py`, which
# makes the same set from the facts. Who passes a set by a group or a class passes the other one as well, so that the
# audience does. A set that has lost a layer is replaced by one with the layer of nobody instead.
_SETS = """
    WITH texts AS MATERIALIZED (
        SELECT layer AS before, CAST(jsonb_agg(DISTINCT principal COLLATE "C" ORDER BY principal COLLATE "C") AS text)
            AS tokens
        FROM (
            SELECT layer, CASE WHEN principal = :token THEN :erased_token ELSE principal END AS principal
            FROM {schema}.access_principals
            WHERE layer IN (SELECT layer FROM {schema}.access_principals WHERE principal = :token)
        ) AS named GROUP BY layer
    ), layers AS MATERIALIZED (
        SELECT before, tokens, {layer} AS layer FROM texts
    ), wholes AS MATERIALIZED (
        SELECT replaced.id AS set_id, replaced.spaces, replaced.audience AND has.number = replaced.layers AS audience,
            ARRAY(
                SELECT each FROM (
                    SELECT coalesce(layers.layer, own.layer)
                    FROM {schema}.access_layers own LEFT JOIN layers ON layers.before = own.layer
                    WHERE own.set_id = replaced.id
                    UNION SELECT {nobody} WHERE has.number < replaced.layers
                ) AS every (each) ORDER BY each COLLATE "C"
            ) AS whole
        FROM {schema}.access_sets replaced CROSS JOIN LATERAL (
            SELECT count(*) FROM {schema}.access_layers WHERE set_id = replaced.id
        ) AS has (number)
        WHERE id IN (SELECT set_id FROM {schema}.access_layers own JOIN layers ON layers.before = own.layer)
    ), digests AS MATERIALIZED (
        SELECT *, {digest} AS digest FROM wholes
    ), fresh AS MATERIALIZED (
        SELECT DISTINCT ON (digest) digest, whole, spaces, audience FROM digests
        WHERE NOT EXISTS (SELECT FROM {schema}.access_sets known WHERE known.digest = digests.digest)
        ORDER BY digest, audience
    ), made AS (
        INSERT INTO {schema}.access_sets (digest, layers, audience, spaces)
        SELECT digest, cardinality(whole), audience, spaces FROM fresh ORDER BY digest RETURNING id, digest
    ), made_layers AS (
        INSERT INTO {schema}.access_layers (set_id, layer)
        SELECT made.id, each.layer FROM made JOIN fresh USING (digest), unnest(fresh.whole) AS each (layer)
    ), made_principals AS (
        INSERT INTO {schema}.access_principals (layer, principal)
        SELECT DISTINCT layer, who.principal
        FROM layers, jsonb_array_elements_text(CAST(tokens AS jsonb)) AS who (principal)
        ON CONFLICT DO NOTHING
    )
    SELECT digests.set_id AS before, coalesce(made.id, stored.id) AS after
    FROM digests LEFT JOIN made USING (digest) LEFT JOIN {schema}.access_sets stored USING (digest)"""

_PAGES = """
    WITH replaced (before, after) AS (SELECT * FROM unnest(CAST(:before AS bigint[]), CAST(:after AS bigint[])))
    UPDATE {schema}.confluence_pages page SET access_set_id = coalesce(shown.after, page.access_set_id),
        own_access_set_id = coalesce(own.after, page.own_access_set_id)
    FROM {schema}.confluence_pages stored
        LEFT JOIN replaced shown ON shown.before = stored.access_set_id
        LEFT JOIN replaced own ON own.before = stored.own_access_set_id
    WHERE page.id = stored.id AND (shown.after IS NOT NULL OR own.after IS NOT NULL)
    RETURNING page.id, page.space_key, page.version,
        shown.after IS NOT NULL AND page.hidden_at IS NULL AND page.removed_at IS NULL AS is_seen"""


@dataclass(frozen=True, kw_only=True, slots=True)
class ErasedUser:
    """What was erased of a user, as numbers of rows."""

    accounts: int = 0
    memberships: int = 0  #: in groups
    restrictions: int = 0  #: of pages and folders, which name the erased user now
    permissions: int = 0  #: of spaces, likewise
    access_sets: int = 0  #: likewise
    comments: int = 0  #: that the user wrote; their texts stay, without the author
    texts: int = 0  #: of pages that show the name; they are made again without it

    def __bool__(self) -> bool:
        """Return True if the mirror held anything."""
        return any(getattr(self, each.name) for each in fields(self))


def erase_user(session: Session, run_id: int, user_id: str) -> ErasedUser:
    """Erase a user, in one transaction. A page that the user alone of all readers lost has its row in the feed."""
    user_id = storable(user_id)
    if user_id == ERASED_USER:
        return ErasedUser()
    token = Principal(PrincipalKind.USER, user_id).token
    _lock_pages(session, token, user_id)
    words = [user_id, *_names_of(session, user_id)]
    texts = erase_name(session, run_id, user_id) + erase_from_renderings(session, run_id, words)
    session.execute(select(AccessPolicyRow.id).with_for_update())
    values = {"user": user_id, "erased": ERASED_USER}
    tokens = {"token": token, "erased_token": Principal(PrincipalKind.USER, ERASED_USER).token}
    accounts = session.scalars(delete(KnownUser).where(KnownUser.user_id == user_id).returning(KnownUser.user_id))
    memberships = session.scalars(
        delete(GroupMember).where(GroupMember.user_id == user_id).returning(GroupMember.group_id)
    )
    return ErasedUser(
        accounts=len(accounts.all()),
        memberships=len(memberships.all()),
        restrictions=len(session.execute(_sql(session, _RESTRICTIONS), values).all()),
        permissions=len(session.execute(_sql(session, _PERMISSIONS), tokens).all()),
        access_sets=_replace_sets(session, run_id, tokens),
        comments=_erase_author(session, run_id, user_id),
        texts=texts,
    )


def _erase_author(session: Session, run_id: int, user_id: str) -> int:
    """Take the user out of the comments that the user wrote. Return how many. A later version names them again."""
    comment = PageComment
    ids = select(comment.id).where(comment.author_id == user_id).order_by(comment.id).with_for_update()
    locked = session.scalars(ids).all()
    statement = update(comment).where(comment.id.in_(locked)).values(author_id=None)
    session.execute(statement.execution_options(synchronize_session=False))
    shown = (
        select(comment.id, comment.version, PAGES.c.id.label("page_id"), PAGES.c.space_key)
        .join(PAGES, PAGES.c.id == comment.page_id)
        .where(comment.id.in_(locked), comment.hidden_at.is_(None), comment.removed_at.is_(None))
        .where(is_known(comment.known_since))
        .where(PAGES.c.hidden_at.is_(None), PAGES.c.removed_at.is_(None))
    )
    changes = [
        Change(
            page_id=row.page_id,
            comment_id=row.id,
            space_key=row.space_key,
            action=ChangeAction.UPDATE,
            changed_fields=(ChangedField.ERASED,),
            version=row.version,
            reason="its author was erased",
        )
        for row in session.execute(shown)
    ]
    record_changes(session, run_id, changes)
    return len(locked)


def _names_of(session: Session, user_id: str) -> list[str]:
    """Return the names and the address by which the mirror knows a user."""
    row = session.execute(
        select(KnownUser.display_name, KnownUser.email).where(KnownUser.user_id == user_id)
    ).one_or_none()
    shown = session.scalar(select(MentionedUser.name).where(MentionedUser.user_id == user_id))
    return [each for each in (*(row or ()), shown) if each and each != FORMER_USER]


def _lock_pages(session: Session, token: str, user_id: str) -> None:
    """Lock the pages whose set names the user: before names and the policy, as transactions do that write texts.

    With them those about which the user wrote: before their comments, as transactions do that write these.
    """
    named = (
        select(AccessLayer.set_id)
        .join(AccessPrincipal, AccessPrincipal.layer == AccessLayer.layer)
        .where(AccessPrincipal.principal == token)
    )
    wrote_about = select(PageComment.page_id).where(PageComment.author_id == user_id)
    is_named = or_(PAGES.c.access_set_id.in_(named), PAGES.c.own_access_set_id.in_(named), PAGES.c.id.in_(wrote_about))
    session.execute(select(PAGES.c.id).where(is_named).order_by(PAGES.c.id).with_for_update())


def _replace_sets(session: Session, run_id: int, tokens: dict[str, str]) -> int:
    session.execute(_sql(session, _UNUSED), tokens)
    replaced = session.execute(_sql(session, _SETS), tokens).all()
    if not replaced:
        return 0
    before, after = ([row[place] for row in replaced] for place in (0, 1))
    pages = session.execute(_sql(session, _PAGES), {"before": before, "after": after}).all()
    delete_sets(session, before)
    record_changes(
        session,
        run_id,
        [
            Change(
                page_id=page.id,
                space_key=page.space_key,
                action=ChangeAction.RESTRICT,
                changed_fields=(ChangedField.RESTRICTIONS,),
                version=page.version,
                reason="a user who might read it was erased",
            )
            for page in pages
            if page.is_seen
        ],
    )
    return len(replaced)


def _sql(session: Session, statement: str) -> TextClause:
    layer, nobody = (LAYER_NAME.format(tokens=each) for each in ("tokens", "'[]'"))
    schema = quoted_schema(session.connection())
    return text(statement.format(schema=schema, digest=DIGEST, layer=layer, nobody=nobody))
