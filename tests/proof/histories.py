"""Random histories of a Confluence and its mirror: edits, faults, lags, kills, locks, refusals, runs.

The oracle compares after every run; `laws.py` says what must hold. `full run` and `clean run` compare every row.
"""

import threading
from collections.abc import Callable, Collection
from dataclasses import fields, replace
from datetime import timedelta
from typing import Any, ClassVar

from confluence_simulator import Fault
from confluence_simulator.faults import KINDS
from confluence_simulator.world import Page
from confluence_simulator.world.access import can_view
from confluence_simulator.world.records import Event
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule
from sqlalchemy import Engine

from hr_sync.domain.access import AccessPolicy
from hr_sync.domain.outcome import Counts, Mode, Outcome, RunReport
from hr_sync.store.store import Store
from hr_sync.sync.context import SyncContext, SyncPolicy, SyncRequest
from hr_sync.sync.dry_run import SpacePreview, dry_run
from hr_sync.sync.run import run
from tests.proof import laws
from tests.proof.edits import EDITS, LABELS, TAKE_AWAY, Author
from tests.proof.kills import Killed, mortal_store
from tests.proof.laws import LIMIT, LOUD, Before, Memory
from tests.proof.stage import APART, MIRRORED, Stage
from tests.support.oracle import (
    EVERY_SPACE,
    Stored,
    Wanted,
    attribute_differences,
    differences,
    expected,
    expected_attributes,
    expected_files,
    file_differences,
    mirrored_spaces,
    visible,
)
from tests.support.wiring import context_for

# Waits and monsters cost time; a body with a NUL that the source does not have is right in no later run.
TOO_SLOW = {
    *("stall", "stall-in-body", "slow", "drip", "drip-head", "gzip-bomb", "row-nul-in-body"),
    *(kind for kind in KINDS if KINDS[kind].touches is not None),  # these fire at no chosen request
}
FAULTS = sorted(KINDS.keys() - TOO_SLOW)
OVERLAP = timedelta(minutes=15)
NUMBERS = st.integers(0, 40)
WORK = st.tuples(st.sampled_from(sorted(EDITS)), NUMBERS, NUMBERS)
LOSSES = st.tuples(st.sampled_from(TAKE_AWAY), NUMBERS, NUMBERS)
EDITING: st.SearchStrategy[list[tuple[str, int, int]]] = st.one_of(
    st.lists(WORK, min_size=2, max_size=6), st.lists(LOSSES, min_size=1, max_size=4), st.builds(list)
)
MODES = {"full": Mode.FULL, "incremental": Mode.INCREMENTAL, "access": Mode.ACCESS}
LISTED = {"posts_listed", "attachments_listed", "comments_listed"}
NOTHING_DONE = tuple(
    each.name
    for each in fields(Counts)
    if each.name not in {"listed", "unchanged", "relabelled", "restricted", *LISTED}
)
LAGS = (timedelta(0), timedelta(minutes=3), timedelta(hours=1))


class History(RuleBasedStateMachine):
    """One history, whose settings choose whole spaces; a subclass chooses among their pages too."""

    stage: ClassVar[Stage]

    def __init__(self) -> None:
        super().__init__()
        self.stage.begin()
        self.world = self.stage.site.world
        self.author = Author(self.world, MIRRORED, APART)
        self.spaces = "both"
        self.pages = Wanted(spaces=(), attachments=True, comments=True, blog_posts=True)  # which pages of the spaces
        self.kill: tuple[int, bool] | None = None
        self.lock: str | None = None
        self.memory = Memory()
        self._unlisten = self.world.listen(self._edited)
        self._edited()

    @property
    def wanted(self) -> Wanted:
        """Return the settings, which follow the keys that spaces have now."""
        a, b, c = (space.key for space in self.author.spaces[:3])
        if self.spaces == "every":
            return replace(self.pages, spaces=(EVERY_SPACE,), exclude_spaces=(c,))
        return replace(self.pages, spaces=(a, b) if self.spaces == "both" else (a,))

    @initialize(mirrored=st.booleans())
    def world_begins(self, mirrored: bool) -> None:
        """Begin with an empty mirror, or with a right one."""
        if mirrored:
            self.clean_run()

    @rule(edits=st.lists(WORK, min_size=1, max_size=4))
    def people_work(self, edits: list[tuple[str, int, int]]) -> None:
        """Do some edits."""
        for name, which, other in edits:
            self.author.edit(name, which, other)
            self._edited()

    @rule(kind=st.sampled_from(FAULTS), at=st.integers(1, 24))
    def something_breaks(self, kind: str, at: int) -> None:
        """Let a request of the next run meet a fault."""
        self.stage.site.faults.add(Fault(kind=kind, at=at))

    @rule(lists=st.sampled_from(LAGS), search=st.sampled_from(LAGS))
    def replicas_lag(self, lists: timedelta, search: timedelta) -> None:
        """Let lists and the search index lag, until somebody repairs them."""
        self.stage.lag(lists=lists, search=search)

    @rule(nth=st.integers(1, 14), after=st.booleans())
    def somebody_kills(self, nth: int, after: bool) -> None:
        """Let the next run die at a commit."""
        self.kill = (nth, after)

    @rule(which=NUMBERS, refuses=st.booleans())
    def database_resists(self, which: int, refuses: bool) -> None:
        """Let the database refuse a page, until the next clean run, or let somebody's transaction lock its row."""
        pages = self.world.pages()
        page_id = pages[which % len(pages)].id
        if refuses:
            self.stage.refuse([page_id])
        else:
            self.lock = page_id

    @rule(spaces=st.sampled_from(["both", "every", "first"]))
    def somebody_configures_spaces(self, spaces: str) -> None:
        """Name other spaces in the settings."""
        self.spaces = spaces
        self._edited()

    @rule(
        edits=EDITING,
        how=st.sampled_from(["mended", "lagging", "as it is"]),
        allow=st.sampled_from([False, False, True]),
    )
    def full_run(self, edits: list[tuple[str, int, int]], how: str, allow: bool) -> None:
        """Run in full after some edits; with nothing broken, exactly as the dry run showed."""
        self.people_work(edits)
        if how != "as it is":
            self._mend(refusals=False)
        if how == "lagging":
            self.stage.lag(lists=LAGS[1], search=LAGS[2])
        is_quiet, is_lagging, is_lame = self._is_quiet(), self._is_lagging(), bool(self.kill or self.lock)
        kinds = self._planned()
        before = self._before()
        previews = self._preview(before, allow=allow) if is_quiet else None
        report, fired = self._run("full", allow_mass_delete=allow)
        found = self._look(before, fired, may_lag=is_lagging or "stale-read" in kinds)
        if not allow:
            laws.few_removed(before, found)
            laws.few_files_removed(before, found)
        if previews is not None:
            laws.files_as_previewed(previews, before.found, found, self.stage.refused())
            laws.as_previewed(previews, before.found, found, self.stage.refused())
        if kinds <= LOUD and not is_lagging:
            laws.fresh_is_right(before, found, self._right(), self.stage.refused())
        if report is None or kinds or is_lagging:
            return
        if not is_lame:
            assert self._differences(found) == []
            laws.holds_are_right(self.world, before, found, report.run_id, allowed=allow)
            self.memory.looked(found, visible(self.world, self.wanted))
        elif report.outcome is Outcome.COMPLETE:
            assert self._differences(found) == []

    @rule(edits=EDITING)
    def incremental_run(self, edits: list[tuple[str, int, int]]) -> None:
        """Run incrementally after some edits, with whatever is broken."""
        self.people_work(edits)
        before, is_whole = self._before(), self._is_quiet() and not self._is_lagging()
        kinds = self._planned()
        report, fired = self._run("incremental")
        found = self._look(before, fired, may_lag=self._is_lagging() or "stale-read" in kinds, incremental=True)
        laws.few_removed(before, found)
        laws.incremental_removes_nothing(before, found, may_lie_about_time=any(kind[:4] == "date" for kind in kinds))
        if is_whole and report is not None and report.outcome is Outcome.COMPLETE and self.pages.is_every_page:
            self._is_up_to_date(before, found)

    @rule()
    def access_run(self) -> None:
        """Compare labels and restrictions alone, with whatever is broken: no page comes or goes."""
        before, is_whole = self._before(), self._is_quiet() and not self._is_lagging()
        report, fired = self._run("access")
        found = self._look(before, fired)
        laws.only_looked(before, found)
        if is_whole and report is not None and report.outcome is Outcome.COMPLETE:
            # A page that was moved between spaces is known where it was stored, until a full run brings it over.
            stayed = {key for key, row in found.live.items() if self._is_in(key, row.space_key)}
            right = expected_attributes(self.world, self.wanted)
            assert attribute_differences({key: right[key] for key in right.keys() & stayed}, found) == []

    @rule(
        modes=st.tuples(st.sampled_from(["full", "incremental"]), st.sampled_from(["full", "incremental", "access"])),
        killed=st.sampled_from([None, 0, 1]),
        nth=st.integers(1, 14),
    )
    def two_workers_run(self, modes: tuple[str, str], killed: int | None, nth: int) -> None:
        """Let two runs work on the same database at once, of which one may be killed."""
        before = self._before()
        may_lag = self._is_lagging() or "stale-read" in self._planned()
        stores = [
            mortal_store(self._engine, nth, after=True) if each == killed else Store(self._engine) for each in (0, 1)
        ]
        works = [self._work(self._context(store=store), mode) for mode, store in zip(modes, stores, strict=True)]
        with self.stage.locked(self.lock):
            _side_by_side(works)
        fired = self._settle()
        self._look(before, fired, runs=2, may_lag=may_lag)

    @rule()
    def clean_run(self) -> None:
        """Run in full with nothing broken and everything allowed: every row is right then."""
        self._mend()
        before = self._before()
        report, _ = self._run("full", allow_mass_delete=True)
        found = self._look(before, 0)
        assert report is not None
        assert report.exit_code in ({0} if self._sees_all() else {0, 3, 78}), report
        assert self._differences(found) == []
        assert found.failing == {}
        assert not any(space.held for space in found.spaces.values())
        self.memory.looked(found, visible(self.world, self.wanted))

    def teardown(self) -> None:
        """End with a run as its dry run showed, two clean runs, and one that finds nothing to do.

        The second clean run is for pages that the first could only hide.
        """
        try:
            self.full_run(edits=[], how="mended", allow=False)
            for _ in range(2):
                self.clean_run()
            report, _ = self._run("full")
            assert report is not None
            assert {name: getattr(report.counts, name) for name in NOTHING_DONE} == dict.fromkeys(NOTHING_DONE, 0)
            assert (report.counts.relabelled, report.counts.restricted) == (0, 0)
            assert not self.stage.stored().hidden
        finally:
            self._unlisten()

    def _edited(self, _event: Event | None = None) -> None:
        self.memory.note(self.world, self.wanted)

    def _mend(self, *, refusals: bool = True) -> None:
        self.stage.site.faults.clear()
        self.stage.lag()
        if refusals:
            self.stage.refuse(())
        self.kill = self.lock = None

    def _planned(self) -> set[str]:
        return {fault.kind for fault in self.stage.site.faults.planned}

    def _is_quiet(self) -> bool:
        return not (self.stage.site.faults.planned or self.kill or self.lock)

    def _is_lagging(self) -> bool:
        tenant = self.stage.site.tenant
        return bool(tenant.list_lag or tenant.search_lag)

    @property
    def _engine(self) -> Engine:
        """Return the engine of the next run, which gives up at once where somebody holds a lock all the time."""
        return self.stage.engine if self.lock is None else self.stage.impatient

    def _context(self, **changes: Any) -> SyncContext:
        policy = SyncPolicy(
            limit=LIMIT, overlap=OVERLAP, access=AccessPolicy(), compares_labels=True, busy_wait_seconds=0.0
        )
        return context_for(self.stage.site, self.stage.engine, self.wanted, policy=policy, **changes)

    def _preview(self, before: Before, *, allow: bool) -> list[SpacePreview]:
        """Take the dry run, which must write nothing."""
        context = self._context()
        try:
            previews = dry_run(context, SyncRequest(mode=Mode.FULL, allow_mass_delete=allow))
        finally:
            context.source.client.close()
        assert self.stage.stored() == before.found
        return previews

    def _run(self, mode: str, **request: bool) -> tuple[RunReport | None, int]:
        """Run. Return the report, None when the worker was killed, and how many faults fired."""
        store = Store(self._engine)
        if self.kill is not None:
            store = mortal_store(self._engine, self.kill[0], after=self.kill[1])
        reports: list[RunReport] = []
        with self.stage.locked(self.lock):
            self._work(self._context(store=store), mode, reports, **request)()
        return (reports[0] if reports else None), self._settle()

    def _work(
        self,
        context: SyncContext,
        mode: str,
        reports: list[RunReport] | None = None,
        *,
        allow_mass_delete: bool = False,
    ) -> Callable[[], None]:
        def work() -> None:
            try:
                report = run(context, SyncRequest(mode=MODES[mode], allow_mass_delete=allow_mass_delete))
                if reports is not None:
                    reports.append(report)
            except Killed:
                pass
            finally:
                context.source.client.close()

        return work

    def _settle(self) -> int:
        """Let leases run out and faults be over. Return how many faults fired."""
        fired = len(self.stage.site.faults.fired)
        self.kill = self.lock = None
        self.stage.let_leases_run_out()
        self.stage.site.faults.clear()
        self._edited()
        return fired

    def _before(self) -> Before:
        return Before(
            right=visible(self.world, self.wanted),
            files=expected_files(self.world, self.wanted),
            found=self.stage.stored(),
        )

    def _look(
        self, before: Before, faults: int, *, runs: int = 1, may_lag: bool = False, incremental: bool = False
    ) -> Stored:
        """Check what holds after every run, however it went."""
        found = self.stage.stored()
        relisted: Collection[str] = ()
        if may_lag:
            relisted = laws.passed_in_full(before, found) if incremental else found.spaces.keys()
        laws.nothing_wrong(found, self.memory, relisted)
        right = visible(self.world, self.wanted)
        laws.nothing_lost(before, found, right, faults=faults, is_scoped=not self.pages.is_every_page)
        if faults + may_lag <= 1:
            laws.no_file_lost(before, found, expected_files(self.world, self.wanted))
        if runs == 1:
            laws.feed_is_right(before.found, found)
        return found

    def _right(self) -> dict[str, Any]:
        return expected(self.world, self.stage.site.site_url, self.wanted)

    def _differences(self, found: Stored) -> list[str]:
        refused = self.stage.refused()
        lines = differences(self._right(), found)
        lines += attribute_differences(expected_attributes(self.world, self.wanted), found)
        # Whether a page that the database refuses is there, with its files, depends on what was stored of it before.
        right = expected_files(self.world, self.wanted)
        right = {each: file for each, file in right.items() if file.page_id not in refused}
        files = {each: file for each, file in found.files.items() if file.row.page_id not in refused}
        lines += file_differences(right, replace(found, files=files))
        return [line for line in lines if line.partition(".")[0].partition(" ")[0].rstrip(":") not in refused]

    def _is_up_to_date(self, before: Before, found: Stored) -> None:
        """Check that what got a version since the last pass has arrived, as far as an incremental run promises it."""
        for page_id, row in self._right().items():
            space = before.found.spaces.get(row.space_id or "")
            watermark = None if space is None else space.watermark
            is_away = page_id not in before.found.live and before.found.versions.get(page_id) == row.version
            if watermark is None or (row.last_updated >= watermark - OVERLAP and not is_away):
                assert found.live.get(page_id) == row, page_id

    def _is_in(self, page_id: str, space_key: str) -> bool:
        page = self.world.find(page_id)
        return page is not None and page.space_key == space_key

    def _sees_all(self) -> bool:
        """Return True if everything that the settings name can be seen."""
        seen = {space.key for space in mirrored_spaces(self.world, self.wanted).values()}
        return bool(seen) if self.spaces == "every" else set(self.wanted.spaces) <= seen


class TreeHistory(History):
    """The same with page trees and labels in the configured scope, which change now and then."""

    @rule(chosen=st.lists(NUMBERS, max_size=2), without=st.lists(NUMBERS, max_size=1))
    def somebody_configures_trees(self, chosen: list[int], without: list[int]) -> None:
        """Choose other page trees."""
        pages = [page.id for page in self.world.pages()]
        self.pages = replace(
            self.pages,
            page_trees=frozenset(pages[number % len(pages)] for number in chosen),
            exclude_page_trees=frozenset(pages[number % len(pages)] for number in without),
        )
        self._edited()

    @rule(
        include=st.lists(st.sampled_from(LABELS), max_size=1), exclude=st.lists(st.sampled_from(LABELS[:1]), max_size=1)
    )
    def somebody_configures_labels(self, include: list[str], exclude: list[str]) -> None:
        """Choose other labels."""
        self.pages = replace(self.pages, include_labels=frozenset(include), exclude_labels=frozenset(exclude))
        self._edited()

    def _sees_all(self) -> bool:
        """Return True if the page trees are seen too."""
        roots = self.pages.page_trees | self.pages.exclude_page_trees
        return super()._sees_all() and all(self._is_seen(root) for root in roots)

    def _is_seen(self, root: str) -> bool:
        page = self.world.find(root)
        return isinstance(page, Page) and page.status != "purged" and can_view(self.world, page, self.world.bot)


def _side_by_side(works: list[Callable[[], None]]) -> None:
    """Do these at once. Raise the first thing that went wrong in one of them."""
    failures: list[BaseException] = []

    def guarded(work: Callable[[], None]) -> None:
        try:
            work()
        except BaseException as failure:  # noqa: BLE001 -- raised below
            failures.append(failure)

    threads = [threading.Thread(target=guarded, args=(work,)) for work in works]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failures:
        raise failures[0]
