"""How a command reaches the node, here or by ssh: word for word, and each way to fail told apart in one line."""

import shlex
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import pytest

from provisioning.hypervisor.transport import Result, Transport
from provisioning.problem import Problem

CHANGED = "@    WARNING: REMOTE HOST IDENTIFICATION HAS CHANGED!     @"
AWKWARD = ["", "two words", "it's", '"quoted"', "$HOME", "`id`", "a;b", "*", "back\\slash", "line\nbreak", "ü"]

Put = Callable[[str, str], Path]


@pytest.fixture
def put(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Put:
    """Puts a program of ours on PATH, before all others."""
    folder = tmp_path / "path"
    folder.mkdir()
    monkeypatch.setenv("PATH", f"{folder}:/usr/bin:/bin")
    return lambda name, script: program(folder, name, script)


def program(folder: Path, name: str, script: str) -> Path:
    path = folder / name
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    return path


def result(out: str = "", err: str = "", code: int = 1) -> Result:
    return Result(("pct", "start", "109"), code, out, err)


def refused(transport: Transport, *argv: str, timeout: float = 10) -> str:
    """The one line that running it ends with."""
    with pytest.raises(Problem) as caught:
        transport.run(argv, timeout=timeout)
    line = str(caught.value)
    assert line.count("\n") == 0, line
    return line


def test_here_a_command_is_run_as_it_is() -> None:
    assert Transport().command(["pct", "list"]) == ["pct", "list"]


def test_a_program_of_the_own_folder_comes_first(tmp_path: Path) -> None:
    ours = program(tmp_path, "pct", "echo ours")
    transport = Transport(bin=tmp_path)
    assert transport.command(["pct", "list"]) == [str(ours), "list"]
    assert transport.run(["pct", "list"]).out == "ours\n"


def test_a_lab_without_its_commands_is_never_answered_by_those_of_this_machine(tmp_path: Path, put: Put) -> None:
    put("pvesh", "echo theirs")
    with pytest.raises(Problem, match=r"pvesh: cannot be run here"):
        Transport(bin=tmp_path).run(["pvesh", "get", "/version"])
    put("hostname", "echo mine")
    assert Transport(bin=tmp_path).run(["hostname"]).out == "mine\n"


def test_by_ssh_nothing_ever_waits_for_a_password_or_a_yes() -> None:
    command = Transport(ssh="me@pve").command(["pct", "list"])
    options = [after for word, after in pairwise(command) if word == "-o"]
    assert {"BatchMode=yes", "StrictHostKeyChecking=yes"} <= set(options), command
    assert any(option.startswith("ConnectTimeout=") for option in options), command
    assert command[0] == "ssh" and command[-2] == "me@pve", command


@pytest.mark.parametrize(("user", "sudo"), [("0", ""), ("1000", "sudo -n ")])
def test_by_ssh_root_needs_no_sudo_and_who_needs_it_is_never_asked(put: Put, user: str, sudo: str) -> None:
    put("ssh", 'for last; do :; done; exec sh -c "$last"')
    put("id", f"echo {user}")
    put("sudo", 'echo "sudo $1 $(shift; exec "$@")"')
    put("pct", 'echo "pct $* in $LC_ALL"')
    assert Transport(ssh="me@pve").run(["pct", "start", "109"]).out == f"{sudo}pct start 109 in C.UTF-8\n"


def test_by_ssh_a_failure_of_the_command_is_not_taken_for_one_of_ssh(put: Put) -> None:
    put("ssh", 'for last; do :; done; exec sh -c "$last"')
    put("sudo", '[ "$1" = -n ] && shift && exec "$@"')
    put("pct", "echo 'CT 109 already exists' >&2; exit 255")
    seen = Transport(ssh="me@pve").run(["pct", "create", "109"])
    assert (seen.code, seen.complaint) == (254, "CT 109 already exists")


def test_by_ssh_the_own_folder_of_this_machine_means_nothing(tmp_path: Path) -> None:
    program(tmp_path, "pct", "echo ours")
    command = Transport(ssh="me@pve", bin=tmp_path).command(["pct", "list"])
    assert str(tmp_path) not in " ".join(command), command


def test_every_word_arrives_on_the_other_side_as_it_was(put: Put) -> None:
    put("ssh", 'for last; do :; done; exec sh -c "$last"')  # as sshd has a shell run it
    put("sudo", '[ "$1" = -n ] && shift && exec "$@"')
    put("pct", "printf '%s\\0' \"$@\"")
    seen = Transport(ssh="me@pve").run(["pct", *AWKWARD])
    assert seen.out.split("\0") == [*AWKWARD, ""], seen


def test_every_word_arrives_here_as_it_was(tmp_path: Path) -> None:
    program(tmp_path, "pct", "printf '%s\\0' \"$@\"")
    assert Transport(bin=tmp_path).run(["pct", *AWKWARD]).out.split("\0") == [*AWKWARD, ""]


def test_streams_and_exit_code_are_told_apart(tmp_path: Path) -> None:
    program(tmp_path, "pct", "cat; echo wrong >&2; exit 3")
    seen = Transport(bin=tmp_path).run(["pct", "exec"], stdin=b"given\n")
    assert (seen.code, seen.out, seen.err) == (3, "given\n", "wrong\n"), seen
    assert seen.argv == ("pct", "exec"), "the command line is told as it was asked for"


def test_output_that_is_no_text_is_no_traceback(tmp_path: Path) -> None:
    program(tmp_path, "pct", "printf '\\377ok'")
    assert Transport(bin=tmp_path).run(["pct", "list"]).out == "\N{REPLACEMENT CHARACTER}ok"


def test_answers_are_in_english_whatever_the_caller_speaks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LC_ALL", "it_IT.UTF-8")
    program(tmp_path, "pct", "echo $LC_ALL")
    assert Transport(bin=tmp_path).run(["pct", "list"]).out == "C.UTF-8\n"


def test_a_program_that_is_missing_is_one_line_with_the_way_out(put: Put) -> None:
    line = refused(Transport(), "pct-of-nowhere", "list")
    assert line == (
        "pct-of-nowhere: cannot be run here (No such file or directory); "
        "run it on the Proxmox host, or set hypervisor.ssh in the inventory"
    )


def test_a_program_that_may_not_be_run_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "pct").mkdir()
    assert refused(Transport(bin=tmp_path), "pct", "list").startswith(f"{tmp_path / 'pct'}: cannot be run here ("), (
        "pct"
    )


def test_a_command_without_an_end_is_ended_and_named() -> None:
    line = refused(Transport(), "tail", "-f", "/dev/null", timeout=0.05)
    assert line == "tail -f /dev/null: no end within 0.05 s; look at the node's load and locks"


def test_a_host_that_ssh_cannot_reach_is_told_with_its_last_word(put: Put) -> None:
    put("ssh", "echo noise >&2; echo 'ssh: connect to host pve port 22: No route to host' >&2; exit 255")
    line = refused(Transport(ssh="me@pve"), "pct", "list")
    assert line.startswith("hypervisor.ssh me@pve: cannot be reached: ssh: connect to host pve port 22: No route"), line
    assert "try `ssh me@pve true`" in line, line


@pytest.mark.parametrize("said", [CHANGED, "Host key verification failed."], ids=["changed", "unknown"])
def test_a_host_key_that_is_not_the_known_one_is_told_apart_from_a_dead_host(put: Put, said: str) -> None:
    put("ssh", f"echo {shlex.quote(said)} >&2; echo 'Host key verification failed.' >&2; exit 255")
    line = refused(Transport(ssh="me@pve"), "pct", "list")
    assert line.startswith("hypervisor.ssh me@pve: its host key is not the known one; compare the key"), line
    assert "known_hosts" in line, line


def test_a_silent_ssh_is_one_line_too(put: Put) -> None:
    put("ssh", "exit 255")
    assert "cannot be reached: no word; " in refused(Transport(ssh="me@pve"), "pct", "list")


@pytest.mark.parametrize("code", [0, 1, 2, 254])
def test_a_failure_of_the_command_itself_is_a_result_and_no_problem_of_ssh(put: Put, code: int) -> None:
    put("ssh", f"echo 'CT 109 already running' >&2; exit {code}")
    seen = Transport(ssh="me@pve").run(["pct", "start", "109"])
    assert (seen.code, seen.complaint) == (code, "CT 109 already running"), seen


def test_without_ssh_an_exit_of_255_is_a_result(tmp_path: Path) -> None:
    program(tmp_path, "pct", "echo 'CT 109 already exists' >&2; exit 255")
    seen = Transport(bin=tmp_path).run(["pct", "create", "109"])
    assert (seen.code, seen.complaint) == (255, "CT 109 already exists"), seen


@pytest.mark.parametrize(
    ("seen", "complaint"),
    [
        (result(err="warning\nCT 109 already running\n"), "CT 109 already running"),
        (result(out="formatting disk\n", err="no space left on device\n\n"), "no space left on device"),
        (result(out="  TASK ERROR: no such template  \n"), "TASK ERROR: no such template"),
        (result(code=2), "exit 2, no word"),
        (result(out="\n \n", err="\n"), "exit 1, no word"),
    ],
    ids=["last", "stderr", "stdout", "silent", "blank"],
)
def test_a_complaint_is_the_last_line_that_was_said(seen: Result, complaint: str) -> None:
    assert seen.complaint == complaint
