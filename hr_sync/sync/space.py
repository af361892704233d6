"""One space in one full run: list, plan, fetch, write, ask, remove, record. Reads as the algorithm."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from sqlalchemy.orm import Session, sessionmaker

from hr_sync.database.engine import session_scope
from hr_sync.database.failures import Failure, outstanding
from hr_sync.database.journal import record_space
from hr_sync.database.lease import check_lease
from hr_sync.database.stored import stored_by_id, stored_of_space
from hr_sync.model.page import Listing, StoredPage
from hr_sync.model.plan import Action, make_plan
from hr_sync.model.removal import Ruling, Verdict
from hr_sync.model.report import ExitCode, Outcome, SpaceReport
from hr_sync.sync.border import clean_listing
from hr_sync.sync.questions import ask
from hr_sync.sync.work import Work, carry_out, note_failures, note_unreadable, write_bodies, write_heads


def sync_space(work: Work) -> SpaceReport:
    """Bring the mirror of one space up to date. Raises HrSyncError; what was committed before stays, and is right."""
    listing = clean_listing(work.mirror.reader.listing(work.space))
    stored = stored_pages(work.mirror.sessions, listing)
    plan = make_plan(listing, stored, wanted=frozenset(listing.heads) if work.order.every_page else frozenset())
    work.counts.listed = len(listing.heads) + len(listing.unreadable)
    work.counts.unchanged = plan.unchanged

    note_unreadable(work, listing.unreadable)
    vanished = write_bodies(work, plan.fetches)
    write_heads(work, plan.having(Action.MOVE))

    questions = [stored[step.page_id] for step in plan.having(Action.QUESTION)]
    questions += [stored.get(page_id) or never_stored(page_id, work) for page_id in sorted(vanished)]
    rulings = ask(
        work.mirror.reader,
        work.space,
        questions,
        known_page=next(iter(listing.heads), None),
        mirrored_space_ids=work.mirrored_space_ids,
    )
    note_failures(work, not_given(rulings, vanished))
    held = carry_out(work, rulings, live_pages=sum(page.live for page in stored.values()))
    wrongly_absent = sum(ruling.verdict is Verdict.KEEP and ruling.page_id not in vanished for ruling in rulings)
    return close_space(work, wrongly_absent=wrongly_absent, held=held, listed=True)


def stored_pages(sessions: sessionmaker[Session], listing: Listing) -> Mapping[str, StoredPage]:
    """Read the rows of the space, and those of listed pages that the mirror still has in another space."""
    with session_scope(sessions) as session:
        stored = stored_of_space(session, listing.space.key)
        unknown = [page_id for page_id in listing.heads if page_id not in stored]
        return stored | stored_by_id(session, unknown) if unknown else stored


def close_space(work: Work, *, wrongly_absent: int, held: int, listed: bool) -> SpaceReport:
    """Write and give the report of a space whose steps are done. Only a whole listing makes the space fresh."""
    with session_scope(work.mirror.sessions) as session:
        check_lease(session, work.lease)
        failures = outstanding(session, work.space.key)
        work.counts.failed = len(failures)
        report = _report(work, wrongly_absent=wrongly_absent, held=held, failed=len(failures))
        record_space(session, work.run_id, work.space, report, held=held, listed=listed)
    return report


def _report(work: Work, *, wrongly_absent: int, held: int, failed: int) -> SpaceReport:
    report = SpaceReport(space_key=work.space.key, outcome=Outcome.COMPLETE, counts=work.counts)
    if held:
        error = (
            f"{held} of the pages would leave the mirror, more than may without a decision. Look at them with "
            f"`hr-sync run --space {work.space.key} --dry-run`; release them with --allow-mass-delete."
        )
        return replace(report, outcome=Outcome.HELD, exit_code=ExitCode.HELD, error=error)
    if wrongly_absent:
        error = (
            f"The listing did not show {wrongly_absent} pages that are there; they were kept. The next run asks again."
        )
        return replace(report, outcome=Outcome.PARTIAL, exit_code=ExitCode.PARTIAL, error=error)
    if failed:
        error = f"{failed} pages failed; `hr-sync status` tells why. They are tried again by later runs."
        return replace(report, outcome=Outcome.PARTIAL, exit_code=ExitCode.PARTIAL, error=error)
    return report


def never_stored(page_id: str, work: Work) -> StoredPage:
    """Stand in for a page that was listed and vanished before its body came: nothing of it is live."""
    return StoredPage(id=page_id, space_key=work.space.key, version=0, metadata_digest="", hidden=True, removed=False)


def not_given(rulings: Sequence[Ruling], vanished: frozenset[str]) -> list[Failure]:
    """Note the pages that are there, and whose body was asked for in vain."""
    return [
        Failure(
            page_id=ruling.page_id,
            stage="fetch",
            error_class="BodyNotGiven",
            message="Confluence lists the page and does not give its body",
        )
        for ruling in rulings
        if ruling.page_id in vanished and ruling.verdict is Verdict.KEEP
    ]
