"""The only way to wait."""

import time
from collections.abc import Callable
from typing import TypeVar

Seen = TypeVar("Seen")


class Hopeless(Exception):
    """Raised by a condition that can no longer come true: waiting ends at once."""


def wait_until(
    condition: Callable[[], Seen],
    timeout: float,
    what: str,
    *,
    transient: tuple[type[Exception], ...] = (),
    interval: float = 0.2,
    clock: Callable[[], float] = time.monotonic,
    pause: Callable[[float], None] = time.sleep,
) -> Seen:
    """Call `condition` until what it returns is true, and return that.

    Only the exceptions named in `transient` count as "not yet"; any other surfaces, `Hopeless` among them.
    Raises TimeoutError after `timeout` seconds (monotonic clock) with `what` was waited for and what was seen last.
    """
    deadline = clock() + timeout
    while True:
        try:
            seen = condition()
            if seen:
                return seen
            last = repr(seen)
        except transient as error:
            last = f"{type(error).__name__}: {error}".splitlines()[0]
        if clock() >= deadline:
            raise TimeoutError(f"{what}: not within {timeout:g} s; last seen: {last}")
        pause(interval)
