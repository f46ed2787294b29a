"""New containers: their settings completed as Proxmox does, their disk, and what is written into it once."""

from collections.abc import Mapping
from pathlib import Path

from provisioning.lab import config, containers, disk, guest, image, options, values
from provisioning.lab.commands import run
from provisioning.lab.config import Config
from provisioning.lab.refused import Invalid, Refused
from provisioning.lab.settings import Settings
from provisioning.problem import Problem

KEYS = ("rsa", "ecdsa", "ed25519")
LOCK = "create"


def create(settings: Settings, vmid: int, template: str, given: Mapping[str, str]) -> None:
    """Make a container from the template, stopped. What fails half-way is taken back.

    Until it is whole its configuration is a lock for `create` and nothing else, as on Proxmox: what a killed call left
    has to be unlocked and destroyed.
    """
    _check_free(settings, vmid)
    golden = _golden(settings, vmid, template)
    made = complete(settings, vmid, given)
    size = values.size(values.parse(made["rootfs"], "volume")["size"])
    try:
        config.save(settings, vmid, Config({"lock": LOCK}))
        disk.copy(golden, settings.image(vmid), size)
        _populate(settings, vmid)
        config.save(settings, vmid, Config(made))
    except BaseException as error:
        containers.forget(settings, vmid)
        if isinstance(error, Problem | OSError):
            raise Refused(f"unable to create CT {vmid} - {error}") from None
        raise


def _check_free(settings: Settings, vmid: int) -> None:
    """A disk without a configuration is somebody's loss, perhaps of a container that runs: it is never overwritten."""
    if config.path(settings, vmid).exists():
        raise Refused(f"CT {vmid} already exists on node '{settings.node}'")
    if settings.image(vmid).exists():
        raise Refused(
            f"unable to create CT {vmid} - it has a disk, but no configuration any more: put "
            f"{config.path(settings, vmid)} back, or move {settings.image(vmid)} away once nothing runs from it"
        )


def _golden(settings: Settings, vmid: int, template: str) -> Path:
    base = image.folder(settings.cache)
    known = f"{settings.storage}:vztmpl/{image.TEMPLATE}"
    if template != known or not (base / image.TEMPLATE).exists():
        raise Refused(f"unable to create CT {vmid} - volume '{template}' does not exist; there is: {known}")
    return base / image.GOLDEN


def complete(settings: Settings, vmid: int, given: Mapping[str, str]) -> dict[str, str]:
    """A new container's settings: those given, Proxmox's defaults, and what the node adds. Raises Refused."""
    if given.get("unprivileged", "0") != "1":  # 0 is the default of PVE 8 (facts: Proxmox, TL;DR 5)
        raise Refused(f"unable to create CT {vmid} - the lab has unprivileged containers only: pass --unprivileged 1")
    storage, _, size = given.get("rootfs", f"{settings.storage}:4").partition(",")[0].rpartition(":")
    if (storage or settings.storage) != settings.storage:
        raise Refused(f"unable to create CT {vmid} - storage '{storage}' does not exist")
    try:
        values.number(0.001, 131_072)(size)
    except ValueError as error:
        raise Invalid({"rootfs": f"{error} (STORAGE:GiB is wanted)"}) from None
    volume = f"{settings.storage}:{vmid}/{settings.image(vmid).name}"
    gib = float(size)
    told = f"{size}G" if gib.is_integer() else f"{int(gib * 1024)}M"
    wanted = {"hostname": f"CT{vmid}", **options.DEFAULTS, **given, "rootfs": f"{volume},size={told}"}
    seed = f"{settings.name}/{vmid}"
    return {name: options.completed(name, value, seed) for name, value in wanted.items()}


def _populate(settings: Settings, vmid: int) -> None:
    """Write the guest's files in a mount namespace of its own: no mount is left, whatever becomes of us."""
    wrapper = settings.state / "bin" / "populate"
    run("unshare", "-m", "--propagation", "private", "--", wrapper, str(vmid))


def populate(settings: Settings, vmid: int) -> None:
    """What is done once in a new container's tree: its own ssh host keys.

    The rest of the guest's files are written at each start.
    """
    tree = containers.mount(settings, vmid)
    with guest.opened(tree) as root:
        for kind in KEYS:
            private, public = _host_key(settings, vmid, kind)
            guest.replace(root, f"etc/ssh/ssh_host_{kind}_key", private, 0o600)
            guest.replace(root, f"etc/ssh/ssh_host_{kind}_key.pub", public)
    run("umount", tree)


def _host_key(settings: Settings, vmid: int, kind: str) -> tuple[str, str]:
    file = settings.state / "run" / f"key-{vmid}-{kind}"
    public = file.with_suffix(".pub")
    file.unlink(missing_ok=True)
    try:
        run("ssh-keygen", "-q", "-t", kind, "-N", "", "-C", f"root@CT{vmid}", "-f", file)
        return file.read_text(encoding="ascii"), public.read_text(encoding="ascii")
    finally:
        file.unlink(missing_ok=True)
        public.unlink(missing_ok=True)
