"""Each container is the planned one: number, name, privileges, nobody's twin (facts: Proxmox, 5: L1, L3, D1, P2)."""

from collections import Counter
from collections.abc import Mapping

import pytest
from testinfra.host import Host

from fixtures.node import Outside, Planned
from provisioning.inventory import Inventory

pytestmark = [pytest.mark.requires("containers"), pytest.mark.impact("observe")]
UNSHIFTED, SHIFTED, RANGE = 0, 100000, 65536


@pytest.mark.verifies("containers.exist")
def test_the_container_is_there_and_runs(container: Planned, outsides: Mapping[str, Outside]) -> None:
    seen = outsides[container.name].listed
    assert seen is not None, f"{container}: not there; the node has no container of that number"
    assert seen["status"] == "running", f"{container}: {seen['status']}, expected running"


@pytest.mark.verifies("containers.identity")
def test_the_shell_is_inside_the_container_that_it_claims(container: Planned, inside: Host, outside: Outside) -> None:
    init, own = outside.namespace("net"), inside.check_output("readlink /proc/self/ns/net")
    assert own == init, f"{container}: the shell is in {own}, the container's init in {init}"


@pytest.mark.verifies("containers.identity")
def test_its_name_is_the_planned_one(container: Planned, inside: Host, outside: Outside, inventory: Inventory) -> None:
    full = inside.run("hostname -f").stdout.strip()  # fails where the name is in no file and unknown to the server
    seen = (outside.config.get("hostname"), inside.check_output("hostname"), full)
    expected = (container.name, container.name, f"{container.name}.{inventory.domain}")
    assert seen == expected, f"{container}: configured, inside and full name are {seen}, expected {expected}"


@pytest.mark.verifies("containers.identity")
def test_it_runs_the_planned_debian(container: Planned, inside: Host, inventory: Inventory) -> None:
    seen = (inside.system_info.distribution, str(inside.system_info.release).partition(".")[0])
    expected = ("debian", inventory.versions["debian"])
    assert seen == expected, f"{container}: system and release are {seen}, expected {expected}"


@pytest.mark.verifies("containers.unprivileged")
def test_its_root_is_nobody_on_the_node(container: Planned, inside: Host, outside: Outside) -> None:
    shift = [UNSHIFTED, SHIFTED, RANGE]
    for kind in ("uid", "gid"):
        outer = outside.shell.check_output("cat /proc/%s/%s_map", str(outside.pid), kind).split()
        assert [int(number) for number in outer] == shift, f"{container}: {kind} map is {outer}, expected {shift}"
    assert str(outside.config.get("unprivileged")) == "1", f"{container}: configured as privileged"
    assert inside.user("root").uid == UNSHIFTED, f"{container}: root is not user 0 inside"


@pytest.mark.verifies("containers.unique")
@pytest.mark.parametrize(
    ("what", "command"),
    [
        ("machine-id", "cat /etc/machine-id"),
        ("MAC address", "cat /sys/class/net/eth0/address"),
        ("name", "hostname"),
    ],
)
def test_no_two_containers_share(everyone: Mapping[str, Host], what: str, command: str) -> None:
    seen = {name: host.check_output(command) for name, host in everyone.items()}
    times = Counter(seen.values())
    shared = {name: value for name, value in seen.items() if times[value] > 1 or not value}
    assert not shared, f"{what} is not each container's own: {shared}"


@pytest.mark.verifies("containers.unique")
def test_no_two_containers_share_a_host_key(everyone: Mapping[str, Host]) -> None:
    read = "for key in /etc/ssh/ssh_host_*_key; do ssh-keygen -yf $key; done | cut -d' ' -f2"  # what sshd shows
    seen = [(key, name) for name, host in everyone.items() for key in host.check_output(read).split()]
    times = Counter(key for key, _ in seen)
    shared = [f"{name} has {key[-16:]}" for key, name in seen if times[key] > 1]
    assert len(seen) >= len(everyone) and not shared, f"ssh host key is not each container's own: {shared}"


@pytest.mark.verifies("containers.unique")
def test_no_address_is_on_two_containers(outsides: Mapping[str, Outside], everyone: Mapping[str, Host]) -> None:
    owners = [
        (address["ip-address"], str(outside.planned))
        for outside in outsides.values()
        for interface in outside.interfaces
        for address in interface["ip-addresses"]
        if not address["ip-address"].startswith(("127.", "::1", "fe80:"))  # every machine's own
    ]
    times = Counter(address for address, _ in owners)
    shared = [f"{name} has {address}" for address, name in owners if times[address] > 1]
    assert len(owners) >= len(everyone) and not shared, f"{', '.join(shared) or owners}: expected one container each"
