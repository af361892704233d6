"""Cloud's lists of pages and of blog posts by ids, in either style of list parameters."""

from collections.abc import Sequence

from hr_sync.confluence.http.client import HttpClient
from hr_sync.confluence.http.response import Json
from hr_sync.errors import UNANSWERED, AnswerUnusable


class PagesByIds:
    """Lists pages by ids, and keeps the style of list parameters that the server accepts.

    Atlassian documents lists as joined by commas; repeated parameters work too, perhaps not everywhere.
    """

    def __init__(self, client: HttpClient, collection: str) -> None:
        """Read the list that v2 has at `collection`."""
        self._client = client
        self._path = f"api/v2/{collection}"
        self._joins = False  # `id=1,2` in place of `id=1&id=2`
        self._is_proven = False

    def answers(
        self, ids: Sequence[str], query: dict[str, object], statuses: Sequence[str], tries: int | None
    ) -> list[Json]:
        """Return the answers of the list.

        An answer with two of the ids proves the style that was sent. Before that, an answer with other pages, with
        fewer than two or none at all is compared with that of the other style. Raise AnswerUnusable if the server
        ignores the ids.
        """
        answers: list[Json] | None = None
        failure: AnswerUnusable | None = None
        try:
            answers = self._ask(ids, query, statuses, tries, joined=self._joins)
        except AnswerUnusable as error:
            if self._is_proven or len(ids) == 1:
                raise
            failure = error
        if not self._is_proven and len(ids) > 1:
            if _count(answers) < 2:
                answers = self._in_other_style(ids, query, statuses, tries, answers)
            self._is_proven = _count(answers) >= 2
        if answers is None:
            raise failure or AnswerUnusable("Confluence answered with pages that were not requested.")
        return answers

    def _in_other_style(
        self,
        ids: Sequence[str],
        query: dict[str, object],
        statuses: Sequence[str],
        tries: int | None,
        answers: list[Json] | None,
    ) -> list[Json] | None:
        """Return the answers in the other style of lists if they hold more, and use that style from then on."""
        try:
            others = self._ask(ids, query, statuses, tries, joined=not self._joins)
        except UNANSWERED:
            return answers
        if others is None or (answers is not None and _count(others) <= _count(answers)):
            return answers
        self._joins = not self._joins
        return others

    def _ask(
        self,
        ids: Sequence[str],
        query: dict[str, object],
        statuses: Sequence[str],
        tries: int | None,
        *,
        joined: bool,
    ) -> list[Json] | None:
        """Return the answers in one style of lists; None if they hold a page that was not asked for."""
        lists = {"id": ids, "status": statuses}
        sent = {name: ",".join(values) if joined else values for name, values in lists.items()}
        answers: list[Json] = []
        for answer in self._client.walk(self._path, {**query, **sent}, max_attempts=tries):
            if not {item["id"] for item in answer.content["results"]} <= set(ids):
                return None
            answers.append(answer.content)
        return answers


def _count(answers: list[Json] | None) -> int:
    """Return how many pages answers hold; -1 for no answer that can be used."""
    return -1 if answers is None else len({item["id"] for answer in answers for item in answer["results"]})
