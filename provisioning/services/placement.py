"""Where a service runs, as its target decides: the only thing that a service knows of a target."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from provisioning.connection import Connection


@dataclass(frozen=True)
class Placement:
    """Folders, address, memory (bytes), runtimes and neighbours of one service.

    `home` holds its `conf`, `data` and `log` folders. `connection` is how clients, other services among them, will
    reach the lakehouse once it is up.
    """

    home: Path
    host: str
    port: int
    memory: int
    java: Path
    python: Path
    artifacts: Mapping[str, Path]
    connection: Connection
    secrets: Mapping[str, str] = field(repr=False)

    @property
    def conf(self) -> Path:
        """Rendered settings, readable by the owner only."""
        return self.home / "conf"

    @property
    def data(self) -> Path:
        """What the service keeps."""
        return self.home / "data"

    @property
    def heap_mib(self) -> int:
        """A Java heap within the memory budget: the rest is for code, threads and buffers."""
        return self.memory * 5 // 8 // 2**20


@dataclass(frozen=True)
class Command:
    """What to execute, in which environment. Secrets may be in `env`, never in `argv`."""

    argv: tuple[str, ...]
    env: Mapping[str, str] = field(default_factory=dict, repr=False)


class Service(Protocol):
    """What every package under `provisioning.services` offers, as module-level names."""

    @property
    def ARTIFACTS(self) -> tuple[str, ...]:
        """Names of what it needs from `provisioning.artifacts`."""

    @property
    def SECRETS(self) -> tuple[str, ...]:
        """Names of the secrets that its process is given."""

    @property
    def CLIENT_SECRETS(self) -> tuple[str, ...]:
        """Names of the secrets that the connection profile holds so that clients can use it."""

    def files(self, place: Placement) -> Mapping[str, str]:
        """Rendered settings by name, for `place.conf`."""

    def command(self, place: Placement) -> Command:
        """The process that is the service."""

    def before_start(self, place: Placement) -> None:
        """Make what the process expects to find; nothing where it is already there."""

    def after_start(self, place: Placement) -> None:
        """Make what needs the process; nothing where it is already there. Raises ProbeFailed."""

    def probe(self, connection: Connection, timeout: float) -> str:
        """Speak to the service as its clients do and return its version. Raises ProbeFailed."""

    def address(self, connection: Connection) -> str:
        """Where it answers, for people."""


class ProbeFailed(Exception):
    """A service did not answer as it should: one line, without the address."""


def first_line(text: object) -> str:
    """What a client library said, as one line of bearable length."""
    return next((line.strip() for line in str(text).splitlines() if line.strip()), type(text).__name__)[:200]
