"""What must be true of a node before anything is changed on it: it is asked, and each answer judged by itself."""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from provisioning.audit import audit
from provisioning.hypervisor.node import Capacity, Node
from provisioning.inventory import Hypervisor, Inventory
from provisioning.problem import Exit, Problem
from provisioning.sizes import show_size

OLDEST, NEWEST = (8, 4), 9  # `pct exec --keep-env` came with 8.2, addresses of interfaces as a list with 8.4
IMPOSSIBLE = ("duplicate-address", "duplicate-number", "taken-address", "foreign-address")


def check_inventory(inventory: Inventory) -> None:
    """Proxmox itself never looks for two machines at one address. Raises Problem."""
    for finding in audit(inventory):
        if finding.rule in IMPOSSIBLE:
            raise Problem(
                finding.text, where=f"inventory {inventory.name}", remedy="give each its own", code=Exit.USAGE
            )


def examine(node: Node, inventory: Inventory) -> list[Problem]:
    """Everything that is in the way on this node."""
    wanted = inventory.required_hypervisor
    here = next(row["name"] for row in node.get("/cluster/status") if row["type"] == "node" and row.get("local"))
    if here != wanted.node:  # every other question would be put to the wrong node, or to none
        remedy = f'put node = "{here}" there, or go to {wanted.node} by hypervisor.ssh'
        return [Problem(f"this node is called {here!r}", where=f"hypervisor.node {wanted.node}", remedy=remedy)]
    path = f"/nodes/{wanted.node}"
    stores = {entry["storage"]: entry for entry in node.get(f"{path}/storage")}
    holder = wanted.template.partition(":")[0]
    templates = (
        [entry["volid"] for entry in node.get(f"{path}/storage/{holder}/content", content="vztmpl")]
        if holder in stores
        else []
    )
    bridges = [entry["iface"] for entry in node.get(f"{path}/network", type="any_bridge")]
    return [
        *_release(node.release()),
        *_numbers(inventory, wanted.node, node.get("/cluster/resources", type="vm")),
        *_template(wanted, stores, templates),
        *_storage(wanted, stores),
        *_bridge(wanted, bridges),
        *_memory(inventory, node.capacity()),
    ]


def _release(version: str) -> Iterator[Problem]:
    found = re.match(r"(\d+)\.(\d+)", version)
    if not found or not OLDEST <= (int(found[1]), int(found[2])) < (NEWEST + 1, 0):
        known = f"{'.'.join(map(str, OLDEST))} to {NEWEST}"
        yield Problem(f"Proxmox VE {version}", where="node", remedy=f"we know {known}: upgrade it")


def _numbers(inventory: Inventory, node: str, rows: Sequence[Mapping[str, Any]]) -> Iterator[Problem]:
    """Machines and containers of all nodes of a cluster share their numbers."""
    taken = {int(row["vmid"]): row for row in rows if row["type"] != "lxc" or row["node"] != node}
    for name, container in inventory.containers.items():
        if other := taken.get(container.ct):
            yield Problem(
                f"its number is that of {other['type']} {other.get('name', '')!r} on node {other['node']}",
                where=f"{name} (CT {container.ct})",
                remedy="plan another number",
            )


def _template(wanted: Hypervisor, stores: Mapping[str, Any], there: Sequence[str]) -> Iterator[Problem]:
    holder, _, file = wanted.template.partition(":")
    if holder not in stores:
        yield Problem("no such storage", where=f"hypervisor.template {wanted.template}", remedy=_one_of(stores))
    elif wanted.template not in there:
        fetch = f"pveam update; pveam download {holder} {file.rpartition('/')[2]} (pveam available has today's names)"
        yield Problem(
            f"no such template; there: {', '.join(there) or 'none'}",
            where=f"hypervisor.template {wanted.template}",
            remedy=f"on the node: {fetch}, or name one of those",
        )


def _storage(wanted: Hypervisor, stores: Mapping[str, Any]) -> Iterator[Problem]:
    where = f"hypervisor.storage {wanted.storage}"
    store = stores.get(wanted.storage)
    there = [kind for kind in str((store or {}).get("content", "")).split(",") if kind]
    if store is None:
        yield Problem("no such storage", where=where, remedy=_one_of(stores))
    elif "rootdir" not in there:
        yield Problem(
            "takes no containers (content has no rootdir)",
            where=where,
            remedy=f"pvesm set {wanted.storage} --content {','.join([*there, 'rootdir'])}, or another storage",
        )


def _bridge(wanted: Hypervisor, bridges: Sequence[str]) -> Iterator[Problem]:
    if wanted.bridge not in bridges:
        yield Problem("no such bridge", where=f"hypervisor.bridge {wanted.bridge}", remedy=_one_of(bridges))


def _memory(inventory: Inventory, node: Capacity) -> Iterator[Problem]:
    for name, container in inventory.containers.items():
        if container.memory > node.memory:
            yield Problem(
                f"is to have {show_size(container.memory)}, the node has {show_size(node.memory)}",
                where=f"{name} (CT {container.ct})",
                remedy="take a larger host, or plan less",
            )


def _one_of(names: Sequence[str] | Mapping[str, Any]) -> str:
    return f"one of: {', '.join(sorted(names))}" if names else "make one"
