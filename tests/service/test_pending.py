"""What was notified waits in bounded memory, each thing once, and nothing is lost while a run is under way."""

from dataclasses import dataclass

from structlog.testing import capture_logs

from hr_sync.service.pending import KEPT_SECONDS, MOST_PAGES, MOST_PENDING, PendingNotifications
from hr_sync.sync.context import Notified


@dataclass
class Clock:
    """A clock that a test sets."""

    now: float = 1000.0

    def __call__(self) -> float:
        return self.now


def made() -> tuple[PendingNotifications, Clock]:
    clock = Clock()
    return PendingNotifications(clock), clock


def pages(*ids: str) -> Notified:
    return Notified(page_ids=ids)


def test_a_thousand_notifications_of_one_page_are_one_entry() -> None:
    """One run takes it, and nothing is due then."""
    pending, _ = made()
    assert not pending.is_due()
    for _ in range(1000):
        pending.add(Notified(page_ids=("1",), space_keys=("HR",)))
    assert pending.is_due()
    assert pending.take() == Notified(page_ids=("1",), space_keys=("HR",))
    pending.end(0)
    assert not pending.is_due()
    assert pending.take() == Notified()


def test_what_is_named_again_while_it_is_read_is_read_again() -> None:
    """The run may have read it before it changed."""
    pending, _ = made()
    pending.add(pages("1", "2"))
    pending.take()
    pending.add(pages("2"))
    pending.end(0)
    assert pending.is_due()
    assert pending.take() == pages("2")


def test_what_could_not_be_read_is_due_again_after_a_pause_that_grows() -> None:
    """1, 2, 4 s ... up to a minute; what is named meanwhile is due at once."""
    pending, clock = made()
    pending.add(pages("1"))
    pauses = []
    for _ in range(9):
        taken = pending.take()
        assert taken == pages("1")
        pending.put_back(taken)
        pending.end(0)
        began = clock.now
        while not pending.is_due():
            clock.now += 1
        pauses.append(clock.now - began)
    assert pauses == [1, 2, 4, 8, 16, 32, 60, 60, 60]

    pending.put_back(pending.take())
    pending.end(0)
    pending.add(pages("2"))
    assert pending.take() == pages("2")
    pending.end(0)
    pending.add(pages("1"))
    assert pending.take() == pages("1")


def test_what_is_put_back_does_not_delay_what_was_named_meanwhile() -> None:
    """The newer entry stays, which is due."""
    pending, _ = made()
    pending.add(pages("1"))
    taken = pending.take()
    pending.add(pages("1"))
    pending.put_back(taken)
    pending.end(0)
    assert pending.is_due()


def test_what_cannot_be_read_for_hours_is_given_up() -> None:
    """With a line in the log: the runs on schedule find it."""
    pending, clock = made()
    pending.add(pages("1"))
    tries = 0
    with capture_logs() as lines:
        while not lines:
            while not pending.is_due():
                clock.now += 1
            pending.put_back(pending.take())
            pending.end(0)
            tries += 1
    assert [(line["event"], line["number"]) for line in lines] == [("notify.given_up", 1)]
    assert KEPT_SECONDS <= clock.now - 1000 <= KEPT_SECONDS + 120
    assert tries < 150
    clock.now += 1000
    assert not pending.is_due()


def test_a_space_that_is_put_back_by_its_id_is_given_up_too() -> None:
    """It had been named by its key, or by a page."""
    pending, clock = made()
    pending.add(Notified(space_keys=("HR",)))
    pending.take()
    pending.put_back(Notified(space_ids=("7",)))
    pending.end(0)
    with capture_logs() as lines:
        for _ in range(500):
            clock.now += 61
            if pending.is_due():
                pending.put_back(pending.take())
                pending.end(0)
    assert [line["event"] for line in lines] == ["notify.given_up"]


def test_more_than_can_be_kept_apart_means_every_space() -> None:
    """Memory stays bounded, and no space is forgotten."""
    pending, _ = made()
    with capture_logs() as lines:
        for number in range(MOST_PENDING + 3000):
            pending.add(pages(str(number)))
    assert [line["event"] for line in lines] == ["notify.overflow"]
    found: list[Notified] = []
    while pending.is_due():
        found.append(pending.take())
        pending.end(0)
    assert sum(len(each.page_ids) for each in found) == MOST_PENDING
    assert max(len(each.page_ids) for each in found) == MOST_PAGES
    assert [each.every_space for each in found].count(True) == 1


def test_a_run_is_followed_by_as_long_a_pause() -> None:
    """So that a flood takes half of the time of Confluence at most, and a minute at most each time."""
    pending, clock = made()
    pending.add(pages("1"))
    pending.take()
    pending.end(10)
    pending.add(pages("1"))
    assert not pending.is_due()
    clock.now += 10
    assert pending.is_due()
    pending.take()
    pending.end(3600)
    pending.add(pages("1"))
    clock.now += 60
    assert pending.is_due()
