"""What every container of the lab and of a Proxmox host should be: all of it said aloud, nothing left to a default."""

import re
from collections import Counter
from ipaddress import ip_interface
from pathlib import Path

import pytest

from provisioning.hypervisor.desired import Desired, desired, mac, spelled
from provisioning.hypervisor.values import properties
from provisioning.inventory import load

EXPLICIT = {
    "hostname", "memory", "swap", "cores", "net0", "nameserver", "searchdomain", "unprivileged", "features", "onboot",
    "startup", "tags", "ostype",
}  # fmt: skip
ALL = [
    pytest.param(inventory, name, id=f"{inventory}-{name}")
    for inventory in ("lab", "proxmox")
    for name in load(inventory).containers
]


def wanted(inventory: str, name: str) -> Desired:
    return desired(load(inventory))[name]


@pytest.mark.parametrize(("inventory", "name"), ALL)
def test_no_container_leaves_an_option_to_a_default(inventory: str, name: str) -> None:
    options = wanted(inventory, name).options
    assert options.keys() == EXPLICIT, f"{name}: {EXPLICIT ^ options.keys()}"
    assert all(options.values()), f"{name}: {options}"


@pytest.mark.parametrize(("inventory", "name"), ALL)
def test_a_container_gets_what_the_plan_says_in_the_units_of_proxmox(inventory: str, name: str) -> None:
    plan, one = load(inventory).containers[name], wanted(inventory, name)
    options = one.options
    assert (one.vmid, options["hostname"]) == (plan.ct, name)
    sizes = {key: int(options[key]) for key in ("memory", "swap", "cores")}
    assert sizes == {"memory": plan.memory // 2**20, "swap": 512, "cores": plan.cores}
    assert (one.disk_gib, options["startup"]) == (plan.disk // 10**9, f"order={plan.order}")


@pytest.mark.parametrize(("inventory", "name"), ALL)
def test_no_containers_root_is_a_root_of_the_host(inventory: str, name: str) -> None:
    options = wanted(inventory, name).options
    seen = {key: options[key] for key in ("unprivileged", "features", "onboot", "ostype")}
    assert seen == {"unprivileged": "1", "features": "nesting=1", "onboot": "1", "ostype": "debian"}, f"{name}: {seen}"


@pytest.mark.parametrize(("inventory", "name"), ALL)
def test_a_network_names_its_interface_bridge_address_and_gateway(inventory: str, name: str) -> None:
    site = load(inventory)
    assert site.hypervisor is not None
    net = properties(wanted(inventory, name).options["net0"])
    address = ip_interface(net.pop("ip"))
    assert (address.ip, address.network.prefixlen) == (site.containers[name].address, 24), f"{name}: {address}"
    assert net == {
        "name": "eth0",
        "bridge": "vmbr0",
        "hwaddr": mac(site.containers[name].ct),
        "gw": str(site.hypervisor.gateway),
        "mtu": "1500",
    }


@pytest.mark.parametrize(("inventory", "name"), ALL)
def test_a_container_asks_the_hosts_name_server_in_the_plans_domain(inventory: str, name: str) -> None:
    options = wanted(inventory, name).options
    assert (options["nameserver"], options["searchdomain"]) == ("192.168.4.25", "gti.local"), f"{name}: {options}"


@pytest.mark.parametrize("inventory", ["lab", "proxmox"])
def test_no_two_containers_share_a_number_an_address_or_a_mac(inventory: str) -> None:
    all_of_them = desired(load(inventory)).values()
    nets = [properties(one.options["net0"]) for one in all_of_them]
    unique = [*(one.vmid for one in all_of_them), *(net[key] for net in nets for key in ("ip", "hwaddr"))]
    assert [value for value, times in Counter(unique).items() if times > 1] == []


def test_containers_come_in_their_start_order() -> None:
    orders = [int(one.options["startup"].removeprefix("order=")) for one in desired(load("lab")).values()]
    assert orders == sorted(orders) and len(orders) == 7, orders


@pytest.mark.parametrize("vmid", [100, 109, 121, 65_535, 2**24 - 1])
def test_a_mac_is_one_of_proxmoxs_own_for_a_single_machine(vmid: int) -> None:
    address = mac(vmid)
    assert re.fullmatch(r"BC:24:11(:[0-9A-F]{2}){3}", address), address
    assert int(address[:2], 16) % 2 == 0, f"{address} is multicast"


def test_a_mac_follows_from_the_number_and_differs_between_numbers() -> None:
    assert mac(109) == mac(109) == "BC:24:11:00:00:6D"
    assert len({mac(number) for number in range(100, 1100)}) == 1000


def test_the_command_is_what_one_would_type() -> None:
    one = Desired("kafka", 109, "local:vztmpl/debian.tar.zst", "local-lvm", 20, {"memory": "4096", "onboot": "1"})
    assert one.create == [
        "pct", "create", "109", "local:vztmpl/debian.tar.zst", "--rootfs", "local-lvm:20", "--memory", "4096",
        "--onboot", "1",
    ]  # fmt: skip
    assert str(one) == "kafka (CT 109)"


def test_options_are_spelled_a_word_each_even_where_a_value_has_spaces() -> None:
    assert spelled({"nameserver": "192.168.4.25 192.168.4.26"}) == ["--nameserver", "192.168.4.25 192.168.4.26"]
    assert spelled({}) == []


def test_what_an_inventory_says_of_its_node_reaches_every_container(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(
        'format = 1\nextends = "proxmox"\nname = "mine"\n[hypervisor]\nbridge = "vmbr7"\nprefix = 22\nmtu = 9000\n'
        'tag = "lake"\nstorage = "tank"\n[containers.kafka]\nswap = "1 GiB"\n'
    )
    one = desired(load(str(path)))["kafka"]
    net = properties(one.options["net0"])
    assert (net["bridge"], net["mtu"], net["ip"]) == ("vmbr7", "9000", "192.168.4.34/22"), net
    assert (one.options["tags"], one.options["swap"], one.storage) == ("lake", "1024", "tank"), one


@pytest.mark.parametrize("inventory", ["plan", "local"])
def test_an_inventory_that_makes_no_container_has_nothing_desired(inventory: str) -> None:
    with pytest.raises(AssertionError, match="makes no containers"):
        desired(load(inventory))
