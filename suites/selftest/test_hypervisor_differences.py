"""Desired against actual: each kind of difference is found, and what Proxmox only writes in its own way is none."""

from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from provisioning.hypervisor.desired import Desired, desired
from provisioning.hypervisor.differences import OPTIONS, Actual, Difference, compare
from provisioning.inventory import load

NET = "name=eth0,bridge=vmbr0,hwaddr=BC:24:11:00:00:6D,ip=192.168.4.34/24,gw=192.168.4.1,mtu=1500"
WANTED = Desired(
    "kafka",
    109,
    "local:vztmpl/debian.tar.zst",
    "local-lvm",
    20,
    {
        "hostname": "kafka",
        "memory": "4096",
        "swap": "512",
        "cores": "2",
        "net0": NET,
        "nameserver": "192.168.4.25",
        "searchdomain": "gti.local",
        "unprivileged": "1",
        "features": "nesting=1",
        "onboot": "1",
        "startup": "order=1",
        "tags": "datalake",
        "ostype": "debian",
    },
)
# The same as a Proxmox host tells it: its own order, its own additions, numbers and strings as it likes.
SEEN: dict[str, Any] = {
    **WANTED.options,
    "memory": 4096,
    "swap": "512",
    "cores": 2,
    "unprivileged": 1,
    "onboot": 1,
    "net0": "name=eth0,bridge=vmbr0,gw=192.168.4.1,hwaddr=bc:24:11:00:00:6d,ip=192.168.4.34/24,mtu=1500,type=veth",
    "rootfs": "local-lvm:vm-109-disk-0,size=20G",
    "arch": "amd64",
    "digest": "6b6ee7d2a9bcd2b0c0c9b5c4d1e3a9d2f0e1d2c3",
    "description": "made by hand, 2024",
}


def test_of_every_option_that_is_set_it_is_known_what_a_change_takes() -> None:
    assert {key for wanted in desired(load("lab")).values() for key in wanted.options} == OPTIONS.keys()


def differences(
    changed: Mapping[str, object] | None = None, *, pending: Sequence[dict[str, Any]] = (), without: str = ""
) -> list[Difference]:
    """What is found where the container that is as it should be has these changes."""
    config = {key: value for key, value in (SEEN | dict(changed or {})).items() if key != without}
    return compare(WANTED, Actual(config, pending, running=True))


def test_a_container_that_is_as_proxmox_would_tell_it_differs_in_nothing() -> None:
    assert differences() == []


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("net0", f"{NET},type=veth"),
        ("net0", ",".join(reversed(NET.split(",")))),
        ("memory", "4096"),
        ("unprivileged", "yes"),
        ("onboot", "true"),
        ("features", "nesting=1"),
        ("tags", "DataLake"),
        ("tags", "datalake;datalake"),
        ("searchdomain", "GTI.local"),
        ("nameserver", " 192.168.4.25 "),
        ("rootfs", "size=20G,volume=local-lvm:vm-109-disk-0"),
        ("rootfs", "local-lvm:vm-109-disk-0,mountoptions=discard,size=20480M"),
        ("digest", "another"),
        ("description", "another"),
    ],
)
def test_what_proxmox_only_writes_in_its_own_way_is_no_difference(key: str, value: str) -> None:
    assert differences({key: value}) == []


def test_several_name_servers_and_tags_are_compared_without_their_order() -> None:
    options = {**WANTED.options, "tags": "lake;kafka", "nameserver": "192.168.4.25 192.168.4.26"}
    wanted = Desired("kafka", 109, "template", "local-lvm", 20, options)
    seen = SEEN | {"tags": "kafka;lake", "nameserver": "192.168.4.26 192.168.4.25"}
    assert compare(wanted, Actual(seen, (), running=True)) == []
    fewer = compare(wanted, Actual(seen | {"tags": "kafka"}, (), running=True))
    assert [difference.key for difference in fewer] == ["tags"], fewer


@pytest.mark.parametrize(
    ("key", "value", "kind"),
    [
        ("memory", 2048, "hot"),
        ("swap", 0, "hot"),
        ("cores", 4, "hot"),
        ("onboot", 0, "hot"),
        ("startup", "order=9", "hot"),
        ("tags", "datalake;other", "hot"),
        ("tags", "data-lake", "hot"),
        ("hostname", "kafka2", "restart"),
        ("nameserver", "192.168.4.25 8.8.8.8", "restart"),
        ("searchdomain", "gti.example", "restart"),
        ("features", "keyctl=1", "restart"),
        ("features", "nesting=0", "restart"),
        ("net0", NET.replace("4.34", "4.99"), "restart"),
        ("net0", NET.replace("/24", "/16"), "restart"),
        ("net0", NET.replace("vmbr0", "vmbr1"), "restart"),
        ("net0", NET.replace(",mtu=1500", ""), "restart"),
        ("net0", f"{NET},ip6=fd00::34/64", "restart"),
        ("net0", f"{NET},ip6=auto", "restart"),
        ("net0", f"{NET},tag=7", "restart"),
        ("net0", f"{NET},firewall=1", "restart"),
        ("net0", f"{NET},rate=1", "restart"),
        ("net0", f"{NET},link_down=1", "restart"),
        ("unprivileged", 0, "refused"),
        ("ostype", "ubuntu", "refused"),
    ],
)
def test_a_changed_option_is_found_with_what_it_takes_to_remove_it(key: str, value: object, kind: str) -> None:
    assert differences({key: value}) == [Difference(key, str(value), WANTED.options[key], kind)]  # type: ignore[arg-type]


@pytest.mark.parametrize("key", WANTED.options)
def test_each_option_that_is_not_set_is_found(key: str) -> None:
    (found,) = differences(without=key)
    assert (found.key, found.actual, found.desired) == (key, None, WANTED.options[key])
    assert str(found).startswith(f"{key}: not set -> "), found


@pytest.mark.parametrize(
    ("rootfs", "key", "actual", "desired", "kind"),
    [
        ("local-lvm:vm-109-disk-0,size=10G", "rootfs size", "10G", "20G", "resize"),
        ("local-lvm:vm-109-disk-0,size=20479M", "rootfs size", "20479M", "20G", "resize"),
        ("local-lvm:vm-109-disk-0", "rootfs size", None, "20G", "resize"),
        ("local-lvm:vm-109-disk-0,size=40G", "rootfs size", "40G", "20G", "refused"),
        ("tank:subvol-109-disk-0,size=20G", "rootfs", "tank", "local-lvm", "refused"),
        ("local:109/vm-109-disk-0.raw,size=20G", "rootfs", "local", "local-lvm", "refused"),
    ],
)
def test_a_disk_grows_and_neither_shrinks_nor_moves(
    rootfs: str, key: str, actual: str | None, desired: str, kind: str
) -> None:
    assert differences({"rootfs": rootfs}) == [Difference(key, actual, desired, kind)]  # type: ignore[arg-type]


def test_a_disk_elsewhere_and_of_another_size_is_told_as_both() -> None:
    found = differences({"rootfs": "tank:subvol-109-disk-0,size=8G"})
    assert {difference.key for difference in found} == {"rootfs", "rootfs size"}, found


def test_a_lock_is_in_the_way() -> None:
    assert differences({"lock": "backup"}) == [Difference("lock", "backup", None, "refused")]


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("net1", "name=eth1,bridge=vmbr0,ip=dhcp"),
        ("mp0", "local-lvm:vm-109-disk-1,mp=/data,size=8G"),
        ("cpulimit", "1"),
        ("protection", 1),
        ("hookscript", "local:snippets/x.sh"),
        ("lxc lxc.mount.entry", "/ mnt none bind 0 0"),
    ],
)
def test_a_setting_that_nobody_asked_for_is_named_and_never_taken_away(key: str, value: object) -> None:
    (found,) = differences({key: value})
    assert found == Difference(key, str(value), None, "refused")
    assert str(found) == f"{key}: {value} -> not set (refused)"


def test_a_change_that_waits_for_the_next_start_is_found() -> None:
    found = differences(pending=({"key": "features", "value": "nesting=1", "pending": "nesting=1,keyctl=1"},))
    assert found == [Difference("features", "nesting=1", "nesting=1,keyctl=1", "restart")]


def test_a_removal_that_waits_for_the_next_start_is_found() -> None:
    found = differences(pending=({"key": "searchdomain", "value": "gti.local", "delete": 1},))
    assert found == [Difference("searchdomain", "gti.local", None, "restart")]


def test_entries_of_the_pending_list_that_do_not_wait_are_no_difference() -> None:
    entries = tuple({"key": key, "value": value} for key, value in SEEN.items())
    assert differences(pending=entries) == []


def test_a_key_is_told_once_though_it_differs_and_waits() -> None:
    waiting = {"key": "hostname", "value": "other", "pending": "kafka"}
    found = differences({"hostname": "other"}, pending=(waiting,))
    assert found == [Difference("hostname", "other", "kafka", "restart")]


def test_all_differences_are_told_together() -> None:
    found = differences({"memory": 1024, "unprivileged": 0, "net1": "name=eth1", "lock": "disk"})
    assert {difference.key: difference.kind for difference in found} == {
        "memory": "hot",
        "unprivileged": "refused",
        "net1": "refused",
        "lock": "refused",
    }


@pytest.mark.parametrize(("key", "value"), [("features", "nesting=1,keyctl=1"), ("startup", "order=1,up=600")])
def test_a_surplus_part_of_what_proxmox_adds_nothing_to_is_found(key: str, value: str) -> None:
    assert [(found.key, found.actual) for found in differences({key: value})] == [(key, value)]


def test_a_waiting_change_that_nobody_asked_for_is_refused_since_a_restart_would_put_it_in_force() -> None:
    (found,) = differences(pending=[{"key": "tty", "pending": 4}])
    assert (found.kind, str(found)) == ("refused", "tty: not set -> 4 (refused)")


def test_a_disk_size_that_nobody_understands_is_refused_and_never_resized() -> None:
    (found,) = differences({"rootfs": "local-lvm:vm-109-disk-0,size=huge"})
    assert (found.key, found.actual, found.kind) == ("rootfs size", "huge", "refused")
