"""One planned address each, one way out, and everybody reaches everybody (facts: Proxmox, 5: N1 to N3)."""

import json
from ipaddress import ip_interface

import pytest
from testinfra.host import Host

from fixtures.node import Answering, Outside, Planned
from provisioning.inventory import Hypervisor, Inventory

pytestmark = [pytest.mark.requires("containers"), pytest.mark.impact("observe")]
OF_KERNEL = ("local", "broadcast", "multicast", "anycast")  # kinds of routes that come with an address
RULES = ("0: from all lookup local", "32766: from all lookup main", "32767: from all lookup default")


@pytest.mark.verifies("network.addresses")
def test_it_has_its_planned_address_and_no_other(container: Planned, inside: Host, hypervisor: Hypervisor) -> None:
    links = json.loads(inside.check_output("ip -j addr show"))
    # Loopback's own, and the one that IPv6 gives every interface, are nobody's plan.
    seen = sorted(
        f"{a['local']}/{a['prefixlen']} on {link['ifname']}"
        for link in links
        for a in link["addr_info"]
        if a["scope"] != "host" and not (a["family"] == "inet6" and a["scope"] == "link")
    )
    expected = [f"{container.plan.address}/{hypervisor.prefix} on eth0"]
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
    container: Planned, inside: Host, outside: Outside, hypervisor: Hypervisor
) -> None:
    digits = f"{container.plan.ct:06X}"
    mac = ":".join(("BC:24:11", digits[:2], digits[2:4], digits[4:]))
    link = json.loads(inside.check_output("ip -j link show eth0"))[0]
    live = (link["address"].upper(), link["mtu"])
    assert live == (mac, hypervisor.mtu), f"{container}: MAC and MTU are {live}, expected {(mac, hypervisor.mtu)}"
    configured = dict(part.partition("=")[::2] for part in str(outside.config.get("net0")).split(","))
    interface = f"{container.plan.address}/{hypervisor.prefix}"
    expected = {
        "name": "eth0", "bridge": hypervisor.bridge, "hwaddr": mac, "ip": interface,
        "gw": str(hypervisor.gateway), "mtu": str(hypervisor.mtu), "type": "veth",
    }  # fmt: skip
    seen = {**configured, "hwaddr": configured.get("hwaddr", "").upper()}
    assert seen == expected, f"{container}: net0 is configured as {seen}, expected {expected}"


@pytest.mark.verifies("network.routes")
def test_its_only_way_out_is_the_gateway(container: Planned, inside: Host, hypervisor: Hypervisor) -> None:
    routes = json.loads(inside.check_output("ip -j -4 route show table all"))
    seen = sorted(
        # A blackhole has no device, a route over several ways has them elsewhere: both are beyond the plan.
        (route["dst"], route.get("gateway", "-"), route.get("dev", "no device"))
        for route in routes
        if route.get("type") not in OF_KERNEL
    )
    network = ip_interface(f"{container.plan.address}/{hypervisor.prefix}").network
    expected = [(str(network), "-", "eth0"), ("default", str(hypervisor.gateway), "eth0")]
    assert seen == expected, f"{container}: routes are {seen}, expected {expected}"


@pytest.mark.verifies("network.routes")
def test_it_has_no_way_out_by_ipv6_and_no_rules_of_its_own(container: Planned, inside: Host) -> None:
    """Beyond what the kernel adds with each address: those are judged by themselves."""
    routes = json.loads(inside.check_output("ip -j -6 route show table all"))
    ways = [
        route["dst"] for route in routes
        if route.get("type") not in OF_KERNEL and route.get("protocol") != "kernel"
    ]  # fmt: skip
    told = inside.check_output("ip -4 rule show; ip -6 rule show").splitlines()
    rules = [rule for line in told if (rule := " ".join(line.split())) not in RULES]
    assert told and not ways + rules, f"{container}: has routes {ways} of IPv6 and rules {rules}, expected neither"


@pytest.mark.verifies("network.reachable")
def test_it_reaches_every_other_machine(
    container: Planned, inside: Host, containers: list[Planned], inventory: Inventory, hypervisor: Hypervisor
) -> None:
    machines = {str(one): str(one.plan.address) for one in containers if one.name != container.name}
    machines |= {"the host": str(inventory.host.address), "the gateway": str(hypervisor.gateway)}
    # As large as the plan allows, and undivided: a hole in the MTU swallows what matters and lets pings through.
    size = hypervisor.mtu - 28
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
def test_only_it_answers_for_its_address(container: Planned, outside: Outside, answering: Answering) -> None:
    """Somebody who took it would answer, too (facts: Proxmox, 5: N2). Who is silent is for the reachability to say."""
    own = str(outside.config.get("net0")).lower().partition("hwaddr=")[2][:17]
    others = answering.get(str(container.plan.address), frozenset()) - {own}
    assert answering and not others, (
        f"{container}: {sorted(others) or 'nobody at all'} answers for {container.plan.address}, expected {own} alone"
    )


@pytest.mark.verifies("network.hardware")
def test_nobody_answers_for_the_host_or_the_gateway_but_they(
    on_node: Host, inventory: Inventory, hypervisor: Hypervisor, answering: Answering
) -> None:
    """The node does not hear itself; a gateway elsewhere is one machine."""
    links = json.loads(on_node.check_output("ip -j -4 addr show dev %s", hypervisor.bridge))
    own = {address["local"] for link in links for address in link["addr_info"]}
    heard = {
        address: sorted(answering.get(address, frozenset()))
        for address in (str(inventory.host.address), str(hypervisor.gateway))
    }
    wrong = {address: hardware for address, hardware in heard.items() if len(hardware) > (address not in own)}
    assert answering and not wrong, f"the host's or the gateway's address has more owners: {wrong}"
