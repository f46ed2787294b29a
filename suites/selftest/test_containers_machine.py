"""One container on its way to what it should be: each step only where it lacks, and nothing before a refusal."""

import io
import tarfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

import pytest

from provisioning.containers.bootstrap import Bootstrap
from provisioning.containers.machine import DEBS, Machine, packed
from provisioning.hypervisor.desired import Desired
from provisioning.hypervisor.differences import Actual
from provisioning.hypervisor.node import Node
from provisioning.hypervisor.transport import Result
from provisioning.problem import Problem

OPTIONS = {"hostname": "kafka", "memory": "4096", "unprivileged": "1", "tags": "datalake", "nameserver": "192.168.4.25"}
WANTED = Desired("kafka", 109, "local:vztmpl/debian.tar.zst", "local-lvm", 20, OPTIONS)
READY = Bootstrap("ssh-ed25519 AAAA", {}, {"sudo": "1.9"})
CONFIG: dict[str, Any] = {**OPTIONS, "memory": 4096, "rootfs": "local-lvm:vm-109-disk-0,size=20G"}
HOST_KEY = "ssh-ed25519 AAAAHost root@kafka\n"


class FakeNode:
    """A node with at most one container, which remembers what it was told and does it, unless it is `deaf`."""

    def __init__(
        self, config: Mapping[str, Any] | None = None, *, running: bool = True, ready: bool = True, deaf: str = ""
    ) -> None:
        self.config, self.running, self.deaf = dict(config or {}), running and config is not None, deaf
        self.facts = dict(READY.expected) if ready else {}
        self.booting, self.host_key, self.script_code = "running\n", HOST_KEY, 0
        self.calls: list[str] = []
        self.scripts: list[str] = []
        self.stdins: list[bytes] = []

    def pct(self, *words: str) -> None:
        self.calls.append(" ".join(words))
        verb, rest = words[0], words[2:]
        if verb == self.deaf:
            return
        if verb == "create":
            self.config, self.facts = dict(CONFIG), {}
        elif verb == "set":
            self.config |= {key.removeprefix("--"): value for key, value in zip(rest[::2], rest[1::2], strict=True)}
        elif verb == "resize":
            self.config["rootfs"] = f"local-lvm:vm-109-disk-0,size={rest[1]}"
        elif verb in ("start", "reboot"):
            self.running = True

    def status(self, vmid: int) -> dict[str, str]:
        return {"status": "running" if self.running else "stopped"}

    def actual(self, vmid: int) -> Actual:
        return Actual(dict(self.config), (), self.running)

    def execute(self, vmid: int, argv: tuple[str, ...], stdin: bytes = b"") -> Result:
        code, out = 0, ""
        match list(argv):
            case ["systemctl", "is-system-running"]:
                out = self.booting
            case ["cat", _]:
                out = self.host_key
            case ["sh", "-c", READY.observe]:
                out = "".join(f"{name}\t{value}\n" for name, value in self.facts.items())
            case ["sh", "-ec", script]:
                self.scripts.append(script)
                self.stdins.append(stdin)
                code, out = self.script_code, "dpkg: error: broken\n" if self.script_code else ""
                if self.deaf != "script" and DEBS not in script.splitlines()[0]:
                    self.facts = dict(READY.expected)
        return Result(("pct", "exec", *argv), code, out, "")


def machine(node: FakeNode, debs: tuple[Path, ...] = ()) -> Machine:
    return Machine(WANTED, cast(Node, node), READY, debs)


def unpacked(tar: bytes) -> dict[str, bytes]:
    with tarfile.open(fileobj=io.BytesIO(tar)) as opened:
        found = ((member.name, opened.extractfile(member)) for member in opened)
        return {name: file.read() for name, file in found if file is not None}


def refused(node: FakeNode) -> str:
    """The one line with which bringing it to what is wanted ends."""
    with pytest.raises(Problem) as caught:
        machine(node).ensure(node.actual(109) if node.config else None)
    line = str(caught.value)
    assert line.startswith("kafka (CT 109): ") and "\n" not in line, line
    return line


def test_a_container_that_is_as_wanted_is_left_alone() -> None:
    node = FakeNode(CONFIG)
    assert machine(node).ensure(node.actual(109)) == []
    assert (node.calls, node.scripts) == ([], []), "something was changed"


def test_a_container_that_is_not_there_is_made_started_and_bootstrapped(tmp_path: Path) -> None:
    (tmp_path / "sudo.deb").write_bytes(b"deb")
    node = FakeNode(None)
    done = machine(node, (tmp_path / "sudo.deb",)).ensure(None)
    assert done == ["created", "started", *(f"set {fact}" for fact in READY.expected)]
    assert node.calls == [" ".join(WANTED.create[1:]), "start 109"]
    assert node.scripts[1] == READY.script(list(READY.expected), DEBS)
    assert unpacked(node.stdins[0]) == {"sudo.deb": b"deb"}


def test_a_stopped_container_is_only_started() -> None:
    node = FakeNode(CONFIG, running=False)
    assert machine(node).ensure(node.actual(109)) == ["started"]
    assert node.calls == ["start 109"]


@pytest.mark.parametrize(
    ("changed", "calls"),
    [
        ({"memory": 2048}, ["set 109 --memory 4096"]),
        ({"memory": 1, "tags": ""}, ["set 109 --memory 4096 --tags datalake"]),
        ({"nameserver": "8.8.8.8"}, ["set 109 --nameserver 192.168.4.25", "reboot 109"]),
        ({"rootfs": "local-lvm:x,size=10G"}, ["resize 109 rootfs 20G"]),
        (
            {"hostname": "x", "memory": 1, "rootfs": "local-lvm:x,size=10G"},
            ["set 109 --hostname kafka --memory 4096", "resize 109 rootfs 20G", "reboot 109"],
        ),
    ],
    ids=["hot", "hot-twice", "restart", "resize", "all"],
)
def test_each_difference_is_removed_by_the_least_that_it_takes(changed: dict[str, Any], calls: list[str]) -> None:
    node = FakeNode(CONFIG | changed)
    done = machine(node).ensure(node.actual(109))
    assert node.calls == calls
    assert len(done) == len(changed) and all(line.startswith("changed ") for line in done), done
    assert machine(node).ensure(node.actual(109)) == [], "a second time something was still to do"


def test_a_stopped_container_is_changed_before_it_is_started() -> None:
    node = FakeNode(CONFIG | {"hostname": "other"}, running=False)
    machine(node).ensure(node.actual(109))
    assert node.calls == ["set 109 --hostname kafka", "start 109"]


@pytest.mark.parametrize(
    ("changed", "said", "advice"),
    [
        ({"unprivileged": 0}, "unprivileged: 0 -> 1 (refused)", "then reset kafka"),
        ({"rootfs": "local-lvm:x,size=40G"}, "rootfs size: 40G -> 20G (refused)", "then reset kafka"),
        ({"rootfs": "tank:x,size=20G"}, "rootfs: tank -> local-lvm (refused)", "then reset kafka"),
        ({"net1": "name=eth1"}, "net1: name=eth1 -> not set (refused)", "pct set 109 --delete net1"),
        ({"lock": "backup"}, "lock: backup -> not set (refused)", "pct unlock"),
    ],
    ids=["privileged", "smaller", "storage", "surplus", "lock"],
)
def test_what_cannot_be_changed_is_refused_before_anything_else_is(
    changed: dict[str, Any], said: str, advice: str
) -> None:
    node = FakeNode(CONFIG | {"memory": 1} | changed, running=False)
    line = refused(node)
    assert f"cannot be changed: {said}" in line and advice in line, line
    assert (node.calls, node.scripts, node.running) == ([], [], False), "something was changed before the refusal"


def test_everything_that_cannot_be_changed_is_told_at_once() -> None:
    line = refused(FakeNode(CONFIG | {"unprivileged": 0, "net1": "name=eth1"}))
    assert "unprivileged: 0 -> 1 (refused); net1: name=eth1 -> not set (refused)" in line, line


def test_a_setting_that_the_node_took_without_making_it_so_is_found_afterwards() -> None:
    line = refused(FakeNode(CONFIG | {"memory": 1}, deaf="set"))
    assert "still differs after it was changed: memory: 1 -> 4096 (hot); see what the node did: pct config 109" in line


def test_a_bootstrap_that_did_nothing_is_found_afterwards() -> None:
    line = refused(FakeNode(CONFIG, ready=False, deaf="script"))
    assert "still differs after it was changed: user is not as set; home is not as set" in line, line


def test_only_the_missing_facts_are_bootstrapped() -> None:
    node = FakeNode(CONFIG)
    node.facts["root keys"] = "some"
    assert machine(node).ensure(node.actual(109)) == ["set root keys"]
    assert node.scripts == [READY.script(["root keys"], DEBS)], "packages were sent for nothing"


def test_a_bootstrap_that_fails_is_told_with_its_last_word() -> None:
    node = FakeNode(CONFIG, ready=False)
    node.script_code = 2
    assert "bootstrap failed: dpkg: error: broken; look inside: pct enter 109" in refused(node)


@pytest.mark.parametrize("state", ["running\n", "degraded\n"])
def test_a_container_has_booted_when_systemd_is_done_well_or_not(state: str) -> None:
    node = FakeNode(CONFIG, running=False)
    node.booting = state
    assert machine(node).ensure(node.actual(109)) == ["started"]


@pytest.mark.parametrize("state", ["starting\n", "offline\n", ""])
def test_a_container_that_never_boots_is_one_line(state: str) -> None:
    node = FakeNode(CONFIG, running=False)
    node.booting = state
    with pytest.raises(Problem) as caught:
        machine(node).ensure(node.actual(109), timeout=0)
    line = str(caught.value)
    assert "does not boot: systemctl is-system-running: not within 0 s" in line and "pct console 109" in line, line


def test_the_plan_of_a_container_that_is_not_there_is_all_of_it() -> None:
    node = FakeNode(None)
    assert machine(node).plan(None) == ["created", "started", "bootstrapped"]
    assert machine(node).steps(None) == [WANTED.create, ["pct", "start", "109"]]


def test_the_plan_of_a_container_tells_its_differences_and_what_its_inside_lacks() -> None:
    node = FakeNode(CONFIG | {"memory": 1})
    node.facts["root keys"] = "some"
    assert machine(node).plan(node.actual(109)) == ["memory: 1 -> 4096 (hot)", "set root keys"]
    assert machine(node).steps(node.actual(109)) == [["pct", "set", "109", "--memory", "4096"]]


def test_the_plan_of_a_stopped_container_starts_it_and_does_not_look_inside() -> None:
    node = FakeNode(CONFIG | {"hostname": "x"}, running=False, ready=False)
    assert machine(node).plan(node.actual(109)) == ["hostname: x -> kafka (restart)", "started"]
    assert machine(node).steps(node.actual(109)) == [
        ["pct", "set", "109", "--hostname", "kafka"],
        ["pct", "start", "109"],
    ]


def test_a_plan_changes_nothing() -> None:
    node = FakeNode(CONFIG | {"memory": 1, "unprivileged": 0}, ready=False)
    machine(node).plan(node.actual(109))
    machine(node).steps(node.actual(109))
    assert (node.calls, node.scripts) == ([], [])


def test_what_cannot_be_changed_is_no_command_that_one_would_type() -> None:
    node = FakeNode(CONFIG | {"memory": 1, "unprivileged": 0, "rootfs": "local-lvm:x,size=40G", "lock": "backup"})
    assert machine(node).steps(node.actual(109)) == [["pct", "set", "109", "--memory", "4096"]]


def test_there_is_nothing_to_plan_for_a_container_that_is_as_wanted() -> None:
    node = FakeNode(CONFIG)
    assert (machine(node).plan(node.actual(109)), machine(node).steps(node.actual(109))) == ([], [])


def test_a_host_key_is_its_type_and_key_without_a_comment() -> None:
    assert machine(FakeNode(CONFIG)).host_key() == "ssh-ed25519 AAAAHost"


@pytest.mark.parametrize("printed", ["", "ssh-ed25519\n"])
def test_a_container_without_a_host_key_is_one_line(printed: str) -> None:
    node = FakeNode(CONFIG)
    node.host_key = printed
    with pytest.raises(Problem, match="has no ssh host key; `reset` it"):
        machine(node).host_key()


def test_files_are_packed_by_their_names_alone(tmp_path: Path) -> None:
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep/a.deb").write_bytes(b"content")
    assert unpacked(packed([tmp_path / "deep/a.deb"])) == {"a.deb": b"content"}
    assert unpacked(packed([])) == {}


def test_somebody_else_s_container_of_that_number_is_left_alone() -> None:
    node = FakeNode({**CONFIG, "hostname": "nextcloud", "tags": "family"})
    line = refused(node)
    assert "kafka (CT 109): is called 'nextcloud' there, with tags family: somebody else's" in line, line
    assert machine(node).plan(node.actual(109)) == [line.partition(": ")[2]]


@pytest.mark.parametrize(("name", "tags"), [("kafka", "family"), ("renamed", "datalake;other"), ("kafka", "")])
def test_a_container_with_our_name_or_our_tag_is_taken_for_ours(name: str, tags: str) -> None:
    assert WANTED.stranger(name, tags) is None


def test_only_our_tag_lets_a_container_be_removed() -> None:
    assert WANTED.is_ours("other;datalake") and not WANTED.is_ours("other") and not WANTED.is_ours("datalake2")


def test_what_an_interrupted_create_left_is_made_anew() -> None:
    node = FakeNode({"lock": "create", "digest": "1"}, running=False)
    assert machine(node).plan(node.actual(109)) == ["created", "started", "bootstrapped"]
    unlock, destroy, create, start = machine(node).steps(node.actual(109))
    assert (unlock, destroy[:3]) == (["pct", "unlock", "109"], ["pct", "destroy", "109"])  # else: "already exists"
    assert (create, start) == (WANTED.create, ["pct", "start", "109"])


def test_what_is_locked_for_create_and_holds_something_is_left_alone() -> None:
    """An interrupted restore over a container has that lock, too."""
    assert "lock: create" in refused(FakeNode(CONFIG | {"lock": "create"}, running=False))
