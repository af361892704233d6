"""What texts show of the people whom pages mention. Pure."""

from dataclasses import dataclass
from enum import StrEnum

FORMER_USER = "former user"  #: shown in the place of the name of a deleted account


class NameState(StrEnum):
    """What Confluence said of the name of an account."""

    NAMED = "named"  #: it shows a name to everybody
    FORMER = "former"  #: the account was deleted, and has no name any more
    NAMELESS = "nameless"  #: the account is there and shows no name to everybody
    ABSENT = "absent"  #: there is no such account
    UNREAD = "unread"  #: no answer, or a refusal: nothing is known by it


@dataclass(frozen=True, kw_only=True, slots=True)
class PublicName:
    """What was answered about the name of one account."""

    user_id: str
    state: NameState
    name: str | None = None  #: of an account that is NAMED

    @property
    def shown(self) -> str | None:
        """Return what a text shows after the @; None: the placeholder."""
        if self.state is NameState.FORMER:
            return FORMER_USER
        return self.name if self.state is NameState.NAMED else None
