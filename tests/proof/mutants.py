"""Decision rules, each broken on purpose, and the tests that must go red then. Data only; `mutation.py` runs it.

A rule is named by the function that holds it and by a pattern that matches the rule there, in one place.
"""

from dataclasses import dataclass

ABSENCE, ACCESS, DELETION = "sync/absence.py", "domain/access.py", "domain/deletion.py"
PLAN, SCOPE, LEASE = "domain/plan.py", "domain/scope.py", "store/lease.py"
CLOUD_JSON, FIELDS = "confluence/cloud_json.py", "confluence/json_fields.py"
SETS = "store/write/access_sets.py"
RESPONSE, MARKS, RUNS = "confluence/http/response.py", "store/write/deletions.py", "store/write/runs.py"

IN_ACCESS = ("tests/domain/test_access.py",)
DERIVATION = ("tests/store/test_derivation.py",)
IN_FUNCTIONS = ("tests/store/test_functions.py",)
IN_DELETION = ("tests/domain/test_deletion.py",)
IN_DELETION_RUNS = ("tests/domain/test_deletion_runs.py",)
IN_INCLUDES = ("tests/derive/test_includes.py",)
IN_FEED = ("tests/store/test_feed.py",)
IN_TEXTS = ("tests/derive/test_feed.py",)
IN_FACTS = ("tests/store/test_access_facts.py",)
IN_LAYERS = ("tests/store/test_shared_layers.py",)
IN_PLAN = ("tests/domain/test_plan.py",)
IN_SCOPE = ("tests/domain/test_scope.py",)
EVIDENCE = ("tests/sync/test_evidence.py",)
HOLDS = ("tests/sync/test_holds.py",)
LEASES = ("tests/store/test_leases.py",)
RULES = ("tests/proof/test_rules.py",)
SCOPES = ("tests/sync/test_scope.py",)
TREES = ("tests/proof/test_page_trees.py", "-k", "not-found-404-v2 or empty-object-200")
WATERMARKS = ("tests/sync/test_watermarks.py",)
WORKERS = ("tests/sync/test_two_workers.py",)


@dataclass(frozen=True, kw_only=True, slots=True)
class Mutant:
    """One rule, broken."""

    rule: str  #: that is broken, in words
    where: str  #: file below hr_sync/, and function, method or assignment in it
    pattern: str  #: matches the rule, in one place of the function
    change: str  #: what takes its place
    tests: tuple[str, ...]  #: arguments of pytest, one test of which must go red

    @property
    def file(self) -> str:
        """Return the file, below hr_sync/."""
        return self.where.partition(":")[0]

    @property
    def function(self) -> str:
        """Return the function, the method or the assignment."""
        return self.where.partition(":")[2]


def answers(*kinds: str) -> tuple[str, ...]:
    """Name the matrix's tests of kinds that answer in the API's place."""
    return ("tests/proof/test_faults_in_answers.py", "-k", " or ".join(f"[{kind}]" for kind in kinds))


def cases(*words: str) -> tuple[str, ...]:
    """Name the tests of what people do to restrictions, by words of the case."""
    return ("tests/proof/test_access_trees.py", "-k", " or ".join(f"({' and '.join(each.split())})" for each in words))


def others(*kinds: str) -> tuple[str, ...]:
    """Name the matrix's tests of other kinds."""
    return ("tests/proof/test_faults_on_the_way.py", "-k", " or ".join(f"[{kind}]" for kind in kinds))


def _one(rule: str, where: str, pattern: str, change: str, tests: tuple[str, ...]) -> Mutant:
    return Mutant(rule=rule, where=where, pattern=pattern, change=change, tests=tests)


OF_PLANS = (
    _one(
        "a removed page that is listed again is restored",
        f"{PLAN}:decide",
        r"Action\.RESTORE, (_needs_body\(shown, stored\), \"was removed)",
        r"Action.NOTHING, \1",
        IN_PLAN,
    ),
    _one(
        "a hidden page that is listed again is restored",
        f"{PLAN}:decide",
        r"Action\.RESTORE, (_needs_body\(shown, stored\), \"was hidden)",
        r"Action.NOTHING, \1",
        IN_PLAN,
    ),
    _one("a lower version is an update too", f"{PLAN}:decide", "listed != kept", "listed > kept", IN_PLAN),
    _one("a stored body that is missing is fetched", f"{PLAN}:decide", "has_body=False", "has_body=None", IN_PLAN),
    _one(
        "a move is seen without a new version",
        f"{PLAN}:decide",
        r"metadata_digest\(shown\) != digest",
        "False",
        IN_PLAN,
    ),
    _one("absence is asked about", f"{PLAN}:decide", r"Action\.VERIFY", "Action.NOTHING", IN_PLAN),
    _one(
        "an unreadable page is not absent",
        f"{PLAN}:_steps",
        "page_id not in listing:",
        "page_id not in listing.heads:",
        IN_PLAN,
    ),
)
OF_ACTIONS = (
    _one(
        "what is not found is hidden first, and removed by a later run",
        f"{DELETION}:decide_absent",
        r"else DeletionAction\.HIDE",
        "else DeletionAction.CONFIRM",
        IN_DELETION,
    ),
    _one(
        "a page that is listed is never confirmed as gone",
        f"{DELETION}:decide_absent",
        " and not listed",
        "",
        IN_DELETION,
    ),
    _one(
        "what is there is kept, whatever the listing showed",
        f"{DELETION}:decide_absent",
        r"_keep\(page, DeletionAction\.KEEP, words\)",
        "withdraw(page, DeletionAction.REMOVE, WithdrawalReason.DELETED, words)",
        IN_DELETION,
    ),
    _one(
        "a page that moved to a mirrored space is left to that space",
        f"{DELETION}:decide_absent",
        "if found in mirrored_space_ids",
        "if False",
        IN_DELETION,
    ),
    _one(
        "an unknown status is no evidence",
        f"{DELETION}:decide_absent",
        r"if status in _WITHDRAWN",
        "if _WITHDRAWN.setdefault(status, WithdrawalReason.DELETED)",
        IN_DELETION,
    ),
    _one(
        "an answer that cannot be used is no evidence",
        f"{DELETION}:decide_absent",
        r"_keep\(page, DeletionAction\.KEEP, \"the lookup by id gave no evidence\"\)",
        'withdraw(page, DeletionAction.HIDE, WithdrawalReason.NOT_VISIBLE, "")',
        IN_DELETION,
    ),
    _one(
        "an unknown scope hides",
        f"{DELETION}:_HIDES",
        r", DeletionAction\.HIDE_UNKNOWN",
        "",
        IN_DELETION,
    ),
    _one(
        "an unknown scope removes nothing",
        f"{DELETION}:_REMOVES",
        r"DeletionAction\.CONFIRM",
        "DeletionAction.CONFIRM, DeletionAction.HIDE_UNKNOWN",
        IN_DELETION,
    ),
    _one(
        "what is hidden for its scope is not out of scope for good",
        f"{DELETION}:decide_out_of_scope",
        "scope.in_scope is None",
        "False",
        IN_DELETION,
    ),
)
OF_LIMITS = (
    _one(
        "the larger of the two limits counts",
        "domain/deletion_limit.py:DeletionLimit.of",
        r"return max\(",
        "return min(",
        IN_DELETION,
    ),
    _one("a mass with evidence is held", f"{DELETION}:_groups", r"new, stored\.why_held\(.*", "new, None", IN_DELETION),
    _one(
        "a mass that became invisible is held",
        f"{DELETION}:_groups",
        r"yield suspected, stored\.why_held\(.*",
        "yield suspected, None",
        IN_DELETION,
    ),
    _one(
        "pages that are gone count together with those that became invisible",
        f"{DELETION}:_groups",
        r"\[\*suspected, \*new\]",
        "suspected",
        IN_DELETION,
    ),
    _one(
        "a mass that is confirmed is held",
        f"{DELETION}:_groups",
        r"confirmed, stored\.why_held\(.*",
        "confirmed, None",
        IN_DELETION,
    ),
    _one(
        "what waits goes on waiting while its space is held",
        f"{DELETION}:_groups",
        r"yield waits, .*",
        "yield waits, None",
        IN_DELETION,
    ),
    _one(
        "a hold holds no new evidence about other pages",
        f"{DELETION}:_groups",
        r"hold\.held > 0 and decision\.was_leaving and",
        "hold.held > 0 and",
        IN_DELETION,
    ),
    _one(
        "a page that gives no evidence in a held space goes on waiting",
        f"{DELETION}:_MAY_WAIT",
        r"DeletionAction\.KEEP, ",
        "",
        IN_DELETION,
    ),
    _one(
        "what changed settings no longer cover waits for a decision",
        f"{DELETION}:_groups",
        r"yield settings, .*",
        "yield settings, None",
        IN_DELETION,
    ),
    _one(
        "hiding is never held",
        f"{DELETION}:plan_deletions",
        r"if d\.was_live and d\.action in _HIDES\)",
        "if d.was_live and d.action in _HIDES and d.page_id not in waits)",
        IN_DELETION,
    ),
    _one(
        "many small losses in one run are one mass",
        "domain/holds.py:hold_across_spaces",
        "excess is None",
        "True",
        IN_DELETION_RUNS,
    ),
    _one(
        "a mass of one kind is a mass",
        "domain/deletion_limit.py:StoredCount.excess",
        r"\(of_kind\[ContentKind\.BLOG_POST\], self\.posts, ",
        "(0, self.posts, ",
        ("tests/domain/test_kinds.py",),
    ),
    _one(
        "what somebody allowed is not held by the mass of a run",
        f"{DELETION}:DeletionPlan.hidden_before",
        r" and not each\.was_allowed",
        "",
        IN_DELETION_RUNS,
    ),
)
OF_SCOPES = (
    _one(
        "excluded page trees win",
        f"{SCOPE}:PageScope._by_place",
        r"if node in self\.exclude_page_trees\), None",
        "if False), None",
        IN_SCOPE,
    ),
    _one(
        "a place that is not known to the top is not known",
        f"{SCOPE}:PageScope._by_place",
        r"not chain\.complete and",
        "False and",
        IN_SCOPE,
    ),
    _one(
        "labels that are not known are not no labels",
        f"{SCOPE}:PageScope._by_labels",
        "if labels is None:",
        "labels = labels or frozenset()\n        if False:",
        IN_SCOPE,
    ),
    _one(
        "a chain that ends below a parent that could not be read is not complete",
        f"{SCOPE}:chain_of",
        r" and not unresolved_in\(nodes, unresolved\)",
        "",
        IN_SCOPE,
    ),
    _one(
        "an answer about something else names no parent",
        f"{CLOUD_JSON}:read_parent",
        r'item\.get\("id"\) != node\.id or',
        "False and",
        TREES,
    ),
    _one(
        "what stands below a parent that could not be read has no known place",
        "sync/scope.py:_resolve_parents",
        r"unresolved\.add\(node\.id\)",
        "pass",
        (*SCOPES, "-k", "cannot_be_read_hides"),
    ),
    _one(
        "a page whose text is written is asked for its labels itself",
        "sync/scope.py:_labels",
        "written = .*",
        "written: list[str] = []",
        RULES,
    ),
    _one(
        "no text is written that was edited after its labels were read",
        "sync/apply.py:_unusable",
        r"elif .* and scope\.by_label and .*",
        "elif False:",
        RULES,
    ),
    _one(
        "the first incremental run under another scope is a full one",
        "sync/incremental.py:_needs_full_pass",
        r" or run\.state\.scope_fingerprint != .*",
        "",
        RULES,
    ),
    _one(
        "an incremental run writes only what is in scope",
        "sync/incremental.py:_in_scope",
        r"step\.page_id in allowed or",
        "True or",
        (*SCOPES, "-k", "cannot_be_read_are_not or never_written"),
    ),
)
OF_EVIDENCE = (
    _one(
        "no lookup before an access check",
        f"{ABSENCE}:verify_absent",
        r"check_access\(source, space, known\)(\n        lookups)",
        r"pass\1",
        RULES,
    ),
    _one(
        "an access check comes after the lookups too",
        f"{ABSENCE}:verify_absent",
        r"check_access\(source, space, known\)(\n        decided)",
        r"pass\1",
        RULES,
    ),
    _one(
        "rows of a kind that was not listed are in no question",
        "sync/full.py:observe",
        r"if row\.kind in listing\.kinds or",
        "if True or",
        ("tests/sync/test_blog_posts.py", "-k", "costs_the_posts_alone"),
    ),
    _one(
        "what is of no known kind is not found only as none of them",
        "sync/kinds.py:look_up",
        r"next\(\(each .*, results\[0\]\)",
        "results[0]",
        ("tests/sync/test_blog_posts.py", "-k", "only_as_none"),
    ),
    _one(
        "an access check asks who we are",
        f"{ABSENCE}:check_account_and_space",
        r"source\.check_account\(\)",
        "pass",
        RULES,
    ),
    _one(
        "an access check reads a page that was listed",
        f"{ABSENCE}:check_access",
        "if known_pages and not any",
        "if False and not any",
        RULES,
    ),
    _one(
        "an odd page does not fail the access check alone",
        f"{ABSENCE}:spread",
        r"return \[page_ids\[0\], .*",
        "return [page_ids[0]]",
        EVIDENCE,
    ),
    _one(
        "credentials are proven at the end of each space",
        "sync/finish.py:finish",
        r"run\.account\.prove\(\)",
        "pass",
        EVIDENCE,
    ),
    _one(
        "only Confluence's own 404 says that a page is not there",
        f"{RESPONSE}:_refusal",
        r"case 404 if _is_own_refusal\(response\)",
        "case 404 if True",
        EVIDENCE,
    ),
    _one(
        "only Confluence's own 403 refuses a page",
        f"{RESPONSE}:_refusal",
        r"case 403 if _is_own_refusal\(response\)",
        "case 403 if True",
        EVIDENCE,
    ),
    _one(
        "a single page that cannot be read is no page that is gone",
        "confluence/lookups.py:look_up",
        r"(AnswerNotTrusted, EndpointRemoved, ServerFailed\):\n.*LookupStatus\.)UNKNOWN",
        r"\1NOT_FOUND",
        ("tests/confluence/test_reading.py", *EVIDENCE),
    ),
    _one(
        "a page that moved since it was listed is not taken back",
        "sync/full.py:_without_stale_entries",
        r"lookup\.space_id != listing\.space\.id",
        "False",
        WORKERS,
    ),
)
OF_RUNS = (
    _one(
        "a failure that meets every space ends the run as itself",
        "domain/outcome.py:conclude",
        "if ending is not None:",
        "if False:",
        ("tests/domain/test_outcome.py",),
    ),
    _one(
        "a listing that was wrong makes the run partial",
        "sync/finish.py:_doubts",
        "if kept:",
        "if False:",
        RULES,
    ),
    _one(
        "a listing that was wrong does not make a space fresh",
        "sync/full.py:sync_full",
        r"looked_at_all=shows_all",
        "looked_at_all=True",
        RULES,
    ),
    _one(
        "a listing that was wrong has no digest",
        "sync/full.py:sync_full",
        r"shows_all and not seen",
        "not seen",
        (*EVIDENCE, "-k", "digest"),
    ),
    _one(
        "a space that is lost is looked up page by page",
        "sync/unlisted_spaces.py:decide_unlisted",
        r"if archived:",
        "if True:",
        ("tests/sync/test_spaces.py", "-k", "one_space"),
    ),
    _one(
        "a body that is missing though its page is there is a failure",
        "sync/apply.py:resolve_missing",
        r"\{DeletionAction\.KEEP, DeletionAction\.HIDE\} if shown else \{DeletionAction\.KEEP\}",
        "set()",
        ("tests/sync/test_failing_pages.py", *others("missing-rows")),
    ),
    _one(
        "a body older than its listed head is not believed",
        "sync/apply.py:_unusable",
        r"version < listed\.version",
        "False",
        RULES,
    ),
    _one(
        "no run but a full one changes a hold",
        f"{RUNS}:_state",
        r"if record\.held is not None:",
        "values |= _hold(record.held or 0, None)\n    if record.held is not None:",
        HOLDS,
    ),
    _one(
        "a page that is written is shown again",
        "store/write/pages.py:_SHOWN",
        r'    "removed_at": None,\n    "removed_reason": None,\n',
        "",
        RULES,
    ),
    _one(
        "what does not fail any more is forgotten",
        f"{RUNS}:finish_space",
        r"forget_failures_before\(session, lease\.space_key, run_id, untried=untried\)",
        "pass",
        others("row-null-title", "row-without-version"),
    ),
)
OF_POSITIONS = (
    _one(
        "a position is never later than the beginning of the walk",
        "sync/finish.py:next_watermark",
        r"return min\(began_at, newest\)",
        "return newest",
        WATERMARKS,
    ),
    _one(
        "a position is never later than the newest change that was seen",
        "sync/finish.py:next_watermark",
        r"return min\(began_at, newest\)",
        "return began_at",
        WATERMARKS,
    ),
    _one(
        "an incremental run looks back behind its position",
        "sync/incremental.py:sync_incremental",
        r"run\.state\.watermark - run\.context\.policy\.overlap",
        "run.state.watermark + run.context.policy.overlap",
        WATERMARKS,
    ),
    _one(
        "a position in the future leads to a full pass",
        "sync/incremental.py:sync_incremental",
        r"run\.state\.watermark > recent\.began_at",
        "False",
        WATERMARKS,
    ),
    _one(
        "no list brings a hidden page back",
        f"{PLAN}:plan_incremental",
        r"\{Action\.NOTHING, Action\.RESTORE\}",
        "{Action.NOTHING}",
        IN_PLAN,
    ),
    _one(
        "a space without a whole look moves no position",
        "sync/finish.py:finish",
        r"result\.watermark if result\.looked_at_all else None",
        "result.watermark",
        RULES,
    ),
)
OF_WORKERS = (
    _one(
        "each write checks the lease",
        f"{LEASE}:check_lease",
        r"if session\.execute\(query\)\.one_or_none\(\) != .*:",
        "if session.execute(query).one_or_none() is None:",
        LEASES,
    ),
    _one(
        "each lease raises the epoch",
        f"{LEASE}:take_locked",
        r"_SPACES\.c\.epoch \+ 1",
        "_SPACES.c.epoch",
        LEASES,
    ),
    _one(
        "a lease that has not run out is not taken",
        f"{LEASE}:_rows",
        r"row\.lease_token\.is_not\(None\) & \(.*\)",
        "(row.lease_token != row.lease_token)",
        LEASES,
    ),
    _one(
        "a write is dropped where the row is in another space than the plan saw",
        "store/write/pages.py:_is_as_seen",
        r"return locked\.before\.space_key in .*",
        "return True",
        ("tests/store/test_writing_pages.py",),
    ),
    _one(
        "a page that another space has taken over is neither hidden nor removed",
        f"{MARKS}:_lock",
        r" and row\.before\.space_key == .*\.space_key",
        "",
        ("tests/store/test_deletions.py",),
    ),
    _one(
        "a page that is hidden has no access set",
        f"{MARKS}:_ACCESS_UNKNOWN",
        r"= \{.*\}",
        '= {"access_set_id": PAGES.c.access_set_id}',
        ("tests/sync/test_access.py", "-k", "hidden_page"),
    ),
    _one(
        "a full pass that met a busy space is due",
        "sync/jobs.py:JobRunner._busy",
        r"if job\.kind is JobKind\.FULL:",
        "if False:",
        WORKERS,
    ),
    _one(
        "a check proves nothing about answers that came after it was sent",
        "sync/context.py:AccountProof.prove",
        r"self\._proven_since >= called_at or ",
        "self._proven_since > float('-inf') or ",
        ("tests/sync/test_account_proof.py",),
    ),
    _one(
        "spaces of a slow site wait for each other before their check of the account",
        "confluence/http/width.py:Tasks.meet",
        r" >= max\(self\._width\.whole - 1, 1\):",
        " > 1_000:",
        ("tests/confluence/test_rate.py", "-k", "tasks_wait"),
    ),
    _one(
        "what is not mirrored is counted once a round",
        "sync/not_mirrored.py:count_not_mirrored",
        r"if current is not None and",
        "if False and",
        ("tests/sync/test_shared_rounds.py", "-k", "not_mirrored"),
    ),
    _one(
        "few jobs begin at a site that limits the rate",
        "cli/shared_sites.py:SharedSite.turn",
        r"yield is_begun",
        "yield True",
        ("tests/engines/test_shared_sites.py", "-k", "few_jobs"),
    ),
    _one(
        "a signal that interrupts the handler of another takes no lock",
        "cli/stopping.py:_Request.on_signal",
        r"if self\.is_made:",
        "if False:",
        ("tests/cli/test_stopping.py", "-k", "interrupts"),
    ),
    _one(
        "a conflict is tried once more",
        "store/transaction.py:Transactions.run",
        r'log\.info\("database\.conflict", error=str\(conflict\)\)',
        "raise",
        ("tests/store/test_writing_pages.py",),
    ),
)
OF_DECODERS = (
    _one(
        "only current pages of the very space belong in its listing",
        f"{FIELDS}:is_in",
        r"return head\.status == status and head\.space_id == space\.id",
        "return True",
        others("row-unknown-status", "row-other-space"),
    ),
    _one(
        "a lookup counts only as an answer about the very page",
        f"{CLOUD_JSON}:read_lookup",
        r'item\.get\("id"\) == page_id and',
        "True and",
        ("tests/confluence/test_cloud_json.py",),
    ),
    _one(
        "an endpoint that is gone is no page that is gone",
        f"{RESPONSE}:_refusal",
        r"return EndpointRemoved\(",
        "return NotFound(",
        answers("gone-410"),
    ),
    _one(
        "an unknown account is an anonymous visitor",
        f"{CLOUD_JSON}:read_account",
        r'if answer\.get\("type"\) != "known":',
        "if False:",
        others("anonymous-200"),
    ),
    _one(
        "a missing body is not an empty one",
        f"{FIELDS}:page_of",
        r'str_of\(object_of\(object_of\(item, "body"\), "storage"\), "value"\)',
        'str(item.get("body", {}).get("storage", {}).get("value", ""))',
        others("row-without-body"),
    ),
    _one(
        "a wide request is halved when it fails",
        "confluence/pagination.py:fetch_in_halves",
        r"if len\(ids\) == 1:",
        "if ids:",
        RULES,
    ),
    _one(
        "a list as long as its limit may go on",
        "confluence/access_json.py:_listed",
        r"len\(entries\) >= limit",
        "False",
        ("tests/sync/test_access.py", "-k", "cut"),
    ),
    _one(
        "a label that only the index shows is asked of the page",
        "confluence/cloud_labels.py:SpaceLabels._vouched",
        r"\(indexed\.labels\[page_id\] or frozenset\(\)\) <= by_label",
        "True",
        ("tests/sync/test_access.py", "-k", "index_shows"),
    ),
)
OF_ACCESS = (
    _one(
        "a restriction that is not known somewhere above leaves no set",
        f"{ACCESS}:access_set_of",
        r"if restriction is None:\n            return None",
        "if restriction is None:\n            continue",
        IN_ACCESS,
    ),
    _one(
        "a way that ends before the top leads to no set",
        f"{ACCESS}:access_set_of",
        r"not chain\.complete",
        "False",
        IN_ACCESS,
    ),
    _one(
        "a restriction counts for everything below it, whatever stands nearer (not so in Onyx)",
        f"{ACCESS}:access_set_of",
        r"layers\.add\(layer\)",
        "layers.add(layer)\n            break",
        IN_ACCESS,
    ),
    _one(
        "a page without a restriction of its own has those of its parent, not the space alone (not so in PipesHub)",
        f"{ACCESS}:access_set_of",
        r"for each in chain\.nodes:",
        "for each in chain.nodes[:1]:",
        IN_ACCESS,
    ),
    _one(
        "a restriction to users who are left out is a restriction (not so in Elastic's connector)",
        f"{ACCESS}:layer_of",
        r"return frozenset\(users \| groups\)",
        "return frozenset(groups) or None if users else frozenset(groups)",
        IN_ACCESS,
    ),
    _one(
        "whoever may not view the space may not read its pages",
        f"{ACCESS}:access_set_of",
        r"layers = \{viewers\}",
        "layers: set[Layer] = set()",
        IN_ACCESS,
    ),
    _one(
        "a layer passes the audience only if it names all groups of the licence",
        f"{ACCESS}:audience_passes",
        r"licence <= layer",
        "licence & layer",
        IN_ACCESS,
    ),
    _one(
        "SQL adds a node's layer to those above it",
        f"{SETS}:_DERIVE",
        r"known\.layers \|\| nodes\.layer",
        "ARRAY[nodes.layer]",
        DERIVATION,
    ),
    _one(
        "SQL ends a way at a parent that is not known",
        f"{SETS}:_DERIVE",
        r"node\.parent_known AND node\.restriction",
        "node.restriction",
        DERIVATION,
    ),
    _one(
        "SQL gives no set to text that is newer than its restriction",
        f"{SETS}:_DERIVE",
        r"NOT known\.outdated AND ",
        "",
        DERIVATION,
    ),
    _one(
        "SQL gives no set where the viewers of the space are not known",
        f"{SETS}:_DERIVE",
        r" AND space\.viewers_known",
        "",
        DERIVATION,
    ),
    _one(
        "the sets of everything below a node follow it",
        f"{SETS}:_CONCERNED",
        r"ON node\.parent_id = below\.id",
        "ON node.parent_id = below.id AND false",
        ("tests/store/test_access_facts.py",),
    ),
    _one(
        "consumers are shown nothing by facts that are old",
        "store/views.py:_access_is_recent",
        r"access_checked_at > func\.now\(\) - ",
        "access_checked_at < func.now() + ",
        IN_FUNCTIONS,
    ),
    _one(
        "somebody passes a set only by all of its layers",
        "store/functions.py:_SETS_PASSED",
        r" AND sets\.layers = passed\.number",
        "",
        IN_FUNCTIONS,
    ),
    _one(
        "the audience passes a set only by all of its layers",
        "store/write/access_policy.py:_APPLY",
        r"counted\.passed = stored\.layers",
        "counted.passed > 0",
        IN_FUNCTIONS,
    ),
    _one(
        "what is within a set that has lost a layer is not known",
        f"{SETS}:_DERIVE",
        r"OR cardinality\(stored\.within\) = ",
        "OR true OR 0 = ",
        IN_LAYERS,
    ),
    _one(
        "a host of a page whose set has lost a layer has none",
        "store/write/included_access.py:_DERIVE",
        r"            = \(SELECT sum\(layers\)",
        "            <= (SELECT sum(layers)",
        IN_INCLUDES,
    ),
    _one(
        "what takes the place of a set that has lost a layer lets nobody pass",
        "store/write/erasure.py:_SETS",
        r"UNION SELECT \{nobody\} WHERE has\.number < replaced\.layers",
        "",
        ("tests/store/test_erasure.py",),
    ),
    _one(
        "a layer that another set has stays when a set is deleted",
        "store/write/set_rows.py:delete_sets",
        r", ~is_used",
        "",
        IN_LAYERS,
    ),
    _one(
        "a layer that another transaction is making is waited for",
        "store/write/set_rows.py:_ROWS",
        r"WHERE NOT EXISTS \(SELECT FROM \{schema\}\.access_principals stored",
        "WHERE layer <> layer AND EXISTS (SELECT FROM {schema}.access_principals stored",
        IN_LAYERS,
    ),
    _one(
        "layers are made in one order",
        "store/write/set_rows.py:_ROWS",
        r"ORDER BY layer, principal ON CONFLICT",
        "ORDER BY layer DESC, principal ON CONFLICT",
        IN_LAYERS,
    ),
    _one(
        "who makes a set waits for who deletes some",
        "store/write/set_rows.py:lock_policy",
        r"\.with_for_update\(read=True\)",
        "",
        IN_LAYERS,
    ),
    _one(
        "labels that are not shown stay",
        f"{PLAN}:decide_labels",
        r"shown is None or ",
        "",
        ("tests/domain/test_labels.py",),
    ),
    _one(
        "a question about restrictions without an answer makes the run partial",
        "sync/finish.py:_doubts",
        r"if result\.access\.doubt:",
        "if False:",
        ("tests/sync/test_access.py", "-k", "not_answered"),
    ),
    _one(
        "a move gives the page the set of its new place",
        "store/write/nodes.py:write_nodes",
        r"where=or_\(\*differs, ",
        "where=or_(",
        ("tests/store/test_access_facts.py",),
    ),
    _one(
        "every restriction on the way up counts in the database too",
        f"{SETS}:_DERIVE",
        r"known\.layers \|\| nodes\.layer\)",
        "ARRAY[nodes.layer])",
        cases("restricted below what"),
    ),
    _one(
        "a page has the restrictions of its parent in the database too",
        f"{SETS}:_DERIVE",
        r"= ANY \(known\.layers\) THEN known\.layers",
        "= ANY (known.layers) THEN CAST('{{}}' AS text[])",
        cases("grandparent restricted"),
    ),
    _one(
        "a restriction to somebody whom nobody can name is not dropped from the database",
        f"{SETS}:_DERIVE",
        r"(-> 'users'\) AS who \(name\))",
        r"\1 WHERE false",
        cases("service account alone"),
    ),
    _one(
        "readers that are not known any more do not stay",
        f"{SETS}:_DERIVE",
        r"WHERE pages\.before IS DISTINCT FROM numbers\.id",
        "WHERE pages.before <> numbers.id OR pages.before IS NULL",
        IN_FACTS,
    ),
    _one(
        "a write makes no page wider whose facts were not all read with it",
        f"{SETS}:_FRESH",
        r"page\.id = ANY .*",
        'true OR CAST(:fresh AS text[]) IS NULL OR CAST(:fresh_space AS text) IS NULL"',
        IN_FACTS,
    ),
    _one(
        "a new text makes what is known of its readers out of date",
        "store/write/nodes.py:write_nodes",
        r"else_=true\(\)",
        "else_=false()",
        cases("new version in a full run"),
    ),
    _one(
        "facts of the former space do not count in another one",
        "store/write/nodes.py:write_nodes",
        r" & same_space",
        "",
        IN_FACTS,
    ),
    _one(
        "a move gives everything below its new layers at once",
        "store/write/pages.py:write_pages",
        r"run_id, changed, fresh",
        "run_id, fresh, fresh",
        cases("no access pass"),
    ),
    _one(
        "what is above a new text is read with it",
        "store/write/pages.py:write_pages",
        r"changed \|= write_above\(session, space_id, above\)",
        "pass",
        cases("new version below"),
    ),
    _one(
        "a new text is read by nobody while other people may view its space than at the last pass",
        "sync/page_facts.py:facts_of_pages",
        r" or viewers\.layer != run\.store\.stored_viewers\(\)",
        "",
        cases("where fewer may view"),
    ),
    _one(
        "the viewers of a space say nothing of a page that has left it",
        "sync/access.py:_facts",
        r"if not lookup\.is_current_in\(space\)",
        "if False",
        cases("left its space"),
    ),
    _one(
        "another audience passes other sets",
        "store/write/access_policy.py:_APPLY",
        r"SET audience = sets\.after",
        "SET audience = stored.audience",
        (*DERIVATION, "-k", "functions_and_view"),
    ),
)
OF_TEXTS = (
    _one(
        "readers of an included page are those of its hosts at once",
        f"{SETS}:derive_sets",
        r" \| hosts_of\(session, alone \| hosts\)",
        "",
        IN_INCLUDES,
    ),
    _one(
        "a host is read by whoever may read all that its text shows",
        "store/write/included_access.py:_DERIVE",
        r"bool_and\(stored\.id IS NOT NULL\)",
        "bool_or(stored.id IS NOT NULL)",
        IN_INCLUDES,
    ),
    _one(
        "two changes side by side both reach a host",
        "store/write/included_access.py:derive_of_hosts",
        r"\.with_for_update\(\)",
        "",
        IN_INCLUDES,
    ),
    _one(
        "a withdrawn page is out of the texts of others at once",
        "store/write/included_access.py:outdate_hosts",
        r'content_hash=""',
        "content_hash=PageText.content_hash",
        IN_INCLUDES,
    ),
    _one(
        "a text is made from bodies that are stored",
        "store/write/texts.py:_are_stored",
        r" and row\.content_hash == made_from",
        "",
        IN_INCLUDES,
    ),
    _one(
        "old facts of the space of an included page count",
        "store/functions.py:_SETS_PASSED",
        r"WHERE cardinality\(sets\.spaces\) = 0 OR .*",
        "WHERE true",
        IN_INCLUDES,
    ),
    _one(
        "one empty body takes no text away",
        "derive/texts.py:keeps_old_text",
        r"old\.is_kept and old\.is_due and old\.read_again",
        "True",
        ("tests/derive/test_kept_texts.py",),
    ),
)
OF_FEED = (
    _one(
        "changes are numbered under the lock",
        "store/write/changes.py:_WRITE",
        r"pg_advisory_xact_lock\(:lock\) IS NULL",
        "true",
        (*IN_FEED, "-k", "under_the_lock"),
    ),
    _one(
        "a text of another body brings its sections back",
        "store/write/texts.py:_changes",
        r"stored\.content_hash != write\.content_hash",
        "False",
        IN_TEXTS,
    ),
    _one(
        "an expiry that nobody has told is told when it ends",
        "store/write/access.py:write_access",
        r"tell_recency\(session, run_id, space_key=lease\.space_key\)\n    read_before",
        "read_before",
        IN_FEED,
    ),
    _one(
        "a consumer that was overtaken is told so",
        "domain/feed.py:state_of",
        r"position\.seq < feed\.pruned",
        "False",
        IN_FEED,
    ),
    _one(
        "rows that a live consumer needs are kept",
        "store/write/retention.py:prune_changes",
        r"if acked is not None",
        "if False",
        IN_FEED,
    ),
    _one(
        "who may read a new page is no change of its own",
        "store/write/changes.py:_merged",
        r"first\.action is ChangeAction\.INSERT and",
        "False and",
        IN_FEED,
    ),
)
MUTANTS = (
    *OF_FEED,
    *OF_PLANS,
    *OF_ACTIONS,
    *OF_LIMITS,
    *OF_SCOPES,
    *OF_EVIDENCE,
    *OF_RUNS,
    *OF_POSITIONS,
    *OF_WORKERS,
    *OF_DECODERS,
    *OF_ACCESS,
    *OF_TEXTS,
)
