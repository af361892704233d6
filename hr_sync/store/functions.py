"""The SQL functions that consumers call, and how they get into the database.

They answer for one asker: a user, and the groups that the asker is in; without groups, those in which the mirrored
groups have the user. They follow `hr_sync.domain.access.passes`, in every access mode: what is not known lets nobody
pass. They run with the rights of the owner of the tables, so that a consumer needs EXECUTE alone, and name every object
with its schema, so that nothing in a caller's search path can take its place.

Like views they are created where they are missing and replaced after each migration. Replacing keeps the grants; a new
function may be executed by nobody but its owner until somebody grants it.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, text

from hr_sync.domain.access import EVERY_ASKER, Principal, PrincipalKind
from hr_sync.store.engine import quoted_schema, schema_of


@dataclass(frozen=True, kw_only=True, slots=True)
class ConsumerFunction:
    """One function. `body` is SQL with `{schema}` for the schema of the tables."""

    name: str
    arguments: str
    returns: str
    comment: str
    body: str

    def statement(self, schema: str) -> str:
        """Return the statement that creates or replaces it."""
        return (
            f"CREATE OR REPLACE FUNCTION {schema}.{self.name}({self.arguments}) RETURNS {self.returns}\n"
            "LANGUAGE sql STABLE PARALLEL SAFE SECURITY DEFINER SET search_path = pg_catalog, pg_temp\n"
            f"AS $body${self.body.format(schema=schema)}$body$"
        )


_ASKER = '"user" text, groups text[] DEFAULT NULL'
_CLASSES = ", ".join(f"'{Principal(PrincipalKind.CLASS, each).token}'" for each in sorted(EVERY_ASKER))

_SETS_PASSED = f"""
    SELECT ARRAY(
        SELECT sets.id
        FROM (
            SELECT DISTINCT named.set_id, named.layer_no FROM {{schema}}.access_principals named
            WHERE named.principal = ANY (ARRAY(
                SELECT unnest(ARRAY[{_CLASSES}])
                UNION ALL SELECT 'u:' || $1 WHERE $1 <> ''
                UNION ALL SELECT 'g:' || own.name FROM unnest($2) AS own (name)
                UNION ALL SELECT 'g:' || member.group_id
                FROM {{schema}}.group_members member JOIN {{schema}}.groups known ON known.id = member.group_id
                WHERE $2 IS NULL AND member.user_id = $1 AND known.members_known AND known.checked_at > now() - (
                    SELECT make_interval(hours => policy.max_age_hours) FROM {{schema}}.access_policy policy)
            ))
        ) AS passed JOIN {{schema}}.access_sets sets ON sets.id = passed.set_id
        WHERE cardinality(sets.spaces) = 0 OR sets.spaces <@ (SELECT {{schema}}.spaces_with_recent_access())
        GROUP BY sets.id HAVING count(*) = sets.layers
    )"""  # noqa: S608 -- words of our own

_RECENT_SPACES = """
    SELECT ARRAY(
        SELECT space.space_id FROM {schema}.sync_spaces space CROSS JOIN {schema}.access_policy policy
        WHERE space.space_id IS NOT NULL
            AND space.access_checked_at > now() - make_interval(hours => policy.max_age_hours)
            AND (policy.hide_after_hours IS NULL
                OR space.last_complete_at > now() - make_interval(hours => policy.hide_after_hours))
    )"""

_READABLE = """
    FROM {schema}.confluence_pages page
    WHERE page.status = 'current' AND page.hidden_at IS NULL AND page.removed_at IS NULL
        AND page.access_set_id = ANY ((SELECT {schema}.access_sets_passed($1, $2))::bigint[])
        AND page.space_id = ANY ((SELECT {schema}.spaces_with_recent_access())::text[])
        AND EXISTS (SELECT FROM {schema}.page_bodies body WHERE body.page_id = page.id)"""


# No column of a section is asked about access: the sets of the pages decide.
def _of_readable_texts(join: str = "") -> str:
    return f"""
    FROM {{schema}}.confluence_pages page
        JOIN {{schema}}.page_texts made ON made.page_id = page.id AND made.content_hash = page.content_hash
        {join}
    WHERE page.status = 'current' AND page.hidden_at IS NULL AND page.removed_at IS NULL
        AND page.access_set_id = ANY ((SELECT {{schema}}.access_sets_passed($1, $2))::bigint[])
        AND page.space_id = ANY ((SELECT {{schema}}.spaces_with_recent_access())::text[])"""


FUNCTIONS = (
    ConsumerFunction(
        name="spaces_with_recent_access",
        arguments="",
        returns="text[]",
        comment="Ids of the spaces whose facts are recent enough to be believed, by access_policy",
        body=_RECENT_SPACES,
    ),
    ConsumerFunction(
        name="access_sets_passed",
        arguments=_ASKER,
        returns="bigint[]",
        comment="Access sets that somebody passes, whatever the age of the facts of the space of a page itself",
        body=_SETS_PASSED,
    ),
    ConsumerFunction(
        name="pages_readable_by",
        arguments=_ASKER,
        returns="SETOF text",
        comment="Ids of the live pages that somebody may read",
        body=f"SELECT page.id {_READABLE}",
    ),
    ConsumerFunction(
        name="sections_readable_by",
        arguments=_ASKER,
        returns="SETOF text",
        comment="Ids of the sections of live pages that somebody may read",
        body="SELECT section.section_id"
        + _of_readable_texts("JOIN {schema}.page_sections section ON section.page_id = page.id"),
    ),
    ConsumerFunction(
        name="count_sections_readable_by",
        arguments=_ASKER,
        returns="bigint",
        comment="How many sections of live pages somebody may read, without reading them",
        body="SELECT coalesce(sum(made.sections), 0)" + _of_readable_texts(),
    ),
    ConsumerFunction(
        name="may_read",
        arguments='"user" text, groups text[], page text',
        returns="boolean",
        comment="Whether somebody may read a live page",
        body=f"SELECT EXISTS (SELECT {_READABLE} AND page.id = $3)",
    ),
)

_THERE = text("""
    SELECT p.proname FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace
    WHERE n.nspname = :schema AND p.proname = ANY (:names)""")


def functions_there(connection: Connection) -> frozenset[str]:
    """Return the names of the functions that the engine's schema has."""
    names = [function.name for function in FUNCTIONS]
    return frozenset(connection.scalars(_THERE, {"schema": schema_of(connection), "names": names}))


def create_functions(connection: Connection, functions: Sequence[ConsumerFunction] = FUNCTIONS) -> None:
    """Create or replace functions in the engine's schema, in the transaction that `connection` is in."""
    there = functions_there(connection)
    schema = quoted_schema(connection)
    for function in functions:
        connection.exec_driver_sql(function.statement(schema).replace("%", "%%"))
        name = f"FUNCTION {schema}.{function.name}"
        connection.exec_driver_sql(f"COMMENT ON {name} IS '{function.comment}'")
        if function.name not in there:
            connection.exec_driver_sql(f"REVOKE EXECUTE ON {name} FROM PUBLIC")
