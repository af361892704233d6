"""Asks Confluence about pages that it did not show. The rules stand in `hr_sync.domain.deletion`."""

from collections.abc import Sequence

from hr_sync.confluence.source import Source
from hr_sync.domain.content import Space, StoredPage
from hr_sync.domain.deletion import Ruling, rule
from hr_sync.errors import AnswerNotTrusted, NotFound


def ask(
    reader: Source,
    space: Space,
    questions: Sequence[StoredPage],
    *,
    known_page: str | None,
    mirrored_space_ids: frozenset[str],
) -> list[Ruling]:
    """Ask about each page by id, between two canaries. `known_page` is one that the space has just shown.

    Only a complete listing of the space, or a person who names the page, may bring questions here.
    Raises AnswerNotTrusted when a canary fails: then nothing that was answered is evidence.
    """
    if not questions:
        return []
    check_access(reader, space, known_page)
    evidence = reader.look([page.id for page in questions])
    check_access(reader, space, known_page)
    return [
        rule(evidence[page.id], page, space_id=space.id, mirrored_space_ids=mirrored_space_ids) for page in questions
    ]


def check_access(reader: Source, space: Space, page_id: str | None) -> None:
    """Prove that the account still sees: it is known, and sees the space and a page that the listing showed.

    An expired token answers 404 to everything, which would pass for a space full of deleted pages.
    """
    reader.check_account()
    try:
        reader.see_space(space)
        sights = reader.look([page_id]) if page_id else {}
    except NotFound:
        sights = None
    if sights is None or any(evidence.status is None for evidence in sights.values()):
        raise AnswerNotTrusted(
            "Confluence no longer shows what it listed a moment ago, so that nothing may be concluded from what it "
            "does not show.",
            remedy="Check that the token has not expired, and that the account still sees the space.",
        )
