"""Every machine finds every other by name, both ways, and asks nobody else (facts: Proxmox, 5: D1 to D3)."""

import dns.exception
import dns.flags
import dns.message
import dns.query
import dns.rcode
import dns.reversename
import pytest
from testinfra.host import Host

from fixtures.node import Planned
from provisioning.inventory import Inventory

pytestmark = [pytest.mark.requires("containers"), pytest.mark.impact("observe")]
TIMEOUT = 3.0


@pytest.mark.verifies("network.names")
def test_it_finds_every_machine_by_name_and_by_address(container: Planned, inside: Host, inventory: Inventory) -> None:
    """Of itself it would ask its own files: the others are what counts."""
    machines = {name: str(plan.address) for name, plan in inventory.containers.items()}
    others = {"pve": str(inventory.host.address), **machines}
    others.pop(container.name)
    asked = " ".join(f"{name}.{inventory.domain}" for name in others)
    quickly = "export RES_OPTIONS='timeout:1 attempts:1'"  # a server that is silent is told by what is missing
    forward = inside.check_output(
        f"{quickly}; for n in {asked}; do echo $n $(getent ahostsv4 $n | cut -d' ' -f1 | sort -u); done"
    )
    backward = inside.check_output(
        f"{quickly}; for a in {' '.join(others.values())}; do getent hosts $a || echo $a; done"
    )
    seen = [*forward.splitlines(), *(" ".join(line.split()) for line in backward.splitlines())]
    expected = [f"{name}.{inventory.domain} {address}" for name, address in others.items()]
    expected += [f"{address} {name}.{inventory.domain}" for name, address in others.items()]
    wrong = [f"{line!r} (expected {right!r})" for line, right in zip(seen, expected, strict=True) if line != right]
    assert others and not wrong, f"{container}: names resolve as {', '.join(wrong)}"


@pytest.mark.verifies("network.names")
def test_its_own_files_name_no_other_machine(container: Planned, inside: Host, inventory: Inventory) -> None:
    """Such a line would be believed before the server, and outlive the next move of an address."""
    others = {name: str(plan.address) for name, plan in inventory.containers.items() if name != container.name}
    known = {*others, *(f"{name}.{inventory.domain}" for name in others), *others.values()}
    lines = inside.check_output("grep -v '^[[:space:]]*#' /etc/hosts").splitlines()
    wrong = [line for line in lines if known & {*line.split()}]
    assert lines and not wrong, f"{container}: /etc/hosts has {wrong}, expected no other machine of the plan"


@pytest.mark.verifies("network.names")
def test_short_names_and_its_own_are_the_planned_addresses(
    container: Planned, inside: Host, containers: list[Planned]
) -> None:
    ask = "; ".join(f"echo {one.name} $(getent ahostsv4 {one.name} | cut -d' ' -f1 | sort -u)" for one in containers)
    seen = inside.check_output(ask).splitlines()
    expected = [f"{one.name} {one.plan.address}" for one in containers]
    wrong = [f"{line!r} (expected {right!r})" for line, right in zip(seen, expected, strict=True) if line != right]
    assert containers and not wrong, f"{container}: short names resolve as {', '.join(wrong)}"


@pytest.mark.verifies("network.resolver")
def test_it_asks_the_planned_server_in_the_planned_domain(
    container: Planned, inside: Host, inventory: Inventory
) -> None:
    lines = [line.split() for line in inside.check_output("cat /etc/resolv.conf").splitlines()]
    seen = sorted(" ".join(words) for words in lines if words and words[0] in ("nameserver", "search", "domain"))
    expected = [f"nameserver {inventory.host.address}", f"search {inventory.domain}"]
    assert seen == expected, f"{container}: resolv.conf has {seen}, expected {expected}"


@pytest.mark.verifies("network.resolver")
def test_names_of_the_zone_are_not_left_to_multicast(container: Planned, inside: Host) -> None:
    """`.local` belongs to multicast DNS: `mdns4_minimal [NOTFOUND=return]` before dns would never ask the server."""
    sources = inside.check_output("sed -n 's/^hosts: *//p' /etc/nsswitch.conf").split()
    before_dns = sources[: sources.index("dns")] if "dns" in sources else sources
    assert "dns" in sources and not [word for word in before_dns if word.startswith(("mdns", "["))], (
        f"{container}: hosts are looked up by {' '.join(sources)}, expected dns before any mdns"
    )


def ask(inventory: Inventory, name: str, kind: str) -> dns.message.Message:
    """One question to the planned server, without a wish for recursion."""
    query = dns.message.make_query(name, kind, flags=0)
    try:
        return dns.query.udp(query, str(inventory.host.address), timeout=TIMEOUT)
    except dns.exception.DNSException as error:
        pytest.fail(f"the name server {inventory.host.address} does not say {kind} of {name}: {error}", pytrace=False)


@pytest.mark.verifies("network.names")
def test_the_server_has_authority_for_each_name(container: Planned, in_network: None, inventory: Inventory) -> None:
    name, address = f"{container.name}.{inventory.domain}.", str(container.plan.address)
    forward, backward = (
        ask(inventory, name, "A"),
        ask(inventory, dns.reversename.from_address(address).to_text(), "PTR"),
    )
    seen = [str(record) for answer in (forward, backward) for rrset in answer.answer for record in rrset]
    assert seen == [address, name], f"{container}: the server says {seen}, expected {[address, name]}"
    assert forward.flags & backward.flags & dns.flags.AA, f"{container}: the server answers without authority"
    surplus = [str(rrset) for rrset in ask(inventory, name, "AAAA").answer]
    assert not surplus, f"{container}: the server says {surplus}, expected no other address"


@pytest.mark.verifies("network.names")
def test_the_server_invents_no_names(in_network: None, inventory: Inventory) -> None:
    asked = f"nobody.{inventory.domain}."
    seen = dns.rcode.to_text(ask(inventory, asked, "A").rcode())
    assert seen == "NXDOMAIN", f"{asked}: the server says {seen}, expected NXDOMAIN"


@pytest.mark.verifies("network.names")
@pytest.mark.requires("isolated")
def test_the_server_asks_nobody_else(in_network: None, inventory: Inventory) -> None:
    seen = dns.rcode.to_text(ask(inventory, "example.org.", "A").rcode())
    assert seen == "REFUSED", f"example.org.: the server says {seen}, expected REFUSED: it asks somebody else"
