"""Values as Proxmox writes them: in any order, with any spelling that it takes, read into what can be compared."""

import pytest

from provisioning.hypervisor.values import boolean, properties, property_string, size, words


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("name=eth0,ip=192.168.4.34/24", {"name": "eth0", "ip": "192.168.4.34/24"}),
        ("ip=192.168.4.34/24,name=eth0", {"name": "eth0", "ip": "192.168.4.34/24"}),
        ("local-lvm:vm-109-disk-0,size=20G", {"volume": "local-lvm:vm-109-disk-0", "size": "20G"}),
        ("size=20G,local-lvm:vm-109-disk-0", {"volume": "local-lvm:vm-109-disk-0", "size": "20G"}),
        ("volume=local:1,size=20G", {"volume": "local:1", "size": "20G"}),
        ("mountoptions=noatime;discard", {"mountoptions": "noatime;discard"}),
        ("mount=nfs=4", {"mount": "nfs=4"}),
        ("gw=", {"gw": ""}),
        ("", {}),
    ],
)
def test_a_property_string_is_its_parts_in_whatever_order(text: str, parts: dict[str, str]) -> None:
    assert properties(text) == parts


def test_a_part_without_a_key_gets_the_one_that_its_option_has_by_default() -> None:
    assert properties("3,up=10", default="order") == {"order": "3", "up": "10"}


def test_a_property_string_that_was_written_reads_back_as_its_parts() -> None:
    parts = {"name": "eth0", "hwaddr": "BC:24:11:00:00:6D", "ip": "192.168.4.34/24"}
    assert properties(property_string(parts)) == parts


@pytest.mark.parametrize(("value", "read"), [
    (1, True), ("1", True), ("on", True), ("Yes", True), ("TRUE", True), (True, True),
    (0, False), ("0", False), ("off", False), ("no", False), ("False", False), ("", False), (None, False),
], ids=repr)  # fmt: skip
def test_a_boolean_is_read_in_every_spelling(value: object, read: bool) -> None:
    assert boolean(value) is read, f"{value!r} was read as {boolean(value)}"


@pytest.mark.parametrize(
    ("text", "amount"),
    [
        ("20G", 20 * 2**30),
        ("512M", 2**29),
        ("1T", 2**40),
        ("64K", 2**16),
        ("1.5G", 3 * 2**29),
        ("20GiB", 20 * 2**30),
        ("4096", 4096),
        ("0", 0),
    ],
)
def test_a_size_is_read_in_powers_of_1024(text: str, amount: int) -> None:
    assert size(text) == amount


@pytest.mark.parametrize("text", ["", "G", "20 G", "20GB", "20g", "-1G", "1.G", "20G,", "1e3", "20G\n"])
def test_what_is_no_size_is_refused_by_its_word(text: str) -> None:
    with pytest.raises(ValueError, match="no disk size of Proxmox") as caught:
        size(text)
    assert repr(text) in str(caught.value), caught.value


@pytest.mark.parametrize(
    "text", ["datalake;kafka", "kafka;datalake", "Kafka, DataLake", "kafka datalake kafka", ";kafka,,datalake;"]
)
def test_a_list_is_the_same_however_it_is_parted_sorted_and_spelled(text: str) -> None:
    assert words(text) == {"datalake", "kafka"}


@pytest.mark.parametrize("text", ["datalake", "datalake;kafka2", "datalake-kafka", "datalake;kafka;x", ""])
def test_another_list_is_another(text: str) -> None:
    assert words(text) != words("datalake;kafka")
