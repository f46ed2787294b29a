"""Static rules over an inventory, with no cluster: what is wrong with a plan by itself."""

import os
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from ipaddress import ip_address, ip_interface
from typing import Literal

from provisioning.inventory import Inventory
from provisioning.state import CHECKOUT


@dataclass(frozen=True)
class Finding:
    """One thing that the audit saw. A `defect` needs a decision, a `note` is legal but worth knowing."""

    rule: str
    level: Literal["defect", "note"]
    text: str

    def __str__(self) -> str:
        return f"{self.level:6} {self.rule}: {self.text}"


def audit(inventory: Inventory, *, as_written: bool = False) -> list[Finding]:
    """All findings. `as_written` judges the planned addresses, before the decisions that moved some."""
    rules = (
        _addresses(inventory, as_written),
        _subnet(inventory),
        _numbers(inventory),
        _overcommitment(inventory),
        _names(inventory),
        _key(inventory),
    )
    return [finding for rule in rules for finding in rule]


def _addresses(inventory: Inventory, as_written: bool) -> Iterator[Finding]:
    users = defaultdict(list)
    users[inventory.host.address].append("host")
    for name, container in inventory.containers.items():
        address = (container.planned_address if as_written else None) or container.address
        users[address].append(f"CT {container.ct} ({name})")
    for address, machines in users.items():
        if len(machines) > 1:
            yield Finding("duplicate-address", "defect", f"{' and '.join(machines)} share {address}")


def _subnet(inventory: Inventory) -> Iterator[Finding]:
    """Neither Proxmox nor `pct` checks that an address can be used in its network (facts: Proxmox, 1)."""
    if inventory.hypervisor is None:
        return
    network = ip_interface(f"{inventory.host.address}/{inventory.hypervisor.prefix}").network
    taken = {network.network_address: "the network", network.broadcast_address: "the broadcast address"}
    taken[ip_address(str(inventory.hypervisor.gateway))] = "the gateway"
    for name, container in inventory.containers.items():
        address = ip_address(str(container.address))
        if address in taken:
            yield Finding("taken-address", "defect", f"CT {container.ct} ({name}) has {address}, {taken[address]}")
        elif address not in network:
            yield Finding("foreign-address", "defect", f"CT {container.ct} ({name}) has {address}, outside {network}")


def _numbers(inventory: Inventory) -> Iterator[Finding]:
    users = defaultdict(list)
    for name, container in inventory.containers.items():
        users[container.ct].append(name)
    for number, names in users.items():
        if len(names) > 1:
            yield Finding("duplicate-number", "defect", f"{' and '.join(names)} share the number CT {number}")


def _overcommitment(inventory: Inventory) -> Iterator[Finding]:
    host, containers = inventory.host, inventory.containers.values()
    planned = {
        "memory": (sum(container.memory for container in containers), host.memory, 2**30, "GiB"),
        "cores": (sum(container.cores for container in containers), host.cores, 1, "cores"),
        "disk": (sum(container.disk for container in containers), host.disk, 10**9, "GB"),
    }
    for what, (wanted, there, unit, name) in planned.items():
        if wanted > there:
            thin = "; needs thin storage" if what == "disk" else ""
            ratio = f"{wanted / there:.2f}"
            text = f"{wanted / unit:g} {name} planned on {there / unit:g} {name}, {ratio} times{thin}"
            yield Finding(f"overcommitted-{what}", "note", text)


def _names(inventory: Inventory) -> Iterator[Finding]:
    if inventory.domain.lower().rstrip(".").split(".")[-1] == "local":
        text = f"{inventory.domain}: names under .local belong to multicast DNS (RFC 6762)"
        yield Finding("multicast-domain", "defect", text)
    if inventory.dns == "proxmox-host":
        text = "the Proxmox host is to serve DNS, but Proxmox VE has no authoritative DNS server: install bind there"
        yield Finding("no-dns-server", "defect", text)


def _key(inventory: Inventory) -> Iterator[Finding]:
    # Without a leading / or ~ the path counts from the checkout, and lies in it.
    if (CHECKOUT / os.path.expanduser(inventory.ssh_key)).resolve().is_relative_to(CHECKOUT):
        text = f"{inventory.ssh_key}: a private key inside the repository's tree is one `git add` from being published"
        yield Finding("key-in-repository", "defect", text)
