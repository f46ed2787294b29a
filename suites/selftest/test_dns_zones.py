"""The zones of an inventory: every machine forward and reverse, and a serial that follows from the names."""

import re
from ipaddress import ip_address

import pytest

from provisioning.dns import addresses, zones
from provisioning.inventory import Inventory, load

LAB = load("lab")
REVERSE = "4.168.192.in-addr.arpa"
MACHINES = {
    "pve": 25, "gitea": 26, "minio": 31, "hive": 32, "spark": 33, "kafka": 34, "airflow": 36, "superset": 37,
}  # fmt: skip


def moved(name: str, address: str) -> Inventory:
    """The lab with one container at another address."""
    container = LAB.containers[name].model_copy(update={"address": ip_address(address)})
    return LAB.model_copy(update={"containers": {**LAB.containers, name: container}})


def records(text: str) -> set[str]:
    """The lines after those that every zone begins with."""
    return {*text.splitlines()[3:]}


def serial(text: str) -> int:
    match = re.search(r" IN SOA \S+ \S+ (\d+) ", text)
    assert match, f"no serial in {text!r}"
    return int(match[1])


def test_there_is_a_zone_forward_and_one_back() -> None:
    assert zones(LAB).keys() == {"gti.local", REVERSE}


def test_every_machine_and_the_host_have_their_address() -> None:
    expected = {f"{name} A 192.168.4.{last}" for name, last in MACHINES.items()}
    assert records(zones(LAB)["gti.local"]) == expected


def test_every_address_has_its_full_name_with_the_dot_that_ends_it() -> None:
    expected = {f"{last} PTR {name}.gti.local." for name, last in MACHINES.items()}
    assert records(zones(LAB)[REVERSE]) == expected


@pytest.mark.parametrize("zone", ["gti.local", REVERSE])
def test_a_zone_begins_with_its_authority_and_ends_with_a_line(zone: str) -> None:
    ttl, authority, server = zones(LAB)[zone].splitlines()[:3]
    assert re.fullmatch(r"\$TTL \d+", ttl), ttl
    assert re.fullmatch(r"@ IN SOA pve\.gti\.local\. root\.gti\.local\. \d+ \d+ \d+ \d+ \d+", authority), authority
    assert server == "@ NS pve.gti.local."
    assert zones(LAB)[zone].endswith("\n")


def test_the_host_is_a_machine_among_the_others() -> None:
    assert addresses(LAB) == {name: f"192.168.4.{last}" for name, last in MACHINES.items()}


def test_a_zone_of_the_same_names_is_the_same_text() -> None:
    assert zones(LAB) == zones(load("lab"))


def test_what_is_no_name_changes_no_serial() -> None:
    container = LAB.containers["kafka"].model_copy(update={"memory": 2**30, "ct": 999})
    other = LAB.model_copy(update={"containers": {**LAB.containers, "kafka": container}, "seed": 7})
    assert zones(other) == zones(LAB)


def test_a_machine_that_moved_changes_both_serials() -> None:
    before, after = zones(LAB), zones(moved("kafka", "192.168.4.77"))
    assert "kafka A 192.168.4.77" in after["gti.local"] and "34 PTR" not in after[REVERSE]
    assert all(serial(before[zone]) != serial(after[zone]) for zone in before), after


def test_a_machine_that_was_added_changes_both_serials() -> None:
    other = LAB.model_copy(update={"containers": {**LAB.containers, "trino": LAB.containers["kafka"].model_copy(
        update={"address": ip_address("192.168.4.38")})}})  # fmt: skip
    before, after = zones(LAB), zones(other)
    assert all(serial(before[zone]) != serial(after[zone]) for zone in before), after


def test_a_serial_is_one_that_dns_can_hold() -> None:
    serials = [serial(text) for n in range(2, 200) for text in zones(moved("kafka", f"192.168.4.{n}")).values()]
    assert all(0 <= number < 2**32 for number in serials)
    assert len({*serials}) == len(serials), "two different zones have one serial"


def test_a_domain_with_and_without_its_last_dot_is_the_same() -> None:
    assert zones(LAB.model_copy(update={"domain": "gti.local."})) == zones(LAB)


def test_another_domain_is_another_zone() -> None:
    other = zones(LAB.model_copy(update={"domain": "lake.example"}))
    assert other.keys() == {"lake.example", REVERSE}
    assert "34 PTR kafka.lake.example." in other[REVERSE]


def test_a_machine_in_another_network_is_in_a_reverse_zone_of_its_own() -> None:
    other = zones(moved("kafka", "10.1.2.3"))
    assert records(other["2.1.10.in-addr.arpa"]) == {"3 PTR kafka.gti.local."}
    assert "kafka" not in other[REVERSE]
