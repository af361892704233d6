"""Ends the work on one space: its report, and its record in one transaction with the position."""

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from hr_sync.domain.content import Head, ItemKind
from hr_sync.domain.deletion import DeletionAction, DeletionPlan
from hr_sync.domain.holds import PAGES, POSTS, Leaving, leaving_of, leaving_posts
from hr_sync.domain.outcome import ExitCode, Outcome, SpaceReport, held_in_words, look_command, release_command
from hr_sync.domain.principal_words import number
from hr_sync.store.item_tables import ATTACHMENTS, ItemTable
from hr_sync.store.values import Held, SpaceRecord
from hr_sync.sync.context import SpaceRun


@dataclass(frozen=True, kw_only=True, slots=True)
class ItemResult:
    """The result of reading one kind of items of the pages of a space."""

    deletions: DeletionPlan = field(default_factory=DeletionPlan)
    held: int = 0  #: removals that wait
    not_mirrored: int | None = None  #: items of what is not mirrored; None: not counted
    doubt: str | None = None  #: why they are not known to be as in Confluence


@dataclass(frozen=True, kw_only=True, slots=True)
class AccessResult:
    """The result of reading the access to a space, and labels."""

    doubt: str | None = None  #: why they are not known, or not for all pages
    note: str | None = None  #: what makes the known readers fewer than Confluence's


@dataclass(frozen=True, kw_only=True, slots=True)
class SpaceResult:
    """The result of the steps of one space, beyond the counts."""

    looked_at_all: bool  #: everything that may have changed was read, so the space counts as fresh
    listed_all: bool = False  #: a complete listing was read
    doubt: str | None = None  #: why something that is mirrored was not listed
    archive_doubt: str | None = None  #: why archived pages are not as in Confluence; they are never shown
    decided_hold: bool = False  #: every stored page was decided about, so the hold is computed anew
    deletions: DeletionPlan = field(default_factory=DeletionPlan)
    allowed: bool = False  #: somebody allowed a mass removal, and it was considered
    watermark: datetime | None = None  #: None leaves the one that is stored
    looked_from: datetime | None = None  #: beginning of the look, by the source's clock
    listing_digest: str | None = None
    scope_fingerprint: str | None = None
    access: AccessResult = AccessResult()
    items: Mapping[ItemTable[Any], ItemResult] = field(default_factory=dict)

    @property
    def item_plans(self) -> Mapping[ItemKind, DeletionPlan]:
        """Return what is hidden, removed and held of each kind of items."""
        return {each.kind: result.deletions for each, result in self.items.items()}

    warning: str | None = None


def finish(run: SpaceRun, result: SpaceResult) -> SpaceReport:
    """Check the account once more, then write and return the report of a space whose steps are done.

    A run whose credentials became invalid must not end as complete, so the check follows every answer that was used.
    Raise CredentialsRefused, LeaseLost.
    """
    run.account.prove()
    untried = [each.stage for each, found in result.items.items() if found.doubt is not None]
    failing_items = {
        each.kind: run.store.failing_items(each, this_run=result.decided_hold and each.stage not in untried)
        for each in result.items
        if each.kind in run.context.scope.pages.items
    }
    files = result.items.get(ATTACHMENTS, ItemResult())

    def record_of(failing: int) -> SpaceRecord:
        run.counts.failed = failing
        return SpaceRecord(
            report=_report(run, result, failing, failing_items),
            looked_at_all=result.looked_at_all,
            listed_all=result.listed_all,
            listing_digest=result.listing_digest,
            watermark=result.watermark if result.looked_at_all else None,
            looked_from=result.looked_from,
            is_away=run.job.kind.is_away,
            scope_fingerprint=result.scope_fingerprint,
            held=_held(result) if result.decided_hold else None,
            items_read=_items_read(run, result),
            not_mirrored=files.not_mirrored,
            allowed_run=result.allowed,
            leaving=_leaving(result),
            requests=run.source.client.http_stats.counts().requests - run.requests_before,
        )

    decided_all = result.decided_hold and result.doubt is None
    return run.store.finish(record_of, clear_old_failures=decided_all, untried=untried)


def _items_read(run: SpaceRun, result: SpaceResult) -> frozenset[ItemKind]:
    """Return the kinds of items that are mirrored and were read to the end."""
    read = (each.kind for each, found in result.items.items() if found.doubt is None)
    return run.context.scope.pages.items & frozenset(read)


def _leaving(result: SpaceResult) -> Mapping[str, Leaving] | None:
    """Return what counts to the limit of all spaces, by what it is about: nothing of what somebody has allowed."""
    if not result.decided_hold:
        return None
    plans = {PAGES: result.deletions} | {kind.value: plan for kind, plan in result.item_plans.items()}
    found = {what: leaving_of(plan) for what, plan in plans.items()} | {POSTS: leaving_posts(result.deletions)}
    return {what: Leaving(stored=each.stored) for what, each in found.items()} if result.allowed else found


def next_watermark(began_at: datetime | None, seen: Iterable[Head], before: datetime | None = None) -> datetime | None:
    """Return up to where everything is stored now, on the source's clock; None if the source sent no date.

    That is the beginning of the walk: what changed during it may have been missed. A date that a page claims can only
    make it earlier, never later.
    """
    if began_at is None:
        return None
    changes = (head.last_updated for head in seen)
    newest = max((*changes, *((before,) if before else ())), default=began_at)
    return min(began_at, newest)


def held_reason(pages: DeletionPlan, items: Mapping[ItemKind, DeletionPlan]) -> str | None:
    """Return why removals are held, of pages and of their items; None if none is."""
    return "; ".join(filter(None, (plan.held_reason for plan in (pages, *items.values())))) or None


def held_message(space_key: str, pages: DeletionPlan, items: Mapping[ItemKind, DeletionPlan]) -> str:
    """Return what is held, why, and the commands to type."""
    held = held_in_words(len(pages.held), {kind: len(plan.held) for kind, plan in items.items()}, how="hidden ")
    return (
        f"The removal of {held} of space {space_key} waits for a decision: {held_reason(pages, items)}. Look at "
        f"what is held with `{look_command(space_key)}`; remove it with `{release_command(space_key)}`."
    )


def with_removals(
    report: SpaceReport,
    pages: DeletionPlan,
    items: Mapping[ItemKind, DeletionPlan],
    *,
    removed: Collection[str],
    removed_items: Mapping[ItemKind, Collection[str]],
) -> SpaceReport:
    """Return the report of a space after its removals were done or held; `removed`: the ids of what was removed."""
    counts = replace(report.counts)
    gone = [each.was_live for each in pages.remove if each.page_id in removed]
    counts.removed += len(gone)
    counts.hidden -= sum(gone)
    for kind, plan in items.items():
        gone = [each.was_live for each in plan.remove if each.page_id in removed_items.get(kind, ())]
        counts.count_item(kind, "removed", len(gone))
        counts.count_item(kind, "hidden", -sum(gone))
    if not (pages.held or any(plan.held for plan in items.values())):
        return replace(report, counts=counts, deletions=pages, items=items)
    before = held_message(report.space_key, report.deletions, report.items)
    others = (report.error or "").removeprefix(before).strip()
    error = " ".join(filter(None, (held_message(report.space_key, pages, items), others)))
    return replace(
        report,
        outcome=Outcome.HELD,
        exit_code=ExitCode.HELD,
        counts=counts,
        deletions=pages,
        items=items,
        error=error,
    )


def _held(result: SpaceResult) -> Held:
    """Return the removals that wait, also those that this run could not decide about."""
    items = {each.kind: found.held for each, found in result.items.items()}
    reason = held_reason(result.deletions, result.item_plans)
    if reason is None and any(items.values()):
        some = " and ".join(kind.value for kind, held in sorted(items.items()) if held)
        reason = f"{some} have waited for a decision since an earlier run"
    return Held(pages=len(result.deletions.held), items=items, reason=reason)


def _report(run: SpaceRun, result: SpaceResult, failing: int, failing_items: Mapping[ItemKind, int]) -> SpaceReport:
    report = SpaceReport(
        space_key=run.space.key,
        outcome=Outcome.COMPLETE,
        counts=run.counts,
        deletions=result.deletions,
        items=result.item_plans,
        held_items={each.kind: found.held for each, found in result.items.items()},
        warning=" ".join(filter(None, (result.warning, result.access.note))) or None,
    )
    doubts = list(_doubts(run.space.key, result, failing, failing_items))
    if result.deletions.held or any(plan.held for plan in result.item_plans.values()):
        message = held_message(run.space.key, result.deletions, result.item_plans)
        error = " ".join([message, *doubts])
        return replace(report, outcome=Outcome.HELD, exit_code=ExitCode.HELD, error=error)
    if doubts:
        return replace(report, outcome=Outcome.PARTIAL, exit_code=ExitCode.PARTIAL, error=" ".join(doubts))
    return report


def _doubts(space_key: str, result: SpaceResult, failing: int, failing_items: Mapping[ItemKind, int]) -> Iterator[str]:
    yield from filter(None, (result.doubt, result.archive_doubt))
    kept = sum(each.action is DeletionAction.KEEP for each in result.deletions.doubtful)
    if kept:
        yield (
            f"The listing of space {space_key} lacks {number(kept, 'page')}, without evidence that any of them is "
            "gone: nothing of that was removed. The next full run looks again."
        )
    for each, found in result.items.items():
        unlisted = sum(one.action is DeletionAction.KEEP for one in found.deletions.doubtful)
        if unlisted:
            yield (
                f"Confluence's search lacks {number(unlisted, each.kind.one)} of space {space_key}, without evidence "
                "that any of them is gone: nothing of that was removed. The next full run looks again."
            )
        if found.doubt:
            yield found.doubt
    if failing:
        counts = [(failing - sum(failing_items.values()), "page")]
        counts += [(count, kind.one) for kind, count in failing_items.items()]
        what = " and ".join(number(count, name) for count, name in counts if count > 0)
        yield f"{what} of space {space_key} failed; `hr-sync status` shows why. Later runs try again."
    if result.access.doubt:
        yield result.access.doubt
