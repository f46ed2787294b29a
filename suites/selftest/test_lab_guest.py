"""What the node writes into a tree that a guest controls (facts: Proxmox, §1.4): the text, and no link followed."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from provisioning.lab import guest
from provisioning.problem import Problem

KAFKA = {
    "hostname": "kafka",
    "net0": "name=eth0,bridge=vmbr0,gw=192.168.4.1,ip=192.168.4.31/24",
    "nameserver": "192.168.4.25",
    "searchdomain": "gti.local",
}


@pytest.fixture
def tree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A guest's tree whose owner may be anybody: only root can give files away."""
    monkeypatch.setattr(os, "fchown", lambda *_: None)
    (tmp_path / "tree/etc/network").mkdir(parents=True)
    return tmp_path / "tree"


def test_a_guest_knows_itself_by_its_address_and_full_name() -> None:
    assert guest.hosts(KAFKA).splitlines()[-1] == "192.168.4.31 kafka.gti.local kafka"
    assert (
        guest.hosts({**KAFKA, "hostname": "kafka.example.org"}).splitlines()[-1]
        == "192.168.4.31 kafka.example.org kafka"
    )


@pytest.mark.parametrize("net", ["name=eth0,ip=dhcp", "name=eth0"])
def test_a_guest_without_a_fixed_address_knows_itself_by_127_0_1_1(net: str) -> None:
    assert guest.hosts({**KAFKA, "net0": net}).splitlines()[-1].startswith("127.0.1.1 ")


def test_name_servers_are_the_containers_or_else_the_hosts() -> None:
    host = "# mine\nnameserver 10.0.0.1\noptions rotate\n"
    assert guest.resolv(KAFKA, host) == "search gti.local\nnameserver 192.168.4.25\n"
    assert guest.resolv({"hostname": "kafka"}, host) == "nameserver 10.0.0.1\n"


def test_interfaces_are_written_for_ifupdown() -> None:
    text = guest.interfaces({**KAFKA, "net1": "name=eth1,ip=dhcp"})
    assert "auto eth0\niface eth0 inet static\n\taddress 192.168.4.31/24\n\tgateway 192.168.4.1\n" in text
    assert "auto eth1\niface eth1 inet dhcp\n" in text


@pytest.mark.parametrize("before", ["", "10.1.1.1 own\n", f"{guest.BEGIN}\nold\n{guest.END}\n10.1.1.1 own\n"])
def test_our_block_is_replaced_and_the_guests_own_lines_stay(before: str) -> None:
    after = guest.with_block(before, "new\n")
    assert after.count(guest.BEGIN) == 1 and "new\n" in after and "old" not in after
    assert ("10.1.1.1 own" in after) == ("10.1.1.1 own" in before)
    assert guest.with_block(after, "new\n") == after


def test_a_guests_files_are_written_whole_and_again_the_same(tree: Path) -> None:
    guest.prepare(tree, KAFKA, "")
    once = {file: file.read_text() for file in tree.rglob("*") if file.is_file()}
    guest.prepare(tree, KAFKA, "")
    assert once == {file: file.read_text() for file in tree.rglob("*") if file.is_file()}
    assert once[tree / "etc/hostname"] == "kafka\n"
    assert len(once) == 5, sorted(once)


def test_an_unmanaged_guest_is_left_alone(tree: Path) -> None:
    guest.prepare(tree, {**KAFKA, "ostype": "unmanaged"}, "")
    assert not [file for file in tree.rglob("*") if file.is_file()]


def test_a_guest_keeps_a_file_by_an_ignore_file_beside_it(tree: Path) -> None:
    (tree / "etc/.pve-ignore.hosts").touch()
    guest.prepare(tree, KAFKA, "")
    assert not (tree / "etc/hosts").exists()


@pytest.mark.parametrize("name", ["etc/hostname", "etc/hosts", "etc/resolv.conf", "etc/network/interfaces"])
def test_a_link_in_place_of_a_file_is_replaced_and_what_it_names_is_untouched(tree: Path, name: str) -> None:
    victim = tree.parent / "shadow"
    victim.write_text("root:secret\n")
    (tree / name).symlink_to(victim)
    guest.prepare(tree, KAFKA, "")
    assert victim.read_text() == "root:secret\n"
    assert not (tree / name).is_symlink() and "secret" not in (tree / name).read_text()


@pytest.mark.parametrize("absolute", [True, False])
def test_a_link_in_place_of_a_folder_is_refused(tree: Path, absolute: bool) -> None:
    outside = tree.parent / "outside"
    outside.mkdir()
    (tree / "etc/network").rmdir()
    (tree / "etc/network").symlink_to(outside if absolute else "../../outside")
    with pytest.raises(Problem, match="network is no folder"):
        guest.prepare(tree, KAFKA, "")
    assert not list(outside.iterdir())


@pytest.mark.parametrize("make", [os.mkfifo, os.mkdir])
def test_what_is_no_file_neither_hangs_nor_is_read(tree: Path, make: Callable[[Path], None]) -> None:
    make(tree / "etc/hosts")
    with guest.opened(tree) as root:
        assert guest.read(root, "etc/hosts") == ""
