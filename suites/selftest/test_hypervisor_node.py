"""The node's answers as data, and its refusals as one line: over a `pct` and a `pvesh` of our own."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from provisioning.hypervisor.node import Capacity, Node, decoded, inside, remedy
from provisioning.hypervisor.transport import Result, Transport
from provisioning.problem import Problem

LXC = "/nodes/pve/lxc"
LOGGED = "  Logical volume created.\nextracting archive '/x.tar.zst'\nTotal bytes read: 530708480 (507MiB, 190MiB/s)\n"

Answering = Callable[[dict[str, object]], Node]


@pytest.fixture
def answering(tmp_path: Path) -> Answering:
    """Makes a node whose `pvesh get PATH` prints these answers; each call's words stand in calls()."""

    def answering(answers: dict[str, object]) -> Node:
        for number, answer in enumerate(answers.values()):
            (tmp_path / str(number)).write_text(json.dumps(answer))
        cases = "\n".join(f"{path}) cat {tmp_path}/{number} ;;" for number, path in enumerate(answers))
        program(tmp_path, "pvesh", f"case $2 in\n{cases}\n*) echo \"no '$2' handler defined\" >&2; exit 2 ;;\nesac")
        return Node("pve", Transport(bin=tmp_path))

    return answering


def program(folder: Path, name: str, script: str) -> None:
    (folder / name).write_text(f'#!/bin/sh\necho "{name} $*" >>{folder}/calls\n{script}\n')
    (folder / name).chmod(0o755)


def calls(folder: Path) -> list[str]:
    return (folder / "calls").read_text().splitlines()


def printed(out: str, err: str = "") -> Result:
    return Result(("pvesh", "get", "/version", "--output-format", "json"), 0, out, err)


def refused(call: Callable[[], object]) -> str:
    with pytest.raises(Problem) as caught:
        call()
    line = str(caught.value)
    assert line.count("\n") == 0, line
    return line


@pytest.mark.parametrize(
    ("out", "data"),
    [
        ('{"version":"8.4.1"}\n', {"version": "8.4.1"}),
        (LOGGED + '"UPID:pve:0001:create:109:root@pam:"\n', "UPID:pve:0001:create:109:root@pam:"),
        (LOGGED + "[]\n", []),
        ("null\n", None),
        ("42 volumes\n[1]", [1]),
        ('{\n  "a": 1\n}\n', {"a": 1}),
        (LOGGED + '{\n  "a": 1\n}\n', {"a": 1}),
        ('perl: warning: Setting locale failed.\n{"ü": "é"}\n', {"ü": "é"}),
    ],
    ids=["bare", "logged", "empty-list", "null", "number", "pretty", "logged-pretty", "locale"],
)
def test_json_is_read_after_whatever_was_logged_before_it(out: str, data: object) -> None:
    assert decoded(printed(out)) == data


@pytest.mark.parametrize("out", ["", "\n", LOGGED, '{"version": ', "{'version': 8}"])
def test_output_without_json_is_refused_with_what_it_said(out: str) -> None:
    line = refused(lambda: decoded(printed(out, "storage 'x' is not online")))
    assert line == "pvesh get /version: printed no JSON; it said: storage 'x' is not online"


def test_what_goes_to_stderr_is_no_answer() -> None:
    assert decoded(printed("[1]\n", "perl: warning\n{}\n")) == [1]


def test_a_question_is_asked_for_json_with_its_parameters(answering: Answering, tmp_path: Path) -> None:
    node = answering({"/nodes/pve/storage/local/content": []})
    assert node.get("/nodes/pve/storage/local/content", content="vztmpl") == []
    assert calls(tmp_path) == ["pvesh get /nodes/pve/storage/local/content --output-format json --content vztmpl"]


def test_a_node_tells_its_release_and_what_it_has(answering: Answering) -> None:
    status = {
        "cpuinfo": {"cpus": 4, "sockets": 1},
        "memory": {"total": 16 * 2**30, "used": 1},
        "swap": {"total": 0},
        "rootfs": {"total": 10**11},
    }
    node = answering({"/version": {"version": "8.4.1", "repoid": "x"}, "/nodes/pve/status": status})
    assert node.release() == "8.4.1"
    assert node.capacity() == Capacity(cores=4, memory=16 * 2**30, swap=0)


def test_containers_are_told_by_number_whether_it_comes_as_text_or_not(answering: Answering) -> None:
    node = answering({LXC: [{"vmid": "109", "name": "kafka"}, {"vmid": 119, "name": "minio"}]})
    assert {vmid: seen["name"] for vmid, seen in node.containers().items()} == {109: "kafka", 119: "minio"}


def test_a_node_without_containers_has_none(answering: Answering) -> None:
    assert answering({LXC: []}).containers() == {}


def actual_of(answering: Answering, config: dict[str, Any], status: str = "running") -> Node:
    return answering(
        {
            f"{LXC}/109/config": config,
            f"{LXC}/109/pending": [{"key": "memory", "value": 4096}],
            f"{LXC}/109/status/current": {"status": status, "vmid": 109},
        }
    )


def test_a_configuration_is_asked_for_as_it_is_in_force(answering: Answering, tmp_path: Path) -> None:
    actual_of(answering, {"memory": 4096}).actual(109)
    (asked,) = [call for call in calls(tmp_path) if "/config" in call]
    assert asked.endswith(" --current 1"), f"{asked}: pending values would be mixed in"


@pytest.mark.parametrize(("status", "runs"), [("running", True), ("stopped", False)])
def test_a_container_is_its_configuration_what_waits_and_whether_it_runs(
    answering: Answering, status: str, runs: bool
) -> None:
    actual = actual_of(answering, {"memory": 4096}, status).actual(109)
    assert (actual.config, actual.running) == ({"memory": 4096}, runs)
    assert actual.pending == [{"key": "memory", "value": 4096}]


def test_raw_lines_of_lxc_count_as_settings(answering: Answering) -> None:
    config = {"memory": 4096, "lxc": [["lxc.mount.entry", "/ mnt none bind 0 0"]]}
    seen = actual_of(answering, config).actual(109).config
    assert seen == {"memory": 4096, "lxc lxc.mount.entry": "/ mnt none bind 0 0"}


@pytest.mark.parametrize(("answer", "interfaces"), [(None, []), ([], []), ([{"name": "eth0"}], [{"name": "eth0"}])])
def test_a_stopped_container_has_no_interfaces(answering: Answering, answer: object, interfaces: list[object]) -> None:
    assert answering({f"{LXC}/109/interfaces": answer}).interfaces(109) == interfaces


def test_a_refusal_is_one_line_with_the_nodes_last_word_and_the_way_out(tmp_path: Path) -> None:
    program(tmp_path, "pct", "echo starting; echo 'CT 109 is locked (backup)' >&2; exit 255")
    line = refused(lambda: Node("pve", Transport(bin=tmp_path)).pct("start", "109"))
    assert line.startswith("pct start 109: CT 109 is locked (backup); another task works on it"), line
    assert "pct unlock" in line, line


def test_a_question_that_the_node_does_not_know_is_one_line(answering: Answering) -> None:
    line = refused(lambda: answering({}).containers())
    assert line.startswith(f"pvesh get {LXC} --output-format: no '{LXC}' handler defined; "), line


def test_a_command_of_pct_gets_its_words_and_its_stdin(tmp_path: Path) -> None:
    program(tmp_path, "pct", "cat")
    result = Node("pve", Transport(bin=tmp_path)).pct("set", "109", "--tags", "a;b", stdin=b"given")
    assert (result.out, calls(tmp_path)) == ("given", ["pct set 109 --tags a;b"])


def test_a_command_inside_keeps_the_callers_environment_outside(tmp_path: Path) -> None:
    assert inside(109, ["cat", "/etc/hostname"]) == [
        "pct", "exec", "109", "--keep-env", "0", "--", "cat", "/etc/hostname",
    ]  # fmt: skip
    program(tmp_path, "pct", "cat")
    seen = Node("pve", Transport(bin=tmp_path)).execute(109, ["sh", "-c", "id"], b"given")
    assert (seen.out, calls(tmp_path)) == ("given", ["pct exec 109 --keep-env 0 -- sh -c id"])


def test_a_failure_inside_is_a_result(tmp_path: Path) -> None:
    program(tmp_path, "pct", "echo gone >&2; exit 4")
    seen = Node("pve", Transport(bin=tmp_path)).execute(109, ["systemctl", "status", "ssh"])
    assert (seen.code, seen.complaint) == (4, "gone"), seen


@pytest.mark.parametrize(
    ("complaint", "advice"),
    [
        ("can't lock file '/run/lock/lxc/pve-config-109.lock' - got timeout", "pct unlock"),
        ("CT is locked (backup)", "pct unlock"),
        ("Configuration file 'nodes/pve/lxc/109.conf' does not exist", "python -m provisioning up"),
        ("lvcreate: No space left on device", "make room"),
        ("Permission check failed (/vms/109, VM.Config.Options)", "sudo"),
        ("something new", "see the node's log"),
        ("", "see the node's log"),
    ],
)
def test_each_complaint_that_we_know_comes_with_what_to_do(complaint: str, advice: str) -> None:
    assert advice in remedy(complaint), remedy(complaint)
