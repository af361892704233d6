"""The decision table of `hr_sync.domain.plan`, line by line."""

import pytest

from hr_sync.domain.plan import LabelStep, decide_labels, plan_labels


@pytest.mark.parametrize(
    ("shown", "stored", "writes"),
    [
        ({"a"}, {"a"}, False),
        (set(), set(), False),
        ({"a"}, {"b"}, True),
        ({"a", "b"}, {"a"}, True),
        (set(), {"a"}, True),
        ({"a"}, set(), True),
        ({"a"}, None, True),
        (set(), None, True),
        (None, {"a"}, False),
        (None, set(), False),
        (None, None, False),
    ],
)
def test_each_line_of_the_table_has_its_action(
    shown: set[str] | None, stored: set[str] | None, *, writes: bool
) -> None:
    """Labels that could not be read leave the last known ones."""
    now, before = (None if each is None else frozenset(each) for each in (shown, stored))

    assert (decide_labels(now, before) is not None) is writes


def test_the_reason_counts_and_names_no_label() -> None:
    """Labels may be confidential."""
    assert decide_labels(frozenset("abce"), frozenset("cd")) == "labels: 3 more, 1 fewer"


def test_steps_are_of_live_pages_in_the_order_of_their_ids() -> None:
    """A live page that is not shown keeps its labels; what is shown and not live here makes no step."""
    a, b = frozenset("a"), frozenset("b")

    assert plan_labels({"9": a, "3": b, "2": a, "1": None}, {"4": a, "3": a, "2": None, "1": a}) == (
        LabelStep(page_id="2", labels=a, reason="labels are known now"),
        LabelStep(page_id="3", labels=b, reason="labels: 1 more, 1 fewer"),
    )
