"""What `status` says of one container."""

import socket
from collections.abc import Mapping
from typing import Any

from provisioning.hypervisor.desired import Desired
from provisioning.status import Row

PATIENCE = 2.0  # seconds for somebody to open


def absent(wanted: Desired, address: str, kept: bool) -> Row:
    """A container that the node does not have, or keeps while it is down."""
    state, does = ("kept", "brings it back") if kept else ("absent", "makes it")
    return Row(wanted.name, state, None, None, None, address, f"python -m provisioning up {does}")


def ailing(name: str, address: str) -> Row:
    """A program of the node that does not run."""
    return Row(name, "stopped", "node", None, None, address, "python -m provisioning up starts it")


def row(wanted: Desired, address: str, seen: Mapping[str, Any] | None) -> Row:
    """A container as its node lists it; whether it opens to ssh is tried."""
    if seen is None:
        return absent(wanted, address, kept=False)
    runs = seen["status"] == "running"
    advice = None if runs else f"python -m provisioning start {wanted.name}"
    if runs and closed(address):
        advice = "nobody opens at its ssh port: python -m provisioning up mends sshd; then pytest suites/infra"
    return Row(
        name=wanted.name,
        state=str(seen["status"]),
        version=f"CT {wanted.vmid}",
        memory=int(seen["mem"]) if runs else None,
        uptime=float(seen["uptime"]) if runs else None,
        address=address,
        advice=advice,
    )


def closed(address: str) -> str | None:
    """Why nobody opens at the ssh port; None where somebody does."""
    try:
        socket.create_connection((address, 22), timeout=PATIENCE).close()
    except OSError as error:
        return error.strerror or str(error)
    return None
