"""Containers started, stopped and destroyed. Who calls these holds the container's lock."""

import shutil
from pathlib import Path

from provisioning.lab import cgroups, config, disk, guest, lxc, options
from provisioning.lab.commands import run
from provisioning.lab.refused import Refused
from provisioning.lab.settings import Settings
from provisioning.problem import Problem
from provisioning.waiting import wait_until

PATIENCE = 30


def running(settings: Settings, vmid: int) -> bool:
    """Whether it runs. Raises Missing where there is none."""
    config.text_of(settings, vmid)
    return lxc.init_pid(settings, vmid) is not None


def running_pid(settings: Settings, vmid: int) -> int:
    """The first process of a running container. Raises Refused where it does not run."""
    config.text_of(settings, vmid)
    if (pid := lxc.init_pid(settings, vmid)) is None:
        raise Refused(f"container '{vmid}' not running!")
    return pid


def mount(settings: Settings, vmid: int) -> Path:
    """Mount the image on the container's root; for mount namespaces that end with their work."""
    tree = _home(settings, vmid) / "rootfs"
    run("mount", "-o", "loop", settings.image(vmid), tree)
    return tree


def prepared(settings: Settings, vmid: int) -> None:
    """Write the node's files into the mounted tree."""
    host = Path("/etc/resolv.conf")
    text = host.read_text(encoding="utf-8") if host.exists() else ""
    known = options.effective(config.load(settings, vmid).current, vmid)
    guest.prepare(settings.containers / str(vmid) / "rootfs", known, text)


def _home(settings: Settings, vmid: int) -> Path:
    """A container's folder with the mount point of its root, which its users pass through whatever the umask is."""
    home = settings.containers / str(vmid)
    for folder in (home, home / "rootfs"):
        folder.mkdir(exist_ok=True)
        folder.chmod(0o755)
    return home


def start(settings: Settings, vmid: int) -> None:
    """Start it with what was pending. Raises Refused where it runs already, Problem where it cannot."""
    if running(settings, vmid):
        raise Refused(f"CT {vmid} already running")
    if not (settings.lxcfs / "proc" / "meminfo").exists():
        raise Problem("does not run", where=f"lxcfs of lab {settings.name}", remedy="bring the lab up")
    known = config.load(settings, vmid)
    if known.current.get("template") == "1":
        raise Refused("you can't start a CT if it's a template")
    if known.pending or known.deleted:
        known = known.started()
        config.save(settings, vmid, known)
    home = _home(settings, vmid)
    (home / "config").write_text(lxc.render(settings, vmid, known, lxc.Offer.of_host()), encoding="utf-8")
    _ended(settings, vmid)  # after a crash, too: LXC starts on no old groups, and nobody mounts an image twice
    try:
        lxc.start(settings, vmid)
    except Problem:
        _ended(settings, vmid)
        raise


def stop(settings: Settings, vmid: int) -> None:
    """End it at once."""
    _running_or_refused(settings, vmid)
    lxc.stop(settings, vmid, "-k")
    _ended(settings, vmid)


def shutdown(settings: Settings, vmid: int, timeout: int, force: bool) -> None:
    """Ask its init to shut down; after the time-out it is refused, or with `force` ended."""
    _running_or_refused(settings, vmid)
    if not lxc.stop(settings, vmid, "-t", str(timeout), "--nokill") and running(settings, vmid):
        if not force:
            raise Refused(f"command 'lxc-stop -n {vmid} --nokill --timeout {timeout}' failed: got timeout")
        lxc.stop(settings, vmid, "-k")
    _ended(settings, vmid)


def _running_or_refused(settings: Settings, vmid: int) -> None:
    if not running(settings, vmid):
        raise Refused(f"CT {vmid} not running")


def _ended(settings: Settings, vmid: int) -> None:
    """Wait until nothing of it is left: its groups would block the next start, its loop device a destroy."""
    tops = {settings.cgroup, f"{settings.cgroup}.monitor"}
    groups = [group for group in cgroups.of_lab(settings.cgroup) if tops & {*group.parts} and str(vmid) in group.parts]
    wait_until(lambda: cgroups.remove(groups), PATIENCE, f"end of CT {vmid}", interval=0.05)
    wait_until(lambda: not disk.loops(settings.image(vmid)), PATIENCE, f"disk of CT {vmid} free", interval=0.05)


def destroy(settings: Settings, vmid: int, force: bool) -> None:
    """Remove a stopped container and its disk; a running one only with `force`."""
    known = config.load(settings, vmid)
    if known.current.get("protection") == "1":
        raise Refused(f"can't remove CT {vmid} - protection mode enabled")
    if running(settings, vmid):
        if not force:
            raise Refused(f"unable to destroy CT {vmid} - container is running")
        stop(settings, vmid)
    forget(settings, vmid)


def forget(settings: Settings, vmid: int) -> None:
    """Remove what the node keeps of a container; what is not there is no error."""
    settings.image(vmid).unlink(missing_ok=True)
    shutil.rmtree(settings.containers / str(vmid), ignore_errors=True)
    for name in (f"{vmid}", f"{vmid}.hooks"):
        settings.log(name).unlink(missing_ok=True)
    config.path(settings, vmid).unlink(missing_ok=True)  # last: what is listed can be destroyed again
