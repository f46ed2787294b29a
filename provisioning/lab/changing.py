"""Changes of containers: settings, now or at the next start, and the size of the disk."""

import contextlib
from collections.abc import Mapping

from provisioning.lab import cgroups, config, disk, lxc, options, values
from provisioning.lab.commands import run
from provisioning.lab.refused import Invalid, Refused
from provisioning.lab.settings import Settings
from provisioning.problem import Problem


def resize(settings: Settings, vmid: int, name: str, wanted: str) -> None:
    """Grow the root file system to a size, or by `+` one. Raises Refused for a smaller or an equal one."""
    known = config.load(settings, vmid)
    if name != "rootfs":
        raise Refused(f"volume '{name}' does not exist")
    try:
        parts = values.parse(known.current["rootfs"], "volume")
        before = settings.image(vmid).stat().st_size
        size = values.size(wanted.removeprefix("+")) + (before if wanted.startswith("+") else 0)
    except ValueError as error:
        raise Invalid({"size": str(error)}) from None
    if size == before:
        raise Refused("disk is already at specified size")
    if size < before:
        raise Refused("unable to shrink disk size")
    pid = lxc.init_pid(settings, vmid)
    if pid is not None and not lxc.may_grow_mounted():
        raise Problem(
            "a mounted file system cannot be grown without CAP_SYS_RESOURCE", where=f"CT {vmid}",
            remedy="shut the container down, resize it and start it again",
        )  # fmt: skip
    disk.grow(settings.image(vmid), size, None if pid is None else lxc.monitor_of(pid))
    parts["size"] = told(size)
    config.save(settings, vmid, known.changed({"rootfs": values.render(parts, "volume", bare=True)}, {}))


def told(size: int) -> str:
    """A disk size in the largest unit that divides it."""
    for unit in ("T", "G", "M", "K"):
        if size % values.UNITS[unit] == 0:
            return f"{size // values.UNITS[unit]}{unit}"
    return str(size)


def change(settings: Settings, vmid: int, given: Mapping[str, str], deleted: tuple[str, ...]) -> None:
    """Carry out a `set`: what can be is applied to the running container, the rest waits (facts: Proxmox, §1.5)."""
    known, pid = config.load(settings, vmid), lxc.init_pid(settings, vmid)
    seed = f"{settings.name}/{vmid}"
    wanted = {name: options.completed(name, value, seed, known.current.get(name)) for name, value in given.items()}
    split = options.change(wanted, deleted, known.current, pid is not None)
    after = known.without(split.dropped_now, split.dropped_later).changed(split.now, split.later)
    if pid is not None:
        apply(settings, vmid, pid, known.current, options.effective(after.current, vmid))
    config.save(settings, vmid, after)


def apply(settings: Settings, vmid: int, pid: int, before: Mapping[str, str], after: Mapping[str, str]) -> None:
    """Bring a running container's limits and addresses in line. Raises Refused where the kernel will not."""
    offer, path = lxc.Offer.of_host(), lxc.group(settings, vmid)
    try:
        if _differs(before, after, "memory", "swap"):
            cgroups.set_limits(offer.family, path, cgroups.limits(after, offer.family.unified, offer.swap_counted))
        if _differs(before, after, "cpulimit", "cpuunits"):
            cgroups.set_quota(offer.family, path, cgroups.quota(after, offer.family.unified))
        if _differs(before, after, "cores"):
            cgroups.set_cpus(offer.family, path, cgroups.cpus(offer.online, lxc.cores(after, offer.online), vmid))
    except OSError as error:
        raise Refused(f"error updating limits of CT {vmid} - {error}") from None
    for name in filter(options.is_net, after):
        if _differs(before, after, name):
            _readdress(pid, values.parse(before.get(name, "")) if name in before else {}, values.parse(after[name]))


def _differs(before: Mapping[str, str], after: Mapping[str, str], *names: str) -> bool:
    return any(before.get(name) != after.get(name) for name in names)


def _readdress(pid: int, before: Mapping[str, str], after: Mapping[str, str]) -> None:
    """Change a link's IPv4 address and gateway; what routes say is Proxmox's warning, too, not an error."""
    ip = ["nsenter", "-t", str(pid), "-n", "ip"]
    if "/" in before.get("ip", ""):
        with contextlib.suppress(Problem):
            run(*ip, "addr", "del", before["ip"], "dev", after["name"])
    if "/" in after.get("ip", ""):
        run(*ip, "addr", "replace", after["ip"], "dev", after["name"])
    if "gw" in after:
        with contextlib.suppress(Problem):
            run(*ip, "route", "replace", "default", "via", after["gw"], "dev", after["name"])
