"""LXC underneath: the configuration that it starts a container with, and its commands.

Every lxc-* command must run in the lab's network namespace: its control socket is abstract, and elsewhere a running
container reads STOPPED (facts: Proxmox, TL;DR 13).
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from provisioning.lab import cgroups, values
from provisioning.lab.commands import Failed, tried
from provisioning.lab.config import Config
from provisioning.lab.options import effective, is_net
from provisioning.lab.settings import Settings
from provisioning.lab.shifting import FIRST_ID, IDS

SHARED = Path("/usr/share/lxc/config")
APPARMOR = Path("/sys/kernel/security/apparmor")
# What lxcfs shows a container as its own. The lab binds these from its own lxcfs: the package's hook knows one folder
# of the host only, and two labs would share a daemon.
SEEN = ("cpuinfo", "diskstats", "loadavg", "meminfo", "slabinfo", "stat", "swaps", "uptime")
CAP_SYS_RESOURCE = 24  # linux/capability.h
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


@dataclass(frozen=True)
class Offer:
    """What the host offers to a container that starts."""

    family: cgroups.Family
    online: list[int]
    swap_counted: bool
    apparmor: bool

    @classmethod
    def of_host(cls) -> "Offer":
        """This host's."""
        family = cgroups.family()
        return cls(family, cgroups.online(family), cgroups.swap_counted(family), APPARMOR.exists())


def group(settings: Settings, vmid: int) -> str:
    """A container's control group."""
    return f"{settings.cgroup}/{vmid}"


def cores(config: Mapping[str, str], online: list[int]) -> int:
    """CPUs that a container gets: its cores, but no more than the host has; unset means all."""
    return min(int(config.get("cores", len(online))), len(online))


def render(settings: Settings, vmid: int, config: Config, offer: Offer) -> str:
    """LXC's configuration of a container (facts: LXC lab, §4; Proxmox, §1.3)."""
    now, home = effective(config.current, vmid), settings.containers / str(vmid)
    lines = [
        f"lxc.include = {SHARED}/common.conf",
        f"lxc.include = {SHARED}/userns.conf",
        "lxc.hook.mount =",  # the package's lxcfs hooks, which would show the host's lxcfs instead of the lab's
        "lxc.hook.post-stop =",
        f"lxc.apparmor.profile = {'generated' if offer.apparmor else 'unconfined'}",
        *(["lxc.apparmor.allow_nesting = 1"] if offer.apparmor and _nesting(now) else []),
        f"lxc.uts.name = {now['hostname']}",
        f"lxc.rootfs.path = dir:{home}/rootfs",
        "lxc.monitor.unshare = 1",  # mount and loop device vanish with the monitor, however it ends
        f"lxc.hook.pre-start = {settings.state}/bin/prestart",
        f"lxc.idmap = u 0 {FIRST_ID} {IDS}",
        f"lxc.idmap = g 0 {FIRST_ID} {IDS}",
        "lxc.cgroup.relative = 0",
        f"lxc.cgroup.dir.monitor = {settings.cgroup}.monitor/{vmid}",
        f"lxc.cgroup.dir.monitor.pivot = {settings.cgroup}.pivot",
        f"lxc.cgroup.dir.container = {group(settings, vmid)}",
        f"lxc.cgroup.dir.container.inner = {cgroups.INNER}",
        *(f"{offer.family.key}.{file} = {value}" for file, value in _limits(vmid, now, offer).items()),
        *(f"lxc.mount.entry = {settings.lxcfs}/proc/{name} proc/{name} none bind,optional 0 0" for name in SEEN),
        f"lxc.mount.entry = {settings.lxcfs}/{_CPU} {_CPU} none rbind,optional 0 0",
        f"lxc.tty.max = {now.get('tty', '2')}",
        "lxc.environment = TERM=linux",
        *(line for name in sorted(filter(is_net, now)) for line in _net(settings, vmid, name, now[name])),
        *(f"{key} = {value}" for key, value in config.raw),
    ]
    return "\n".join(lines) + "\n"


_CPU = "sys/devices/system/cpu"


def _nesting(config: Mapping[str, str]) -> bool:
    return values.parse(config["features"]).get("nesting") == "1" if "features" in config else False


def _limits(vmid: int, config: Mapping[str, str], offer: Offer) -> dict[str, str]:
    return {
        **cgroups.limits(config, offer.family.unified, offer.swap_counted),
        "cpuset.cpus": cgroups.cpus(offer.online, cores(config, offer.online), vmid),
        **(cgroups.quota(config, offer.family.unified) if {"cpulimit", "cpuunits"} & {*config} else {}),
    }


def _net(settings: Settings, vmid: int, name: str, value: str) -> list[str]:
    """No `link`: with one, LXC looks the bridge up in the host's /sys and takes it for Open vSwitch."""
    net, key = values.parse(value), f"lxc.net.{name.removeprefix('net')}"
    return [
        f"{key}.type = veth",
        f"{key}.veth.pair = veth{vmid}i{name.removeprefix('net')}",
        f"{key}.name = {net['name']}",
        f"{key}.hwaddr = {net['hwaddr']}",
        *([] if net.get("link_down") == "1" else [f"{key}.flags = up"]),
        *([f"{key}.mtu = {net['mtu']}"] if "mtu" in net else []),
        *([f"{key}.script.up = {settings.state}/bin/netup {net['bridge']}"] if "bridge" in net else []),
    ]


def init_pid(settings: Settings, vmid: int) -> int | None:
    """The container's first process as the host sees it; None where it does not run."""
    _, out, _ = tried("lxc-info", "-P", settings.containers, "-n", str(vmid), "-pH")
    return int(out) if out.strip().isdigit() and int(out) > 0 else None


def start(settings: Settings, vmid: int) -> None:
    """Start it with the configuration that is written. Raises Failed with what its log says."""
    log, hooks = settings.log(str(vmid)), settings.log(f"{vmid}.hooks")
    for file in (log, hooks):
        file.unlink(missing_ok=True)
    status, _, err = tried("lxc-start", "-P", settings.containers, "-n", str(vmid), "-d", "-o", log, "-l", "INFO")
    if status != 0:
        raise Failed(f"startup for container '{vmid}'", _text(hooks) or _errors(_text(log)) or err)


def _text(file: Path) -> str:
    return file.read_text(encoding="utf-8", errors="replace") if file.exists() else ""


def _errors(log: str) -> str:
    """What LXC's log says went wrong; the first is the cause."""
    return "\n".join(line.split(" - ", 1)[-1] for line in log.splitlines() if " ERROR " in line)


def stop(settings: Settings, vmid: int, *options: str) -> bool:
    """Stop it; `-k` kills, `-t N --nokill` asks its init. True when it did."""
    return tried("lxc-stop", "-P", settings.containers, "-n", str(vmid), *options)[0] == 0


def attach(settings: Settings, vmid: int, keep_env: bool, *command: str) -> list[str]:
    """The command that runs `command` inside, as the container's root."""
    env = ["--keep-env"] if keep_env else ["--clear-env", "--set-var", f"PATH={PATH}"]
    return ["lxc-attach", "-P", str(settings.containers), "-n", str(vmid), *env, "--", *command]


def monitor_of(pid: int) -> int:
    """The process that started this container; its mount namespace holds the container's image."""
    with open(f"/proc/{pid}/stat", encoding="ascii") as file:
        return int(file.read().rpartition(")")[2].split()[1])


def may_grow_mounted(status: str = "") -> bool:
    """Whether root here may resize a mounted ext4, which takes CAP_SYS_RESOURCE; root in a sandbox may lack it."""
    text = status or Path("/proc/self/status").read_text(encoding="ascii")
    effective = next(line.split()[1] for line in text.splitlines() if line.startswith("CapEff:"))
    return bool(int(effective, 16) >> CAP_SYS_RESOURCE & 1)


def uptime(pid: int) -> int:
    """Seconds since a process began."""
    with open(f"/proc/{pid}/stat", encoding="ascii") as file:
        began = int(file.read().rpartition(")")[2].split()[19]) / os.sysconf("SC_CLK_TCK")
    with open("/proc/uptime", encoding="ascii") as file:
        return max(0, int(float(file.read().split()[0]) - began))
