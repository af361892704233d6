"""What a kind of fault is: one act at one of four stages of an answer."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from confluence_simulator.call import Conditions
from confluence_simulator.messages import Answer, Pairs, Request
from confluence_simulator.server import Delivery
from confluence_simulator.tenant import Tenant
from confluence_simulator.world import World


@dataclass(frozen=True, kw_only=True)
class FaultContext:
    """Where a fault happens. `argument` is the fault's own, of the type that its kind documents."""

    request: Request
    world: World
    tenant: Tenant
    origin: str
    argument: Any = None

    @property
    def site_url(self) -> str:
        return self.origin + self.tenant.context


@dataclass(frozen=True, kw_only=True)
class EncodedAnswer:
    """An answer ready to be framed: `payload` is the body as sent, `headers` lack only what frames it."""

    status: int
    headers: Pairs
    payload: bytes


@dataclass(frozen=True, kw_only=True)
class Kind:
    """`about` says what happens and what the argument means. Exactly one of the four acts is set."""

    about: str
    before: Callable[[FaultContext, Conditions], Conditions] | None = None
    """Changes the world or what the caller sees, then the request is answered as usual."""
    instead: Callable[[FaultContext], Answer] | None = None
    """Answers in the API's place."""
    after: Callable[[FaultContext, Answer], Answer] | None = None
    """Changes the API's answer."""
    sending: Callable[[FaultContext, EncodedAnswer], Delivery] | None = None
    """Sends the answer badly."""
    touches: Callable[[FaultContext, Answer], bool] | None = None
    """Which answers the fault spoils; it is counted and fires for these alone. None: every one that `match` names."""
