"""The options of a container, as a table: what each may be, and when a change of it takes effect.

Facts: Proxmox, §1.2 and §1.5 (pve-container LXC/Config.pm, stable-bookworm).
"""

import hashlib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from provisioning.lab.refused import Invalid, UnknownOption
from provisioning.lab.values import (
    Kind,
    address,
    boolean,
    disk_size,
    dns_name,
    integer,
    interface,
    listed,
    matching,
    number,
    one_of,
    parse,
    properties,
    render,
    tags,
    text,
    unicast,
)  # fmt: skip

NET = {
    "name": matching(r"[-_.\w]+", "interface name"),
    "bridge": matching(r"[-_.\w]+", "bridge name"),
    "hwaddr": unicast,
    "ip": interface,
    "gw": address,
    "ip6": text(64),
    "gw6": address,
    "mtu": integer(64, 65535),
    "firewall": boolean,
    "tag": integer(1, 4094),
    "rate": number(0, 100_000),
    "link_down": boolean,
    "type": one_of("veth"),
}
ROOTFS = {
    "volume": matching(r"[^,\s]+", "volume"),
    "size": disk_size,
    "acl": boolean,
    "mountoptions": text(255),
    "quota": boolean,
    "replicate": boolean,
    "ro": boolean,
    "shared": boolean,
}
FEATURES = dict.fromkeys(("nesting", "keyctl", "fuse", "mknod", "force_rw_sys"), boolean) | {"mount": text(255)}
OSTYPES = (
    "debian", "devuan", "ubuntu", "centos", "fedora", "opensuse", "archlinux", "alpine", "gentoo", "nixos", "unmanaged",
)  # fmt: skip
OPTIONS: dict[str, Kind] = {
    "arch": one_of("amd64", "i386", "arm64", "armhf"),
    "cmode": one_of("shell", "console", "tty"),
    "console": boolean,
    "cores": integer(1, 8192),
    "cpulimit": number(0, 8192),
    "cpuunits": integer(0, 500_000),
    "debug": boolean,
    "description": text(8192),
    "features": properties(FEATURES, ""),
    "hostname": dns_name,
    "lock": one_of("backup", "create", "destroyed", "disk", "fstrim", "migrate", "mounted", "rollback", "snapshot"),
    "memory": integer(16),
    "nameserver": listed(address),
    "onboot": boolean,
    "ostype": one_of(*OSTYPES),
    "protection": boolean,
    "rootfs": properties(ROOTFS, "volume", bare=True),
    "searchdomain": listed(dns_name),
    "startup": matching(r"(order=)?\d+(,up=\d+)?(,down=\d+)?|up=\d+(,down=\d+)?|down=\d+", "startup order"),
    "swap": integer(0),
    "tags": tags,
    "template": boolean,
    "timezone": text(255),
    "tty": integer(0, 6),
    "unprivileged": boolean,
}
NET_KIND = properties(NET, "name")
NUMBERED = re.compile(r"(net)(\d|[12]\d|3[01])")
CREATE_ONLY: dict[str, Kind] = {
    "password": text(255, 5),
    "start": boolean,
    "storage": text(255),
}
SET_ONLY: dict[str, Kind] = {"delete": listed(text(64)), "digest": text(40), "revert": listed(text(64))}
DEFAULTS = {"arch": "amd64", "memory": "512", "ostype": "debian", "swap": "512"}  # written when created
WHOLE = (
    "console",
    "cores",
    "cpuunits",
    "debug",
    "memory",
    "onboot",
    "protection",
    "swap",
    "template",
    "tty",
    "unprivileged",
)
# Applied to a running container, and written down at once; every other option waits for its next start.
HOT = {"memory", "swap", "cpulimit", "cpuunits", "cores"}
AT_ONCE = {*HOT, "description", "onboot", "startup", "protection", "hostname", "tags", "lock", "template"}
IMMUTABLE = ("unprivileged", "arch", "ostype")
REQUIRED = ("memory", "rootfs", "arch", "ostype", "unprivileged")


def kind_of(name: str, extra: Mapping[str, Kind]) -> Kind:
    """How this option's value is judged. Raises UnknownOption."""
    if name in extra:
        return extra[name]
    if NUMBERED.fullmatch(name):
        return NET_KIND
    if name in OPTIONS:
        return OPTIONS[name]
    raise UnknownOption(name)


def checked(given: Mapping[str, str], extra: Mapping[str, Kind]) -> dict[str, str]:
    """The options in canonical form. Raises Invalid with every bad value, UnknownOption for a name."""
    kinds = {name: kind_of(name, extra) for name in given}
    good, bad = dict[str, str](), dict[str, str]()
    for name, value in given.items():
        try:
            good[name] = kinds[name](value)
        except ValueError as error:
            bad[name] = str(error)
    if bad:
        raise Invalid(bad)
    return good


def effective(current: Mapping[str, str], vmid: int) -> dict[str, str]:
    """The settings with defaults for what a file, perhaps edited by hand, leaves out."""
    return {**DEFAULTS, "hostname": f"CT{vmid}", **current}


def is_net(name: str) -> bool:
    """Whether the option is a network interface."""
    return NUMBERED.fullmatch(name) is not None


def completed(name: str, value: str, seed: str, before: str | None = None) -> str:
    """An interface with the parts that Proxmox adds: its type, and a hardware address that it then keeps."""
    if not is_net(name):
        return value
    parts = parse(value)
    kept = parse(before).get("hwaddr") if before else None
    parts.setdefault("hwaddr", kept or hardware_address(f"{seed}/{name}"))
    return render({**parts, "type": "veth"}, "name")


def hardware_address(seed: str) -> str:
    """An address under Proxmox's own prefix; the same seed gives the same one."""
    digits = hashlib.sha256(seed.encode()).hexdigest().upper()
    return f"BC:24:11:{digits[:2]}:{digits[2:4]}:{digits[4:6]}"


@dataclass(frozen=True)
class Change:
    """What a `set` does: `now` is written to the current section, `later` to the pending one; `dropped` likewise."""

    now: Mapping[str, str]
    later: Mapping[str, str]
    dropped_now: tuple[str, ...]
    dropped_later: tuple[str, ...]


def change(given: Mapping[str, str], deleted: Iterable[str], current: Mapping[str, str], running: bool) -> Change:
    """Split a `set` by when its parts take effect: in a stopped container all of it at once.

    Raises Invalid for what is never changed after create, or needed.
    """
    gone = tuple(deleted)
    bad = {
        name: "unable to modify read-only option"
        for name in given
        if name in IMMUTABLE and given[name] != current.get(name)
    }
    bad |= {name: f"unable to delete required option '{name}'" for name in gone if name in REQUIRED}
    if bad:
        raise Invalid(bad)
    at_once = {name for name in (*given, *gone) if not running or name in AT_ONCE or _same_link(name, given, current)}
    return Change(
        now={name: value for name, value in given.items() if name in at_once},
        later={name: value for name, value in given.items() if name not in at_once},
        dropped_now=tuple(name for name in gone if name in at_once),
        dropped_later=tuple(name for name in gone if name not in at_once),
    )


def _same_link(name: str, given: Mapping[str, str], current: Mapping[str, str]) -> bool:
    """Whether an interface keeps its link and changes its addresses, which is done while the container runs.

    Also `rootfs`, whose `size` is text only (facts: Proxmox, TL;DR 7).
    """
    if name == "rootfs" and name in given:
        return True
    if not is_net(name) or name not in given or name not in current:
        return False
    addresses = ("ip", "gw", "ip6", "gw6")
    before, after = parse(current[name]), parse(given[name])
    return {k: v for k, v in before.items() if k not in addresses} == {
        k: v for k, v in after.items() if k not in addresses
    }
