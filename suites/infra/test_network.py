"""One planned address each, one way out, and everybody reaches everybody (facts: Proxmox, 5: N1 to N3)."""

import json
from collections.abc import Mapping
from ipaddress import ip_interface

import pytest
from testinfra.host import Host

from fixtures.node import Outside, Planned
from provisioning.inventory import Hypervisor, Inventory

pytestmark = [pytest.mark.requires("containers"), pytest.mark.impact("observe")]


@pytest.fixture
def net(inventory: Inventory) -> Hypervisor:
    assert inventory.hypervisor is not None
    return inventory.hypervisor


@pytest.mark.verifies("network.addresses")
def test_it_has_its_planned_address_and_no_other(container: Planned, inside: Host, net: Hypervisor) -> None:
    links = json.loads(inside.check_output("ip -j addr show"))
    # Loopback's own, and the one that IPv6 gives every interface, are nobody's plan.
    seen = sorted(
        f"{a['local']}/{a['prefixlen']} on {link['ifname']}"
        for link in links
        for a in link["addr_info"]
        if a["scope"] != "host" and not (a["family"] == "inet6" and a["scope"] == "link")
    )
    expected = [f"{container.plan.address}/{net.prefix} on eth0"]
    assert seen == expected, f"{container}: addresses are {seen}, expected {expected}"


@pytest.mark.verifies("network.addresses")
def test_the_node_sees_the_planned_address(container: Planned, alive: Outside) -> None:
    seen = {
        entry["ip-address"]
        for interface in alive.interfaces
        if interface["name"] == "eth0"
        for entry in interface["ip-addresses"]
        if entry["ip-address-type"] == "inet"
    }
    assert str(container.plan.address) in seen, (
        f"{container}: {seen or 'no address'}, expected {container.plan.address}"
    )


@pytest.mark.verifies("network.hardware")
def test_its_interface_is_the_configured_one(
    container: Planned, inside: Host, outside: Outside, net: Hypervisor
) -> None:
    digits = f"{container.plan.ct:06X}"
    mac = ":".join(("BC:24:11", digits[:2], digits[2:4], digits[4:]))
    link = json.loads(inside.check_output("ip -j link show eth0"))[0]
    live = (link["address"].upper(), link["mtu"])
    assert live == (mac, net.mtu), f"{container}: MAC and MTU are {live}, expected {(mac, net.mtu)}"
    configured = dict(part.partition("=")[::2] for part in str(outside.config["net0"]).split(","))
    expected = {
        "name": "eth0", "bridge": net.bridge, "hwaddr": mac, "ip": f"{container.plan.address}/{net.prefix}",
        "gw": str(net.gateway), "mtu": str(net.mtu), "type": "veth",
    }  # fmt: skip
    seen = {**configured, "hwaddr": configured.get("hwaddr", "").upper()}
    assert seen == expected, f"{container}: net0 is configured as {seen}, expected {expected}"


@pytest.mark.verifies("network.routes")
def test_its_only_way_out_is_the_gateway(container: Planned, inside: Host, net: Hypervisor) -> None:
    routes = json.loads(inside.check_output("ip -j -4 route show"))
    seen = sorted((route["dst"], route.get("gateway", "-"), route["dev"]) for route in routes)
    network = ip_interface(f"{container.plan.address}/{net.prefix}").network
    expected = [(str(network), "-", "eth0"), ("default", str(net.gateway), "eth0")]
    assert seen == expected, f"{container}: routes are {seen}, expected {expected}"
    other = inside.check_output(
        "ip -6 route show default; ip rule show | grep -v 'lookup \\(local\\|main\\|default\\)' || true"
    )
    assert not other, f"{container}: has other ways: {other!r}, expected no default of IPv6 and no rules"


@pytest.mark.verifies("network.reachable")
def test_it_reaches_every_other_machine(
    container: Planned, inside: Host, containers: list[Planned], inventory: Inventory, net: Hypervisor
) -> None:
    machines = {str(one): str(one.plan.address) for one in containers if one.name != container.name}
    machines |= {"the host": str(inventory.host.address), "the gateway": str(net.gateway)}
    # As large as the plan allows, and undivided: a hole in the MTU swallows what matters and lets pings through.
    size = net.mtu - 28
    pings = [f"ping -nqc1 -W2 -M do -s {size} {address} >/dev/null && echo {address}" for address in machines.values()]
    answered = set(inside.check_output(f"{' & '.join(pings)} & wait").split())
    silent = [f"{name} ({address})" for name, address in machines.items() if address not in answered]
    assert answered and not silent, f"{container}: gets no answer from {', '.join(silent)}"


@pytest.mark.verifies("network.reachable")
def test_its_neighbours_let_it_knock(container: Planned, inside: Host, containers: list[Planned]) -> None:
    others = [one for one in containers if one.name != container.name]
    knocks = [
        f"timeout 3 bash -c '</dev/tcp/{one.plan.address}/22' 2>/dev/null && echo {one.plan.address}" for one in others
    ]
    opened = set(inside.check_output(f"{' & '.join(knocks)} & wait").split())
    closed = [str(one) for one in others if str(one.plan.address) not in opened]
    assert opened and not closed, f"{container}: finds port 22 closed at {', '.join(closed)}"


@pytest.mark.verifies("network.closed")
@pytest.mark.requires("isolated")
def test_it_reaches_nothing_beyond_its_network(container: Planned, inside: Host) -> None:
    """A gateway that would forward says that the one hop is used up, or that it knows no way; any other is silent.

    192.0.2.1 is for documentation (RFC 5737): nobody has it.
    """
    result = inside.run("ping -nqc1 -t1 -W0.2 192.0.2.1")
    said = [line for line in (result.stdout + result.stderr).splitlines() if "transmitted" in line or "ping:" in line]
    closed = (" 0 received, 100% packet loss", "Network is unreachable")  # silence; or no route to begin with
    assert any(word in line for line in said for word in closed), (
        f"{container}: towards 192.0.2.1 somebody answers ({said}), expected silence: no way out"
    )


@pytest.mark.verifies("network.ports")
def test_it_listens_where_it_should_and_nowhere_else(container: Planned, inside: Host) -> None:
    lines = inside.check_output("ss -Hltnu").splitlines()
    seen = sorted({f"{words[0]} {words[4]}" for words in map(str.split, lines)})
    expected = ["tcp 0.0.0.0:22", "tcp [::]:22"]
    assert seen == expected, f"{container}: listens on {seen}, expected {expected}"


@pytest.mark.verifies("network.hardware")
def test_each_neighbour_answers_with_its_own_hardware(
    everyone: Mapping[str, Host], containers: list[Planned], outsides: Mapping[str, Outside]
) -> None:
    """A machine that took an address would answer with a MAC of its own (facts: Proxmox, 5: N2).

    Who does not answer at all is for the reachability to say.
    """
    wrong = []
    for asker, host in list(everyone.items())[:2]:  # two, so that the first one's own address is asked for, too
        others = [one for one in containers if str(one) != asker]
        host.run(f"ip neigh flush dev eth0; {''.join(f'ping -nqc1 -W2 {one.plan.address} & ' for one in others)} wait")
        entries = json.loads(host.check_output("ip -j neigh show"))
        seen = {entry["dst"]: entry["lladdr"] for entry in entries if "lladdr" in entry}
        assert seen, f"{asker}: sees no neighbour"
        wrong += [
            f"{asker} sees {one} ({address}) as {seen[address]}, expected {mac}"
            for one in others
            if (address := str(one.plan.address)) in seen
            and (mac := str(outsides[one.name].config["net0"]).lower().partition("hwaddr=")[2][:17]) != seen[address]
        ]
    assert not wrong, f"somebody else answers: {'; '.join(wrong)}"
