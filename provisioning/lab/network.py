"""The lab's network: a namespace of its own with the bridge that containers join."""

import contextlib
import json
from pathlib import Path

from provisioning.lab import mounts, namespace
from provisioning.lab.commands import run, tried
from provisioning.lab.options import hardware_address
from provisioning.lab.settings import Settings
from provisioning.problem import Problem

MADE = "made-run-netns"
RUN = Path("/run")  # forgotten with the namespaces, when the machine starts anew


def up(settings: Settings) -> bool:
    """Namespace, loopback and bridge with the host's and the gateway's address; True where something was missing."""
    steps = [_namespace(settings), _loopback(settings), _bridge(settings), _addresses(settings), _closed(settings)]
    return any(steps)


def _namespace(settings: Settings) -> bool:
    if namespace.exists(settings.netns):
        require_ours(settings)
        return False
    claim(settings)
    if str(namespace.FOLDER) not in mounts.under(namespace.FOLDER):  # `ip` mounts it on itself for the first one
        (settings.state / "run" / MADE).touch()
    (namespace.FOLDER / settings.netns).unlink(missing_ok=True)  # what a reboot or crash left is a plain file
    run("ip", "netns", "add", settings.netns)
    return True


def owner(settings: Settings) -> Path:
    """Says which lab made the namespace: labs of one name may live in several folders, one at a time."""
    return RUN / f"{settings.netns}.owner"


def claim(settings: Settings) -> None:
    """Write down that the namespace is ours."""
    owner(settings).write_text(str(settings.state), encoding="utf-8")


def require_ours(settings: Settings) -> None:
    """Go on only where nobody else made the namespace that is there, or there is none. Raises Problem."""
    file = owner(settings)
    made_by = file.read_text(encoding="utf-8") if file.exists() else None
    if not namespace.exists(settings.netns) or made_by == str(settings.state):
        return
    remedy = (
        f"take that one down first (DATALAKE_STATE={Path(made_by).parents[1]}), or give the inventory another name"
        if made_by
        else f"if nobody needs it: ip netns del {settings.netns}; or give the inventory another name"
    )
    where = f"network namespace {settings.netns}"
    raise Problem(f"is there already, and {made_by or 'no lab'} made it", where=where, remedy=remedy)


def _loopback(settings: Settings) -> bool:
    if _link(settings, "lo").get("operstate") != "DOWN":
        return False
    run("ip", "-n", settings.netns, "link", "set", "lo", "up")
    return True


def _bridge(settings: Settings) -> bool:
    seen = _link(settings, settings.bridge)
    if seen and dict(seen.get("linkinfo", {})).get("info_kind") != "bridge":  # type: ignore[call-overload]
        raise Problem(
            "is there, and is no bridge", where=f"{settings.bridge} in network namespace {settings.netns}",
            remedy=f"ip -n {settings.netns} link del {settings.bridge}; or name another bridge in the inventory",
        )  # fmt: skip
    if not seen:
        # Without an address of its own it takes the lowest of its ports': each container that starts or stops might
        # change it, and its neighbours would send to the former one for a while.
        own = hardware_address(f"{settings.name}/{settings.bridge}")
        run("ip", "-n", settings.netns, "link", "add", settings.bridge, "address", own, "type", "bridge")
    if "UP" in seen.get("flags", []):  # type: ignore[operator]
        return False
    run("ip", "-n", settings.netns, "link", "set", settings.bridge, "up")
    return True


def _addresses(settings: Settings) -> bool:
    seen = json.loads(run("ip", "-n", settings.netns, "-j", "addr", "show", "dev", settings.bridge))
    have = {one["local"] for link in seen for one in link.get("addr_info", [])}
    missing = [address for address in (settings.address, settings.gateway) if address not in have]
    for address in missing:
        run("ip", "-n", settings.netns, "addr", "add", f"{address}/{settings.prefix}", "dev", settings.bridge)
    return bool(missing)


def _closed(settings: Settings) -> bool:
    """The gateway forwards nothing; a new namespace has the host's own setting, which may be another."""
    setting = "net.ipv4.ip_forward"
    if run("ip", "netns", "exec", settings.netns, "sysctl", "-n", setting).strip() == "0":
        return False
    run("ip", "netns", "exec", settings.netns, "sysctl", "-qw", f"{setting}=0")
    return True


def _link(settings: Settings, name: str) -> dict[str, object]:
    status, out, _ = tried("ip", "-n", settings.netns, "-j", "-d", "link", "show", "dev", name)
    return dict(json.loads(out)[0]) if status == 0 else {}


def down(settings: Settings) -> bool:
    """Remove the namespace, and the mount of /run/netns where the lab's was the first and is the last."""
    file = namespace.FOLDER / settings.netns
    there = file.exists()
    if there:
        tried("ip", "netns", "del", settings.netns)
        file.unlink(missing_ok=True)
    owner(settings).unlink(missing_ok=True)
    made = settings.state / "run" / MADE
    if made.exists() and not any(namespace.FOLDER.iterdir()):
        mounts.release(namespace.FOLDER)
        with contextlib.suppress(OSError):
            namespace.FOLDER.rmdir()
        made.unlink()
    return there
