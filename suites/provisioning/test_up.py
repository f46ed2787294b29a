"""Bringing up is safe to repeat, to interrupt and to kill. Each test has a throw-away lakehouse of its own."""

import signal
from collections.abc import Iterator

import psutil
import pytest

from fixtures.stacks import MakeStack, Stack
from provisioning.local.supervision import marked
from provisioning.waiting import wait_until
from spark_jobs import fingerprint, generate
from spark_jobs.lake import Lake

pytestmark = [pytest.mark.verifies("provisioning.repeatable"), pytest.mark.impact("observe")]


def processes(stack: Stack) -> dict[int, str]:
    """Ids and names of what runs for a stack."""
    return {process.pid: process.name() for process in marked(stack.state)}


@pytest.fixture
def up(make_stack: MakeStack) -> Iterator[Stack]:
    """A lakehouse of this test's own that is up."""
    stack = make_stack()
    done = stack.command("up")
    assert done.returncode == 0, f"exit {done.returncode}: {done.stderr}"
    yield stack
    stack.command("down")


def test_a_second_up_changes_nothing_and_says_so(up: Stack) -> None:
    before, profile = processes(up), (up.state / "connection.json").read_text()
    done = up.command("up")
    assert "nothing changed" in done.stdout, f"exit {done.returncode}: {done.stdout}{done.stderr}"
    assert processes(up) == before, f"{up.folder}: processes {processes(up)}, before {before}"
    assert (up.state / "connection.json").read_text() == profile, "the connection profile has changed"


def test_down_keeps_the_data_and_stops_every_process(up: Stack) -> None:
    with Lake.open(up.state / "connection.json") as lake:
        generate.run(lake, generate.Arguments("kept", customers=20))
        before = fingerprint.run(lake, fingerprint.Arguments("kept.orders"))
    assert processes(up), "nothing runs to be stopped"
    assert up.command("down").returncode == 0
    assert processes(up) == {}, f"{up.folder}: still running: {processes(up)}"
    assert up.command("up").returncode == 0
    with Lake.open(up.state / "connection.json") as lake:
        assert fingerprint.run(lake, fingerprint.Arguments("kept.orders")) == before, "other rows after down and up"


def test_destroy_leaves_neither_process_nor_file(up: Stack) -> None:
    done = up.command("destroy", "--yes")
    assert done.returncode == 0, done.stderr
    assert processes(up) == {}, f"{up.folder}: still running: {processes(up)}"
    left = [path for path in up.folder.rglob("*") if not path.name.endswith(".lock")]
    assert not left, f"{up.folder}: left {left}"


def test_an_up_that_was_killed_in_the_middle_is_mended_by_the_next(make_stack: MakeStack) -> None:
    stack = make_stack()
    first = stack.start("up")
    wait_until(lambda: processes(stack), 60, "the first process of the killed up")
    first.kill()
    first.communicate()
    assert not (stack.state / "connection.json").exists(), "it was killed too late to show anything"
    done = stack.command("up")
    assert done.returncode == 0, f"exit {done.returncode}: {done.stderr}"
    status = stack.command("status")
    assert status.returncode == 0, status.stdout


def test_an_interrupted_up_says_so_and_the_next_one_goes_on(make_stack: MakeStack) -> None:
    stack = make_stack()
    first = stack.start("up")
    wait_until(lambda: processes(stack), 60, "the first process of the interrupted up")
    first.send_signal(signal.SIGINT)
    _, complaint = first.communicate(timeout=60)
    assert first.returncode == 130, f"exit {first.returncode}: {complaint}"
    assert "interrupted" in complaint and "Traceback" not in complaint, complaint
    assert stack.command("up").returncode == 0


def test_of_two_ups_at_once_one_makes_it_and_the_other_says_who_is_at_it(make_stack: MakeStack) -> None:
    stack = make_stack()
    first = stack.start("up")
    lock = stack.folder / ".local.lock"
    wait_until(lambda: lock.exists() and lock.read_text() == str(first.pid), 30, f"the lock of process {first.pid}")
    second = stack.command("up")
    first.communicate()
    assert (first.returncode, second.returncode) == (0, 3), f"exits {first.returncode} and {second.returncode}"
    (line,) = second.stderr.strip().splitlines()
    assert f"process {first.pid}" in line and "try again" in line, line


def test_services_that_lost_their_supervisor_are_ended_and_started_anew(up: Stack) -> None:
    before = processes(up)
    daemons = {psutil.Process(pid).ppid() for pid in before} - before.keys()
    assert len(daemons) == 1, f"processes {before} have the parents {daemons}"
    psutil.Process(daemons.pop()).kill()
    done = up.command("up")
    assert done.returncode == 0, f"exit {done.returncode}: {done.stderr}"
    assert not before.keys() & processes(up).keys(), "processes without a supervisor are still there"


def test_start_and_stop_do_one_service_and_status_tells(up: Stack) -> None:
    before = processes(up)
    assert up.command("stop", "hive").returncode == 0
    status = up.command("status")
    stopped = [line for line in status.stdout.splitlines() if line.startswith("hive")]
    assert status.returncode == 3 and "stopped" in stopped[0], f"exit {status.returncode}: {status.stdout}"
    assert len(processes(up)) == len(before) - 1, f"more than hive was stopped: {before} became {processes(up)}"
    assert up.command("start", "hive").returncode == 0
    assert up.command("status").returncode == 0
