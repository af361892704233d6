"""What is run one after another in one repetition of a case, and what is wanted of the figures. Values only."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

from benchmark.contenders import Contender
from benchmark.site import Conditions


@dataclass(frozen=True, kw_only=True)
class Step:
    """One process, and the circumstances under which it runs."""

    name: str  #: unique within a case
    contender: Contender = Contender.HR_SYNC
    arguments: tuple[str, ...] = ("run", "--json")
    conditions: Conditions = field(default_factory=Conditions)
    database: str = "mirror"
    fresh: bool = True  #: the database is made anew; else it is what an earlier step left
    round_trip_ms: float = 0.0  #: between the process and the database
    edited_share: float = 0.0  #: of the pages, new versions made just before the step
    refusing: bool = False  #: the database refuses one page in a thousand
    settings: tuple[tuple[str, str], ...] = ()  #: variables besides those of every step, and their values


@dataclass(frozen=True, kw_only=True)
class Sample:
    """The figures of one step in one repetition."""

    wall_seconds: float
    cpu_seconds: float
    peak_megabytes: float
    requests: int
    megabytes: float  #: over the wire
    bodies: int
    peak_concurrency: int
    simulator_cpu_seconds: float
    database_cpu_seconds: float
    edited: int = 0
    parts: Mapping[str, float] | None = None  #: what the process itself tells, where it does


Samples: TypeAlias = Mapping[str, Sample]  #: by step


@dataclass(frozen=True, kw_only=True)
class Target:
    """A figure of one repetition, and the limit that its median should keep."""

    name: str
    figure: Callable[[Samples], float]
    at_least: float | None = None
    at_most: float | None = None

    def met_by(self, value: float) -> bool:
        """Return True if a value keeps the limit."""
        return (self.at_least is None or value >= self.at_least) and (self.at_most is None or value <= self.at_most)

    @property
    def wanted(self) -> str:
        """Return the limit in words."""
        return f"≥ {self.at_least:g}" if self.at_least is not None else f"≤ {self.at_most:g}"


@dataclass(frozen=True, kw_only=True)
class Case:
    """Steps that are run together, repetition by repetition, so that their ratios are of the same minutes."""

    name: str
    about: str
    pages: int
    spaces: int
    steps: tuple[Step, ...]
    targets: tuple[Target, ...] = ()
    largest_page_bytes: int = 0  #: of one page among them
    slow: bool = False  #: left out unless it is named, or all are asked for
