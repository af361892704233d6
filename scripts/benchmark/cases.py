"""The cases, and the targets that each of them is to meet."""

from math import ceil, inf

from benchmark.contenders import CONNECTIONS, Contender
from benchmark.site import Conditions
from benchmark.steps import Case, Samples, Step, Target

CLOUD = Conditions(latency_ms=150)  # as a site of Confluence Cloud answers
_HEADS_PER_LIST = 250
_NODES_PER_LIST = 200  # with their restrictions
_A_PAGE = "98617"  # of every generated world

FIRST = Step(name="first run")
TUTORIAL = Step(name="tutorial worker", contender=Contender.TUTORIAL, database="tutorial")
FLOOR = Step(name="floor", contender=Contender.FLOOR, database="floor")
_WITH_TEXTS = Step(name="first run with texts", settings=(("HR_SYNC_TEXT__SECTIONS", "true"),), database="texts")
BARE = Step(name="bare worker", contender=Contender.BARE, database="bare")
AT_150_MS = Step(name="first run, 150 ms", conditions=CLOUD)
BARE_AT_150_MS = Step(name="bare worker, 150 ms", contender=Contender.BARE, database="bare", conditions=CLOUD)
FULL_AGAIN = Step(name="nothing changed, full", fresh=False)
INCREMENTAL = Step(name="nothing changed, incremental", fresh=False, arguments=("run", "--incremental", "--json"))
# A site with another latency has another address, which stands in every page: these have a mirror of their own.
LATE_FIRST = Step(name="first run, 150 ms", conditions=CLOUD, database="late")
FULL_AT_150_MS = Step(name="nothing changed, full, 150 ms", fresh=False, conditions=CLOUD, database="late")
INCREMENTAL_AT_150_MS = Step(
    name="nothing changed, incremental, 150 ms",
    fresh=False,
    arguments=INCREMENTAL.arguments,
    conditions=CLOUD,
    database="late",
)


def times_faster(step: Step, than: Step, limit: float) -> Target:
    """At least so many times as fast as another step."""
    return Target(
        name=f"{step.name}: times as fast as the {than.name}",
        figure=lambda samples: samples[than.name].wall_seconds / samples[step.name].wall_seconds,
        at_least=limit,
    )


def at_most_times(step: Step, of: Step, limit: float) -> Target:
    """At most so many times the wall time of another step."""
    return Target(
        name=f"{step.name}: wall time by that of the {of.name}",
        figure=lambda samples: samples[step.name].wall_seconds / samples[of.name].wall_seconds,
        at_most=limit,
    )


def near_the_chain(step: Step, own: Step, pages: int) -> Target:
    """Close to what one space's lists take one after another, and the time that the same run takes without latency."""
    chain_seconds = ceil(pages / _HEADS_PER_LIST + pages / _NODES_PER_LIST) * step.conditions.latency_ms / 1000
    return Target(
        name=f"{step.name}: by a chain of {chain_seconds:.3g} s and {own.name}",
        figure=lambda samples: samples[step.name].wall_seconds / (chain_seconds + samples[own.name].wall_seconds),
        at_most=1.2,
    )


def requests_at_most(step: Step, limit: int) -> Target:
    """So many requests at most."""
    return Target(name=f"{step.name}: requests", figure=lambda samples: samples[step.name].requests, at_most=limit)


def bodies_beyond_edits(step: Step) -> Target:
    """No body is fetched but those that changed."""
    return Target(
        name=f"{step.name}: bodies fetched beyond the changed ones",
        figure=lambda samples: samples[step.name].bodies - samples[step.name].edited,
        at_most=0,
    )


def seconds_at_most(step: Step, limit: float) -> Target:
    """So many seconds at most, start and end of the process included."""
    return Target(
        name=f"{step.name}: wall seconds", figure=lambda samples: samples[step.name].wall_seconds, at_most=limit
    )


def megabytes_at_most(step: Step, limit: float) -> Target:
    """So much memory at most."""
    return Target(
        name=f"{step.name}: peak RSS in MB", figure=lambda samples: samples[step.name].peak_megabytes, at_most=limit
    )


def first_runs(pages: int, spaces: int) -> Case:
    """First run beside the other workers and the floor."""
    return Case(
        name=f"first-{pages}x{spaces}",
        about=f"First run of {pages:,} pages in {spaces} spaces, latency 0",
        pages=pages,
        spaces=spaces,
        steps=(FIRST, TUTORIAL, BARE, FLOOR),
        targets=(
            times_faster(FIRST, TUTORIAL, 5.0),
            at_most_times(FIRST, BARE, 1.05),
            at_most_times(FIRST, FLOOR, 1.6),
        ),
    )


def over_the_wire(pages: int, spaces: int) -> Case:
    """First run with Cloud's latency."""
    return Case(
        name=f"latency-{pages}x{spaces}",
        about=f"First run of {pages:,} pages in {spaces} space(s), 150 ms a request, {CONNECTIONS} connections",
        pages=pages,
        spaces=spaces,
        steps=(AT_150_MS, BARE_AT_150_MS),
        targets=(at_most_times(AT_150_MS, BARE_AT_150_MS, 1.1 if spaces == 1 else 1.15),),
    )


def far_database(pages: int, spaces: int) -> Case:
    """First run over a slow line to the database."""
    far = Step(name="first run, database 1.5 ms away", round_trip_ms=1.5)
    return Case(
        name=f"database-{pages}x{spaces}",
        about=f"First run of {pages:,} pages in {spaces} spaces, 1.5 ms round trip to the database",
        pages=pages,
        spaces=spaces,
        steps=(FIRST, far),
        targets=(at_most_times(far, FIRST, 1.4),),
    )


def later_runs(pages: int, spaces: int) -> Case:
    """Measure what comes after the first run."""
    few = Step(name="1 % changed, full", fresh=False, edited_share=0.01)
    few_lately = Step(
        name="1 % changed, incremental",
        fresh=False,
        edited_share=0.01,
        arguments=("run", "--incremental", "--json"),
    )
    all_changed = Step(name="all changed, full", fresh=False, edited_share=1.0)
    return Case(
        name=f"later-{pages}x{spaces}",
        about=f"Later runs over {pages:,} pages in {spaces} spaces",
        pages=pages,
        spaces=spaces,
        steps=(
            *(FIRST, FULL_AGAIN, INCREMENTAL),
            *(LATE_FIRST, FULL_AT_150_MS, INCREMENTAL_AT_150_MS),
            *(few, few_lately, all_changed),
        ),
        targets=(
            requests_at_most(FULL_AGAIN, pages // _HEADS_PER_LIST + pages // _NODES_PER_LIST + 4 * spaces),
            bodies_beyond_edits(FULL_AGAIN),
            at_most_times(FULL_AGAIN, FIRST, 0.12),
            near_the_chain(FULL_AT_150_MS, FULL_AGAIN, pages // spaces),
            requests_at_most(INCREMENTAL, 2 * spaces),
            seconds_at_most(INCREMENTAL, 0.6),
            seconds_at_most(INCREMENTAL_AT_150_MS, 1.0),
            bodies_beyond_edits(few),
            at_most_times(few, FIRST, 0.25),
            bodies_beyond_edits(few_lately),
        ),
    )


def refused(pages: int, spaces: int) -> Case:
    """First run where the database refuses some pages."""
    with_refusals = Step(name="first run, 0.1 % refused", refusing=True)
    return Case(
        name=f"refused-{pages}x{spaces}",
        about=f"First run of {pages:,} pages in {spaces} spaces, one page in a thousand refused by the database",
        pages=pages,
        spaces=spaces,
        steps=(FIRST, with_refusals),
        targets=(times_faster(with_refusals, FIRST, 0.7),),
    )


def capped(pages: int, spaces: int) -> Case:
    """Measure with lists cut to 50 entries."""
    conditions = Conditions(limit_cap=50, latency_ms=150)
    return Case(
        name=f"capped-{pages}x{spaces}",
        about=f"{pages:,} pages in {spaces} spaces, lists cut to 50 entries, 150 ms a request",
        pages=pages,
        spaces=spaces,
        steps=(
            Step(name="first run, capped", conditions=conditions),
            Step(name="nothing changed, full, capped", fresh=False, conditions=conditions),
        ),
    )


def throttled(pages: int, spaces: int) -> Case:
    """Measure against a site that answers 429 above ten requests a second."""
    conditions = Conditions(rate_per_second=10)
    step = Step(name="first run, 10 requests/s", conditions=conditions)
    return Case(
        name=f"throttled-{pages}x{spaces}",
        about=f"First run of {pages:,} pages in {spaces} spaces; the site allows 10 requests a second",
        pages=pages,
        spaces=spaces,
        steps=(step,),
    )


def memory(pages: int, spaces: int, *, slow: bool = False) -> Case:
    """Memory of a first run, with a large page in it."""
    return Case(
        name=f"memory-{pages}x{spaces}",
        about=f"First run of {pages:,} pages in {spaces} spaces, one page of 5 MB among them",
        pages=pages,
        spaces=spaces,
        largest_page_bytes=5_000_000,
        steps=(FIRST,),
        targets=(megabytes_at_most(FIRST, 120 if pages <= 20_000 else 150),),
        slow=slow,
    )


def many_runs(pages: int, spaces: int) -> Case:
    """Memory over many runs in one process."""
    step = Step(name="200 runs in one process", contender=Contender.HR_SYNC_MANY_TIMES)

    def slope(samples: Samples) -> float:
        return (samples[step.name].parts or {}).get("slope", inf)

    return Case(
        name=f"runs-{pages}x{spaces}",
        about=f"200 runs in one process, each fetching and writing all of {pages:,} pages",
        pages=pages,
        spaces=spaces,
        steps=(step,),
        targets=(Target(name="growth in MB a run", figure=slope, at_most=0.1),),
        slow=True,
    )


def texts(pages: int, spaces: int) -> Case:
    """Return the case of a first run with texts, sections and search vectors, beside one without."""
    with_texts = _WITH_TEXTS
    again = Step(
        name="nothing changed, full, with texts",
        fresh=False,
        settings=with_texts.settings,
        database=with_texts.database,
    )
    return Case(
        name=f"texts-{pages}x{spaces}",
        about=f"{pages:,} pages in {spaces} spaces, with texts and without",
        pages=pages,
        spaces=spaces,
        steps=(FIRST, with_texts, again),
        targets=(at_most_times(with_texts, FIRST, 1.6),),
    )


def commands() -> Case:
    """Commands that people wait for."""
    help_ = Step(name="hr-sync --help", fresh=False, arguments=("--help",))
    short = [
        Step(
            name=f"hr-sync {arguments[0]}",
            fresh=False,
            arguments=arguments,
            settings=_WITH_TEXTS.settings,
            database=_WITH_TEXTS.database,
        )
        for arguments in (("status",), ("pages", "--space", "S00"), ("explain", _A_PAGE), ("search", "policy"))
    ]
    return Case(
        name="commands",
        about="Commands that people wait for",
        pages=200,
        spaces=2,
        steps=(_WITH_TEXTS, help_, *short),
        targets=(seconds_at_most(help_, 0.1), *(seconds_at_most(each, 0.35) for each in short)),
    )


CASES = {
    case.name: case
    for case in (
        first_runs(2_000, 10),
        first_runs(2_000, 1),
        first_runs(20_000, 10),
        first_runs(20_000, 1),
        over_the_wire(20_000, 10),
        over_the_wire(20_000, 1),
        far_database(20_000, 10),
        later_runs(2_000, 10),
        later_runs(20_000, 10),
        refused(20_000, 10),
        capped(2_000, 10),
        throttled(2_000, 10),
        memory(20_000, 10),
        memory(100_000, 10, slow=True),
        many_runs(200, 2),
        texts(2_000, 10),
        texts(20_000, 10),
        commands(),
    )
}
