"""The lab's node keeps the promises of Proxmox that the harness relies on; driven by its commands, as Proxmox is.

Where "facts" are cited, they are those of Proxmox and of the LXC lab that the package was written from.
"""

import json
import os
import subprocess
from pathlib import Path

import pytest

from fixtures.bare_node import CGROUP, NET, TEMPLATE, VMID, ZONE, Node, booted
from provisioning.lab import node
from provisioning.lab.settings import Settings

pytestmark = [
    pytest.mark.requires("lxc"),
    pytest.mark.verifies("provisioning.lab-node"),
    pytest.mark.impact("observe"),
]


def test_a_second_up_changes_nothing_and_new_zones_are_served(lab: Node) -> None:
    settings, more = lab.settings, {"lab.test": ZONE, "more.test": ZONE.replace("lab.test", "more.test")}
    assert node.up(settings, more, print)
    assert not node.up(settings, more, print)
    assert lab.inside("dig", "+short", "@192.168.4.25", "pve.more.test").strip() == "192.168.4.25"


def test_a_container_boots_without_a_failed_unit(lab: Node) -> None:
    assert lab.inside("systemctl", "is-system-running").strip() == "running"
    assert lab.inside("systemctl", "is-active", "ssh").strip() == "active"


def test_what_is_created_reads_back_canonical_with_what_the_node_adds(lab: Node) -> None:
    found = lab.config()  # facts: Proxmox, §1.2: hwaddr and type are added, tags a sorted set, booleans 0 or 1
    assert found["net0"].startswith("name=eth0,bridge=vmbr0,gw=192.168.4.1,hwaddr=BC:24:11:"), found["net0"]
    assert found["net0"].endswith(",ip=192.168.4.91/24,type=veth"), found["net0"]
    assert (found["tags"], found["onboot"], found["unprivileged"]) == ("a;lab", 1, 1)
    assert found["rootfs"] == f"local:{VMID}/vm-{VMID}-disk-0.raw,size=2G"


def test_a_container_sees_its_own_memory_cpus_disk_and_users(lab: Node) -> None:
    memory = next(line.split()[1] for line in lab.inside("cat", "/proc/meminfo").splitlines() if "MemTotal" in line)
    size = int(lab.inside("df", "-B1", "--output=size", "/").split()[-1])
    assert int(memory) == 256 * 1024
    assert lab.inside("nproc").strip() == "1"
    assert 0.96 <= size / (2 << 30) <= 1, f"{size} bytes of 2 GiB"  # facts: Proxmox, §4.6
    assert lab.inside("cat", "/proc/self/uid_map").split() == ["0", "100000", "65536"]


def test_a_container_has_its_address_and_names_from_the_node(lab: Node) -> None:
    eth0 = next(link for link in lab.get(f"/nodes/pve/lxc/{VMID}/interfaces") if link["name"] == "eth0")
    assert {"ip-address": "192.168.4.91", "prefix": 24, "ip-address-type": "inet"} in eth0["ip-addresses"]
    assert lab.inside("hostname", "-f").strip() == "nine.lab.test"
    assert "nameserver 192.168.4.25" in lab.inside("cat", "/etc/resolv.conf")
    assert lab.inside("ping", "-c1", "-W2", "192.168.4.1")


def test_a_container_has_host_keys_and_a_machine_id_of_its_own(lab: Node) -> None:
    keys = [line.split() for line in lab.inside("sh", "-c", "cat /etc/ssh/ssh_host_*_key.pub").splitlines()]
    assert sorted(key[0] for key in keys) == ["ecdsa-sha2-nistp256", "ssh-ed25519", "ssh-rsa"]
    assert {key[2] for key in keys} == {f"root@CT{VMID}"}
    assert len(lab.inside("cat", "/etc/machine-id").strip()) == 32


def test_a_hot_memory_change_is_in_force_outside_and_inside(lab: Node) -> None:
    lab.pct("set", VMID, "--memory", "320")
    assert not [row for row in lab.get(f"/nodes/pve/lxc/{VMID}/pending") if "pending" in row]
    assert outer_limit(lab.settings) == 320 << 20  # facts: LXC lab, §4: lxc-cgroup would write the inner group
    assert "MemTotal:         327680 kB" in lab.inside("cat", "/proc/meminfo")


def outer_limit(settings: Settings) -> int:
    v2, v1 = CGROUP / f"{settings.cgroup}/{VMID}", CGROUP / f"memory/{settings.cgroup}/{VMID}"
    file = v2 / "memory.max" if v2.exists() else v1 / "memory.limit_in_bytes"
    return int(file.read_text(encoding="ascii"))


def test_a_hot_change_of_cores_is_in_force_either_way(lab: Node) -> None:
    for cores in ("8192", "1"):
        lab.pct("set", VMID, "--cores", cores)
        assert int(lab.inside("nproc")) == min(int(cores), len(os.sched_getaffinity(1)))  # facts: LXC lab, §3


def test_an_address_changes_while_the_container_runs(lab: Node) -> None:
    for address in ("192.168.4.92", "192.168.4.91"):
        lab.pct("set", VMID, "--net0", NET.replace("192.168.4.91", address))
        (eth0,) = [link for link in lab.get(f"/nodes/pve/lxc/{VMID}/interfaces") if link["name"] == "eth0"]
        assert [one["ip-address"] for one in eth0["ip-addresses"] if one["ip-address-type"] == "inet"] == [address]
    assert lab.inside("ping", "-c1", "-W2", "192.168.4.1")


def test_a_protected_or_locked_container_is_left_alone(lab: Node) -> None:
    lab.pct("set", VMID, "--protection", "1")
    assert "protection mode enabled" in lab.refused("destroy", VMID, "--force")
    lab.pct("set", VMID, "--delete", "protection", "--lock", "backup")
    assert "CT is locked (backup)" in lab.refused("shutdown", VMID)
    lab.pct("set", VMID, "--delete", "lock")
    assert "running" in lab.pct("status", VMID)


def test_a_name_server_waits_for_the_next_start_and_then_is_in_force(lab: Node) -> None:
    lab.pct("set", VMID, "--nameserver", "192.168.4.1")
    merged = lab.get(f"/nodes/pve/lxc/{VMID}/config")  # facts: Proxmox, TL;DR 6
    assert (merged["nameserver"], lab.config()["nameserver"]) == ("192.168.4.1", "192.168.4.25")
    lab.pct("reboot", VMID)
    booted(lab)
    assert lab.config()["nameserver"] == "192.168.4.1"
    assert "nameserver 192.168.4.1" in lab.inside("cat", "/etc/resolv.conf")


def test_a_pending_value_that_is_taken_back_is_dropped(lab: Node) -> None:
    lab.pct("set", VMID, "--searchdomain", "other.test")
    lab.pct("set", VMID, "--searchdomain", "lab.test")
    assert not [row for row in lab.get(f"/nodes/pve/lxc/{VMID}/pending") if "pending" in row or "delete" in row]


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (["--memory", "15"], "memory: value must have a minimum value of 16"),
        (["--net0", "name=eth0,ip=192.168.4.91"], "net0: invalid format"),
        (["--hostname", "my_host"], "hostname: invalid format"),
        (["--unprivileged", "0"], "unprivileged: unable to modify read-only option"),
        (["--memroy", "512"], "Unknown option: memroy"),
        (["--tags", "x", "--digest", "0" * 40], "detected modified configuration"),
        ([], "no options specified"),
    ],
)
def test_a_bad_setting_is_refused_and_changes_nothing(lab: Node, words: list[str], why: str) -> None:
    before = lab.config()
    assert why in lab.refused("set", VMID, *words)
    assert lab.config() == before


def test_power_verbs_refuse_what_is_so_already(lab: Node) -> None:
    assert f"CT {VMID} already running" in lab.refused("start", VMID)  # facts: Proxmox, §1.5
    assert f"CT {VMID} already exists" in lab.refused("create", VMID, TEMPLATE, "--unprivileged", "1")
    assert "container is running" in lab.refused("destroy", VMID)
    assert "already at specified size" in lab.refused("resize", VMID, "rootfs", "2G")
    assert "unable to shrink" in lab.refused("resize", VMID, "rootfs", "1G")


def test_a_privileged_container_is_refused_and_leaves_nothing(lab: Node) -> None:
    assert "--unprivileged 1" in lab.refused("create", "902", TEMPLATE, "--rootfs", "local:1")  # PVE 8's default is 0
    assert "902" not in lab.pct("list")
    assert not [file for name in ("lxc", "images", "ct") for file in (lab.settings.state / name).glob("*902*")]


def test_a_command_inside_gets_stdin_and_gives_its_status_and_no_environment_of_ours(lab: Node) -> None:
    done = lab.run("pct", "exec", VMID, "--keep-env", "0", "--", "sh", "-c", "cat; env >&2; exit 7", stdin="told\n")
    assert (done.status, done.out) == (7, "told\n")
    assert "PYTHONPATH" not in done.err and "PATH=/usr/local/sbin:" in done.err


def test_a_file_goes_in_with_mode_and_owner_and_comes_out_the_same(lab: Node, tmp_path: Path) -> None:
    (tmp_path / "in").write_bytes(b"\0\xff told")
    lab.pct("push", VMID, str(tmp_path / "in"), "/etc/told", "--perms", "0640", "--group", "systemd-journal")
    lab.pct("pull", VMID, "/etc/told", str(tmp_path / "out"))
    assert (tmp_path / "out").read_bytes() == b"\0\xff told"
    assert lab.inside("stat", "-c", "%a %U %G", "/etc/told").strip() == "640 root systemd-journal"


def test_a_guests_link_in_place_of_a_folder_stops_its_start_in_one_clear_line(lab: Node) -> None:
    lab.inside("sh", "-c", "mv /etc/network /etc/kept && ln -s /var/tmp /etc/network")
    lab.pct("shutdown", VMID)
    try:
        assert "network is no folder but something of the guest's" in lab.refused("start", VMID)
        assert not (Path("/var/tmp") / "interfaces").exists()
    finally:
        mend = f"mount -o loop {lab.settings.image(int(VMID))} /mnt; cd /mnt/etc; rm network; mv kept network"
        subprocess.run(["unshare", "-m", "sh", "-ec", mend], check=True)
        lab.pct("start", VMID)
        booted(lab)


def test_a_disk_grows_and_what_is_inside_sees_it(lab: Node) -> None:
    lab.pct("shutdown", VMID)
    lab.pct("resize", VMID, "rootfs", "+1G")
    lab.pct("start", VMID)
    booted(lab)
    assert lab.config()["rootfs"].endswith("size=3G")
    assert int(lab.inside("df", "-BM", "--output=size", "/").split()[-1].rstrip("M")) > 2900


def test_a_damaged_configuration_hides_no_other_container(lab: Node) -> None:
    damaged = lab.settings.state / "lxc" / "904.conf"
    damaged.write_text("rootfs: what?\n", encoding="ascii")
    try:
        listed = {row["vmid"]: row["status"] for row in lab.get("/nodes/pve/lxc")}
    finally:
        damaged.unlink()
    assert listed == {int(VMID): "running", 904: "stopped"}, listed


def test_the_bridge_keeps_its_hardware_address_whoever_joins_it(lab: Node) -> None:
    """By itself it would take the lowest of its ports'; its neighbours would go on sending to the former one."""
    link = ["ip", "-n", lab.settings.netns]
    show = [*link, "-j", "link", "show", "dev", "vmbr0"]
    before = json.loads(subprocess.check_output(show))[0]["address"]
    lowest = ["link", "add", "low0", "address", "02:00:00:00:00:01", "type", "veth", "peer", "name", "low1"]
    subprocess.run([*link, *lowest], check=True)
    try:
        subprocess.run([*link, "link", "set", "low0", "master", "vmbr0", "up"], check=True)
        assert json.loads(subprocess.check_output(show))[0]["address"] == before
    finally:
        subprocess.run([*link, "link", "del", "low0"], check=True)


def test_the_api_lists_containers_template_and_bridge(lab: Node) -> None:
    (row,) = lab.get("/nodes/pve/lxc")
    assert (row["vmid"], row["status"], row["name"]) == (int(VMID), "running", "nine")
    assert TEMPLATE in [row["volid"] for row in lab.get("/nodes/pve/storage/local/content?content=vztmpl")]
    assert [row["cidr"] for row in lab.get("/nodes/pve/network")] == ["192.168.4.25/24"]
    assert lab.run("pvesh", "get", "/nodes/pve/none").status != 0
