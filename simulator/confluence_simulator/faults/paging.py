"""Faults of the link to the next page: missing, repeated, cyclic, foreign, in another place or shape."""

import copy
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from confluence_simulator.faults.kind import FaultContext, Kind
from confluence_simulator.links import target
from confluence_simulator.messages import Answer

NO_NEXT = object()


def _with_next(
    choose: Callable[[FaultContext, str], Any], *, always: bool = False
) -> Callable[[FaultContext, Answer], Answer]:
    """`choose` gets the present next (empty at the end of a list) and returns another; NO_NEXT takes it away."""

    def after(context: FaultContext, answer: Answer) -> Answer:
        if not isinstance(answer.document, dict) or "results" not in answer.document:
            return answer
        document = copy.deepcopy(answer.document)
        links = document.setdefault("_links", {})
        present = links.pop("next", "")
        if not present and not always:
            return answer
        chosen = choose(context, present)
        if chosen is not NO_NEXT:
            links["next"] = chosen
        return replace(answer, document=document, next_target=chosen if isinstance(chosen, str) else None)

    return after


def _own(context: FaultContext, _: str) -> str:
    """Through the gateway, too, links name the site's own path."""
    return context.request.target.removeprefix(context.tenant.gateway_prefix)


def _first(context: FaultContext, _: str) -> str:
    path, _, _ = _own(context, "").partition("?")
    return target(path, tuple(pair for pair in context.request.query if pair[0] not in ("cursor", "start")))


def _foreign(context: FaultContext, present: str) -> str:
    return f"{context.argument or 'https://attacker.invalid'}{present}"


def _emptied(context: FaultContext, answer: Answer) -> Answer:
    """Leave the rows to the next page, which begins with them."""
    if not isinstance(answer.document, dict) or not answer.document.get("results"):
        return answer
    path, _, _ = _own(context, "").partition("?")
    following = target(path, (*context.request.query, ("after-empty", "1")))
    links = {**answer.document.get("_links", {}), "next": following}
    return replace(answer, document={**answer.document, "results": [], "_links": links}, next_target=following)


def _only_in_header(_: FaultContext, answer: Answer) -> Answer:
    if not isinstance(answer.document, dict):
        return answer
    links = {name: link for name, link in answer.document.get("_links", {}).items() if name != "next"}
    return replace(answer, document={**answer.document, "_links": links})


PAGING = {
    "repeated-cursor": Kind(about="next leads to this very page, for ever", after=_with_next(_own, always=True)),
    "cyclic-cursor": Kind(about="next leads back to the first page", after=_with_next(_first, always=True)),
    "empty-page-with-next": Kind(about="No rows, but a next that leads to them", after=_emptied),
    "next-missing": Kind(about="The list ends early without a sign", after=_with_next(lambda *_: NO_NEXT)),
    "next-empty": Kind(about="next is an empty text", after=_with_next(lambda *_: "")),
    "next-null": Kind(about="next is null", after=_with_next(lambda *_: None)),
    "next-number": Kind(about="next is a number", after=_with_next(lambda *_: 2)),
    "next-only-in-link-header": Kind(about="next is in the Link header alone", after=_only_in_header),
    "next-absolute": Kind(
        about="next is a whole URL of this site", after=_with_next(lambda context, link: context.origin + link)
    ),
    "next-foreign-host": Kind(about="next is a URL of another host (argument: its origin)", after=_with_next(_foreign)),
    "next-without-context": Kind(
        about="next lacks the site's context path",
        after=_with_next(lambda context, link: link.removeprefix(context.tenant.context)),
    ),
    "next-other-scheme": Kind(
        about="next is ftp", after=_with_next(lambda context, link: context.origin.replace("http", "ftp", 1) + link)
    ),
    "next-spoiled-cursor": Kind(
        about="next holds a cursor that the server will refuse",
        after=_with_next(lambda _, link: link.replace("cursor=", "cursor=x", 1)),
    ),
}
