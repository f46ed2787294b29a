"""What the node says of its containers, as data (facts: Proxmox, §1.6)."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

from provisioning.lab import cgroups, config, disk, lxc, values
from provisioning.lab.commands import run
from provisioning.lab.config import Config
from provisioning.lab.options import WHOLE, effective
from provisioning.lab.settings import Settings

Row = dict[str, Any]  # as JSON has it


def of(settings: Settings, vmid: int) -> Row:
    """One container's state and size: bytes and seconds. Raises Missing."""
    now = effective(config.load(settings, vmid).current, vmid)
    pid = lxc.init_pid(settings, vmid)
    family = cgroups.family()
    seen: Row = {
        "vmid": vmid,
        "name": now["hostname"],
        "type": "lxc",
        "status": "stopped" if pid is None else "running",
        "maxmem": int(now["memory"]) * cgroups.MIB,
        "maxswap": int(now["swap"]) * cgroups.MIB,
        "cpus": int(now.get("cores", len(cgroups.online(family)))),
        "maxdisk": _planned_size(now.get("rootfs", "")),
        **dict.fromkeys(("cpu", "disk", "diskread", "diskwrite", "mem", "netin", "netout", "swap", "uptime"), 0),
        **{name: now[name] for name in ("tags", "lock", "template") if name in now},
    }
    return seen if pid is None else seen | _live(settings, vmid, pid, family)


def _planned_size(rootfs: str) -> int:
    """Bytes; 0 where the configuration is damaged: the others are listed all the same."""
    try:
        return values.size(values.parse(rootfs, "volume")["size"])
    except (ValueError, KeyError):
        return 0


def _live(settings: Settings, vmid: int, pid: int, family: cgroups.Family) -> Row:
    try:
        size, used = disk.usage(pid)
        received, sent = _traffic(pid)
        uptime = lxc.uptime(pid)
    except (OSError, IndexError):  # it has just ended
        return {"status": "stopped"}
    memory = family.group("memory", lxc.group(settings, vmid))
    used_memory = cgroups.number(memory / ("memory.current" if family.unified else "memory.usage_in_bytes"))
    return {
        "pid": pid, "maxdisk": size, "disk": used, "mem": used_memory, "netin": received, "netout": sent,
        "uptime": uptime,
    }  # fmt: skip


def _traffic(pid: int) -> tuple[int, int]:
    """Bytes received and sent by all links of the container but its loopback."""
    with open(f"/proc/{pid}/net/dev", encoding="ascii") as file:
        rows = [line.replace(":", " ").split() for line in file.readlines()[2:]]
    links = [row for row in rows if row[0] != "lo"]
    return sum(int(row[1]) for row in links), sum(int(row[9]) for row in links)


def pending(known: Config) -> list[Row]:
    """A row for each setting: its value, what is pending for it, or that it will be deleted."""
    return [dict(_pending(known, key)) for key in sorted({*known.current, *known.pending})]


def _pending(known: Config, key: str) -> Iterator[tuple[str, Any]]:
    yield "key", key
    for name, section in (("value", known.current), ("pending", known.pending)):
        if key in section:
            yield name, typed(key, section[key])
    if key in known.deleted:
        yield "delete", 1


def typed(key: str, value: str) -> str | int:
    """Whole numbers and booleans are numbers in JSON; `cpulimit` comes as text."""
    return int(value) if key in WHOLE else value


def configuration(settings: Settings, vmid: int, current: bool) -> Row:
    """The settings that are set (defaults are absent), with the file's digest."""
    text = config.text_of(settings, vmid)
    known = config.parse(text)
    shown: Mapping[str, str] = known.current if current else known.merged()
    found: Row = {key: typed(key, value) for key, value in shown.items()}
    return found | {"digest": config.digest(text)} | ({"lxc": [list(pair) for pair in known.raw]} if known.raw else {})


def interfaces(settings: Settings, vmid: int) -> list[Row] | None:
    """Addresses as the container's own network stack has them; None where it does not run."""
    config.text_of(settings, vmid)
    if (pid := lxc.init_pid(settings, vmid)) is None:
        return None
    links = json.loads(run("nsenter", "-t", str(pid), "-n", "ip", "-j", "addr"))
    return [_interface(link) for link in links]


def _interface(link: Mapping[str, Any]) -> Row:
    found = [(one["family"], one["local"], one["prefixlen"]) for one in link["addr_info"]]
    addresses = [{"ip-address": ip, "ip-address-type": family, "prefix": prefix} for family, ip, prefix in found]
    old = {family: f"{ip}/{prefix}" for family, ip, prefix in reversed(found)}  # marked for removal upstream
    return {
        "name": link["ifname"], "hardware-address": link["address"], "hwaddr": link["address"],
        "ip-addresses": addresses, **old,
    }  # fmt: skip
