"""Ports of the embedded lakehouse: free ones unless the inventory fixes them, the same from the first `up` on."""

import json
import socket
from collections.abc import Collection, Mapping
from pathlib import Path

import psutil

from provisioning.files import write_private
from provisioning.inventory import Service
from provisioning.problem import Exit, Problem


def choose(services: Mapping[str, Service], kept: Mapping[str, int], running: Collection[str]) -> dict[str, int]:
    """A port for each service. Those that run keep theirs.

    Raises Problem where a fixed one is occupied, or is another service's. `kept` are the ports of the last choice.
    """
    _refuse_shared(services, kept)
    chosen: dict[str, int] = {}
    for name, service in services.items():
        others = {port for other, port in {**kept, **_fixed(services), **chosen}.items() if other != name}
        chosen[name] = _choose(name, service, kept.get(name), name in running, others)
    return chosen


def _refuse_shared(services: Mapping[str, Service], kept: Mapping[str, int]) -> None:
    fixed = _fixed(services)
    for name, port in fixed.items():
        for other, service in services.items():
            if other != name and service.host == services[name].host and fixed.get(other, kept.get(other)) == port:
                whose = "fixed for" if other in fixed else "kept since the first `up` by"
                raise Problem(
                    f"port {port} is also {whose} {other}",
                    where=f"services.{name} on {service.host}",
                    remedy="give one of the two another port in the inventory",
                    code=Exit.USAGE,
                )


def _fixed(services: Mapping[str, Service]) -> dict[str, int]:
    return {name: service.port for name, service in services.items() if service.port}


def keep(chosen: Mapping[str, int], kept_in: Path) -> None:
    """Remember a choice for the next time."""
    if chosen != read(kept_in):
        write_private(kept_in, json.dumps(chosen))


def read(kept_in: Path) -> dict[str, int]:
    """The ports chosen so far."""
    try:
        ports = {str(name): int(port) for name, port in json.loads(kept_in.read_text(encoding="ascii")).items()}
        if any(not 1 <= port <= 65535 for port in ports.values()):
            raise ValueError(f"no ports: {ports}")
        return ports
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, TypeError, AttributeError):
        raise Problem("unreadable", where=str(kept_in), remedy="remove the file; new ports will be chosen") from None


def _choose(name: str, service: Service, kept: int | None, runs: bool, others: Collection[int]) -> int:
    if runs and kept and service.port in (0, kept):
        return kept
    if service.port:
        if not is_free(service.host, service.port):
            raise Problem(
                f"port {service.port} is occupied by {occupant(service.port)}",
                where=f"services.{name} on {service.host}",
                remedy="stop that process, or set port = 0 in the inventory for a free one",
            )
        return service.port
    return kept if kept and is_free(service.host, kept) else _free(name, service.host, others)


def is_free(host: str, port: int) -> bool:
    """Whether a server could listen there now."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return False
    return True


def _free(name: str, host: str, others: Collection[int]) -> int:
    """Any that the system offers, but for those that other services will have."""
    try:
        while True:
            with socket.socket() as probe:
                probe.bind((host, 0))
                port = int(probe.getsockname()[1])
            if port not in others:
                return port
    except OSError as error:
        raise Problem(
            f"this machine cannot listen there ({error.strerror})",
            where=f"services.{name} on {host}",
            remedy="correct host in the inventory",
            code=Exit.USAGE,
        ) from None


def occupant(port: int) -> str:
    """Who listens on a port, as far as this user may know."""
    try:
        listening = [
            c for c in psutil.net_connections("tcp") if c.laddr and c.laddr.port == port and c.status == "LISTEN"
        ]
        names = {f"{psutil.Process(c.pid).name()} (process {c.pid})" for c in listening if c.pid}
    except psutil.Error:  # not ours to see, or just gone
        names = set()
    return ", ".join(sorted(names)) or "another user's process"
