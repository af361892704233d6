"""The writing steps that all passes share: fetch and store pages, record failures, resolve bodies that are missing."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import closing
from datetime import UTC, datetime

from hr_sync.domain.changes import ChangeAction
from hr_sync.domain.content import ContentKind, Fetched, KindById, Page, StoredPage
from hr_sync.domain.deletion import DeletionAction, DeletionDecision
from hr_sync.domain.plan import Action, Plan, Step, step_of
from hr_sync.domain.scope import PageScope, ScopeDecision
from hr_sync.store.values import MAX_PAGES, Failure, FailureStage, PageWrite, WriteResult
from hr_sync.sync.absence import never_stored, verify_absent
from hr_sync.sync.archived_pages import keeps_archived
from hr_sync.sync.context import SpaceRun
from hr_sync.sync.page_facts import FactsOf, PageFacts, no_facts


def write_pages(
    run: SpaceRun, plan: Plan, *, since: datetime | None = None, facts_of: FactsOf = no_facts
) -> frozenset[str]:
    """Fetch and store what the plan says. Return the ids of pages whose body was not returned.

    What changed after `since` arrives for the first time, so its lag is measured. `facts_of` reads who may read some
    pages, after their bodies, where no access pass follows.
    """
    missing = _write_bodies(run, plan.fetches, since, facts_of)
    steps = [step for step in plan.without_body if step.head is not None]
    for start in range(0, len(steps), MAX_PAGES):
        some = steps[start : start + MAX_PAGES]
        facts = facts_of([step.head for step in some if step.head is not None])
        _write_all(run, [PageWrite.of(step, None, facts.restrictions.get(step.page_id)) for step in some], facts, since)
    return missing


def write_new_pages(run: SpaceRun, pages: Collection[Page]) -> WriteResult:
    """Store pages that the mirror has no row of, before an access pass."""
    steps = [
        step_of(Action.INSERT, page.head.id, page.head, None, "new", fetch=True)
        for page in sorted(pages, key=lambda page: page.head.id)
    ]
    by_id = {page.head.id: page for page in pages}
    run.counts.bodies += len(steps)
    facts = no_facts([])
    return _write_all(run, [PageWrite.of(step, by_id[step.page_id]) for step in steps], facts, None)


def record_failures(run: SpaceRun, reasons: Mapping[str, str], *, stage: FailureStage = FailureStage.READ) -> None:
    """Record pages that are there and cannot be used: id → what was wrong. Later runs try them again."""
    if reasons:
        run.store.record_failures(
            [
                Failure(page_id=page_id, stage=stage, error_class="Unreadable", message=reason)
                for page_id, reason in sorted(reasons.items())
            ]
        )


def record_unknown_scope(run: SpaceRun, scopes: Mapping[str, ScopeDecision]) -> None:
    """Record the pages whose scope is not known."""
    record_failures(
        run, {page_id: each.rule for page_id, each in scopes.items() if each.in_scope is None}, stage=FailureStage.SCOPE
    )


def resolve_missing(
    run: SpaceRun,
    missing: Collection[str],
    stored: Mapping[str, StoredPage],
    *,
    known_pages: KindById,
    kinds: KindById | None = None,
    shown: bool = True,
) -> list[DeletionDecision]:
    """Look up pages whose body was not returned, and hide those that are gone. Remove nothing on this evidence alone.

    A page that exists, or gives no evidence, has failed; so has one that a listing has just `shown`. `kinds`: those of
    pages without a row; None: they are among the known ones. Return the decisions about stored pages that are gone.
    """
    rows = {page_id: stored[page_id] for page_id in missing if page_id in stored}
    named = known_pages if kinds is None else kinds
    new = {page_id: named.get(page_id, ContentKind.PAGE) for page_id in set(missing) - rows.keys()}
    asked = [*rows.values(), *never_stored(new, run.space)]
    decisions = verify_absent(
        run.source,
        run.fetcher,
        run.space,
        sorted(asked, key=lambda page: page.id),
        known_pages=known_pages,
        mirrored_space_ids=run.job.mirrored_space_ids,
        hold=run.state.hold,
        hide=run.hide,
        listed=True,
        keeps_archived=keeps_archived(run.source, run.context.scope.pages),
    )
    fails = {DeletionAction.KEEP, DeletionAction.HIDE} if shown else {DeletionAction.KEEP}
    failed = {each.page_id: each.evidence for each in decisions if each.action in fails}
    record_failures(run, failed, stage=FailureStage.FETCH)
    run.store.forget_failures([each.page_id for each in decisions if each.page_id not in failed])
    return [
        each
        for each in decisions
        if each.action is not DeletionAction.KEEP and each.page_id in rows and not rows[each.page_id].removed
    ]


def _write_bodies(run: SpaceRun, steps: Sequence[Step], since: datetime | None, facts_of: FactsOf) -> frozenset[str]:
    by_id = {step.page_id: step for step in steps}
    missing: set[str] = set()
    done = 0
    with closing(run.fetcher.fetch(run.space, {step.page_id: step.kind for step in steps})) as answers:
        for fetched in answers:
            run.counts.bodies += len(fetched.pages)
            done += len(fetched.pages) + len(fetched.unreadable) + len(fetched.absent)
            missing |= fetched.absent
            unusable = dict(_unusable(fetched, by_id, run.context.scope.pages))
            record_failures(run, {**fetched.unreadable, **unusable})
            usable = sorted(fetched.pages.keys() - unusable.keys())
            facts = facts_of([fetched.pages[page_id].head for page_id in usable])
            writes = [
                PageWrite.of(by_id[page_id], fetched.pages[page_id], facts.restrictions.get(page_id))
                for page_id in usable
            ]
            _write_all(run, writes, facts, since)
            run.context.on_progress(run.space.key, done, len(by_id))
    return frozenset(missing)


def _unusable(fetched: Fetched, steps: Mapping[str, Step], scope: PageScope) -> Iterator[tuple[str, str]]:
    """Find bodies that must not be written: from a replica that lags, or changed since the scope was decided."""
    for page_id, page in fetched.pages.items():
        step, version = steps[page_id], page.head.version
        listed, stored_version = step.head, step.stored_version
        # Only a listing confirms a lower version, as a page of an imported space has.
        if listed is None and stored_version is not None and version < stored_version:
            yield page_id, f"the body has version {version}, version {stored_version} is stored"
        elif listed is not None and version < listed.version:
            yield page_id, f"the body has version {version}, the listing showed {listed.version}"
        elif scope.by_tree and page.head.parent_id != step.parent_id:
            yield page_id, "the page was moved after its place in the page trees was read"
        elif listed is not None and scope.by_label and version != listed.version:
            yield page_id, "the page was edited after its labels were read"


def _write_all(run: SpaceRun, writes: Sequence[PageWrite], facts: PageFacts, since: datetime | None) -> WriteResult:
    result = WriteResult()
    for start in range(0, len(writes), MAX_PAGES):
        run.context.cancellation.check()
        result = result.joined(_write(run, writes[start : start + MAX_PAGES], facts, since))
    return result


def _write(run: SpaceRun, writes: Sequence[PageWrite], facts: PageFacts, since: datetime | None) -> WriteResult:
    """Write a chunk and count it. The chunk is one transaction: all of it is stored afterwards, or nothing."""
    result = run.store.write_pages(writes, facts.above)
    now = datetime.now(UTC)
    for write in writes:
        if write.head.id in result.failed or write.head.id in result.superseded:
            continue
        name = _COUNTED[write.action]
        setattr(run.counts, name, getattr(run.counts, name) + 1)
        run.counts.posts_written += write.head.kind is ContentKind.BLOG_POST
        if since is not None and write.head.last_updated > since:
            run.context.on_lag((now - write.head.last_updated).total_seconds())
    return result


_COUNTED = {
    ChangeAction.INSERT: "inserted",
    ChangeAction.UPDATE: "updated",
    ChangeAction.MOVE: "moved",
    ChangeAction.RESTORE: "restored",
}
