"""What a container should be: the inventory's words in Proxmox's terms. Pure.

Nothing is left to a default: Proxmox 8 makes a privileged container where 9 makes an unprivileged one, takes the host's
nameserver where none is given, and half a gibibyte of swap (facts: Proxmox, TL;DR 5 and 1.2).
"""

from collections.abc import Mapping
from dataclasses import dataclass

from provisioning.hypervisor.values import property_string, words
from provisioning.inventory import Container, Hypervisor, Inventory
from provisioning.problem import Problem


@dataclass(frozen=True)
class Desired:
    """One container as it should be: `options` as `pct create` takes them, without its disk."""

    name: str
    vmid: int
    template: str
    storage: str
    disk_gib: int
    options: Mapping[str, str]

    def __str__(self) -> str:
        return f"{self.name} (CT {self.vmid})"

    def is_ours(self, tags: str) -> bool:
        """Whether a container with these tags was made by us: only such a one may be removed."""
        return self.options["tags"] in words(tags)

    def stranger(self, name: str, tags: str) -> Problem | None:
        """The objection to a container of this number that has neither our tag nor our name: somebody else's."""
        if self.is_ours(tags) or name == self.name:
            return None
        return Problem(
            f"is called {name!r} there, with tags {tags or 'none'}: somebody else's",
            where=str(self),
            remedy="plan another number; or, if it is ours, give it its name or our tag",
        )

    @property
    def create(self) -> list[str]:
        """`pct create …` as one would type it."""
        rootfs = f"{self.storage}:{self.disk_gib}"
        return ["pct", "create", str(self.vmid), self.template, "--rootfs", rootfs, *spelled(self.options)]


def desired(inventory: Inventory) -> dict[str, Desired]:
    """Every container of an inventory that makes some, in its start order."""
    node = inventory.required_hypervisor
    ordered = sorted(inventory.containers.items(), key=lambda entry: (entry[1].order, entry[1].ct))
    return {
        name: Desired(name, plan.ct, node.template, node.storage, plan.disk_gib, _options(name, plan, node, inventory))
        for name, plan in ordered
    }


def _options(name: str, plan: Container, node: Hypervisor, inventory: Inventory) -> dict[str, str]:
    net = {
        "name": "eth0",
        "bridge": node.bridge,
        "hwaddr": mac(plan.ct),
        "ip": f"{plan.address}/{node.prefix}",
        "gw": str(node.gateway),
        "mtu": str(node.mtu),
    }
    return {
        "hostname": name,
        "memory": str(plan.memory // 2**20),
        "swap": str(plan.swap // 2**20),
        "cores": str(plan.cores),
        "net0": property_string(net),
        "nameserver": str(inventory.host.address),
        "searchdomain": inventory.domain,
        "unprivileged": "1",
        "features": "nesting=1",  # systemd's sandboxes need it under AppArmor (facts: Proxmox, 4.7)
        "onboot": "1",
        "startup": f"order={plan.order}",
        "tags": node.tag,
        "ostype": "debian",
    }


def mac(vmid: int) -> str:
    """An address of Proxmox's own range that follows from the number, so that it survives a reset."""
    digits = f"{vmid:06X}"
    return f"BC:24:11:{digits[:2]}:{digits[2:4]}:{digits[4:]}"


def spelled(options: Mapping[str, str]) -> list[str]:
    """Options as words of a command line."""
    return [word for key, value in options.items() for word in (f"--{key}", value)]
