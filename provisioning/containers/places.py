"""Where containers are made: our own node on LXC, or a Proxmox host. Everything else is the same for both."""

import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from provisioning import artifacts
from provisioning.dns import zones
from provisioning.files import make_folder, require_room, write_private
from provisioning.hypervisor.node import Node
from provisioning.hypervisor.transport import Transport
from provisioning.inventory import Inventory
from provisioning.lab import config, host, namespace
from provisioning.lab import node as lab_node
from provisioning.lab.settings import Settings
from provisioning.problem import Problem
from provisioning.state import SYSTEM, State

Report = Callable[[str], None]


class Place(Protocol):
    """A node and what stands around it."""

    @property
    def node(self) -> Node:
        """Whom to give commands."""
        ...

    def unasked(self) -> str | None:
        """Why there is no node to ask (yet, or for us); None where it can be asked."""
        ...

    def kept(self) -> frozenset[int]:
        """Numbers of the containers that are kept while there is no node to ask."""
        ...

    def ailing(self) -> list[str]:
        """Programs of the node itself that `prepare` would start again."""
        ...

    def require(self) -> None:
        """Raises Problem where we may not change anything here."""
        ...

    def check(self) -> None:
        """Raises Problem where this machine cannot do what `prepare` needs; nothing is made."""
        ...

    def prepare(self, report: Report) -> bool:
        """Make what must be there before the first container. True where something was changed."""
        ...

    def enter(self) -> None:
        """Into the network in which the containers are reached."""
        ...

    def down(self) -> bool:
        """Stop what `prepare` made. False where nothing ran."""
        ...

    def destroy(self) -> bool:
        """Remove a node that is ours, with all that it has. False where there was none, or it is not ours."""
        ...


@dataclass(frozen=True)
class LabPlace:
    """The lab: a node of our own in a network namespace of its own."""

    inventory: Inventory
    settings: Settings
    node: Node

    def unasked(self) -> str | None:
        """It answers to root only, once its namespace is there."""
        if os.geteuid() != 0:
            return "the lab's node answers to root only"
        made = namespace.exists(self.settings.netns) and (self.settings.state / "bin" / "pct").exists()
        if made:
            return None
        kept = f"is down; it keeps {len(self.kept())} containers" if self.kept() else "does not exist yet"
        return f"lab {self.inventory.name!r} {kept} (in {self.settings.state})"

    def kept(self) -> frozenset[int]:
        """Those with a configuration in its folder."""
        return frozenset(config.vmids(self.settings))

    def ailing(self) -> list[str]:
        """The name server, and what shows containers their own sizes."""
        return lab_node.ailing(self.settings)

    def require(self) -> None:
        """Only root makes namespaces and mounts."""
        if os.geteuid() != 0:
            raise Problem("needs root", where=f"inventory {self.inventory.name}", remedy="run it with sudo")

    def check(self) -> None:
        """Programs, rights, loop devices, and room on the disk."""
        host.require()
        there = next(folder for folder in self.settings.state.parents if folder.is_dir())
        require_room(there, self.inventory.budget.free_disk)

    def prepare(self, report: Report) -> bool:
        """Image, namespace, bridge, lxcfs, DNS."""
        folder = make_folder(self.settings.state.parent)
        for ours in (folder, *([SYSTEM] if folder.is_relative_to(SYSTEM) else [])):
            ours.chmod(0o711)  # containers' roots pass through; what is private in there has modes of its own
        return lab_node.up(self.settings, zones(self.inventory), report)

    def enter(self) -> None:
        """Into the lab's namespace, for this thread and those that it starts from now on."""
        namespace.enter(self.settings.netns)

    def down(self) -> bool:
        """Containers, DNS, lxcfs and namespace."""
        return lab_node.down(self.settings)

    def destroy(self) -> bool:
        """Everything that the lab ever made here."""
        return lab_node.destroy(self.settings)


@dataclass(frozen=True)
class ProxmoxPlace:
    """A Proxmox host: it is there before us, and stays."""

    inventory: Inventory
    state: State
    node: Node

    def unasked(self) -> str | None:
        """Always asked: a host that does not answer is a Problem of its own."""
        return None

    def kept(self) -> frozenset[int]:
        """A host is always asked."""
        return frozenset()

    def ailing(self) -> list[str]:
        """The host's own programs are not ours."""
        return []

    def require(self) -> None:
        """The host itself says what we may not do."""

    def check(self) -> None:
        """The node itself is asked, once it answers: preflight."""

    def prepare(self, report: Report) -> bool:
        """Write the zone files: DNS is the site's, we only judge its answers."""
        folder = self.state.folder / "zones"
        for name, text in zones(self.inventory).items():
            write_private(folder / f"{name}.zone", text)
        report(f"zone files for the site's DNS server: {folder}")
        return False

    def enter(self) -> None:
        """The site's network is the one that we are in."""

    def down(self) -> bool:
        """The host stays up."""
        return False

    def destroy(self) -> bool:
        """The host is not ours; the zone files go with the state."""
        return False


def place_of(inventory: Inventory, state: State) -> Place:
    """Where this inventory's containers are made."""
    wanted = inventory.required_hypervisor
    if inventory.target == "proxmox":
        return ProxmoxPlace(inventory, state, Node(wanted.node, Transport(ssh=wanted.ssh)))
    settings = lab_settings(inventory, state)
    return LabPlace(inventory, settings, Node(wanted.node, Transport(bin=settings.state / "bin")))


def lab_settings(inventory: Inventory, state: State) -> Settings:
    """The lab's node as the inventory describes it."""
    wanted = inventory.required_hypervisor
    return Settings(
        name=inventory.name,
        state=state.folder / "node",
        cache=artifacts.cache() / "images",
        address=str(inventory.host.address),
        prefix=wanted.prefix,
        gateway=str(wanted.gateway),
        bridge=wanted.bridge,
        node=wanted.node,
        storage=wanted.storage,
    )
