"""Which pages and attachments may be hidden or removed, decided from evidence. Pure.

Hiding and removing are two steps. A *hidden* page is kept and not shown; the next listing that holds it restores it.
Hiding is never held. A *removed* page is gone for a known reason, which its row names. Removals are held when too many
pages leave at once. `page` is an attachment too in this module (`attachments.py`); those are counted and held apart.

The result of a lookup by id of a page that the listing lacks:

    lookup                            stored                     decision
    ------------------------------    -----------------------    ------------------------------------------------------
    current in this space             any                        KEEP      doubtful: the listing was wrong
    archived in this space            any, archive is mirrored   ARCHIVE   hidden as archived; kept, and never live
    trashed, archived, deleted, draft any                        REMOVE    positive evidence, with that reason
    current in another space          mirrored space             SKIP      that space's own pass takes the page over
    current in another space          not a mirrored space       REMOVE    positive evidence: moved
    not found (404, 403)              live                       HIDE      hidden; a later full run must agree
    not found (404, 403)              hidden for another reason  HIDE      in the same way
    not found (404, 403)              hidden as not visible      CONFIRM   an earlier run hid the page, this one agrees
    not found, but listed             any                        HIDE      listing and lookup disagree
    any other status or answer        any                        KEEP      doubtful: no evidence; also a current page
                                                                           whose space, or ours, has no known id

The scope of a page that the listing holds:

    not in scope                      not removed                REMOVE    out_of_scope
    not known                         not removed                HIDE_UNKNOWN  scope_unknown: hidden, never removed

Rules for a space, and in the same way for a whole run (`holds.py`):

1. REMOVE, HIDE, HIDE_UNKNOWN and ARCHIVE hide a live page in this run, however many there are.
2. REMOVE removes in this run, unless more pages than the limit have such new evidence. What is out of scope because
   the settings changed waits for a decision whatever the number.
3. CONFIRM removes, unless the space is held or more pages than the limit wait.
4. A mass of HIDE pages, counted together with those that have new evidence, holds the space.
5. Pages and blog posts that leave are counted together, and each kind by itself: a mass is more than the limit of all
   of them, or more of one kind than the limit of that kind. Some blog posts among many pages are a mass of their own.
6. While a space is held, what waits goes on waiting until it comes back or somebody decides (--allow-mass-delete),
   whatever a lookup says about it meanwhile. New positive evidence about other pages is not held by it.
7. A decision of somebody covers what was hidden as not visible until then: CONFIRM removes it and counts to no limit.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from hr_sync.domain.content import ContentKind, Space, StoredItem, StoredPage, WithdrawalReason
from hr_sync.domain.deletion_limit import DeletionLimit, StoredCount
from hr_sync.domain.scope import KIND_LEFT_OUT, ScopeDecision


class LookupStatus(StrEnum):
    """The result of the lookup of one page."""

    FOUND = "found"  #: 200; the decision depends on status and space
    NOT_FOUND = "not_found"  #: 404 or 403 from Confluence itself
    UNKNOWN = "unknown"  #: anything else: no evidence


@dataclass(frozen=True, kw_only=True, slots=True)
class LookupResult:
    """The answer to the lookup of one page."""

    page_id: str
    result: LookupStatus
    status: str | None = None  #: Confluence's word, where found
    space_id: str | None = None  #: where found
    kind: ContentKind = ContentKind.PAGE  #: that was asked about; where found, what it is

    def is_current_in(self, space: Space) -> bool:
        """Return True if the answer shows a current page of the space."""
        return self.result is LookupStatus.FOUND and self.status == "current" and self.space_id == space.id


class DeletionAction(StrEnum):
    """What to do with one stored page, by the tables of this module."""

    KEEP = "keep"
    SKIP = "skip"
    REMOVE = "remove"
    HIDE = "hide"
    CONFIRM = "confirm"
    HIDE_UNKNOWN = "hide_unknown"
    ARCHIVE = "archive"


@dataclass(frozen=True, kw_only=True, slots=True)
class DeletionDecision:
    """The decision about one stored page, and its reason."""

    page_id: str  #: in a plan of attachments the id of the attachment
    space_key: str  #: of the stored row; under another key it is not the row that was decided on
    action: DeletionAction
    reason: WithdrawalReason | None  #: None where the page is kept or skipped
    evidence: str  #: in words for an operator
    was_live: bool
    is_new: bool  #: the page was not hidden for this reason before
    was_leaving: bool = False  #: the page was hidden before, for a reason that ends in its removal
    was_allowed: bool = False  #: hidden by a run in which somebody had allowed a mass removal
    kind: ContentKind | None = ContentKind.PAGE  #: of the page; None for an attachment


@dataclass(frozen=True, kw_only=True, slots=True)
class DeletionPlan:
    """The pages that one run hides, removes or holds in one space. A page may be hidden and removed in the same run."""

    hide: tuple[DeletionDecision, ...] = ()  #: live pages that are hidden in this run
    remove: tuple[DeletionDecision, ...] = ()  #: pages that are removed in this run
    held: tuple[DeletionDecision, ...] = ()  #: hidden pages whose removal waits for a decision
    unconfirmed: tuple[DeletionDecision, ...] = ()  #: hidden in this run; removed when a later full run agrees
    doubtful: tuple[DeletionDecision, ...] = ()  #: no evidence, or no known scope; either makes the run partial
    held_reason: str | None = None  #: why removals are held, in words for an operator
    stored_pages: int = 0  #: pages of the space that are not removed: what the limit is a share of
    stored_posts: int = 0  #: blog posts among them

    @property
    def new(self) -> tuple[DeletionDecision, ...]:
        """Return the pages that begin to leave in this run and are not held."""
        return (*(each for each in self.remove if each.is_new), *self.unconfirmed)

    @property
    def hidden_before(self) -> tuple[DeletionDecision, ...]:
        """Return the pages that an earlier run has hidden, this one removes, and nobody has decided about."""
        return tuple(each for each in self.remove if not each.is_new and not each.was_allowed)


#: Confluence's statuses of a withdrawn page. An unknown status is no evidence.
_WITHDRAWN = {
    "trashed": WithdrawalReason.TRASHED,
    "archived": WithdrawalReason.ARCHIVED,
    "deleted": WithdrawalReason.DELETED,
    "draft": WithdrawalReason.DRAFT,
}


@dataclass(frozen=True, kw_only=True, slots=True)
class HoldState:
    """What is known of a space before the decision."""

    held: int = 0  #: removals that have been waiting since an earlier run
    reason: str | None = None  #: why they wait
    allowed_run_id: int | None = None  #: last run in which somebody allowed a mass removal in this space


def decide_absent(
    page: StoredItem,
    lookup: LookupResult,
    *,
    space_id: str,
    mirrored_space_ids: frozenset[str],
    listed: bool = False,
    hold: HoldState,
    keeps_archived: bool = False,
) -> DeletionDecision:
    """Look one page up in the first table. `space_id` is the space whose listing lacks its page or its body.

    `listed`: the listing showed it, and only its body could not be fetched. `keeps_archived`: the archive is mirrored.
    """
    match lookup:
        case LookupResult(result=LookupStatus.NOT_FOUND):
            waits = page.hidden_reason is WithdrawalReason.NOT_VISIBLE and not listed
            action = DeletionAction.CONFIRM if waits else DeletionAction.HIDE
            words = "not found by id again" if waits else "not found by id"
            decision = withdraw(page, action, WithdrawalReason.NOT_VISIBLE, words)
            allowed, missing = hold.allowed_run_id, page.missing_since_run_id
            is_allowed = waits and None not in {allowed, missing} and (missing or 0) <= (allowed or 0)
            return replace(decision, was_allowed=is_allowed)
        case LookupResult(result=LookupStatus.FOUND, status="current", space_id=found) if found == space_id:
            words = (
                "the page is there, its body was not returned" if listed else "the listing was wrong: the page is there"
            )
            return _keep(page, DeletionAction.KEEP, words)
        case LookupResult(result=LookupStatus.FOUND, status="current", space_id=found) if found in mirrored_space_ids:
            return _keep(page, DeletionAction.SKIP, "moved to another mirrored space")
        case LookupResult(result=LookupStatus.FOUND, status="current", space_id=str(found)) if found and space_id:
            return withdraw(
                page, DeletionAction.REMOVE, WithdrawalReason.MOVED, "moved to a space that is not mirrored"
            )
        case LookupResult(status="archived", space_id=found) if keeps_archived and found == space_id:
            return withdraw(page, DeletionAction.ARCHIVE, WithdrawalReason.ARCHIVED, "its status is archived")
        case LookupResult(result=LookupStatus.FOUND, status=str(status)) if status in _WITHDRAWN:
            return withdraw(page, DeletionAction.REMOVE, _WITHDRAWN[status], f"its status is {status}")
    return _keep(page, DeletionAction.KEEP, "the lookup by id gave no evidence")


def decide_out_of_scope(page: StoredPage, scope: ScopeDecision) -> DeletionDecision:
    """Decide about a stored page that is listed and not in scope, or whose scope is not known."""
    if scope.in_scope is None:
        return withdraw(page, DeletionAction.HIDE_UNKNOWN, WithdrawalReason.SCOPE_UNKNOWN, scope.rule)
    return withdraw(page, DeletionAction.REMOVE, WithdrawalReason.OUT_OF_SCOPE, scope.rule)


def decide_kind_switched_off(page: StoredPage) -> DeletionDecision:
    """Hide a page because the settings do not include its kind. It is never removed for that."""
    return withdraw(page, DeletionAction.HIDE_UNKNOWN, WithdrawalReason.OUT_OF_SCOPE, KIND_LEFT_OUT.rule)


def _is_switched_off(decision: DeletionDecision) -> bool:
    return decision.action is DeletionAction.HIDE_UNKNOWN and decision.reason is WithdrawalReason.OUT_OF_SCOPE


def decide_not_listed(page: StoredPage) -> DeletionDecision:
    """Keep a page because nothing of its kind was listed. What waits for a decision goes on waiting."""
    return _keep(page, DeletionAction.KEEP, "pages of its kind were not listed")


def decide_space_archived(page: StoredPage) -> DeletionDecision:
    """Decide about a stored page of an archived space."""
    return withdraw(page, DeletionAction.REMOVE, WithdrawalReason.SPACE_ARCHIVED, "its space is archived")


def plan_deletions(
    decisions: Iterable[DeletionDecision],
    *,
    stored_pages: int,
    stored_posts: int = 0,
    limit: DeletionLimit,
    hold: HoldState,
    allow: bool = False,
    narrowed: bool = False,
    what: str = "pages",
) -> DeletionPlan:
    """Apply the rules to the decisions about one space. `what` they are about: pages or attachments.

    `stored_pages` counts the pages of the space that are not removed, `stored_posts` the blog posts among them.
    `allow`: somebody has decided that a mass may go.
    `narrowed`: the settings changed since the last full run, so what is out of scope waits for a decision.
    """
    ordered = sorted(decisions, key=lambda decision: decision.page_id)
    stored = StoredCount(pages=stored_pages, posts=stored_posts, limit=limit, what=what)
    held: list[DeletionDecision] = []
    reasons: list[str] = []
    for group, why in () if allow else _groups(ordered, stored=stored, hold=hold, narrowed=narrowed):
        if group and why is not None:
            held += group
            reasons += [] if why in reasons else [why]
    waits = {decision.page_id for decision in held}
    return DeletionPlan(
        hide=tuple(d for d in ordered if d.was_live and d.action in _HIDES),
        remove=tuple(d for d in ordered if d.action in _REMOVES and d.page_id not in waits),
        held=tuple(sorted(held, key=lambda decision: decision.page_id)),
        unconfirmed=tuple(d for d in ordered if d.action is DeletionAction.HIDE and d.page_id not in waits),
        doubtful=tuple(d for d in ordered if d.action in _DOUBTFUL and not _is_switched_off(d)),
        held_reason="; ".join(reasons) or None,
        stored_pages=stored_pages,
        stored_posts=stored_posts,
    )


def kinds_of(decisions: Iterable[DeletionDecision]) -> list[ContentKind | None]:
    """Return of what kind each of these pages is; None for attachments."""
    return [each.kind for each in decisions]


def _groups(
    ordered: Sequence[DeletionDecision], *, stored: StoredCount, hold: HoldState, narrowed: bool
) -> Iterator[tuple[Sequence[DeletionDecision], str | None]]:
    """Yield groups of pages, and of each why its removal is held when nobody has allowed it; None: it is not held."""
    waits: list[DeletionDecision] = []
    others: list[DeletionDecision] = []
    for decision in ordered:
        goes_on = hold.held > 0 and decision.was_leaving and not decision.was_allowed and decision.action in _MAY_WAIT
        (waits if goes_on else others).append(decision)
    yield waits, hold.reason or "they have waited for a decision since an earlier run"

    withdrawn = [d for d in others if d.action is DeletionAction.REMOVE]
    settings = [d for d in withdrawn if narrowed and d.reason is WithdrawalReason.OUT_OF_SCOPE]
    evident = [d for d in withdrawn if not narrowed or d.reason is not WithdrawalReason.OUT_OF_SCOPE]
    new, hidden_before = [d for d in evident if d.is_new], [d for d in evident if not d.is_new]
    suspected = [d for d in others if d.action is DeletionAction.HIDE]
    confirmed = [d for d in others if d.action is DeletionAction.CONFIRM and not d.was_allowed]
    left, invisible = "left", "became invisible"
    yield settings, "the settings no longer cover them"
    yield new, stored.why_held(kinds_of(new), left)
    yield hidden_before, stored.why_held(kinds_of(hidden_before), left)
    yield confirmed, stored.why_held(kinds_of(confirmed), invisible)
    yield suspected, stored.why_held(kinds_of([*suspected, *new]), invisible)


_MAY_WAIT = frozenset({DeletionAction.KEEP, DeletionAction.REMOVE, DeletionAction.HIDE, DeletionAction.CONFIRM})
_REMOVES = frozenset({DeletionAction.REMOVE, DeletionAction.CONFIRM})
_HIDES = _REMOVES | {DeletionAction.HIDE, DeletionAction.ARCHIVE, DeletionAction.HIDE_UNKNOWN}
_DOUBTFUL = frozenset({DeletionAction.KEEP, DeletionAction.HIDE_UNKNOWN})


def withdraw(page: StoredItem, action: DeletionAction, reason: WithdrawalReason, evidence: str) -> DeletionDecision:
    """Return the decision that hides or removes a page or an attachment."""
    return DeletionDecision(
        page_id=page.id,
        space_key=page.space_key,
        action=action,
        reason=reason,
        evidence=evidence,
        was_live=page.live,
        is_new=page.hidden_reason is not reason,
        was_leaving=_was_leaving(page),
        kind=_kind_of(page),
    )


def _keep(page: StoredItem, action: DeletionAction, evidence: str) -> DeletionDecision:
    return DeletionDecision(
        page_id=page.id,
        space_key=page.space_key,
        action=action,
        reason=page.hidden_reason,
        evidence=evidence,
        was_live=page.live,
        is_new=False,
        was_leaving=_was_leaving(page),
        kind=_kind_of(page),
    )


def _kind_of(page: StoredItem) -> ContentKind | None:
    return page.kind if isinstance(page, StoredPage) else None


def _was_leaving(page: StoredItem) -> bool:
    return not page.removed and page.hidden_reason not in {None, WithdrawalReason.SCOPE_UNKNOWN}
