"""Containers are probed one by one, and nobody is believed who was not proved to be where he claims."""

import socket
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any, cast

import pytest

from fixtures.containers import prove_inside
from fixtures.node import Outside, Planned, _examine, prove_network
from fixtures.shells import ShellError
from provisioning.containers.login import Login
from provisioning.hypervisor.node import Node
from provisioning.hypervisor.transport import Result
from provisioning.inventory import load
from provisioning.problem import Problem

KAFKA = Planned("kafka", load("lab").containers["kafka"])


class FakeNode:
    """A node whose containers answer with this exit code, or never."""

    def __init__(self, code: int | None) -> None:
        self.code = code

    def execute(self, vmid: int, argv: Sequence[str], timeout: float) -> Result:
        if self.code is None:
            raise Problem(f"no end within {timeout:g} s", where="pct exec", remedy="")
        return Result(tuple(argv), self.code, "", "no such container" if self.code else "")


@pytest.fixture
def door(monkeypatch: pytest.MonkeyPatch) -> list[bool]:
    """Whether somebody opens at port 22: the last entry says."""
    opens = [True]

    def knock(address: tuple[str, int], timeout: float) -> Any:
        if not opens[-1]:
            raise ConnectionRefusedError(111, "Connection refused")
        return socket.socket()

    monkeypatch.setattr(socket, "create_connection", knock)
    return opens


def probed(seen: dict[str, Any] | None, code: int | None = 0) -> dict[str, str | None]:
    return {health.service: health.error for health in _examine(KAFKA, cast(Node, FakeNode(code)), seen)}


def test_a_container_that_runs_and_opens_answers(door: list[bool]) -> None:
    assert probed({"status": "running"}) == {"container kafka": None}


@pytest.mark.parametrize(
    ("seen", "code", "says"),
    [
        (None, 0, "is not there"),
        ({"status": "stopped"}, 0, "is stopped"),
        ({"status": "running"}, 1, "runs no command: no such container"),
        ({"status": "running"}, None, "runs no command: no end within 15 s"),
    ],
    ids=["absent", "stopped", "broken", "frozen"],
)
def test_a_container_that_is_not_well_says_how(
    door: list[bool], seen: dict[str, Any] | None, code: int | None, says: str
) -> None:
    found = probed(seen, code)
    assert str(found["container kafka"]).startswith(says), found
    assert ("presence of kafka" in found) == (seen is None), found


def test_a_closed_door_is_a_probe_of_its_own(door: list[bool]) -> None:
    door.append(False)
    assert probed({"status": "running"}) == {
        "container kafka": None,
        "ssh of kafka": "nobody opens (Connection refused)",
    }


def test_a_shell_that_is_in_another_container_is_not_believed(monkeypatch: pytest.MonkeyPatch) -> None:
    outside = Outside(KAFKA, cast(Node, FakeNode(0)), None)
    monkeypatch.setattr(outside, "namespace", lambda kind: f"{kind}:[1]")
    prove_inside(KAFKA, "uts:[1]", outside)
    with pytest.raises(ShellError, match=r"kafka \(CT 109\): the shell is in uts:\[2\]"):
        prove_inside(KAFKA, "uts:[2]", outside)


def test_outside_of_the_lab_s_network_nothing_is_sent() -> None:
    with pytest.raises(Problem, match="network namespace datalake-lab"):
        prove_network(load("lab"))
    prove_network(load("proxmox"))


def test_who_logs_in_takes_the_one_key_and_the_pinned_host_key_only() -> None:
    words = Login("192.0.2.1", Path("/key"), Path("/hosts")).command("true")
    options = {word for before, word in pairwise(words) if before == "-o"}
    wanted = {"StrictHostKeyChecking=yes", "IdentitiesOnly=yes", "BatchMode=yes", "UserKnownHostsFile=/hosts"}
    assert wanted <= options and words[:5] == ["ssh", "-F", "none", "-i", "/key"], words
    assert words[-2:] == ["datalake@192.0.2.1", "true"], words
