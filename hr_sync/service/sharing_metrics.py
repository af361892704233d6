"""Metrics of what workers share: spaces that wait, leases, and the rate that the site allows. Read when scraped."""

from collections.abc import Iterable

from prometheus_client.core import GaugeMetricFamily, Metric

from hr_sync.store.read.sharing import Sharing


def sharing_metrics(sharing: Sharing) -> Iterable[Metric]:
    """Yield the metrics. The label `mode` has three values."""
    due = GaugeMetricFamily("hr_sync_due_spaces", "Spaces that are due and that no worker has begun.", labels=["mode"])
    oldest = GaugeMetricFamily(
        "hr_sync_due_oldest_age_seconds", "How long the first of them has been due; 0 if none is.", labels=["mode"]
    )
    for line in sharing.due:
        due.add_metric([line.mode], float(line.spaces))
        oldest.add_metric([line.mode], 0.0 if line.oldest is None else line.oldest.total_seconds())
    yield due
    yield oldest
    for name, help_text, value in (
        ("lease_holders", "Workers that hold the lease of a space.", len(sharing.holders)),
        (
            "site_blocked_seconds",
            "For how long no worker sends a request, as the site has asked; 0 if it may be asked.",
            0.0 if sharing.blocked_for is None else sharing.blocked_for.total_seconds(),
        ),
        ("site_requests_left", "Requests that the site still answers, as it last said.", sharing.requests_left),
        ("site_requests_limit", "Of how many; absent where the site does not say.", sharing.requests_limit),
    ):
        if value is not None:
            yield GaugeMetricFamily(f"hr_sync_{name}", help_text, value=float(value))
