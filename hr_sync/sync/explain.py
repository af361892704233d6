"""Everything known about one page: what the source says now, what the mirror holds, what was decided and why."""

from dataclasses import dataclass

from hr_sync.domain.content import Space
from hr_sync.domain.deletion import LookupResult, LookupStatus
from hr_sync.domain.scope import PageScope, ancestry, unknown_above
from hr_sync.errors import AccessDenied, NotFound
from hr_sync.store.db_errors import database_errors
from hr_sync.store.engine import session_scope
from hr_sync.store.read.history import PageHistory, page_history
from hr_sync.sync.context import SyncContext, SyncRequest
from hr_sync.sync.spaces import spaces_in_scope


@dataclass(frozen=True, kw_only=True, slots=True)
class Explanation:
    """One page, looked at from all sides. `summary` answers whether it is shown, and why."""

    page_id: str
    summary: str
    source: LookupResult
    scope: str  #: which rule puts it in or out
    history: PageHistory


def explain(mirror: SyncContext, page_id: str) -> Explanation:
    """Ask the source about the page, and the mirror. Raises HrSyncError when one of them cannot be read."""
    with database_errors(mirror.engine):
        mirror.reader.check_account()
        evidence = mirror.reader.look([page_id])[page_id]
        spaces = spaces_in_scope(mirror.reader, mirror.scope, SyncRequest())
        space = next((space for space in spaces.every if space.id == evidence.space_id), None)
        inside, rule = _rule(mirror, page_id, evidence, space)
        with session_scope(mirror.sessions) as session:
            history = page_history(session, page_id)
    return Explanation(
        page_id=page_id,
        summary=_summary(history, evidence, inside=inside),
        source=evidence,
        scope=rule,
        history=history,
    )


def _rule(mirror: SyncContext, page_id: str, evidence: LookupResult, space: Space | None) -> tuple[bool, str]:
    """Name the rule of the scope that decides about the page."""
    if evidence.status_of_lookup is not LookupStatus.FOUND:
        return False, "the source does not show it to this account"
    if space is None:
        return False, "its space is not in confluence.spaces, or excluded, or not to be seen"
    if evidence.status != "current":
        return False, f"its status is {evidence.status}; only current pages are mirrored"
    scope = mirror.scope.pages
    if scope.everything:
        return True, f"every current page of space {space.key} is in scope"
    if scope.by_label and not scope.covers_labels(mirror.reader.labels_of(page_id)):
        return False, "its labels put it out of scope"
    if not scope.by_tree:
        return True, "its labels put it in scope"
    return _tree_rule(mirror, page_id, scope)


def _tree_rule(mirror: SyncContext, page_id: str, scope: PageScope) -> tuple[bool, str]:
    try:
        parents: dict[str, str | None] = {page_id: mirror.reader.parent_of(page_id)}
        while unknown := unknown_above(parents):
            parents.update((node_id, mirror.reader.parent_of(node_id)) for node_id in sorted(unknown))
    except (NotFound, AccessDenied):
        return False, "its place could not be found out"
    chain = list(ancestry(page_id, parents))
    for above in chain:
        if above in scope.exclude_page_trees:
            return False, f"it lies in the excluded page tree {above}"
    for above in chain:
        if above in scope.page_trees:
            return True, f"it lies in the page tree {above}"
    if scope.page_trees:
        return False, "it lies in none of confluence.page_trees"
    return True, "it lies in no excluded page tree"


def _summary(history: PageHistory, evidence: LookupResult, *, inside: bool) -> str:
    stored = history.stored
    if stored is None:
        if history.failure is not None:
            return f"Not in the mirror: it fails in stage {history.failure.stage}: {history.failure.message}."
        return "Not in the mirror; the next full run brings it." if inside else "Not in the mirror, and out of scope."
    if stored.removed_at is not None:
        return f"Not shown: removed at {stored.removed_at:%Y-%m-%d %H:%M}Z, because it was {stored.removed_reason}."
    if stored.hidden_at is not None:
        return (
            f"Not shown: hidden at {stored.hidden_at:%Y-%m-%d %H:%M}Z by run {stored.missing_since_run_id}, since the "
            "source no longer showed it. The next full run that finds the same removes it."
        )
    if evidence.status_of_lookup is not LookupStatus.FOUND or not inside:
        return "Shown, though the source says otherwise by now; the next full run asks about it."
    fails = f" A newer version fails: {history.failure.message}." if history.failure else ""
    return f"Shown, in version {stored.version}.{fails}"
