"""Whether a declared service answers, as clients see it."""

from dataclasses import dataclass

from provisioning.connection import Connection
from provisioning.services import SERVICES, ProbeFailed


@dataclass(frozen=True)
class Health:
    """What one service answered: its version, or what went wrong, in one line."""

    service: str
    address: str
    version: str | None
    error: str | None

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
    try:
        address = known.address(connection)
        return Health(service, address, known.probe(connection, timeout), None)
    except ProbeFailed as failure:
        return Health(service, known.address(connection), None, str(failure))
