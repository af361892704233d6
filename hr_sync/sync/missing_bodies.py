"""Pages that were named and whose body was then not to be had: gone in between, or kept back by Confluence."""

from collections.abc import Mapping, Sequence

from hr_sync.domain.content import StoredPage
from hr_sync.domain.deletion import Ruling, Verdict
from hr_sync.store.engine import session_scope
from hr_sync.store.lease import check_lease
from hr_sync.store.write.failures import Failure, forget_failures
from hr_sync.sync.absence import ask
from hr_sync.sync.apply import SpaceContext, note_failures


def rule_on_vanished(
    work: SpaceContext, vanished: frozenset[str], stored: Mapping[str, StoredPage], *, known_page: str | None
) -> list[Ruling]:
    """Ask about them by id. Those that are there have failed; gives the rulings on the others."""
    questions = [stored.get(page_id) or _never_stored(page_id, work.space.key) for page_id in sorted(vanished)]
    rulings = ask_for(work, questions, known_page=known_page)
    note_failures(work, [_not_given(ruling) for ruling in rulings if ruling.verdict is Verdict.KEEP])
    gone = [ruling for ruling in rulings if ruling.verdict is not Verdict.KEEP]
    if gone:
        with session_scope(work.mirror.sessions) as session:
            check_lease(session, work.lease)
            forget_failures(session, [ruling.page_id for ruling in gone])
    return gone


def ask_for(work: SpaceContext, questions: Sequence[StoredPage], *, known_page: str | None) -> list[Ruling]:
    """Ask the questions that came up in the work on one space. Raises AnswerNotTrusted when a canary fails."""
    return ask(
        work.mirror.reader,
        work.space,
        questions,
        known_page=known_page,
        mirrored_space_ids=work.mirrored_space_ids,
    )


def _never_stored(page_id: str, space_key: str) -> StoredPage:
    """Stand in for a page that never arrived: nothing of it is live, so nothing of it can be hidden."""
    return StoredPage(id=page_id, space_key=space_key, version=0, metadata_digest="", hidden=True, removed=False)


def _not_given(ruling: Ruling) -> Failure:
    return Failure(
        page_id=ruling.page_id,
        stage="fetch",
        error_class="BodyNotGiven",
        message="Confluence names the page and does not give its body",
    )
