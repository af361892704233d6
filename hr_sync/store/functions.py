"""The SQL functions that consumers call, and how they get into the database.

They answer for one asker: a user, and the groups that the asker is in; without groups, those in which the mirrored
groups have the user. They follow `hr_sync.domain.access.passes`, in every access mode: what is not known lets nobody
pass. They run with the rights of the owner of the tables, so that a consumer needs EXECUTE alone, and name every object
with its schema, so that nothing in a caller's search path can take its place.

Like views they are created where they are missing and replaced after each migration. Replacing keeps the grants; a new
function that tells about pages may be executed by nobody but its owner until somebody grants it. PostgreSQL does not
replace one that takes or returns something else: a revision that changes that drops the function first.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, text

from hr_sync.domain.access import EVERY_ASKER, Principal, PrincipalKind
from hr_sync.store import item_conditions as item
from hr_sync.store.engine import quoted_schema, schema_of


@dataclass(frozen=True, kw_only=True, slots=True)
class ConsumerFunction:
    """One function. `body` is SQL with `{schema}` for the schema of the tables."""

    name: str
    arguments: str
    returns: str
    comment: str
    body: str
    for_everybody: bool = False  #: tells nothing about pages: whoever may read a table needs no grant for it

    def statement(self, schema: str) -> str:
        """Return the statement that creates or replaces it."""
        return (
            f"CREATE OR REPLACE FUNCTION {schema}.{self.name}({self.arguments}) RETURNS {self.returns}\n"
            "LANGUAGE sql STABLE PARALLEL SAFE SECURITY DEFINER SET search_path = pg_catalog, pg_temp\n"
            f"AS $body${self.body.format(schema=schema)}$body$"
        )


_ASKER = '"user" text, groups text[] DEFAULT NULL'
_CLASSES = ", ".join(f"'{Principal(PrincipalKind.CLASS, each).token}'" for each in sorted(EVERY_ASKER))

# Layers are counted before they are joined to the sets. Most askers pass the same few layers of most sets: the planner
# does not expect that, and looks up each set for each layer otherwise.
_SETS_PASSED = f"""
    SELECT ARRAY(SELECT sets.id FROM (
        SELECT needed.set_id, count(*) AS number FROM (
            SELECT DISTINCT named.layer FROM {{schema}}.access_principals named WHERE named.principal = ANY (ARRAY(
                SELECT unnest(ARRAY[{_CLASSES}])
                UNION ALL SELECT 'u:' || $1 WHERE $1 <> ''
                UNION ALL SELECT 'g:' || own.name FROM unnest($2) AS own (name)
                UNION ALL SELECT 'g:' || member.group_id
                FROM {{schema}}.group_members member JOIN {{schema}}.groups known ON known.id = member.group_id
                WHERE $2 IS NULL AND member.user_id = $1 AND known.members_known AND known.checked_at > now() - (
                    SELECT make_interval(hours => policy.max_age_hours) FROM {{schema}}.access_policy policy)
            ))
        ) AS open JOIN {{schema}}.access_layers needed ON needed.layer = open.layer GROUP BY needed.set_id
    ) AS passed JOIN {{schema}}.access_sets sets ON sets.id = passed.set_id AND sets.layers = passed.number
    WHERE cardinality(sets.spaces) = 0 OR sets.spaces <@ (SELECT {{schema}}.spaces_with_recent_access())
    )"""  # noqa: S608 -- words of our own

_RECENT_SPACES = """
    SELECT ARRAY(
        SELECT space.space_id FROM {schema}.sync_spaces space CROSS JOIN {schema}.access_policy policy
        WHERE space.space_id IS NOT NULL
            AND space.access_checked_at > now() - make_interval(hours => policy.max_age_hours)
            AND (policy.hide_after_hours IS NULL
                OR space.last_complete_at > now() - make_interval(hours => policy.hide_after_hours))
    )"""

_IS_READABLE = """page.status = 'current' AND page.hidden_at IS NULL AND page.removed_at IS NULL
        AND page.access_set_id = ANY ((SELECT {schema}.access_sets_passed($1, $2))::bigint[])
        AND page.space_id = ANY ((SELECT {schema}.spaces_with_recent_access())::text[])"""

# The same for questions about all pages. Sets and spaces are looked up in hash tables, where `= ANY` of an array goes
# through it for each page. In a CASE, from which the planner makes no join and expects half of the pages: it would
# expect a few hundred otherwise, and look up the text of each.
_IS_AMONG_READABLE = """page.status = 'current' AND page.hidden_at IS NULL AND page.removed_at IS NULL
        AND CASE WHEN page.access_set_id IN (SELECT unnest({schema}.access_sets_passed($1, $2)))
            THEN page.space_id IN (SELECT unnest({schema}.spaces_with_recent_access())) ELSE false END"""

_HAS_BODY = "EXISTS (SELECT FROM {schema}.page_bodies body WHERE body.page_id = page.id)"
_MAY_READ = f"""
    FROM {{schema}}.confluence_pages page WHERE page.id = $3 AND {_IS_READABLE} AND {_HAS_BODY}"""
_AMONG_PAGES = f"""
    FROM {{schema}}.confluence_pages page WHERE {_IS_AMONG_READABLE}"""
# The number of sections in the row of a page counts until the text is outdated, which does not write that row.
_OUTDATED_AMONG_THEM = f"""
    FROM {{schema}}.page_texts made JOIN {{schema}}.confluence_pages page ON page.id = made.page_id
    WHERE made.content_hash = '' AND {_IS_AMONG_READABLE}"""
# As in `live_attachments` and `live_comments`: under access that was read after them.
_READABLE_ATTACHMENTS = f"""
    FROM {{schema}}.confluence_pages page
        JOIN {{schema}}.page_attachments attachment ON attachment.page_id = page.id
    WHERE {_IS_AMONG_READABLE} AND attachment.hidden_at IS NULL AND attachment.removed_at IS NULL AND {_HAS_BODY}
        AND {item.FILE_IS_KNOWN}"""
_READABLE_COMMENTS = f"""
    FROM {{schema}}.confluence_pages page
        JOIN {{schema}}.page_comments comment ON comment.page_id = page.id
    WHERE {_IS_AMONG_READABLE} AND comment.hidden_at IS NULL AND comment.removed_at IS NULL AND {_HAS_BODY}
        AND {item.COMMENT_IS_KNOWN}"""


# No column of a section is asked about access: the sets of the pages decide.
def _of_readable_texts(join: str) -> str:
    return f"""
    FROM {{schema}}.confluence_pages page
        JOIN {{schema}}.page_texts made ON made.page_id = page.id AND made.content_hash = page.content_hash
        {join}
    WHERE {_IS_AMONG_READABLE}"""


# An OR of the languages: a word is found if it matches in one of them. Words that PostgreSQL could not take are cut
# off (a query is limited in size and depth), and none may be left: the query is null then, and nothing is found.
_SEARCH_QUERY = """
    SELECT string_agg('(' || spoken.query::text || ')', ' | ')::tsquery
    FROM {schema}.text_policy policy, unnest(policy.search_languages) AS language (name),
        websearch_to_tsquery(('pg_catalog.' || language.name)::regconfig, left($1, 1000)) AS spoken (query)
    WHERE numnode(spoken.query) > 0"""

# The words of a snippet: no heading, which has a column of its own, no rule below the head of a table, no address
# behind the words of a link.
_WITHOUT_HEADING = r"regexp_replace(left(section.text, 20000), '^#{{1,6}} [^\n]*', '')"
_WITHOUT_RULES = f"regexp_replace({_WITHOUT_HEADING}, '^[|][-: |]+[|]$', '', 'gn')"
_PLAIN_TEXT = rf"regexp_replace({_WITHOUT_RULES}, '\[([^][]*)\]\([^() ]*\)', '\1', 'g')"
_SHOWN_WHOLE = 240  # characters
_HEADLINE = 'StartSel="", StopSel="", ShortWord=0, MaxFragments=2, MaxWords=40, MinWords=25, FragmentDelimiter=" … "'

_FOUND = (
    "TABLE (section_id text, page_id text, ordinal integer, title text, heading_path text[], url text, space_key text, "
    "snippet text, rank real, version integer, last_updated timestamptz, checked_at timestamptz, "
    "access_checked_at timestamptz, attachment_id text, comment_id text)"
)


def _of_matched(items: str) -> str:
    return items.replace("made.", "section.").replace("page.space_id", "section.space_id")


def _search(readable: str, most: str, *, items: str) -> str:
    """Return the body of a search among pages that are `readable`, a condition; `most` is the parameter of the limit.

    `items`: the condition for files and comments. They are asked about after pages, as if there were none. The best are
    chosen before any text is read. The snippet is made in the language in which the section was found.
    """
    return f"""
    WITH asked AS MATERIALIZED (
        SELECT {{schema}}.search_query($1) AS query
    ), matched AS MATERIALIZED (
        SELECT section.section_id, section.page_id, section.attachment_id, section.comment_id, section.comment_hash,
            page.space_id, made.rendered_at, ts_rank(section.search_vector, (SELECT asked.query FROM asked), 1) AS rank
        FROM {{schema}}.page_sections section
            JOIN {{schema}}.confluence_pages page ON page.id = section.page_id
            JOIN {{schema}}.page_texts made ON made.page_id = page.id AND made.content_hash = page.content_hash
        WHERE section.search_vector @@ (SELECT asked.query FROM asked) AND {readable}
    ), found AS MATERIALIZED (
        SELECT section.section_id, section.page_id, section.rank FROM matched section WHERE {items}
        ORDER BY section.rank DESC, section.section_id
        LIMIT least(greatest(coalesce({most}, 10), 0), 1000)
    )
    SELECT section.section_id, page.id, section.ordinal, page.title, section.heading_path, page.url, page.space_key,
        btrim(regexp_replace(CASE
            WHEN length(words.plain) <= {_SHOWN_WHOLE} THEN words.plain
            ELSE ts_headline(spoken.language, words.plain, spoken.query, '{_HEADLINE}')
        END, '[[:space:]]+', ' ', 'g')),
        found.rank, page.version, page.last_updated, clocks.checked_at, clocks.access_checked_at, section.attachment_id,
        section.comment_id
    FROM found
        JOIN {{schema}}.page_sections section ON section.section_id = found.section_id
        JOIN {{schema}}.confluence_pages page ON page.id = found.page_id
        CROSS JOIN LATERAL (
            SELECT tried.language, tried.query
            FROM {{schema}}.text_policy policy, unnest(policy.search_languages) WITH ORDINALITY AS named (name, place),
                LATERAL (SELECT ('pg_catalog.' || named.name)::regconfig) AS known (language),
                LATERAL (SELECT known.language, websearch_to_tsquery(known.language, left($1, 1000))) AS tried (
                    language, query)
            ORDER BY to_tsvector(tried.language, left(section.text, 20000)) @@ tried.query DESC, named.place
            LIMIT 1
        ) AS spoken
        CROSS JOIN LATERAL (SELECT {_PLAIN_TEXT}) AS words (plain)
        CROSS JOIN LATERAL (
            SELECT min(space.last_complete_at), min(space.access_checked_at)
            FROM {{schema}}.sync_spaces space WHERE space.space_id = page.space_id
        ) AS clocks (checked_at, access_checked_at)
    ORDER BY found.rank DESC, found.section_id"""  # noqa: S608 -- words of our own


# A restore makes the table anew, or brings another server; a standby that takes over, or a recovery to a point in time,
# begins another timeline, and may lack the last commits. Each of them gives another epoch without anybody writing one.
_FEED_EPOCH = """
    SELECT CAST(left(encode(sha256(convert_to(concat_ws('/', state.seed, state.tableoid, control.system_identifier,
        CASE WHEN pg_is_in_recovery() THEN CAST((SELECT timeline_id FROM pg_control_checkpoint()) AS text)
            ELSE CAST(CAST(CAST('x' || left(pg_walfile_name(pg_current_wal_lsn()), 8) AS bit(32)) AS integer) AS text)
        END), 'UTF8')), 'hex'), 32) AS uuid)
    FROM {schema}.feed_state state CROSS JOIN pg_control_system() control"""


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
        body=f"SELECT page.id {_AMONG_PAGES} AND {_HAS_BODY}",
    ),
    ConsumerFunction(
        name="sections_readable_by",
        arguments=_ASKER,
        returns="SETOF text",
        comment="Ids of the sections of live pages that somebody may read",
        body="SELECT section.section_id"
        + _of_readable_texts("JOIN {schema}.page_sections section ON section.page_id = page.id")
        + f" AND {item.IS_SHOWN}",
    ),
    ConsumerFunction(
        name="attachments_readable_by",
        arguments=_ASKER,
        returns="SETOF text",
        comment="Ids of the attachments of live pages that somebody may read, as far as access was read after them",
        body=f"SELECT attachment.id {_READABLE_ATTACHMENTS}",
    ),
    ConsumerFunction(
        name="comments_readable_by",
        arguments=_ASKER,
        returns="SETOF text",
        comment="Ids of the comments about live pages that somebody may read, as far as access was read after them",
        body=f"SELECT comment.id {_READABLE_COMMENTS}",
    ),
    ConsumerFunction(
        name="count_sections_readable_by",
        arguments=_ASKER,
        returns="bigint",
        comment="How many sections of live pages somebody may read, without reading them",
        body=(
            f"SELECT (SELECT coalesce(sum(page.sections), 0) {_AMONG_PAGES})"
            f" - (SELECT coalesce(sum(page.sections), 0) {_OUTDATED_AMONG_THEM})"
            f" + (SELECT coalesce(sum(known.sections), 0) {_of_readable_texts(item.READ_FILES)})"
            f" + (SELECT count(*) {_of_readable_texts(item.COMMENT_SECTIONS)} AND {item.COMMENT_IS_SHOWN})"
        ),
    ),
    ConsumerFunction(
        name="may_read",
        arguments='"user" text, groups text[], page text',
        returns="boolean",
        comment="Whether somebody may read a live page",
        body=f"SELECT EXISTS (SELECT {_MAY_READ})",
    ),
    ConsumerFunction(
        name="feed_epoch",
        arguments="",
        returns="uuid",
        comment="What a position in the feed is valid in: another one after a restore or a failover",
        body=_FEED_EPOCH,
        for_everybody=True,
    ),
    ConsumerFunction(
        name="search_query",
        arguments="words text",
        returns="tsquery",
        comment="Words as people type them into a search, in the languages of text_policy; null if none is left",
        body=_SEARCH_QUERY,
    ),
    ConsumerFunction(
        name="search_sections",
        arguments='words text, "user" text, groups text[] DEFAULT NULL, max_results integer DEFAULT 10',
        returns=_FOUND,
        comment="The sections that fit words best, of live pages that somebody may read; snippets are plain text",
        body=_search(_IS_READABLE.replace("$2", "$3").replace("$1", "$2"), "$4", items=_of_matched(item.IS_SHOWN)),
    ),
    ConsumerFunction(
        name="search_live_sections",
        arguments="words text, max_results integer DEFAULT 10",
        returns=_FOUND,
        comment="The sections of live_sections that fit words best; snippets are plain text",
        body=_search(
            "page.id IN (SELECT live.id FROM {schema}.live_pages live)",
            "$2",
            items=_of_matched(item.IS_LIVE),
        ),
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
        if function.name not in there and not function.for_everybody:
            connection.exec_driver_sql(f"REVOKE EXECUTE ON {name} FROM PUBLIC")
