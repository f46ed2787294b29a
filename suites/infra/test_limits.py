"""Memory, swap and cores are the planned ones: configured, in force outside, and seen inside; the disk as it is made.

facts: Proxmox, 5: R1 to R4. Inside, the kernel's own files say `max`: lxcfs is what shows a container its limits, and
the outer control group is what sets them.
"""

import pytest
from testinfra.host import Host

from fixtures.node import Outside, Planned

pytestmark = [pytest.mark.requires("containers"), pytest.mark.impact("observe")]
MIB, GIB = 2**20, 2**30
EXT4_OVERHEAD = 0.96  # of the planned size at least is left for files (measured: 0.9745 of 10 GiB, facts: Proxmox, 4.6)


@pytest.mark.verifies("containers.memory")
def test_its_memory_is_configured_as_planned(container: Planned, outside: Outside) -> None:
    seen, expected = int(outside.config.get("memory", 512)), container.plan.memory // MIB
    assert seen == expected, f"{container}: configured memory is {seen} MiB, expected {expected} MiB"


@pytest.mark.verifies("containers.memory")
def test_its_memory_is_limited_as_planned(container: Planned, alive: Outside) -> None:
    seen = alive.limit("memory", "memory.limit_in_bytes", "memory.max")
    assert seen == str(container.plan.memory), (
        f"{container}: the control group allows {seen} bytes of memory, expected {container.plan.memory}"
    )


@pytest.mark.verifies("containers.memory")
@pytest.mark.comparable("memory")
def test_it_sees_the_planned_memory(container: Planned, inside: Host) -> None:
    seen = int(inside.check_output("awk '/^MemTotal/ {print $2}' /proc/meminfo")) * 1024
    assert seen == container.plan.memory, f"{container}: inside, MemTotal is {seen}, expected {container.plan.memory}"


@pytest.mark.verifies("containers.swap")
def test_its_swap_is_configured_as_planned(container: Planned, outside: Outside) -> None:
    seen, expected = int(outside.config.get("swap", 512)), container.plan.swap // MIB
    assert seen == expected, f"{container}: configured swap is {seen} MiB, expected {expected} MiB"


@pytest.mark.verifies("containers.swap")
def test_its_swap_is_limited_as_planned(container: Planned, alive: Outside) -> None:
    together = container.plan.memory if alive.hierarchy("memory") else 0  # v1 counts memory and swap together
    seen = int(alive.limit("memory", "memory.memsw.limit_in_bytes", "memory.swap.max").replace("max", "-1")) - together
    assert seen == container.plan.swap, (
        f"{container}: the control group allows {seen} bytes of swap, expected {container.plan.swap}"
    )


@pytest.mark.verifies("containers.swap")
@pytest.mark.comparable("swap")
def test_it_sees_the_planned_swap(container: Planned, inside: Host) -> None:
    seen = int(inside.check_output("awk '/^SwapTotal/ {print $2}' /proc/meminfo")) * 1024
    assert seen == container.plan.swap, f"{container}: inside, SwapTotal is {seen}, expected {container.plan.swap}"


@pytest.mark.verifies("containers.cores")
def test_its_cores_are_configured_as_planned(container: Planned, outside: Outside) -> None:
    seen = outside.config.get("cores")
    assert str(seen) == str(container.plan.cores), (
        f"{container}: configured cores are {seen}, expected {container.plan.cores}"
    )


@pytest.mark.verifies("containers.cores")
@pytest.mark.comparable("cores")
def test_it_may_use_the_planned_cores(container: Planned, inside: Host, outside: Outside) -> None:
    outer = outside.limit("cpuset", "cpuset.cpus", "cpuset.cpus.effective")
    seen = (cpus_in(outer), int(inside.check_output("nproc")))
    assert seen == (container.plan.cores, container.plan.cores), (
        f"{container}: cores of the control group ({outer}) and inside are {seen}, expected {container.plan.cores}"
    )


@pytest.mark.verifies("containers.cores")
def test_nothing_else_limits_its_time(container: Planned, alive: Outside) -> None:
    seen = alive.limit("cpu", "cpu.cfs_quota_us", "cpu.max").split()[0]
    assert seen in ("-1", "max"), f"{container}: its quota of CPU time is {seen}, expected none"


@pytest.mark.verifies("containers.disk")
def test_its_disk_is_configured_as_planned(container: Planned, outside: Outside) -> None:
    volume, *rest = str(outside.config.get("rootfs")).split(",")
    assert rest == [f"size={container.plan.disk_gib}G"], (
        f"{container}: rootfs is {volume} with {rest}, expected size={container.plan.disk_gib}G and no more"
    )


@pytest.mark.verifies("containers.disk")
def test_its_disk_is_as_large_as_planned(container: Planned, inside: Host) -> None:
    blocks, size = inside.check_output("stat -f -c '%b %S' /").split()
    seen, planned = int(blocks) * int(size), container.plan.disk_gib * GIB
    assert EXT4_OVERHEAD * planned <= seen <= planned, (
        f"{container}: its file system has {seen} bytes, expected {EXT4_OVERHEAD:.0%} to 100 % of {planned}"
    )


@pytest.mark.verifies("containers.room")
def test_its_disk_has_room(container: Planned, inside: Host) -> None:
    blocks, of_blocks, inodes, of_inodes = map(int, inside.check_output("stat -f -c '%a %b %d %c' /").split())
    left = (blocks / of_blocks, inodes / of_inodes)
    assert min(left) >= 0.1, (
        f"{container}: {left[0]:.0%} of its disk is free, {left[1]:.0%} of its inodes; expected 10 % or more"
    )
    options = inside.check_output("findmnt -no OPTIONS /").split(",")
    assert "rw" in options, f"{container}: its root is mounted {options[0]}, expected rw"


@pytest.mark.verifies("containers.disk")
def test_its_disk_is_its_own(container: Planned, inside: Host, outside: Outside) -> None:
    own, nodes = inside.check_output("stat -c %d /"), outside.shell.check_output("stat -c %d /")
    assert own != nodes, f"{container}: its root lies on the node's own file system (device {own})"


def cpus_in(ranges: str) -> int:
    """`0-1,3` -> 3. Which cores they are means nothing: Proxmox balances them anew from time to time."""
    bounds = [part.partition("-") for part in ranges.split(",") if part]
    return sum(int(last or first) - int(first) + 1 for first, _, last in bounds)
