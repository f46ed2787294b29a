"""Ports of the embedded lakehouse: free ones unless the inventory fixes them, the same from the first `up` on."""

import json
import socket
from collections.abc import Collection, Mapping
from pathlib import Path

import psutil

from provisioning.files import write_private
from provisioning.inventory import Service
from provisioning.problem import Problem


def choose(services: Mapping[str, Service], kept_in: Path, running: Collection[str]) -> dict[str, int]:
    """A port for each service. Those that run keep theirs. Raises Problem where a fixed one is occupied."""
    kept = read(kept_in)
    chosen = {name: _choose(name, service, kept.get(name), name in running) for name, service in services.items()}
    if chosen != kept:
        write_private(kept_in, json.dumps(chosen))
    return chosen


def read(kept_in: Path) -> dict[str, int]:
    """The ports chosen so far."""
    try:
        return {str(name): int(port) for name, port in json.loads(kept_in.read_text(encoding="ascii")).items()}
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, TypeError, AttributeError):
        raise Problem("unreadable", where=str(kept_in), remedy="remove the file; new ports will be chosen") from None


def _choose(name: str, service: Service, kept: int | None, runs: bool) -> int:
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
    return kept if kept and is_free(service.host, kept) else _free(service.host)


def is_free(host: str, port: int) -> bool:
    """Whether a server could listen there now."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return False
    return True


def _free(host: str) -> int:
    with socket.socket() as probe:
        probe.bind((host, 0))
        return int(probe.getsockname()[1])


def occupant(port: int) -> str:
    """Who listens on a port, as far as this user may know."""
    try:
        pids = {c.pid for c in psutil.net_connections("tcp") if c.laddr and c.laddr.port == port and c.status == "LISTEN"}
    except psutil.AccessDenied:
        pids = set()
    names = [f"{psutil.Process(pid).name()} (process {pid})" for pid in sorted(pids - {None}) if psutil.pid_exists(pid)]
    return ", ".join(names) or "another user's process"
