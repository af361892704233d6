"""Writes the change feed: every change that consumers can see, in the transaction that makes it.

A transaction notes its changes, and `Transactions` writes them as its last statement: one lock, one insert. The lock is
held until the commit, so that a greater `seq` always is a later commit, and whoever has read up to a number has missed
nothing below it. Nothing may lock a row after that statement: a transaction that holds the lock waits for nobody, so
that it cannot be part of a deadlock.

A page has one row a transaction, and so has each of its attachments and comments.

A revocation changes thousands of pages in the same way. They are noted and written by columns (`Restricted`), without
an object for each.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from typing import Any, TypeAlias

from sqlalchemy import BigInteger, Text, TextClause, bindparam, text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Session

from hr_sync.domain.changes import ChangeAction, ChangedField
from hr_sync.store.engine import lock_key, quoted_schema, schema_of

_PATIENCE = "10s"  # from the last statement to the commit; shorter than anybody waits for a lock
CHANNEL = "hr_sync_feed"  #: of NOTIFY; the payload is the schema
_NOTED = "hr_sync changes"
_SEPARATOR = ","  # arrays of arrays cannot be unnested by one level

#: How often a run has written another place of `page`. A count, because EXISTS may be planned as a walk over the feed.
MOVES_BY_RUN = """
    SELECT count(*) FROM {schema}.content_changes change
    WHERE change.page_id = page.id AND change.run_id = :run_id AND change.attachment_id IS NULL
        AND change.comment_id IS NULL
        AND 'location' = ANY (change.changed_fields)"""

# The rows need the result of the lock, and are numbered when they are inserted: after the lock is ours. A process that
# is stopped before it commits would keep every writer waiting, so that the server ends its transaction soon.
_WRITE = """
WITH turn AS MATERIALIZED (
    SELECT pg_advisory_xact_lock(:lock) IS NULL AS is_ours
), kinds AS MATERIALIZED (
    SELECT kind, page_kind, space_key, run_id, action, reason,
        string_to_array(changed_fields, ',') AS changed_fields, string_to_array(sections_added, ',') AS sections_added,
        string_to_array(sections_changed, ',') AS sections_changed,
        string_to_array(sections_removed, ',') AS sections_removed
    FROM unnest(
        :page_kind, :space_key, :run_id, :action, :reason, :changed_fields, :sections_added, :sections_changed,
        :sections_removed
    ) WITH ORDINALITY AS given (
        page_kind, space_key, run_id, action, reason, changed_fields, sections_added, sections_changed,
        sections_removed, kind
    )
), told AS (
    INSERT INTO {schema}.content_changes (
        page_id, attachment_id, comment_id, page_kind, space_key, run_id, action, version, reason,
        changed_fields, sections_added, sections_changed, sections_removed
    )
    SELECT page_id, attachment_id, comment_id,
        coalesce(page_kind, (SELECT page.kind FROM {schema}.confluence_pages page WHERE page.id = given.page_id)),
        space_key, run_id, action, version, reason,
        changed_fields, sections_added, sections_changed, sections_removed
    -- Columns that are shorter than others are null from there on.
    FROM turn CROSS JOIN unnest(:page_id, :attachment_id, :comment_id, :version, :kind)
        AS given (page_id, attachment_id, comment_id, version, kind)
    JOIN kinds USING (kind)
    WHERE turn.is_ours IS NOT NULL
    ORDER BY page_id, attachment_id NULLS FIRST, comment_id NULLS FIRST
    RETURNING seq
)
SELECT pg_notify(:channel, :payload), set_config('idle_in_transaction_session_timeout', :patience, true)
FROM told LIMIT 1"""
_LISTS = ("changed_fields", "sections_added", "sections_changed", "sections_removed")
# What changes of a transaction have in common is sent once: a revocation makes thousands that differ in their page.
_SHARED = ("page_kind", "space_key", "run_id", "action", "reason", *_LISTS)
_NUMBERS = ("version", "kind", "run_id")
_TEXTS = ("page_id", "attachment_id", "comment_id", "page_kind", "space_key", "action", "reason", *_LISTS)

_Subject: TypeAlias = tuple[str, str | None, str | None]  # a page and, where it is one, its attachment or comment
_PAGE_ITSELF = (None, None)
_Kind: TypeAlias = tuple[Any, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Change:
    """One change of one page, attachment or comment. Without changed fields it makes no feed row."""

    page_id: str
    space_key: str
    action: ChangeAction
    changed_fields: Sequence[ChangedField]
    version: int | None
    reason: str
    run_id: int = 0  #: 0: no run makes it
    attachment_id: str | None = None  #: the attachment that changed; None: it is none
    comment_id: str | None = None  #: the comment that changed; None: it is none
    page_kind: str | None = None  #: None: as the row of the page says; needed where that is deleted
    sections_added: Sequence[str] = ()
    sections_changed: Sequence[str] = ()
    sections_removed: Sequence[str] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class Restricted:
    """Live pages of one space and kind that other people may read, for one reason."""

    space_key: str
    page_kind: str
    reason: str
    versions: dict[str, int]  #: of the pages, by id
    run_id: int = 0  #: 0: no run makes it

    def take(self, page_id: str) -> Change:
        """Remove one of the pages, and return its change."""
        return self._change(page_id, self.versions.pop(page_id))

    def shared(self) -> _Kind:
        """Return what the changes have in common."""
        return _shared(self._change("", None))

    def _change(self, page_id: str, version: int | None) -> Change:
        return Change(
            page_id=page_id,
            space_key=self.space_key,
            action=ChangeAction.RESTRICT,
            changed_fields=(ChangedField.RESTRICTIONS,),
            version=version,
            reason=self.reason,
            run_id=self.run_id,
            page_kind=self.page_kind,
        )


@dataclass(frozen=True, slots=True)
class _Noted:
    """The changes of a transaction. A page stands in one place."""

    changes: dict[_Subject, Change] = field(default_factory=dict)
    restricted: list[Restricted] = field(default_factory=list)
    #: which of `restricted` has a page: there may be one of them for each space, and thousands of spaces
    _restricted_with: dict[str, Restricted] = field(default_factory=dict)

    def add(self, change: Change) -> None:
        subject = (change.page_id, change.attachment_id, change.comment_id)
        before = self.changes.get(subject) or self._taken(subject)
        self.changes[subject] = change if before is None else _merged(before, change)

    def add_restricted(self, pages: Restricted) -> None:
        for page_id in self._restricted_with.keys() & pages.versions.keys():
            del self._restricted_with.pop(page_id).versions[page_id]
        if self.changes:
            for subject in [each for page_id in pages.versions if (each := (page_id, *_PAGE_ITSELF)) in self.changes]:
                self.changes[subject] = _merged(self.changes[subject], pages.take(subject[0]))
        self._restricted_with.update(dict.fromkeys(pages.versions, pages))
        self.restricted.append(pages)

    def _taken(self, subject: _Subject) -> Change | None:
        if subject[1:] != _PAGE_ITSELF:
            return None
        found = self._restricted_with.pop(subject[0], None)
        return None if found is None else found.take(subject[0])


def action_told(planned: ChangeAction, *, is_live: bool | None) -> ChangeAction:
    """Return what a write is to consumers. `is_live`: of the row that it overwrites, None if there is none.

    Another run may have hidden, restored or written what the plan saw.
    """
    match is_live:
        case None:
            return ChangeAction.INSERT
        case False:
            return ChangeAction.RESTORE
        case _:
            return planned if planned is ChangeAction.MOVE else ChangeAction.UPDATE


def begin_changes(session: Session) -> None:
    """Make the session ready to note changes."""
    session.info[_NOTED] = _Noted()


def record_changes(session: Session, run_id: int, changes: Iterable[Change]) -> None:
    """Note changes that this transaction has made, for its last statement. `run_id` 0: no run has made them."""
    noted: _Noted = session.info[_NOTED]
    for change in changes:
        if change.changed_fields:
            noted.add(replace(change, run_id=run_id))


def record_restricted(session: Session, run_id: int, restricted: Iterable[Restricted]) -> None:
    """Note the same of pages whose readers are other people now."""
    noted: _Noted = session.info[_NOTED]
    for pages in restricted:
        noted.add_restricted(replace(pages, run_id=run_id))


def write_changes(session: Session) -> None:
    """Write the changes that were noted. The last statement of a transaction: what follows must lock nothing."""
    noted: _Noted = session.info.pop(_NOTED)
    restricted = [pages for pages in noted.restricted if pages.versions]
    if not noted.changes and not restricted:
        return
    connection = session.connection()
    schema = schema_of(connection)
    given = {"lock": feed_lock(schema), "channel": CHANNEL, "payload": schema, "patience": _PATIENCE}
    values = given | _as_lists(list(noted.changes.values()), restricted)
    session.execute(_write(quoted_schema(connection)), values)


def feed_lock(schema: str) -> int:
    """Return the key of the advisory lock under which the feed of a schema is numbered; the same in every build."""
    return lock_key(f"feed {schema}")


def _merged(before: Change, after: Change) -> Change:
    """Return two changes of a page as one. Who may read a page that is new, or that is gone, is no change."""
    first, second = (after, before) if before.action is ChangeAction.RESTRICT else (before, after)
    if first.action is ChangeAction.INSERT and second.action is ChangeAction.RESTRICT:
        return first
    fields = tuple(dict.fromkeys((*first.changed_fields, *second.changed_fields)))
    kept = first if second.action is ChangeAction.RESTRICT else second
    return replace(
        kept,
        changed_fields=fields,
        sections_added=tuple(dict.fromkeys((*first.sections_added, *second.sections_added))),
        sections_changed=tuple(dict.fromkeys((*first.sections_changed, *second.sections_changed))),
        sections_removed=tuple(dict.fromkeys((*first.sections_removed, *second.sections_removed))),
    )


def _as_lists(changes: Sequence[Change], restricted: Sequence[Restricted]) -> dict[str, list[Any]]:
    """Return the columns of the changes, and the number of each one's kind, from 1: what it shares with others."""
    kinds: dict[_Kind, int] = {}
    numbers = [_numbered(kinds, _shared(change)) for change in changes]
    columns: dict[str, list[Any]] = {
        "page_id": [change.page_id for change in changes],
        "attachment_id": [change.attachment_id for change in changes],
        "comment_id": [change.comment_id for change in changes],
        "version": [change.version for change in changes],
        "kind": numbers,
    }
    for pages in restricted:
        columns["page_id"] += pages.versions.keys()
        columns["version"] += pages.versions.values()
        columns["kind"] += [_numbered(kinds, pages.shared())] * len(pages.versions)
    columns |= {name: [kind[at] for kind in kinds] for at, name in enumerate(_SHARED)}
    return columns | {name: [_SEPARATOR.join(each) for each in columns[name]] for name in _LISTS}


def _numbered(kinds: dict[_Kind, int], kind: _Kind) -> int:
    return kinds.setdefault(kind, len(kinds) + 1)


def _shared(change: Change) -> _Kind:
    return (
        change.page_kind,
        change.space_key,
        change.run_id,
        change.action,
        change.reason,
        tuple(change.changed_fields),
        tuple(change.sections_added),
        tuple(change.sections_changed),
        tuple(change.sections_removed),
    )


@cache
def _write(schema: str) -> TextClause:
    numbers = (bindparam(name, type_=ARRAY(BigInteger)) for name in _NUMBERS)
    texts = (bindparam(name, type_=ARRAY(Text)) for name in _TEXTS)
    return text(_WRITE.format(schema=schema)).bindparams(*numbers, *texts)
