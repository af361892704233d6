"""An overview to show, with text in it that tries to be markup."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from hr_sync.domain.access import AccessPolicy
from hr_sync.domain.feed import Consumer, ConsumerState, FeedPosition
from hr_sync.domain.not_mirrored import NotMirrored, OtherKind
from hr_sync.domain.shown_pages import ShownPages
from hr_sync.service.health import HealthLimits, LaneSnapshot, ScheduleSnapshot, judge
from hr_sync.service.html import Activity
from hr_sync.service.metrics import Metrics, MetricSources
from hr_sync.service.progress import Progress
from hr_sync.service.web import Endpoints, start_web
from hr_sync.store.read.history import ChangeLine, PageHistory, StoredFacts
from hr_sync.store.read.overview import AccessAuditLine, FailureLine, FeedLine, Overview, RunLine
from hr_sync.store.read.runs import SpaceStatus
from hr_sync.store.read.sharing import DueLine, HolderLine, Sharing

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
HOSTILE = """</title></style><script>document.title="owned"</script><img src=x onerror=alert(1)>"'&\u202e\x1b[31m"""

SPACE = SpaceStatus(
    space_key="HR",
    name=HOSTILE,
    last_complete_at=NOW - timedelta(minutes=5),
    age=timedelta(minutes=5),
    full_age=timedelta(hours=3),
    access_age=None,
    last_run_id=40,
    last_outcome="complete",
    held=0,
    held_since=None,
    held_reason=None,
    error=None,
    lease_holder=None,
    live_pages=523,
    failing_pages=1,
    hidden_pages=7,
    full_pass_due=False,
)
HELD = replace(
    SPACE,
    space_key="~ann",
    name="Personal",
    age=timedelta(days=2),
    last_outcome="held",
    access_age=timedelta(hours=2),
    held=61,
    held_since=NOW - timedelta(hours=5),
    viewers_known=False,
    held_reason="61 of 80 pages would be removed; the limit is 20.",
)


def run_line(number: int, outcome: str | None = "complete", seconds: float = 4.5) -> RunLine:
    return RunLine(
        id=number,
        mode="full" if number % 6 == 0 else "incremental",
        outcome=outcome,
        started_at=NOW - timedelta(minutes=5 * (41 - number)),
        finished_at=None if outcome is None else NOW - timedelta(minutes=5 * (41 - number), seconds=-seconds),
        inserted=number % 3,
        updated=number % 5,
        moved=number % 2,
        removed=0,
        hidden=0,
        failed=int(outcome == "partial"),
        error=HOSTILE if outcome == "partial" else None,
    )


FEED = FeedLine(
    epoch="a9250180-ec47-4685-9b27-410124710e0f",
    rows=1200,
    head=4711,
    consumers=[
        Consumer(
            name=name,
            state=state,
            position=FeedPosition(epoch="a9250180-ec47-4685-9b27-410124710e0f", seq=4711 - behind),
            lag_rows=behind,
            lag=timedelta(seconds=90 * bool(behind)),
            created_at=NOW,
            snapshot_at=NOW,
            acked_at=None,
            seen_at=NOW,
        )
        for name, state, behind in (
            ("index", ConsumerState.CURRENT, 0),
            (HOSTILE, ConsumerState.OVERTAKEN, 11),
        )
    ],
)

SHARING = Sharing(
    due=[
        DueLine(mode="full", spaces=3, oldest=timedelta(minutes=4)),
        DueLine(mode="incremental", spaces=0, oldest=None),
    ],
    holders=[HolderLine(worker="box:17", spaces=2)],
    blocked_for=timedelta(seconds=42),
    blocked_by="box:17",
    requests_left=12,
    requests_limit=40_000,
)
OVERVIEW = Overview(
    sharing=SHARING,
    feed=FEED,
    spaces=[SPACE, HELD],
    runs=[
        run_line(n, outcome={41: None, 37: "partial", 30: "held", 25: "failed"}.get(n, "complete"), seconds=2 + n % 7)
        for n in range(41, 11, -1)
    ],
    failures=[
        FailureLine(
            page_id="12345",
            space_key="HR",
            stage="fetch",
            message=f"The server refused its body. {HOSTILE}",
            attempts=7,
            last_failed_at=NOW - timedelta(hours=3),
            next_attempt_at=NOW + timedelta(hours=1),
        )
    ],
    shown=[
        ShownPages(space_key="HR", pages=523, shown=500, restricted=20, unknown=3),
        ShownPages(space_key="~ann", pages=523, shown=0, viewers_unknown=523, message=f"Not known. {HOSTILE}"),
    ],
    policy=AccessPolicy(),
    not_mirrored=[NotMirrored(kind=OtherKind.COMMENT, count=1204), NotMirrored(kind=OtherKind.BLOG_POST, count=None)],
    access_audit=AccessAuditLine(
        made_at=NOW - timedelta(days=3),
        age=timedelta(days=3),
        pairs=299,
        unanswered=1,
        over_grants=0,
        under_grants=4,
        upper_bound=0.00997,
    ),
)
HISTORY = PageHistory(
    stored=StoredFacts(
        space_key="HR",
        version=3,
        status="current",
        url="https://acme.example/wiki/spaces/HR/pages/12345/Salaries",
        content_hash="ab" * 16,
        labels=[HOSTILE],
        readers=[["c:all-licensed-users"], ["u:712020:ann"]],
        last_updated=NOW,
        first_seen_at=NOW,
        synced_at=NOW,
        last_written_run_id=40,
        missing_since_run_id=None,
        hidden_at=None,
        hidden_reason=None,
        removed_at=None,
        removed_reason=None,
    ),
    failure=OVERVIEW.failures[0],
    changes=[
        ChangeLine(
            run_id=40, changed_at=NOW, action="update", changed_fields=["body", "title"], version=3, reason=HOSTILE
        )
    ],
)
NO_HISTORY = PageHistory(stored=None, failure=None, changes=[])
LIMITS = HealthLimits(stale_after_seconds=3600)
WELL = ScheduleSnapshot(up_seconds=10, lanes=(LaneSnapshot(name="full", heartbeat_age_seconds=0),))
ACTIVITY = Activity(
    schedule=ScheduleSnapshot(
        up_seconds=10,
        lanes=(
            LaneSnapshot(
                name="full",
                heartbeat_age_seconds=0,
                running="full",
                running_seconds=83.4,
                next_runs={"full": NOW + timedelta(hours=6)},
            ),
            LaneSnapshot(name="incremental", heartbeat_age_seconds=0, next_runs={"incremental": NOW}),
        ),
    ),
    progress={"HR": Progress(120, 523)},
    site="https://acme.example/wiki",
)


def make_endpoints(overview: Overview = OVERVIEW) -> Endpoints:
    return Endpoints(
        alive=lambda: True,
        ready=lambda: None,
        overview=lambda: overview,
        health=lambda read: judge(read.spaces, WELL, LIMITS, read.shown),
        history=lambda page_id: HISTORY if page_id == "12345" else NO_HISTORY,
        metrics=Metrics(MetricSources(overview=lambda: overview)),
        activity=lambda: ACTIVITY,
    )


@contextmanager
def web(endpoints: Endpoints) -> Iterator[int]:
    """Serve on a free port of loopback."""
    with start_web("127.0.0.1", 0, endpoints) as running:
        yield running.port
