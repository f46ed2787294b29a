"""What `status` shows of one service or container, whatever it runs on."""

from collections.abc import Iterable
from dataclasses import dataclass

from provisioning.sizes import show_size


@dataclass(frozen=True)
class Row:
    """One line: memory in bytes and uptime in seconds where it runs; `advice` where it does not answer."""

    name: str
    state: str
    version: str | None
    memory: int | None
    uptime: float | None
    address: str
    advice: str | None

    @property
    def answers(self) -> bool:
        """Whether there is nothing to advise."""
        return self.advice is None


def table(rows: Iterable[Row]) -> list[str]:
    """The lines to print."""
    lines = [f"{'name':10} {'state':9} {'version':30} {'memory':>9} {'uptime':>8}  address"]
    for row in rows:
        memory = "-" if row.memory is None else show_size(row.memory)
        uptime = "-" if row.uptime is None else f"{row.uptime:.0f} s"
        lines.append(f"{row.name:10} {row.state:9} {row.version or '-':30} {memory:>9} {uptime:>8}  {row.address}")
        lines += [f"           {row.advice}"] if row.advice else []
    return lines
