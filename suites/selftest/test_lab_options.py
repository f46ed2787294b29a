"""Options of containers as Proxmox's schema has them: what is taken, what is refused (facts: Proxmox, §1.1, §1.2)."""

import pytest

from provisioning.lab import options, values
from provisioning.lab.arguments import parse
from provisioning.lab.refused import Invalid, Refused, UnknownOption
from provisioning.lab.values import boolean, integer

NET = "name=eth0,bridge=vmbr0,ip=192.168.4.31/24,gw=192.168.4.1"


@pytest.mark.parametrize(
    ("name", "given", "kept"),
    [
        ("cores", "4", "4"),
        ("cpulimit", "1.5", "1.5"),
        ("onboot", "Yes", "1"),
        ("unprivileged", "off", "0"),
        ("hostname", "kafka.gti.local", "kafka.gti.local"),
        ("nameserver", "192.168.4.25;192.168.4.26", "192.168.4.25 192.168.4.26"),
        ("tags", "Lab;kafka,lab", "kafka;lab"),
        ("startup", "order=3,up=10", "order=3,up=10"),
        ("features", "nesting=1,keyctl=yes", "keyctl=1,nesting=1"),
        ("net0", "ip=dhcp,bridge=vmbr0,name=eth0", "name=eth0,bridge=vmbr0,ip=dhcp"),
        ("net31", NET, "name=eth0,bridge=vmbr0,gw=192.168.4.1,ip=192.168.4.31/24"),
        ("net0", "name=eth0,hwaddr=bc:24:11:00:00:01", "name=eth0,hwaddr=BC:24:11:00:00:01"),
        ("rootfs", "local:109/vm-109-disk-0.raw,size=20G", "local:109/vm-109-disk-0.raw,size=20G"),
        ("rootfs", "size=20G,volume=local:x", "local:x,size=20G"),
    ],
)
def test_a_value_is_kept_in_its_canonical_form(name: str, given: str, kept: str) -> None:
    assert options.checked({name: given}, {}) == {name: kept}


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("memory", "15"),
        ("memory", "1G"),
        ("cores", "0"),
        ("cores", "8193"),
        ("swap", "-1"),
        ("cpulimit", "9000"),
        ("onboot", "maybe"),
        ("hostname", "my_host"),
        ("hostname", "-kafka"),
        ("hostname", "a." * 130 + "b"),
        ("nameserver", "ns1"),
        ("tags", "has!mark"),
        ("ostype", "windows"),
        ("startup", "soon"),
        ("features", "flying=1"),
        ("net0", "bridge=vmbr0"),
        ("net0", "name=eth0,ip=192.168.4.31"),
        ("net0", "name=eth0,ip=192.168.4.31/33"),
        ("net0", "name=eth0,ip=192.168.4.310/24"),
        ("net0", "name=eth0,hwaddr=01:00:00:00:00:01"),
        ("net0", "name=eth0,tag=4095"),
        ("net0", "name=eth0,colour=red"),
        ("net0", "name=eth0,name=eth1"),
        ("net0", "eth0"),
        ("rootfs", "local:x,size=big"),
    ],
)
def test_a_value_that_the_schema_forbids_is_refused_by_name(name: str, value: str) -> None:
    with pytest.raises(Invalid) as told:
        options.checked({name: value}, {})
    assert str(told.value).startswith(f"400 Parameter verification failed.\n{name}: ")


@pytest.mark.parametrize("name", ["memroy", "net32", "net01", "rootfs0", "start"])
def test_an_option_that_there_is_not_is_refused(name: str) -> None:
    with pytest.raises(UnknownOption, match=f"Unknown option: {name}"):
        options.checked({name: "1"}, {})


@pytest.mark.parametrize(("text", "size"), [("20G", 20 << 30), ("1.5K", 1536), ("512MiB", 512 << 20), ("7", 7)])
def test_disk_sizes_count_in_powers_of_1024(text: str, size: int) -> None:
    assert values.size(text) == size


def test_an_interface_gets_a_type_and_a_hardware_address_that_it_keeps() -> None:
    first = options.completed("net0", NET, "lab/109")
    moved = options.completed("net0", NET.replace(".31", ".32"), "other/109", before=first)
    assert values.parse(first)["type"] == "veth"
    assert values.parse(first)["hwaddr"].startswith("BC:24:11:")
    assert values.parse(moved)["hwaddr"] == values.parse(first)["hwaddr"]
    assert options.hardware_address("lab/110") != options.hardware_address("lab/109")


@pytest.mark.parametrize(
    ("name", "running", "at_once"),
    [
        ("memory", True, True), ("cores", True, True), ("hostname", True, True), ("tags", True, True),
        ("nameserver", True, False), ("searchdomain", True, False), ("features", True, False),
        ("nameserver", False, True),
    ],
)  # fmt: skip
def test_a_change_waits_for_the_next_start_where_proxmox_lets_it_wait(name: str, running: bool, at_once: bool) -> None:
    split = options.change({name: "x"}, (), {name: "y"}, running)
    assert (name in split.now, name in split.later) == (at_once, not at_once)


@pytest.mark.parametrize(("after", "at_once"), [("192.168.4.99/24", True), ("192.168.4.31/24,bridge=vmbr1", False)])
def test_an_address_changes_at_once_and_a_link_waits(after: str, at_once: bool) -> None:
    before = options.checked({"net0": "name=eth0,ip=192.168.4.31/24"}, {})
    split = options.change({"net0": f"name=eth0,ip={after}"}, (), before, running=True)
    assert ("net0" in split.now) is at_once


@pytest.mark.parametrize(("given", "deleted"), [({"unprivileged": "0"}, ()), ({}, ("memory",)), ({}, ("rootfs",))])
def test_what_is_fixed_or_needed_is_neither_changed_nor_deleted(
    given: dict[str, str], deleted: tuple[str, ...]
) -> None:
    with pytest.raises(Invalid):
        options.change(given, deleted, {"unprivileged": "1", "memory": "512"}, running=False)


@pytest.mark.parametrize(
    ("line", "words", "found"),
    [
        (["109", "--force"], ("109",), {"force": "1"}),
        (["109", "--force", "--count", "3"], ("109",), {"force": "1", "count": "3"}),
        (["109", "--force", "0"], ("109",), {"force": "0"}),
        (["--count=3", "109"], ("109",), {"count": "3"}),
        (["109", "-count", "-3"], ("109",), {"count": "-3"}),
    ],
)
def test_command_lines_are_read_as_proxmox_reads_them(
    line: list[str], words: tuple[str, ...], found: dict[str, str]
) -> None:
    got = parse(line, {"force": boolean, "count": integer(0)})
    assert (got.words, got.options) == (words, found)


@pytest.mark.parametrize("line", [["--nothing"], ["109", "--count"]])
def test_an_unknown_option_or_one_without_value_is_refused(line: list[str]) -> None:
    with pytest.raises(Refused):
        parse(line, {"count": integer(0)})
