"""Metrics of the feed and its consumers, read from the database when scraped.

The label `consumer` is bounded by whoever names consumers: a program has one name for ever, not one for each start.
"""

from collections.abc import Callable, Iterable

from prometheus_client.core import GaugeMetricFamily, Metric

from hr_sync.domain.feed import Consumer, ConsumerState
from hr_sync.store.read.overview import FeedLine

#: Name, help and value of the metrics of a consumer.
_GAUGES: tuple[tuple[str, str, Callable[[Consumer], float]], ...] = (
    ("lag_rows", "Changes that a consumer has not acknowledged.", lambda each: each.lag_rows),
    ("lag_seconds", "Age of the oldest of them; 0 if there is none.", lambda each: each.lag.total_seconds()),
    (
        "needs_snapshot",
        "1 if a consumer cannot go on from its position: changes were deleted, or the epoch is another one.",
        lambda each: each.state is not ConsumerState.CURRENT,
    ),
)


def feed_metrics(feed: FeedLine) -> Iterable[Metric]:
    """Yield the metrics of the feed."""
    epoch = GaugeMetricFamily("hr_sync_feed_info", "1; the label is the epoch of the feed.", labels=["epoch"])
    epoch.add_metric([feed.epoch], 1)
    yield epoch
    yield GaugeMetricFamily("hr_sync_feed_rows", "Rows of the feed, counted up to 1,000,000.", value=feed.rows)
    yield GaugeMetricFamily("hr_sync_feed_head", "Number of the last change.", value=feed.head)
    for name, help_text, value in _GAUGES:
        gauge = GaugeMetricFamily(f"hr_sync_feed_consumer_{name}", help_text, labels=["consumer"])
        for each in feed.consumers:
            gauge.add_metric([each.name], float(value(each)))
        yield gauge
