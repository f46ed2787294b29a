"""Whether a declared service answers, as clients see it."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from provisioning.connection import Connection
from provisioning.services import SERVICES, Placement, ProbeFailed, first_line

Answer = TypeVar("Answer")


@dataclass(frozen=True)
class Health:
    """What one service answered: its version, or what went wrong, in one line."""

    service: str
    address: str
    version: str | None
    error: str | None
    remedy: str | None = None  # None: start it

    @property
    def answers(self) -> bool:
        """Whether it did."""
        return self.error is None

    @classmethod
    def absent(cls, service: str) -> "Health":
        """A service that was never brought up."""
        return cls(service, "-", None, "never brought up")


def examine(service: str, connection: Connection, timeout: float) -> Health:
    """Probe one service, at most `timeout` seconds."""
    known = SERVICES[service]
    address = known.address(connection)
    try:
        return Health(service, address, _ask(lambda: known.probe(connection, timeout)), None)
    except ProbeFailed as failure:
        return Health(service, address, None, str(failure))


def settle(service: str, place: Placement) -> None:
    """Make what the service's process is needed for. Raises ProbeFailed and nothing else."""
    _ask(lambda: SERVICES[service].after_start(place))


def _ask(question: Callable[[], Answer]) -> Answer:
    try:
        return question()
    except ProbeFailed:
        raise
    except Exception as error:
        # What answers there may be no such service: libraries stumble over that in ways that they never list.
        raise ProbeFailed(f"the answer cannot be understood ({type(error).__name__}: {first_line(error)})") from None
