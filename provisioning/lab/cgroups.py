"""Control groups: which family the host has, a container's limits in it, and what is left of a lab there.

Limits lie on the outer group and the container runs in `ns` below it, as on Proxmox: a systemd inside that rewrites
its own limits does not touch them (facts: Proxmox, TL;DR 10).
"""

import contextlib
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

ROOT = Path("/sys/fs/cgroup")
NEEDED = ("memory", "cpuset")
INNER = "ns"
MIB = 1 << 20
PERIOD = 100_000  # microseconds that a CPU quota is counted in


@dataclass(frozen=True)
class Family:
    """The hierarchy that holds the controllers. LXC ignores keys of the other kind (facts: Proxmox, TL;DR 14)."""

    root: Path
    unified: bool

    @property
    def key(self) -> str:
        """What LXC's configuration keys begin with."""
        return "lxc.cgroup2" if self.unified else "lxc.cgroup"

    def group(self, controller: str, path: str) -> Path:
        """The folder of a group as this controller sees it."""
        return self.root / path if self.unified else self.root / controller / path


def family(root: Path = ROOT) -> Family:
    """Unified only where the root itself is cgroup2: a hybrid host keeps its controllers in v1."""
    return Family(root, (root / "cgroup.controllers").exists())


def missing(root: Path = ROOT) -> list[str]:
    """Controllers that limits need and the host does not offer."""
    if family(root).unified:
        offered = (root / "cgroup.controllers").read_text(encoding="ascii").split()
        return [name for name in NEEDED if name not in offered]
    return [name for name in NEEDED if not (root / name / "cgroup.procs").exists()]


def limits(config: Mapping[str, str], unified: bool, swap_counted: bool) -> dict[str, str]:
    """Memory limits by file name (facts: Proxmox, §1.3). v1 counts memory and swap together, v2 apart."""
    memory, swap = int(config["memory"]) * MIB, int(config.get("swap", 0)) * MIB
    if unified:
        high = memory - 128 * MIB if memory >= 16384 * MIB else int(config["memory"]) * 1024 * 1016
        return {"memory.high": str(high), "memory.max": str(memory), "memory.swap.max": str(swap)}
    both = {"memory.memsw.limit_in_bytes": str(memory + swap)} if swap_counted else {}
    return {"memory.limit_in_bytes": str(memory), **both}


def swap_counted(family: Family) -> bool:
    """Whether the kernel accounts for swap: v1 refuses to start a container with a limit that has no file."""
    return family.unified or (family.root / "memory" / "memory.memsw.limit_in_bytes").exists()


def quota(config: Mapping[str, str], unified: bool) -> dict[str, str]:
    """CPU quota, none without a limit, and weight where it is set, by file name (facts: Proxmox, §1.3)."""
    limit, units = float(config.get("cpulimit", 0)), config.get("cpuunits")
    share = str(int(limit * PERIOD))
    if unified:
        bound = {"cpu.max": f"{share if limit else 'max'} {PERIOD}"}
        return bound | ({"cpu.weight": str(min(max(int(units), 1), 10_000))} if units else {})
    bound = {"cpu.cfs_period_us": str(PERIOD), "cpu.cfs_quota_us": share if limit else "-1"}
    return bound | ({"cpu.shares": str(max(int(units), 2))} if units else {})


def cpus(online: list[int], cores: int, vmid: int) -> str:
    """The CPUs of a container: as many as it has cores and the host offers, beginning at another for each id."""
    count = min(cores, len(online)) or len(online)
    chosen = sorted(online[(vmid + step) % len(online)] for step in range(count))
    return ",".join(map(str, chosen))


def parse_cpus(text: str) -> list[int]:
    """`0-2,5` as numbers."""
    ranges = (part.partition("-") for part in text.strip().split(",") if part)
    return [number for first, _, last in ranges for number in range(int(first), int(last or first) + 1)]


def online(family: Family) -> list[int]:
    """CPUs that this host's root group has."""
    file = "cpuset.cpus.effective" if family.unified else "cpuset/cpuset.cpus"
    return parse_cpus((family.root / file).read_text(encoding="ascii"))


def set_limits(family: Family, path: str, values: Mapping[str, str]) -> None:
    """Write limits to a running container's outer group.

    v1 wants memory <= memory+swap at every moment, so what is written first depends on the direction: either order is
    tried. lxc-cgroup would write the inner group instead (facts: LXC lab, §4).
    """
    group = family.group("memory", path)
    for file, value in (*values.items(), *values.items()):
        with contextlib.suppress(OSError):
            (group / file).write_text(value, encoding="ascii")
    if wrong := [file for file, value in values.items() if not _holds(group / file, value)]:
        raise OSError(f"{group}: the kernel refused {', '.join(wrong)}: more is in use")


def set_quota(family: Family, path: str, values: Mapping[str, str]) -> None:
    """Write CPU quota and weight of a running container."""
    for file, value in values.items():
        (family.group("cpu", path) / file).write_text(value, encoding="ascii")


def set_cpus(family: Family, path: str, chosen: str) -> None:
    """Give a running container other CPUs; v1 wants the inner group's to be among the outer's at every moment."""
    outer = family.group("cpuset", path)
    groups = [outer, *([] if family.unified else [outer / INNER])]
    for group in (*groups, *groups):
        with contextlib.suppress(OSError):
            (group / "cpuset.cpus").write_text(chosen, encoding="ascii")
    if parse_cpus((outer / "cpuset.cpus").read_text(encoding="ascii")) != parse_cpus(chosen):
        raise OSError(f"{outer}: the kernel refused CPUs {chosen}")


def _holds(file: Path, value: str) -> bool:
    # The kernel keeps whole pages.
    return abs(int(file.read_text(encoding="ascii")) - int(value)) < 4096


def number(file: Path) -> int:
    """What a file of a group counts; 0 where the group is gone."""
    try:
        return int(file.read_text(encoding="ascii"))
    except (OSError, ValueError):
        return 0


def of_lab(name: str, root: Path = ROOT) -> list[Path]:
    """Groups of a lab in every hierarchy, the deepest first."""
    tops = [root, *(folder for folder in root.iterdir() if folder.is_dir() and (folder / "cgroup.procs").exists())]
    roots = [top / kind for top in tops for kind in (name, f"{name}.monitor", f"{name}.pivot")]
    # os.walk, since groups of other containers may vanish while we look: pathlib's rglob would stumble over that.
    found = {Path(folder) for top in roots for folder, _, _ in os.walk(top)}
    return sorted(found, key=lambda folder: (-len(folder.parts), folder))


def processes(groups: list[Path]) -> set[int]:
    """Who is in these groups."""
    found = set()
    for group in groups:
        with contextlib.suppress(OSError):
            found |= {int(pid) for pid in (group / "cgroup.procs").read_text(encoding="ascii").split()}
    return found


def remove(groups: list[Path]) -> bool:
    """Remove these groups, given deepest first; True when all are gone."""
    for group in groups:
        with contextlib.suppress(OSError):
            group.rmdir()
    return not any(group.exists() for group in groups)
