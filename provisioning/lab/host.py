"""What a host must have for a lab, and how it gets it."""

import contextlib
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

from provisioning.lab import cgroups
from provisioning.lab.commands import run, tried
from provisioning.problem import Problem

PROGRAMS = {  # by the package that brings them, as facts: LXC lab, §2
    "lxc": "lxc-start",
    "lxcfs": "lxcfs",
    "mmdebstrap": "mmdebstrap",
    "bind9": "named",
    "bind9-dnsutils": "dig",
    "bind9-utils": "named-checkconf",
    "uidmap": "newuidmap",
    "zstd": "zstd",
    "fuse3": "fusermount3",
    "iproute2": "ip",
    "openssh-client": "ssh-keygen",
    "e2fsprogs": "resize2fs",
}
UNITS = {"lxc": ("lxc.service", "lxc-net.service"), "lxcfs": ("lxcfs.service",), "bind9": ("named.service",)}
DEVICES = ("/dev/loop-control", "/dev/fuse")
POLICY = Path("/usr/sbin/policy-rc.d")
REMEDY = "sudo make lab"


def require() -> None:
    """Go on only where this host has what a lab needs. Raises Problem."""
    if lacks := lacking():
        raise Problem("; ".join(lacks), where="this host", remedy=f"{REMEDY} installs what can be installed")


def lacking() -> list[str]:
    """What this host lacks for a lab, a line each with its remedy; empty where a lab can be brought up."""
    found = [] if os.geteuid() == 0 else ["not root: containers, mounts and namespaces need it; run it with sudo"]
    found += [f"package {name} is not installed: {REMEDY}" for name in _missing_packages()]
    found += [f"{device} is missing: load its kernel module" for device in DEVICES if not Path(device).exists()]
    found += _loops(found)
    found += [f"no {name} cgroup controller: mount it or enable it for the root group" for name in cgroups.missing()]
    return found


def install(report: Callable[[str], None]) -> None:
    """Install the missing packages. None of them starts a service: named would take port 53, lxc-net the firewall."""
    missing = _missing_packages()
    if not missing:
        report("the host has every package that a lab needs")
        return
    report(f"installing {', '.join(missing)} …")
    with _no_service_starts():
        run("apt-get", "update", "-qq")
        run("apt-get", "install", "-qq", "--no-install-recommends", *missing)
    for unit in (unit for package in missing for unit in UNITS.get(package, ())):
        tried("systemctl", "disable", "--now", unit)  # nor at the next boot; where there is no systemd, nothing does
    report("installed")


def _loops(found: list[str]) -> list[str]:
    """Every container's disk takes a loop device; where more is missing, that is said first."""
    status, _, said = (0, "", "") if found else tried("losetup", "-f")
    return [f"no free loop device ({said.strip()}): end what holds them, see losetup -a"] if status else []


def _missing_packages() -> list[str]:
    path = f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin"
    return [package for package, program in PROGRAMS.items() if not shutil.which(program, path=path)]


@contextlib.contextmanager
def _no_service_starts() -> Iterator[None]:
    """Debian's maintainer scripts start nothing while policy-rc.d answers 101; what was there comes back."""
    kept = POLICY.with_name("policy-rc.d.before-datalake")
    if not kept.exists() and POLICY.exists():  # it is there after an interruption: then it, not POLICY, is the host's
        POLICY.rename(kept)
    POLICY.write_text("#!/bin/sh\nexit 101\n", encoding="utf-8")
    POLICY.chmod(0o755)
    try:
        yield
    finally:
        if kept.exists():
            kept.rename(POLICY)
        else:
            POLICY.unlink(missing_ok=True)
