"""Waiting: what was seen is returned, or said; with a clock of our own, so no time passes."""

from collections.abc import Callable, Iterator

import pytest

from provisioning.waiting import Hopeless, wait_until


class Clock:
    """Time that passes only by pausing."""

    def __init__(self) -> None:
        self.now = 100.0
        self.pauses: list[float] = []

    def __call__(self) -> float:
        return self.now

    def pause(self, seconds: float) -> None:
        self.pauses.append(seconds)
        self.now += seconds


def answers(*values: object) -> Callable[[], object]:
    """A condition that gives these in turn, and then the last one for ever; exceptions are raised."""
    queue: Iterator[object] = iter(values)
    last = values[-1]

    def condition() -> object:
        value = next(queue, last)
        if isinstance(value, Exception):
            raise value
        return value

    return condition


def test_what_was_seen_is_returned_at_once_and_without_a_pause() -> None:
    clock = Clock()
    assert wait_until(answers("ready"), 5, "it", clock=clock, pause=clock.pause) == "ready"
    assert clock.pauses == []


def test_a_condition_is_asked_at_the_interval_until_it_holds() -> None:
    clock = Clock()
    seen = wait_until(answers(None, 0, [], {"up": 1}), 5, "it", interval=0.5, clock=clock, pause=clock.pause)
    assert seen == {"up": 1}
    assert clock.pauses == [0.5, 0.5, 0.5]


def test_a_timeout_says_what_was_waited_for_how_long_and_what_was_seen_last() -> None:
    clock = Clock()
    with pytest.raises(TimeoutError) as caught:
        wait_until(answers(0, ()), 2.5, "minio answers", clock=clock, pause=clock.pause)
    assert str(caught.value) == "minio answers: not within 2.5 s; last seen: ()"
    assert 102.5 <= clock.now < 103, f"gave up at {clock.now}"


def test_the_condition_is_asked_once_more_when_time_is_up() -> None:
    clock = Clock()
    assert wait_until(answers(False, "late"), 1, "it", interval=60, clock=clock, pause=clock.pause) == "late"


def test_a_listed_exception_counts_as_not_yet() -> None:
    clock, condition = Clock(), answers(ConnectionError("refused"), "up")
    assert wait_until(condition, 5, "it", transient=(OSError,), clock=clock, pause=clock.pause) == "up"


def test_a_listed_exception_is_the_last_thing_seen_in_one_line() -> None:
    clock, condition = Clock(), answers(ConnectionError("refused\nby 127.0.0.1"))
    with pytest.raises(TimeoutError) as caught:
        wait_until(condition, 1, "it", transient=(OSError,), clock=clock, pause=clock.pause)
    assert str(caught.value) == "it: not within 1 s; last seen: ConnectionError: refused"


@pytest.mark.parametrize("error", [KeyError("x"), Hopeless("its process ended")], ids=["not-listed", "hopeless"])
def test_any_other_exception_ends_the_waiting_at_once(error: Exception) -> None:
    clock = Clock()
    with pytest.raises(type(error), match=str(error)):
        wait_until(answers(error), 60, "it", transient=(OSError,), clock=clock, pause=clock.pause)
    assert clock.pauses == []


def test_without_a_list_no_exception_is_waited_out() -> None:
    clock = Clock()
    with pytest.raises(ConnectionError, match="refused"):
        wait_until(answers(ConnectionError("refused")), 60, "it", clock=clock, pause=clock.pause)
