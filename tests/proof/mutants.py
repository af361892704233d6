"""Decision rules, each broken on purpose, and the tests that must go red then. Data only; `mutation.py` runs it.

Of each rule stands here the text that holds it, word for word as in the source, and what takes its place.
"""

from dataclasses import dataclass

BADGES = ("tests/domain/test_badge.py",)
PLAN = ("tests/domain/test_plan.py",)
REMOVAL = ("tests/domain/test_removal.py",)
VALUES = ("tests/domain/test_values.py",)
TREES = ("tests/proof/test_page_trees.py", "-k", "not-found-404-v2 or empty-object-200")
SLEEPERS = ("tests/proof/test_contention.py",)
RULES = ("tests/proof/test_rules.py",)


@dataclass(frozen=True, kw_only=True, slots=True)
class Mutant:
    """One rule, broken."""

    rule: str  #: that is broken, in words
    file: str  #: below hr_sync/
    old: str
    new: str
    tests: tuple[str, ...]  #: arguments of pytest, one test of which must go red


def answers(*kinds: str) -> tuple[str, ...]:
    """Name the matrix's tests of kinds that answer in the API's place."""
    return ("tests/proof/test_faults_in_answers.py", "-k", " or ".join(f"[{kind}]" for kind in kinds))


def way(*kinds: str) -> tuple[str, ...]:
    """Name the matrix's tests of other kinds."""
    return ("tests/proof/test_faults_on_the_way.py", "-k", " or ".join(f"[{kind}]" for kind in kinds))


MUTANTS = (
    Mutant(
        rule="a removed page that is listed again is restored",
        file="domain/plan.py",
        old='return Action.RESTORE, "was removed, is listed again"',
        new='return Action.NOTHING, "unchanged"',
        tests=PLAN,
    ),
    Mutant(
        rule="a hidden page that is listed again is restored",
        file="domain/plan.py",
        old='return Action.RESTORE, "was hidden, is listed again"',
        new='return Action.NOTHING, "unchanged"',
        tests=PLAN,
    ),
    Mutant(
        rule="a lower version is an update too",
        file="domain/plan.py",
        old="if listed != kept:",
        new="if listed > kept:",
        tests=PLAN,
    ),
    Mutant(
        rule="a move is seen without a new version",
        file="domain/plan.py",
        old="if metadata_digest(shown) != digest:",
        new="if False:",
        tests=PLAN,
    ),
    Mutant(
        rule="absence is asked about",
        file="domain/plan.py",
        old='return Action.QUESTION, "stored, not in the listing"',
        new='return Action.NOTHING, "unchanged"',
        tests=PLAN,
    ),
    Mutant(
        rule="an unreadable page is not absent",
        file="domain/plan.py",
        old="        if page_id not in listing:",
        new="        if page_id not in listing.heads:",
        tests=PLAN,
    ),
    Mutant(
        rule="an incremental run goes back to no older version",
        file="domain/plan.py",
        old="head.version < kept.version",
        new="False",
        tests=VALUES,
    ),
    Mutant(
        rule="what is not seen is hidden first, and removed by a later run",
        file="domain/deletion.py",
        old='return Verdict.HIDE, "not visible"',
        new='return Verdict.REMOVE, "gone"',
        tests=REMOVAL,
    ),
    Mutant(
        rule="what is there is kept, whatever the listing showed",
        file="domain/deletion.py",
        old='return Verdict.KEEP, "the listing was wrong: the page is there"',
        new='return Verdict.REMOVE, "gone"',
        tests=REMOVAL,
    ),
    Mutant(
        rule="a page that moved to a mirrored space is left to that space",
        file="domain/deletion.py",
        old='return Verdict.LEAVE, "moved to another mirrored space"',
        new='return Verdict.REMOVE, "moved out of scope"',
        tests=REMOVAL,
    ),
    Mutant(
        rule="an answer that cannot be used is no evidence",
        file="domain/deletion.py",
        old='return Verdict.KEEP, "no evidence"',
        new='return Verdict.HIDE, "not visible"',
        tests=REMOVAL,
    ),
    Mutant(
        rule="the guard lets the larger of its two limits go",
        file="domain/deletion.py",
        old="return max(self.max_removed_pages",
        new="return min(self.max_removed_pages",
        tests=REMOVAL,
    ),
    Mutant(
        rule="hidden pages count for the guard",
        file="domain/deletion.py",
        old="ruling.verdict in (Verdict.HIDE, Verdict.REMOVE) for ruling",
        new="ruling.verdict is Verdict.REMOVE for ruling",
        tests=REMOVAL,
    ),
    Mutant(
        rule="excluded page trees win",
        file="domain/scope.py",
        old="        if chain & self.exclude_page_trees:\n            return False\n",
        new="",
        tests=("tests/domain/test_tree.py",),
    ),
    Mutant(
        rule="what hangs on a parent that is not seen has no known place",
        file="sync/placing.py",
        old="                lost.add(node_id)\n",
        new="                pass\n",
        tests=TREES,
    ),
    Mutant(
        rule="an answer about something else names no parent",
        file="confluence/cloud_json.py",
        old='    if item.get("id") != node.id or',
        new="    if False and",
        tests=("tests/confluence/test_cloud_json.py", "-k", "parent"),
    ),
    Mutant(
        rule="a failure that meets every space ends the run as itself",
        file="domain/outcome.py",
        old="if ending is not None:",
        new="if False:",
        tests=VALUES,
    ),
    Mutant(
        rule="no question without a canary",
        file="sync/absence.py",
        old="    check_access(reader, space, known_page)\n    evidence",
        new="    evidence",
        tests=RULES,
    ),
    Mutant(
        rule="the canary asks who we are",
        file="sync/absence.py",
        old="    reader.check_account()\n",
        new="",
        tests=RULES,
    ),
    Mutant(
        rule="the canary looks at a page that was listed",
        file="sync/absence.py",
        old="sights = reader.look([page_id]) if page_id else {}",
        new="sights = {}",
        tests=RULES,
    ),
    Mutant(
        rule="a canary sings after the questions too",
        file="sync/absence.py",
        old="    check_access(reader, space, known_page)\n    return",
        new="    return",
        tests=RULES,
    ),
    Mutant(
        rule="a mass of removals is held",
        file="sync/apply.py",
        old="if going > work.mirror.guard.limit(live_pages) and",
        new="if False and",
        tests=RULES,
    ),
    Mutant(
        rule="what left a page tree is under the same guard",
        file="sync/full.py",
        old="[*gone, *rulings, *left.by_themselves]",
        new="[*gone, *rulings]",
        tests=RULES,
    ),
    Mutant(
        rule="a narrower scope has to be confirmed",
        file="sync/full.py",
        old="    if before != work.mirror.scope.pages.fingerprint:\n",
        new="    if False:\n",
        tests=RULES,
    ),
    Mutant(
        rule="a body older than its listed head is not believed",
        file="sync/apply.py",
        old="page.head.version < listed.version",
        new="False",
        tests=RULES,
    ),
    Mutant(
        rule="only current pages of the very space belong in its listing",
        file="sync/sanitize.py",
        old='return head.status == "current" and head.space_id == space.id',
        new="return True",
        tests=way("row-unknown-status", "row-other-space"),
    ),
    Mutant(
        rule="a listing that was wrong makes the run partial",
        file="sync/full.py",
        old="wrongly_absent=sum(ruling.verdict is Verdict.KEEP for ruling in rulings)",
        new="wrongly_absent=0",
        tests=way("missing-rows"),
    ),
    Mutant(
        rule="a space that is not shown is asked about, page by page",
        file="sync/unlisted_spaces.py",
        old="_archived(stored) if _is_archived(work) else _ruled_by_id(work, stored)",
        new="_archived(stored)",
        tests=way("missing-rows"),
    ),
    Mutant(
        rule="a body that is not given is a failure",
        file="sync/missing_bodies.py",
        old="if ruling.verdict is Verdict.KEEP])",
        new="if False])",
        tests=way("missing-rows"),
    ),
    Mutant(
        rule="a listing that missed something moves no position",
        file="sync/finish.py",
        old="watermark=None if findings.wrongly_absent else findings.watermark",
        new="watermark=findings.watermark",
        tests=RULES,
    ),
    Mutant(
        rule="an incremental run looks back behind its position",
        file="sync/incremental.py",
        old="position.watermark - work.mirror.overlap",
        new="position.watermark + work.mirror.overlap",
        tests=RULES,
    ),
    Mutant(
        rule="the first incremental run under another scope is a full one",
        file="sync/incremental.py",
        old="position.watermark is None or position.scope_fingerprint != work.mirror.scope.pages.fingerprint",
        new="position.watermark is None",
        tests=RULES,
    ),
    Mutant(
        rule="only a complete run makes a space fresh",
        file="store/write/runs.py",
        old="if complete and record.looked_at_all:",
        new="if record.looked_at_all:",
        tests=RULES,
    ),
    Mutant(
        rule="a page that is written is live again",
        file="store/write/upserts.py",
        old='"hidden_at": None, "removed_at": None',
        new='"hidden_at": None',
        tests=RULES,
    ),
    Mutant(
        rule="what does not fail any more is forgotten",
        file="sync/finish.py",
        old="forget_failures_before(session, work.space.key, work.run_id)",
        new="pass",
        tests=way("row-without-version"),
    ),
    Mutant(
        rule="each write checks the epoch",
        file="store/lease.py",
        old="    if epoch != lease.epoch:\n",
        new="    if epoch is None:\n",
        tests=SLEEPERS,
    ),
    Mutant(
        rule="each lease raises the epoch",
        file="store/lease.py",
        old="SyncSpace.epoch: SyncSpace.epoch + 1,",
        new="SyncSpace.epoch: SyncSpace.epoch,",
        tests=SLEEPERS,
    ),
    Mutant(
        rule="a lease that has not run out is not taken",
        file="store/lease.py",
        old="SyncSpace.lease_expires_at < func.clock_timestamp(),",
        new="SyncSpace.lease_expires_at.is_not(None),",
        tests=SLEEPERS,
    ),
    Mutant(
        rule="a listing that comes back to where it was goes round in circles",
        file="confluence/http/listing.py",
        old="        if url in self._asked:\n",
        new="        if False:\n",
        tests=("tests/confluence/test_client_faults.py", "-k", "circle"),
    ),
    Mutant(
        rule="ids of a listing are texts",
        file="confluence/http/listing.py",
        old="    if needs_ids and not all(isinstance(each, str)",
        new="    if False and not all(isinstance(each, str)",
        tests=("tests/confluence/test_source_contract.py", "-k", "cannot_be_named"),
    ),
    Mutant(
        rule="an answer says that it is JSON",
        file="confluence/http/response.py",
        old="    if not _is_json(response):\n        raise",
        new="    if False:\n        raise",
        tests=("tests/confluence/test_response.py", "-k", "without_json"),
    ),
    Mutant(
        rule="only Confluence's own 404 says that a page is not there",
        file="confluence/http/response.py",
        old="case 404 if _is_own_refusal(response):",
        new="case 404:",
        tests=("tests/confluence/test_source_contract.py", "-k", "no_evidence"),
    ),
    Mutant(
        rule="an endpoint that is gone is no page that is gone",
        file="confluence/http/response.py",
        old="return EndpointRemoved(",
        new="return NotFound(",
        tests=("tests/confluence/test_response.py", "-k", "status_table"),
    ),
    Mutant(
        rule="an unknown account is an anonymous visitor",
        file="confluence/cloud_json.py",
        old='if answer.get("type") != "known":',
        new="if False:",
        tests=way("anonymous-200"),
    ),
    Mutant(
        rule="a missing body is not an empty one",
        file="confluence/json_fields.py",
        old='value = str_of(object_of(object_of(item, "body"), "storage"), "value")',
        new='value = str(item.get("body", {}).get("storage", {}).get("value", ""))',
        tests=("tests/confluence/test_cloud_json.py", "-k", "missing_body"),
    ),
    Mutant(
        rule="a request that fails for many pages is halved",
        file="confluence/pagination.py",
        old="        if len(ids) == 1:\n",
        new="        if ids:\n",
        tests=("tests/confluence/test_source_contract.py", "-k", "spoils"),
    ),
    Mutant(
        rule="readers that are not known somewhere above are not known",
        file="domain/access.py",
        old="        if restriction is None or node_id in lost:\n            return None\n",
        new="        if restriction is None or node_id in lost:\n            continue\n",
        tests=BADGES,
    ),
    Mutant(
        rule="a way that ends before the top leads to no known readers",
        file="domain/access.py",
        old="    if parents.get(chain[-1], chain[-1]) is not None:\n",
        new="    if False:\n",
        tests=BADGES,
    ),
    Mutant(
        rule="readers that are not known any more do not stay",
        file="domain/access.py",
        old='return Action.RESTRICT, "who may read it is not known any more"',
        new='return Action.NOTHING, "unchanged"',
        tests=BADGES,
    ),
    Mutant(
        rule="labels that are not shown stay",
        file="domain/access.py",
        old="        case frozenset(), None:\n            return Action.RELABEL,",
        new="        case None, frozenset():\n            return Action.RELABEL,",
        tests=BADGES,
    ),
    Mutant(
        rule="a list as long as its limit may go on",
        file="confluence/access_json.py",
        old="len(entries) >= limit",
        new="False",
        tests=("tests/sync/test_badges.py", "-k", "cut"),
    ),
    Mutant(
        rule="a page that the index does not show is asked for its labels",
        file="confluence/cloud_labels.py",
        old="page_id in indexed.labels and (",
        new="page_id not in indexed.labels or (",
        tests=("tests/confluence/test_source_contract.py", "-k", "unindexed"),
    ),
    Mutant(
        rule="a label that only the index shows is asked of the page",
        file="confluence/cloud_labels.py",
        old="(indexed.labels[page_id] or frozenset()) <= by_label",
        new="True",
        tests=("tests/confluence/test_source_contract.py", "-k", "only_the_index"),
    ),
    Mutant(
        rule="what is above a whiteboard is not known",
        file="sync/access.py",
        old="    lost |= {head.parent_id for",
        new="    {head.parent_id for",
        tests=("tests/sync/test_badges.py", "-k", "cannot_be_asked"),
    ),
    Mutant(
        rule="a question about readers without an answer makes the run partial",
        file="sync/finish.py",
        old="    if findings.badges.doubt:\n",
        new="    if False:\n",
        tests=("tests/sync/test_badges.py", "-k", "without_an_answer"),
    ),
    Mutant(
        rule="a page that another space has taken over is left alone",
        file="store/write/deletions.py",
        old="page.space_key == ruling.space_key, ",
        new="",
        tests=("tests/store/test_removals.py",),
    ),
    Mutant(
        rule="a page is removed where it is listed, wherever its row is",
        file="store/write/deletions.py",
        old="if _mark(session, run_id, ruling):",
        new="if ruling.space_key == lease.space_key and _mark(session, run_id, ruling):",
        tests=("tests/proof/test_page_trees.py", "-k", "another_space"),
    ),
    Mutant(
        rule="a page that is hidden has no known readers",
        file="store/write/deletions.py",
        old='    values |= {"readers": None, "restriction_digest": None}',
        new="    values |= {}",
        tests=("tests/sync/test_badges.py", "-k", "hidden_page"),
    ),
)
