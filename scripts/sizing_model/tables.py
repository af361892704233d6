"""The tables of docs/scaling.md as Markdown, always the same for the same costs. Pure."""

from collections.abc import Sequence

from sizing_model.costs import Costs, Kind
from sizing_model.limits import LIMITS, Allowance, allowance
from sizing_model.sizing import Sizing

PAGES_OF_A_SITE = (1_000, 10_000, 100_000, 1_000_000)


def duration(seconds: float) -> str:
    """Return seconds in the unit in which they are read."""
    for unit, size in (("d", 86_400), ("h", 3_600), ("min", 60)):
        if seconds >= 1.5 * size:
            return f"{seconds / size:.1f} {unit}" if seconds < 10 * size else f"{seconds / size:.0f} {unit}"
    return f"{seconds:.0f} s" if seconds >= 1 else "< 1 s"


def sizes(rows: Sequence[Sizing]) -> str:
    """Return what so many sites with so many pages need."""
    heads = (
        "sites",
        "pages",
        "spaces",
        "workers",
        "PostgreSQL cores",
        "PostgreSQL disk",
        "first mirror",
        "which waits for",
        "a change is shown after",
        "requests a second, largest site",
    )
    lines = [_row(heads), _row(["--:"] * 7 + ["---", "--:", "--:"])]
    for row in rows:
        cells = (
            f"{row.sites:,}",
            f"{row.pages:,}",
            f"{row.spaces:,}",
            f"{row.workers:,}",
            f"{row.database_cores}",
            f"{row.database_gigabytes:,.1f} GB" if row.database_gigabytes < 10 else f"{row.database_gigabytes:,.0f} GB",
            duration(row.first.seconds),
            row.first.limit,
            duration(row.shown_after_seconds),
            f"{row.requests_a_second:.1f}{' (over the limit)' if row.sites_over_limit else ''}",
        )
        lines.append(_row(cells))
    return "\n".join(lines)


def limits(costs: Costs) -> str:
    """Return what the limits of a site allow."""
    heads = ("the site allows", *(f"{pages:,} pages" for pages in PAGES_OF_A_SITE))
    lines = [_row(heads), _row(["---", *["---"] * len(PAGES_OF_A_SITE)])]
    for limit in LIMITS:
        allowed = (_allowed(allowance(limit, pages, costs)) for pages in PAGES_OF_A_SITE)
        lines.append(_row([limit.name, *allowed]))
    return "\n".join(lines)


def _allowed(allowed: Allowance) -> str:
    return f"{duration(allowed.first_seconds)}; {duration(allowed.shortest[Kind.ACCESS])}"


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"
