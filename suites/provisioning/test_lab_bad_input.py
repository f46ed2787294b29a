"""What can be wrong with a lab or a Proxmox host: one line, the right exit code, and nothing was changed."""

import os
import pty
import shlex
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from fixtures.labs import Lab, throwaway_lab
from fixtures.stacks import CHECKOUT

pytestmark = [
    pytest.mark.requires("lxc"),
    pytest.mark.verifies("provisioning.repeatable"),
    pytest.mark.impact("observe"),
]
MakeLab = Callable[[str], Lab]


@pytest.fixture
def make_lab() -> Iterator[MakeLab]:
    """`make_lab(toml)`: a throw-away lab whose inventory has these lines more; not up."""
    with ExitStack() as labs:
        yield lambda more: labs.enter_context(throwaway_lab(more))


def complaint(lab: Lab, *command: str) -> str:
    """The one line that a command of ours ends with; it exits with 2 or 3 and made nothing."""
    done = lab.stack.command(*command)
    lines = done.stderr.strip().splitlines()
    assert done.returncode in (2, 3) and lines, f"exit {done.returncode}: {done.stdout}{done.stderr}"
    assert "Traceback" not in done.stderr, done.stderr
    return lines[-1]


BAD = {
    "template": (
        '[hypervisor]\ntemplate = "local:vztmpl/nothing.tar.zst"',
        ["hypervisor.template local:vztmpl/nothing.tar.zst: no such template", "debian-12-lab", "pveam download local"],
    ),
    "template-storage": ('[hypervisor]\ntemplate = "tape:vztmpl/x.tar.zst"', ["no such storage", "one of: local"]),
    "memory": ('[containers.kafka]\nmemory = "9000 GiB"', ["kafka (CT 109): is to have 9000.0 GiB", "plan less"]),
    "disk": ('[budget]\nfree_disk = "900000 GiB"', ["free, the inventory wants at least 900000.0 GiB", "make room"]),
    "duplicate-address": (
        '[containers.hive]\naddress = "192.168.4.33"',
        ["CT 121 (hive) and CT 120 (spark) share 192.168.4.33", "give each its own"],
    ),
    "taken-address": ('[containers.hive]\naddress = "192.168.4.1"', ["CT 121 (hive) has 192.168.4.1, the gateway"]),
    "foreign-address": ('[containers.hive]\naddress = "10.0.0.1"', ["outside 192.168.4.0/24"]),
    "no-certificate": ('[hypervisor]\nca_files = ["/etc/hostname"]', ["ca_files /etc/hostname: is no PEM certificate"]),
}


@pytest.mark.parametrize("wrong", BAD)
def test_a_wrong_inventory_is_one_line_before_anything_is_made(make_lab: MakeLab, wrong: str) -> None:
    more, says = BAD[wrong]
    lab = make_lab(more)
    said = complaint(lab, "up")
    assert not [word for word in says if word not in said], f"{wrong}: {said}"
    assert not list(lab.node_state.glob("lxc/*.conf")), f"{wrong}: containers were made"


def test_a_machine_without_lxc_is_told_what_it_lacks_and_how_to_get_it(make_lab: MakeLab) -> None:
    lab = make_lab("")
    done = lab.stack.command("up", PATH="/nonexistent")
    assert (done.returncode, done.stderr.count("\n")) == (3, 1), done.stderr
    assert "package lxc is not installed" in done.stderr and "sudo make lab" in done.stderr, done.stderr
    assert not lab.node_state.exists(), "something was made"


def test_without_a_free_loop_device_it_says_so_and_leaves_nothing_half_made(make_lab: MakeLab) -> None:
    """In a mount namespace whose /dev has no loop device left."""
    lab = make_lab("")
    up = shlex.join([sys.executable, "-m", "provisioning", "up", "--inventory", lab.stack.inventory])
    hidden = "mount --make-rprivate /; for d in /dev/loop*; do mount --bind /dev/null $d; done"
    done = subprocess.run(
        ["unshare", "-m", "sh", "-c", f"{hidden}; exec {up}"], cwd=CHECKOUT, env=lab.stack.environment(),
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    last = done.stderr.strip().splitlines()[-1]
    assert done.returncode == 3 and "loop" in last and "Traceback" not in done.stderr, done.stderr
    assert not list(lab.node_state.glob("images/*")), "half an image was left"
    assert not list(lab.node_state.glob("lxc/*.conf")), "half a container was left"


def test_a_namespace_of_somebody_else_is_left_alone(make_lab: MakeLab) -> None:
    lab = make_lab("")
    subprocess.run(["ip", "netns", "add", lab.netns], check=True)
    try:
        for command in (["up"], ["destroy", "--yes"]):
            said = complaint(lab, *command)
            assert f"network namespace {lab.netns}: is there already" in said and "ip netns del" in said, said
        assert subprocess.run(["ip", "netns", "exec", lab.netns, "true"], check=False).returncode == 0, "it is gone"
    finally:
        subprocess.run(["ip", "netns", "del", lab.netns], check=True)


@pytest.mark.parametrize(("mode", "says"), [(0o644, "has mode 0644"), (0o600, "is no private key")])
def test_a_wrong_key_is_one_line(make_lab: MakeLab, mode: int, says: str) -> None:
    lab = make_lab("")
    key = Path(lab.inventory.ssh_key)
    key.parent.mkdir()
    key.write_text("no key", encoding="ascii")
    key.chmod(mode)
    said = complaint(lab, "up")
    assert f"{key}: {says}" in said, said


def test_a_container_that_somebody_locked_is_left_alone(running_lab: Lab) -> None:
    conf = running_lab.node_state / "lxc" / "109.conf"
    before = conf.read_text(encoding="utf-8")
    conf.write_text(before + "lock: backup\n", encoding="utf-8")
    try:
        said = complaint(running_lab, "up")
    finally:
        conf.write_text(before, encoding="utf-8")
    assert "kafka (CT 109): cannot be changed: lock: backup" in said and "pct unlock" in said, said


def test_what_cannot_be_changed_is_refused_and_nothing_is_destroyed(running_lab: Lab) -> None:
    running_lab.shell("minio", "inside", "echo mine >/var/lib/mine")
    smaller = Path(running_lab.stack.inventory).read_text(encoding="utf-8") + '[containers.minio]\ndisk = "10 GB"\n'
    other = running_lab.stack.folder / "smaller" / Path(running_lab.stack.inventory).name
    other.parent.mkdir(exist_ok=True)
    other.write_text(smaller, encoding="utf-8")
    done = running_lab.stack.run("provisioning", "up", "--inventory", str(other))
    assert done.returncode == 3, f"exit {done.returncode}: {done.stderr}"
    assert "minio (CT 119): cannot be changed: rootfs size: 20G -> 10G (refused)" in done.stderr, done.stderr
    assert running_lab.shell("minio", "inside", "cat /var/lib/mine") == "mine\n", "the container was made anew"


def test_somebody_else_s_container_is_not_removed(running_lab: Lab) -> None:
    running_lab.shell("superset", "node", "pct set $ID --tags other")
    try:
        said = complaint(running_lab, "reset", "superset", "--yes")
    finally:
        running_lab.shell("superset", "node", "pct set $ID --tags datalake")
    assert "superset (CT 115): has not our tag 'datalake', but other" in said, said


def test_a_container_that_is_gone_cannot_be_stopped(running_lab: Lab) -> None:
    running_lab.shell("superset", "node", "pct destroy $ID --force 1")
    try:
        said = complaint(running_lab, "stop", "superset")
    finally:
        assert running_lab.stack.command("up").returncode == 0
    assert "superset (CT 115): is not there; `up` makes it" in said, said


def test_destroy_asks_with_the_names_of_what_it_removes(running_lab: Lab) -> None:
    """On a terminal of its own; refused."""
    terminal, other = pty.openpty()
    asked = running_lab.stack.start("destroy", stdin=other)
    os.write(terminal, b"n\n")
    out, err = asked.communicate(timeout=60)
    for end in (terminal, other):
        os.close(end)
    assert (asked.returncode, err) == (2, "kept\n"), out + err
    assert "kafka (CT 109)" in out and f"on node pve, and {running_lab.stack.state}, with all data? [y/N]" in out, out


def test_a_host_that_does_not_answer_is_one_line(tmp_path: Path, running_lab: Lab) -> None:
    """From inside the lab's namespace: nothing listens on the gateway's port 22, and no packet leaves this machine."""
    said = over_ssh(running_lab, tmp_path, "root@192.168.4.1", "")
    assert "hypervisor.ssh root@192.168.4.1: cannot be reached" in said and "sudo without a password" in said, said


def test_a_host_with_another_key_than_the_known_one_is_refused(tmp_path: Path, running_lab: Lab) -> None:
    other = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOMqqnkVzrm0SdG6UOoqKLsabgH5C9okWi0dh2l9GKJl"
    said = over_ssh(running_lab, tmp_path, "datalake@192.168.4.34", f"192.168.4.34 {other}\n")
    assert "its host key is not the known one" in said and "known_hosts" in said, said


def over_ssh(lab: Lab, folder: Path, destination: str, known_hosts: str) -> str:
    """The complaint of `plan` for a Proxmox host at `destination`, with these known hosts, sent from inside the lab."""
    site = folder / "site.toml"
    site.write_text(
        f'format = 1\nextends = "proxmox"\nname = "site"\ntarget = "proxmox"\nhypervisor.ssh = "{destination}"\n',
        encoding="utf-8",
    )
    known = folder / "known_hosts"
    known.write_text(known_hosts, encoding="ascii")
    ssh = folder / "ssh"
    ssh.write_text(f'#!/bin/sh\nexec /usr/bin/ssh -o UserKnownHostsFile={known} "$@"\n', encoding="ascii")
    ssh.chmod(0o755)
    plan = [sys.executable, "-m", "provisioning", "plan", "--inventory", str(site)]
    done = subprocess.run(
        ["nsenter", f"--net=/run/netns/{lab.netns}", "--", *plan],
        cwd=CHECKOUT, env={**lab.stack.environment(), "PATH": f"{folder}:{os.environ['PATH']}"},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 3 and done.stderr.count("\n") == 1, f"exit {done.returncode}: {done.stderr}"
    return done.stderr
