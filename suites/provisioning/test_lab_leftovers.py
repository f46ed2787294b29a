"""What becomes of a lab's node that is broken or taken away: it says so, comes back, and leaves nothing behind."""

import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from fixtures.bare_node import CGROUP, NET, TEMPLATE, VMID, ZONE, Node, booted
from provisioning.lab import network, node
from provisioning.lab.settings import Settings
from provisioning.problem import Problem
from provisioning.temporary import remove_lab
from provisioning.waiting import wait_until

pytestmark = [
    pytest.mark.requires("lxc"),
    pytest.mark.verifies("provisioning.lab-node"),
    pytest.mark.impact("observe"),
]


def test_without_its_namespace_a_node_says_so_and_does_nothing(make_bare_lab: Any, bare_lab: Settings) -> None:
    settings = make_bare_lab()
    shutil.copytree(bare_lab.state / "bin", settings.state / "bin")
    settings.write()
    call = [sys.executable, "-m", "provisioning.lab", str(settings.state), "pct", "list"]
    done = subprocess.run(call, capture_output=True, text=True, cwd=node.CHECKOUT, check=False)
    assert done.returncode != 0
    assert done.stderr == f"network namespace {settings.netns}: does not exist; bring the lab up first\n"


def test_a_link_that_has_the_bridges_name_and_is_none_is_left_alone(make_bare_lab: Any) -> None:
    settings = make_bare_lab()
    node.up(settings, {"lab.test": ZONE}, print)
    for words in (("del", "vmbr0"), ("add", "vmbr0", "type", "veth")):
        subprocess.run(["ip", "-n", settings.netns, "link", *words], check=True)
    with pytest.raises(Problem, match=r"vmbr0 in network namespace .* is there, and is no bridge"):
        node.up(settings, {"lab.test": ZONE}, print)


def test_a_disk_without_a_configuration_is_never_overwritten(lab: Node) -> None:
    conf = lab.settings.state / "lxc" / f"{VMID}.conf"
    kept = conf.read_bytes()
    lab.inside("sh", "-c", "echo mine >/var/lib/mine; sync")
    conf.unlink()
    try:
        said = lab.refused("create", VMID, TEMPLATE, "--unprivileged", "1", "--rootfs", "local:2", "--net0", NET)
    finally:
        conf.write_bytes(kept)
    assert "it has a disk, but no configuration any more" in said and str(conf) in said, said
    assert lab.inside("cat", "/var/lib/mine") == "mine\n"


def test_what_a_killed_create_left_is_in_the_way_until_it_is_unlocked_and_destroyed(bare_lab: Settings) -> None:
    """As on Proxmox (pve-container, API2/LXC.pm: check_vmid_unused, check_lock)."""
    node_of, again = Node(bare_lab), ("create", "904", TEMPLATE, "--unprivileged", "1", "--rootfs", "local:2")
    (bare_lab.state / "lxc" / "904.conf").write_text("lock: create\n", encoding="ascii")
    bare_lab.image(904).write_bytes(b"half")
    assert "CT 904 already exists" in node_of.refused(*again)
    assert "CT is locked (create)" in node_of.refused("destroy", "904")
    node_of.pct("unlock", "904")
    node_of.pct("destroy", "904", "--purge", "1", "--destroy-unreferenced-disks", "1")
    node_of.pct(*again)
    found = node_of.get("/nodes/pve/lxc/904/config?current=1")
    assert "lock" not in found and found["rootfs"].endswith("size=2G"), found
    node_of.pct("destroy", "904")


def test_up_ends_the_containers_of_a_namespace_that_somebody_deleted(lab: Node) -> None:
    subprocess.run(["ip", "netns", "del", lab.settings.netns], check=True)
    node.up(lab.settings, {"lab.test": ZONE}, print)
    assert "stopped" in lab.pct("status", VMID)
    lab.pct("start", VMID)
    booted(lab)


def test_a_killed_init_leaves_no_mount_and_the_container_starts_again(lab: Node) -> None:
    subprocess.run(["kill", "-9", str(lab.get(f"/nodes/pve/lxc/{VMID}/status/current")["pid"])], check=True)
    wait_until(lambda: "stopped" in lab.pct("status", VMID), 20, f"CT {VMID} stopped")
    wait_until(lambda: not any("loop" in line for line in node.leftovers(lab.settings)), 20, "loop device free")
    lab.pct("start", VMID)
    booted(lab)


def test_down_stops_all_and_keeps_what_up_brings_back(lab: Node) -> None:
    assert node.down(lab.settings)
    left = [line for line in node.leftovers(lab.settings) if not line.startswith(("folder", "lines in"))]
    assert not left, left
    node.up(lab.settings, {"lab.test": ZONE}, print)
    lab.pct("start", VMID)
    booted(lab)


def test_what_a_lab_would_leave_is_found_and_destroyed(make_bare_lab: Any) -> None:
    settings = make_bare_lab()
    assert node.leftovers(settings) == []
    settings.state.mkdir(mode=0o711)
    planted = plant(settings)
    found = "\n".join(node.leftovers(settings))
    for kind in ("network namespace", "loop device", "control group", f"process {planted.pid}", "mount", "folder"):
        assert kind in found, f"{kind} was planted and not found:\n{found}"
    assert node.destroy(settings)
    planted.wait(timeout=10)
    assert node.leftovers(settings) == []
    assert not node.destroy(replace(settings)), "there was nothing left to destroy"


def test_a_lab_of_the_same_name_in_another_folder_is_left_alone(lab: Node, tmp_path: Path) -> None:
    twin = replace(lab.settings, state=tmp_path / "twin" / "node")
    for command in (node.down, node.destroy):
        with pytest.raises(Problem, match=rf"is there already, and {lab.settings.state} made it; .*DATALAKE_STATE="):
            command(twin)
    assert "running" in lab.pct("status", VMID)


def test_a_lab_that_a_killed_run_left_is_swept_with_all_that_runs_in_it(make_bare_lab: Any) -> None:
    settings = make_bare_lab()
    node.up(settings, {"lab.test": ZONE}, print)
    (settings.state.parent / "current").symlink_to(settings.state)
    assert [line for line in node.leftovers(settings) if "process" in line], "nothing runs in it"
    assert remove_lab(settings.state.parent) == f"lab {settings.state.parent}"
    assert node.leftovers(settings) == [] and not settings.state.parent.exists()


def plant(settings: Settings) -> "subprocess.Popen[bytes]":
    """One of everything that a crashed lab could leave."""
    disk, tree = settings.state / "images/vm-903-disk-0.raw", settings.state / "lxcfs"
    for folder in (disk.parent, tree):
        folder.mkdir()
    with disk.open("wb") as file:
        file.truncate(1 << 20)
    network.claim(settings)
    subprocess.run(["ip", "netns", "add", settings.netns], check=True)
    subprocess.run(["losetup", "-f", disk], check=True)
    subprocess.run(["mount", "-t", "tmpfs", "none", tree], check=True)
    group = (CGROUP if (CGROUP / "cgroup.controllers").exists() else CGROUP / "memory") / settings.cgroup / "903"
    group.mkdir(parents=True)
    process = subprocess.Popen(["sleep", "600"])
    (group / "cgroup.procs").write_text(str(process.pid), encoding="ascii")
    return process
