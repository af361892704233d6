"""Everything known about one page: its state in the source, its row, and the decision of a full run."""

from collections.abc import Sequence
from dataclasses import dataclass

from hr_sync.domain.content import ContentKind, Space
from hr_sync.domain.deletion import DeletionAction, HoldState, LookupResult, LookupStatus, decide_absent
from hr_sync.domain.scope import ScopeDecision
from hr_sync.store.read.history import PageHistory
from hr_sync.sync.archived_pages import keeps_archived
from hr_sync.sync.context import SyncContext, SyncRequest
from hr_sync.sync.fetch import BodyFetcher
from hr_sync.sync.kinds import look_up
from hr_sync.sync.principal_names import NamesOfConfluence
from hr_sync.sync.readers import PageReaders, readers_of_page
from hr_sync.sync.scope import scope_of_pages
from hr_sync.sync.spaces import select_spaces


@dataclass(frozen=True, kw_only=True, slots=True)
class Explanation:
    """One page in the source and in the mirror. `summary` says whether it is shown, and why."""

    page_id: str
    summary: str
    source: LookupResult
    in_scope: bool | None  #: None: not known
    scope: str  #: which rule puts it in or out
    decision: str  #: the decision of a full run whose listing lacks it, with the evidence
    history: PageHistory
    readers: PageReaders | None  #: who may read it, by layer; None: it was never stored


def explain(context: SyncContext, page_id: str) -> Explanation:
    """Ask the source about the page, and the mirror. Raise HrSyncError if one of them cannot be read."""
    context.source.check_account()
    row = context.store.stored_by_id([page_id]).get(page_id)
    lookup = look_up(context.source, page_id, tuple(ContentKind) if row is None else (row.kind,))
    spaces = select_spaces(context.source, context.store, context.scope, SyncRequest()).every
    scope = _scope_of(context, lookup, spaces)
    history = context.store.page_history(page_id)
    confluence = NamesOfConfluence(lambda: context.source)
    readers = None if history.stored is None else readers_of_page(context.store, page_id, confluence)
    return Explanation(
        page_id=page_id,
        summary=_summary(history, lookup, scope, readers),
        source=lookup,
        in_scope=scope.in_scope,
        scope=scope.rule,
        decision=_decision(context, lookup, spaces),
        history=history,
        readers=readers,
    )


def _scope_of(context: SyncContext, lookup: LookupResult, spaces: Sequence[Space]) -> ScopeDecision:
    if lookup.result is LookupStatus.UNKNOWN:
        return ScopeDecision(in_scope=None, rule="Confluence gave no answer that can be used")
    if lookup.result is LookupStatus.NOT_FOUND:
        return ScopeDecision(in_scope=False, rule="Confluence does not show it to this account")
    if lookup.space_id not in {space.id for space in spaces}:
        rule = "its space is not in confluence.spaces, or excluded, or not visible"
        return ScopeDecision(in_scope=False, rule=rule)
    if lookup.status != "current":
        kept = lookup.status == "archived" and keeps_archived(context.source, context.scope.pages)
        others = "archived pages are stored, and never shown" if kept else "only current pages are mirrored"
        rule = f"its status is {lookup.status}; {others}"
        return ScopeDecision(in_scope=False, rule=rule)
    with BodyFetcher(context.source, 1) as fetcher:
        return scope_of_pages(context.source, fetcher, {lookup.page_id: lookup.kind}, context.scope.pages)[
            lookup.page_id
        ]


def _decision(context: SyncContext, lookup: LookupResult, spaces: Sequence[Space]) -> str:
    """Return the decision of a full run about the stored page if its listing lacked it."""
    page = context.store.stored_by_id([lookup.page_id]).get(lookup.page_id)
    if page is None:
        return "nothing: it was never stored"
    decided = decide_absent(
        page,
        lookup,
        space_id=page.space_id or "",
        mirrored_space_ids=frozenset(space.id for space in spaces),
        hold=HoldState(),
        keeps_archived=keeps_archived(context.source, context.scope.pages),
    )
    words = {
        DeletionAction.KEEP: "keep it",
        DeletionAction.SKIP: "leave it to the space that it moved to",
        DeletionAction.REMOVE: "hide it at once and remove it",
        DeletionAction.HIDE: "hide it at once; a later full run that finds the same removes it",
        DeletionAction.CONFIRM: "remove it",
        DeletionAction.ARCHIVE: "hide it at once and keep it, as archived pages are mirrored",
    }
    if decided.action is DeletionAction.KEEP and lookup.result is LookupStatus.FOUND:
        return f"{words[decided.action]}: the page is there"
    return f"{words[decided.action]}: {decided.evidence}"


def _summary(history: PageHistory, lookup: LookupResult, scope: ScopeDecision, readers: PageReaders | None) -> str:
    stored = history.stored
    if stored is None:
        if history.failure is not None:
            return f"Not in the mirror: it fails in stage {history.failure.stage}: {history.failure.message}."
        if lookup.result is LookupStatus.NOT_FOUND:
            return "Not in the mirror, and Confluence has no such page, or does not show it to the account."
        if scope.in_scope is None:
            return "Not in the mirror: it is not known whether it is in scope."
        return (
            "Not in the mirror; the next full run brings it." if scope.in_scope else "Not in the mirror: out of scope."
        )
    if stored.removed_at is not None:
        return f"Not shown: removed at {stored.removed_at:%Y-%m-%d %H:%M}Z ({stored.removed_reason})."
    if stored.hidden_at is not None:
        return (
            f"Not shown: hidden at {stored.hidden_at:%Y-%m-%d %H:%M}Z by run {stored.missing_since_run_id} "
            f"({stored.hidden_reason}). The next listing that shows it in scope brings it back."
        )
    if readers is not None and not readers.is_shown:
        return readers.summary
    if lookup.result is not LookupStatus.FOUND or not scope.in_scope:
        return "Shown, although the source says otherwise by now; the next full run decides."
    fails = f" A newer version fails: {history.failure.message}." if history.failure else ""
    audience = f", open to {readers.open_to}" if readers is not None and readers.open_to is not None else ""
    return f"Shown, in version {stored.version}{audience}.{fails}"
