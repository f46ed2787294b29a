"""The node itself: what it runs, what it has, and what only a real Proxmox can show."""

import json
import time

import pytest
from testinfra.host import Host

from fixtures.node import Outside, Planned
from provisioning.hypervisor.node import Node
from provisioning.inventory import Hypervisor, Inventory

pytestmark = [pytest.mark.requires("containers"), pytest.mark.impact("observe")]
LEFT_BY_KERNEL = 0.95  # of the memory that is built in
THIN = ("lvmthin", "zfspool", "rbd", "btrfs", "dir")  # images grow as they are written (dir: raw and sparse)


@pytest.mark.verifies("host.node")
def test_it_answers_as_the_planned_proxmox(node: Node, inventory: Inventory) -> None:
    seen, planned = node.release().partition(".")[0], inventory.versions["proxmox"]
    assert seen == planned, f"node {node.name}: Proxmox VE {seen}, planned {planned}"


@pytest.mark.verifies("host.node")
def test_the_bridge_has_the_planned_address(on_node: Host, inventory: Inventory, hypervisor: Hypervisor) -> None:
    links = json.loads(on_node.check_output("ip -j -4 addr show dev %s", hypervisor.bridge))
    seen = {f"{entry['local']}/{entry['prefixlen']}" for link in links for entry in link["addr_info"]}
    expected = f"{inventory.host.address}/{hypervisor.prefix}"
    surplus = seen - {expected, f"{hypervisor.gateway}/{hypervisor.prefix}"}
    assert expected in seen and not surplus, (
        f"{hypervisor.bridge} has {sorted(seen)}, expected {expected}, at most the gateway's beside it"
    )


@pytest.mark.verifies("network.closed")
@pytest.mark.requires("isolated")
def test_it_forwards_nothing(on_node: Host) -> None:
    seen = on_node.check_output("sysctl -n net.ipv4.ip_forward net.ipv6.conf.all.forwarding").split()
    assert seen == ["0", "0"], f"the node forwards (IPv4, IPv6: {seen}), expected ['0', '0']"


@pytest.mark.verifies("host.node")
def test_it_has_no_container_that_nobody_planned(node: Node, inventory: Inventory) -> None:
    planned = {container.ct for container in inventory.containers.values()}
    seen = {number: entry["name"] for number, entry in node.containers().items() if number not in planned}
    assert not seen, f"node {node.name} has containers beyond the plan: {seen}"


@pytest.mark.verifies("host.capacity")
@pytest.mark.requires("proxmox")
def test_it_is_as_large_as_planned(node: Node, inventory: Inventory) -> None:
    """Of the memory the kernel keeps some for itself; disks count whole, however Proxmox has divided them."""
    capacity, planned = node.capacity(), inventory.host
    disks = sum(int(disk["size"]) for disk in node.get(f"/nodes/{node.name}/disks/list"))
    seen = {"cores": capacity.cores, "memory": capacity.memory, "disk": disks}
    expected = {"cores": planned.cores, "memory": int(planned.memory * LEFT_BY_KERNEL), "disk": planned.disk}
    short = [f"{seen[name]} of {name}, expected {expected[name]}" for name in seen if seen[name] < expected[name]]
    assert not short, f"node {node.name} has {', '.join(short)}"


@pytest.mark.verifies("host.clock")
def test_the_node_and_we_have_the_same_time(on_node: Host) -> None:
    before = time.time()
    seen = float(on_node.check_output("date +%s.%N"))
    off = max(before - seen, seen - time.time(), 0)
    assert off < 2, f"the node's clock is {off:.1f} s from this machine's, expected less than 2 s"


@pytest.mark.verifies("host.clock")
@pytest.mark.requires("proxmox")
def test_its_clock_is_kept_by_ntp(on_node: Host) -> None:
    seen = on_node.check_output("timedatectl show --property=NTPSynchronized --value")
    assert seen == "yes", f"the node's clock: NTPSynchronized is {seen}, expected yes"


@pytest.mark.verifies("host.proxmox")
@pytest.mark.requires("proxmox")
def test_its_storage_is_thin(node: Node, hypervisor: Hypervisor) -> None:
    """120 GB are planned on 100 GB: on thick storage the last `pct create` fails."""
    stores = {entry["storage"]: entry["type"] for entry in node.get(f"/nodes/{node.name}/storage")}
    seen = stores.get(hypervisor.storage)
    assert seen in THIN, f"storage {hypervisor.storage} is {seen}, expected one of {THIN}"


@pytest.mark.verifies("host.proxmox")
@pytest.mark.requires("proxmox")
def test_apparmor_confines_it(container: Planned, alive: Outside) -> None:
    seen = alive.shell.check_output("cat /proc/%s/attr/current", str(alive.pid))
    assert f"lxc-{container.plan.ct}" in seen, (
        f"{container}: AppArmor profile is {seen!r}, expected lxc-{container.plan.ct}"
    )


@pytest.mark.verifies("host.proxmox")
@pytest.mark.requires("proxmox")
def test_it_is_started_at_boot(on_node: Host) -> None:
    seen = on_node.service("pve-guests").is_enabled
    assert seen, "unit pve-guests is not enabled: no container starts with its node"
