"""The tables, views and functions, with the comments that they carry in the database."""

from collections.abc import Iterable

from sqlalchemy import Column, ForeignKeyConstraint, Table
from sqlalchemy.dialects import postgresql

from hr_sync import reading
from hr_sync.store import schema as _declared  # noqa: F401 -- imports every module that declares tables
from hr_sync.store.functions import FUNCTIONS, ConsumerFunction
from hr_sync.store.orm import Base
from hr_sync.store.views import VIEWS
from reference_pages.markdown import code, table, words
from reference_pages.python_api import field_comments

_DIALECT = postgresql.dialect()  # type: ignore[no-untyped-call]
_TABLES = """# Tables and views

All stand in the schema that `database.schema` names; `psql` shows the same comments with `\\d+`. Consumers
read the views; [what may change](../versioning.md) says how long each name stays.

![Tables and how they refer to each other](../pictures/tables.svg)
"""
_VIEW_MEANINGS = {
    "live_pages": ("The pages that every reader of the audience may read, with their bodies.", reading.LivePage),
    "live_sections": ("The sections of these pages, made where `text.sections` says so.", reading.LiveSection),
    "live_comments": ("The comments about these pages, with their texts.", reading.LiveComment),
    "live_attachments": ("The files of these pages, without their bytes.", reading.LiveAttachment),
    "mirror_freshness": ("How old what consumers see is, by space.", reading.SpaceFreshness),
}
_OTHER_COLUMNS = {"storage": "Body in Confluence's storage format, sanitised"}
_FUNCTIONS = """# Functions for consumers

They answer for one asker: `user` is the account id on Cloud and the user key on Data Center, `groups` are ids
on Cloud and names on Data Center. Without groups (null) those count in which the mirror has the user. A role
needs EXECUTE and nothing else. [Connect in SQL](../how-to/connect-in-sql.md) shows them at work,
[who is shown what](../access.md) has the rule.
"""


def tables_page() -> str:
    """Return the page of tables and views."""
    views = "".join(_view(view.table) for view in VIEWS)
    tables = "".join(_table(each) for each in sorted(all_tables(), key=lambda each: each.name))
    return f"{_TABLES}\n## Views\n{views}\n## Tables\n{tables}"


def all_tables() -> list[Table]:
    """Return every table of the mirror."""
    return list(Base.metadata.tables.values())


def functions_page() -> str:
    """Return the page of functions."""
    return _FUNCTIONS + "".join(_function(each) for each in FUNCTIONS)


def _view(view: Table) -> str:
    meaning, columns = _VIEW_MEANINGS[view.name]
    comments = {name: comment for name, (_, comment) in field_comments(columns).items()} | _OTHER_COLUMNS
    rows = [
        (code(each.name), _type(each).partition(",")[0], words(comments[each.name].replace("None:", "null:")))
        for each in view.columns
    ]
    return f"\n### {view.name}\n\n{meaning}\n\n{table(('column', 'type', 'what it is'), rows)}"


def _table(each: Table) -> str:
    rows = [(code(column.name), _type(column), words(column.comment)) for column in each.columns]
    key = ", ".join(code(column.name) for column in each.primary_key.columns)
    lines = [f"Key: {key}." if key else "", *_references(each)]
    below = "\n" + " ".join(line for line in lines if line) + "\n"
    heads = ("column", "type", "what it is")
    return f"\n### {each.name}\n\n{words(each.comment)}\n\n{table(heads, rows)}{below}"


def _references(each: Table) -> Iterable[str]:
    for constraint in sorted(
        (one for one in each.constraints if isinstance(one, ForeignKeyConstraint)), key=lambda one: str(one.column_keys)
    ):
        names = ", ".join(code(name) for name in constraint.column_keys)
        yield f"{names} refers to `{constraint.referred_table.name}`."


def _type(column: Column[object]) -> str:
    name = column.type.compile(dialect=_DIALECT).lower().replace("timestamp with time zone", "timestamptz")
    return code(name) + ("" if not column.nullable else ", null")


def _function(function: ConsumerFunction) -> str:
    returns = " ".join(function.returns.split())
    right = "Everybody may execute it." if function.for_everybody else "EXECUTE is granted by name."
    return (
        f"\n## {function.name}\n\n{words(function.comment)}.\n\n"
        f"```text\n{function.name}({function.arguments})\nRETURNS {returns}\n```\n\n{right}\n"
    )
