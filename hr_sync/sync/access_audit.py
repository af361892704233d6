"""Compares who may read what in the mirror with Confluence's own answers, for pairs of a page and a user."""

import random
from collections.abc import Sequence
from dataclasses import dataclass, field

from hr_sync.domain.access import Principal, PrincipalKind
from hr_sync.domain.outcome import ExitCode
from hr_sync.domain.sampling import upper_bound
from hr_sync.errors import AccessDenied, NothingMirrored
from hr_sync.store.read.audit import AuditedPage
from hr_sync.sync.context import SyncContext
from hr_sync.sync.fetch import BodyFetcher

MOST_PAIRS = 10_000  #: each is a request


@dataclass(frozen=True, kw_only=True, slots=True)
class Disagreement:
    """A pair about which the mirror and Confluence disagree."""

    page_id: str
    space_key: str
    user_id: str
    stratum: str  #: why the page was drawn
    mirror: bool  #: the mirror lets this user read the page
    confluence: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class AccessAudit:
    """The result of an audit of access."""

    pairs: int  #: that Confluence answered
    unanswered: int
    over_grants: Sequence[Disagreement]  #: the mirror shows more than Confluence
    under_grants: Sequence[Disagreement]  #: the mirror shows less
    upper_bound: float = field(init=False)  #: of the share of over-grants, with a confidence of 95 %

    def __post_init__(self) -> None:
        """Compute the bound."""
        object.__setattr__(self, "upper_bound", upper_bound(len(self.over_grants), self.pairs))

    @property
    def exit_code(self) -> int:
        """Return 3 if the mirror shows anybody too much."""
        return ExitCode.PARTIAL if self.over_grants else ExitCode.COMPLETE


def audit_access(context: SyncContext, number: int) -> AccessAudit:
    """Draw so many pairs of a live page and a known user, compare, and store the result.

    A fifth each of pages with an own restriction, with one above, in a space that not everybody may view, moved in the
    last week, and any. Raise NothingMirrored if no user is known, AccessDenied if Confluence answers about nobody.
    """
    context.source.check_account()
    pages = context.store.audits.pages_to_audit(number)
    users = sorted(context.store.users_in_use())
    if not users:
        raise NothingMirrored(
            "The mirror knows no user to ask about. Set access.groups_interval_minutes, and run `hr-sync run --access`."
        )
    pairs = list(zip(pages, random.choices(users, k=len(pages)), strict=True))  # noqa: S311 -- no secret
    with BodyFetcher(context.source, context.connections) as fetcher:
        theirs = fetcher.ask_each(
            lambda pair: context.source.may_read(pair[0].id, Principal(PrincipalKind.USER, pair[1])), pairs
        )
    answered = [(*pair, answer) for pair, answer in zip(pairs, theirs, strict=True) if answer is not None]
    if pairs and not answered:
        raise AccessDenied(
            "Confluence did not say of anybody what they may read: only Cloud does, and only to an account that is an "
            "administrator of Confluence. Name such an account in confluence.username for this command."
        )
    found = AccessAudit(
        pairs=len(answered),
        unanswered=len(pairs) - len(answered),
        over_grants=_disagreements(context, answered, mirror=True),
        under_grants=_disagreements(context, answered, mirror=False),
    )
    context.store.audits.record_access_audit(
        pairs=found.pairs,
        unanswered=found.unanswered,
        over_grants=len(found.over_grants),
        under_grants=len(found.under_grants),
        upper_bound=found.upper_bound,
    )
    return found


def _disagreements(
    context: SyncContext, answered: Sequence[tuple[AuditedPage, str, bool]], *, mirror: bool
) -> Sequence[Disagreement]:
    """Return the pairs that the mirror answers so and Confluence does not. The mirror is asked after Confluence."""
    candidates = [(page, user) for page, user, answer in answered if answer is not mirror]
    return [
        Disagreement(
            page_id=page.id,
            space_key=page.space_key,
            user_id=user,
            stratum=page.stratum,
            mirror=mirror,
            confluence=not mirror,
        )
        for page, user in candidates
        if context.store.audits.may_read(user, page.id) is mirror
    ]
