"""Random histories of a Confluence and its mirror: edits, faults, kills, refusals, runs. The oracle looks on.

The first two rules make what the others are proved against; `Run` and `clean run` compare.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import ClassVar

from confluence_simulator import Fault
from confluence_simulator.faults import KINDS
from confluence_simulator.world import Page
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, rule

from hr_sync.domain.deletion import DeletionLimit
from hr_sync.domain.outcome import Outcome, RunReport
from tests.proof.edits import EDITS, Author
from tests.proof.kills import Killed, mortal_sessions
from tests.proof.oracle import (
    Stored,
    Wanted,
    attribute_differences,
    contradictions,
    differences,
    expected,
    expected_attributes,
    stored,
    visible,
)
from tests.proof.stage import APART, MIRRORED, Stage
from tests.proof.wiring import full, incremental, mirror_of, restrictions

# Waits and monsters cost time; a body with a NUL that the source does not have is right in no later run.
TOO_SLOW = {
    *("stall", "stall-in-body", "slow", "drip", "drip-head", "gzip-bomb", "row-nul-in-body"),
    *(kind for kind in KINDS if KINDS[kind].touches is not None),  # these fire at no chosen request
}
FAULTS = sorted(KINDS.keys() - TOO_SLOW)
GUARD = DeletionLimit(max_removed_pages=2, max_removed_fraction=0.1)
OVERLAP = timedelta(minutes=15)
NUMBERS = st.integers(0, 40)
RUNS = {"full": full, "incremental": incremental, "restrictions": restrictions}


@dataclass(frozen=True, kw_only=True, slots=True)
class Before:
    """How it was before a run."""

    right: Mapping[str, Page]
    found: Stored


class History(RuleBasedStateMachine):
    """One history. Without page trees; a subclass has them."""

    stage: ClassVar[Stage]

    def __init__(self) -> None:
        super().__init__()
        self.stage.begin()
        self.wanted = Wanted(spaces=MIRRORED)
        self.author = Author(self.stage.site.world, MIRRORED, APART)
        self.kill: tuple[int, bool] | None = None

    @rule(edits=st.lists(st.tuples(st.sampled_from(sorted(EDITS)), NUMBERS, NUMBERS), min_size=1, max_size=5))
    def people_work(self, edits: list[tuple[str, int, int]]) -> None:
        """Do some edits."""
        for name, which, other in edits:
            self.author.edit(name, which, other)

    @rule(kind=st.sampled_from(FAULTS), at=st.integers(1, 24))
    def something_breaks(self, kind: str, at: int) -> None:
        """Let a request of the next run meet a fault."""
        self.stage.site.faults.add(Fault(kind=kind, at=at))

    @rule(nth=st.integers(1, 14), after=st.booleans())
    def somebody_kills(self, nth: int, after: bool) -> None:
        """Let the next run die at a commit."""
        self.kill = (nth, after)

    @rule(which=NUMBERS)
    def database_refuses(self, which: int) -> None:
        """Let the database refuse a page, until the next clean run."""
        pages = self.stage.site.world.pages()
        self.stage.refuse([pages[which % len(pages)].id])

    @rule(allow=st.booleans(), accept=st.booleans())
    def full_run(self, allow: bool, accept: bool) -> None:
        """Run in full, with whatever is broken."""
        before, quiet = self._before(), not self.stage.site.faults.planned
        report = self._run("full", allow_mass_delete=allow, accept_narrower_scope=accept)
        found = self._look(before, sparing=not (allow or accept))
        if quiet and report is not None and report.outcome is Outcome.COMPLETE:
            assert self._differences(found) == []

    @rule()
    def incremental_run(self) -> None:
        """Run incrementally, with whatever is broken."""
        before, quiet = self._before(), not self.stage.site.faults.planned
        watermarks = self.stage.watermarks()
        report = self._run("incremental")
        found = self._look(before, sparing=True)
        if quiet and report is not None and report.outcome is Outcome.COMPLETE:
            self._is_up_to_date(found, watermarks)
        if watermarks.keys() >= set(MIRRORED) and self._scope_is_known():
            assert not self._gone_since(before, found)

    @rule()
    def restrictions_run(self) -> None:
        """Compare labels and restrictions alone, with whatever is broken: no page comes or goes."""
        before, quiet = self._before(), not self.stage.site.faults.planned
        report = self._run("restrictions")
        found = self._look(before, sparing=True)
        assert (found.live.keys(), found.hidden, found.removed) == (
            before.found.live.keys(),
            before.found.hidden,
            before.found.removed,
        )
        assert found.hashes == before.found.hashes
        if quiet and report is not None and report.outcome is Outcome.COMPLETE:
            # A page that was moved between spaces is known where it was stored, until a full run brings it over.
            stayed = {key for key, row in found.live.items() if self._is_in(key, row.space_key)}
            right = expected_attributes(self.stage.site.world, self.wanted)
            assert attribute_differences({key: right[key] for key in right.keys() & stayed}, found) == []

    @rule()
    def clean_run(self) -> None:
        """Run in full with nothing broken and everything allowed: every row is right then."""
        self._mend()
        before = self._before()
        report = self._run("full", allow_mass_delete=True, accept_narrower_scope=True)
        found = self._look(before, sparing=False)
        assert report is not None
        assert report.exit_code in ({0} if self._sees_all() else {0, 3, 78}), report
        assert self._differences(found) == []
        assert self.stage.failing() == 0

    def teardown(self) -> None:
        """End with two clean runs, the second strike of what is not seen, and one that finds nothing to do."""
        for _ in range(2):
            self.clean_run()
        report = self._run("full")
        assert report is not None
        counts = report.counts
        assert (counts.inserted, counts.updated, counts.moved, counts.restored, counts.hidden) == (0, 0, 0, 0, 0)
        assert (counts.removed, counts.bodies, counts.failed) == (0, 0, 0)
        assert (counts.relabelled, counts.restricted) == (0, 0)
        assert not stored(self.stage.url).hidden

    def _mend(self) -> None:
        self.stage.site.faults.clear()
        self.stage.refuse(())
        self.kill = None

    def _run(self, mode: str, **order: bool) -> RunReport | None:
        """Run and give the report; None when the worker was killed, whose leases have run out then."""
        mirror = mirror_of(
            self.stage.site.site_url,
            self.stage.engine,
            self.wanted,
            guard=GUARD,
            overlap=OVERLAP,
            access_with_full=True,
        )
        if self.kill is not None:
            sessions = mortal_sessions(self.stage.engine, self.kill[0], after=self.kill[1])
            mirror = replace(mirror, sessions=sessions)
        try:
            return RUNS[mode](mirror, **order)
        except Killed:
            return None
        finally:
            self.kill = None
            self.stage.let_leases_run_out()
            self.stage.site.faults.clear()

    def _before(self) -> Before:
        return Before(right=visible(self.stage.site.world, self.wanted), found=stored(self.stage.url))

    def _look(self, before: Before, *, sparing: bool) -> Stored:
        """Check what holds after every run, however it went."""
        found = stored(self.stage.url)
        assert list(contradictions(found)) == []
        there = before.right.keys() & visible(self.stage.site.world, self.wanted).keys()
        gone = self._gone_since(before, found)
        assert not gone & there
        if sparing:
            for key in MIRRORED:
                here = {page_id for page_id, row in before.found.live.items() if row.space_key == key}
                assert len(gone & here) <= GUARD.limit(len(here)), f"{key}: {gone & here}"
        return found

    def _gone_since(self, before: Before, found: Stored) -> set[str]:
        return before.found.live.keys() - found.live.keys()

    def _differences(self, found: Stored) -> list[str]:
        refused = self.stage.refused()
        right = expected(self.stage.site.world, self.stage.site.site_url, self.wanted)
        log_fields = differences(right, found)
        log_fields += attribute_differences(expected_attributes(self.stage.site.world, self.wanted), found)
        return [line for line in log_fields if line.partition(".")[0].partition(" ")[0].rstrip(":") not in refused]

    def _is_up_to_date(self, found: Stored, watermarks: Mapping[str, object]) -> None:
        """Check that what got a version since the last pass has arrived, as far as an incremental run promises it."""
        right = expected(self.stage.site.world, self.stage.site.site_url, self.wanted)
        for page_id, row in right.items():
            watermark = watermarks.get(row.space_key)
            if watermark is None or row.last_updated >= watermark - OVERLAP:  # type: ignore[operator] # datetimes
                assert found.live.get(page_id) == row, page_id

    def _is_in(self, page_id: str, space_key: str) -> bool:
        page = self.stage.site.world.find(page_id)
        return page is not None and page.space_key == space_key

    def _scope_is_known(self) -> bool:
        return True

    def _sees_all(self) -> bool:
        return any(
            permission.operation == "read" for permission in self.stage.site.world.space(MIRRORED[1]).permissions
        )


class TreeHistory(History):
    """The same with page trees in the configured scope, which change now and then."""

    @rule(chosen=st.lists(NUMBERS, max_size=2), without=st.lists(NUMBERS, max_size=1))
    def somebody_configures(self, chosen: list[int], without: list[int]) -> None:
        """Choose other page trees."""
        pages = [page.id for page in self.stage.site.world.pages()]
        self.wanted = replace(
            self.wanted,
            page_trees=frozenset(pages[number % len(pages)] for number in chosen),
            exclude_page_trees=frozenset(pages[number % len(pages)] for number in without),
        )

    def _is_up_to_date(self, found: Stored, watermarks: Mapping[str, object]) -> None:
        """Promise nothing: whether a page lies in a tree, a full run says."""

    def _scope_is_known(self) -> bool:
        """The first incremental run under another scope is a full one."""
        query = "SELECT count(DISTINCT scope_fingerprint), bool_and(scope_fingerprint IS NOT NULL) FROM sync_spaces"
        row = self.stage.connection.execute(query).fetchone()
        return False if row is None else bool(row[0] == 1 and row[1]) and not self.wanted.page_trees
