"""A throw-away lab from nothing to nothing: up, up again, reset, down, killed in the middle, destroyed."""

import os
import random
import signal
import subprocess
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from fixtures.labs import Lab, throwaway_lab
from fixtures.measuring import Measure
from provisioning.containers.places import lab_settings
from provisioning.lab.node import leftovers
from provisioning.state import State
from reports import results

pytestmark = [
    pytest.mark.requires("lxc"),
    pytest.mark.verifies("provisioning.repeatable"),
    pytest.mark.impact("observe"),
]


@pytest.fixture
def own_lab() -> Iterator[Lab]:
    """A throw-away lab that nobody else uses, not yet up."""
    with throwaway_lab() as lab:
        yield lab


def left(lab: Lab) -> list[str]:
    """What the lab would leave on this machine."""
    return leftovers(lab_settings(lab.inventory, State(lab.stack.state)))


def running(lab: Lab) -> list[str]:
    """Containers that the node says run."""
    lines = lab.shell("kafka", "node", "pct list").splitlines()[1:]
    return sorted(line.split()[-1] for line in lines if line.split()[1] == "running")


def killed_after(process: "subprocess.Popen[str]", seconds: float) -> bool:
    """Kill it with all that it runs; what has become a daemon by then lives on. False where it had ended before."""
    try:
        process.communicate(timeout=seconds)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
        return True
    return False


def test_up_makes_all_and_a_second_changes_nothing(own_lab: Lab, measure: Measure) -> None:
    began = time.monotonic()
    first = own_lab.stack.command("up")
    made = time.monotonic()
    second = own_lab.stack.command("up")
    measure("lab: up with warm caches", made - began, "s", "lower")
    measure("lab: up with nothing to do", time.monotonic() - made, "s", "lower")
    assert first.returncode == 0 and " is up: nothing changed" not in first.stdout, first.stderr
    assert second.returncode == 0 and " is up: nothing changed" in second.stdout, second.stdout + second.stderr
    assert running(own_lab) == sorted(own_lab.inventory.containers), "not every container runs"
    assert own_lab.stack.command("plan").stdout == "nothing to do: it runs\n"
    began = time.monotonic()
    assert own_lab.stack.command("destroy", "--yes").returncode == 0
    measure("lab: destroy", time.monotonic() - began, "s", "lower")
    assert not left(own_lab), f"destroy left {left(own_lab)}"


def test_up_with_cold_caches_fetches_and_builds_what_it_needs(own_lab: Lab, tmp_path: Path, measure: Measure) -> None:
    began = time.monotonic()
    done = own_lab.stack.command("up", DATALAKE_CACHE=str(tmp_path))
    measure("lab: up with cold caches", time.monotonic() - began, "s", "lower")
    assert done.returncode == 0, done.stderr
    assert list(tmp_path.glob("images/*")) and list(tmp_path.glob("sudo*.deb")), "nothing was cached"
    assert running(own_lab) == sorted(own_lab.inventory.containers)


def test_the_whole_suite_judges_a_fresh_lab_green(running_lab: Lab, tmp_path: Path, measure: Measure) -> None:
    began = time.monotonic()
    done = running_lab.pytest("suites/infra", "-n", "2", "--run", str(tmp_path / "run"))
    measure("infra: the whole suite, -n 2", time.monotonic() - began, "s", "lower")
    assert done.returncode == 0, done.stdout
    judged = {row.test.rpartition("[")[2].partition("-")[0].rstrip("]") for row in results.load(tmp_path / "run").rows}
    assert judged >= set(running_lab.inventory.containers), f"not every container was judged: {sorted(judged)}"


def test_reset_makes_a_container_anew_and_touches_no_other(running_lab: Lab, measure: Measure) -> None:
    for name in ("kafka", "minio"):
        running_lab.shell(name, "inside", "echo mine >/var/lib/mine")
    began = time.monotonic()
    done = running_lab.stack.command("reset", "kafka", "--yes")
    measure("lab: reset", time.monotonic() - began, "s", "lower")
    assert done.returncode == 0, done.stderr
    assert running_lab.shell("kafka", "inside", "ls /var/lib/mine 2>/dev/null || echo gone") == "gone\n"
    assert running_lab.shell("minio", "inside", "cat /var/lib/mine") == "mine\n", "another container was touched"
    assert " is up: nothing changed" in running_lab.stack.command("up").stdout, "it is not as after provisioning"


def test_down_and_up_keep_what_containers_hold_and_what_was_set(running_lab: Lab) -> None:
    running_lab.shell("gitea", "inside", "echo kept >/var/lib/kept; sync")
    assert running_lab.stack.command("down").returncode == 0
    assert not [line for line in left(running_lab) if "process" in line or "namespace" in line], "something still runs"
    assert running_lab.stack.command("status").returncode == 3, "status says that a stopped lab runs"
    assert running_lab.stack.command("up").returncode == 0
    assert running_lab.shell("gitea", "inside", "cat /var/lib/kept") == "kept\n"
    judged = running_lab.pytest("suites/infra", "-n", "2")  # a second boot undoes what was set for the first one only
    assert judged.returncode == 0, judged.stdout


def test_a_container_that_is_planned_elsewhere_moves_there(running_lab: Lab) -> None:
    planned = Path(running_lab.stack.inventory)
    other = running_lab.stack.folder / "moved" / planned.name
    other.parent.mkdir()
    other.write_text(f'{planned.read_text(encoding="utf-8")}[containers.hive]\naddress = "192.168.4.99"\n')
    try:
        done = running_lab.stack.run("provisioning", "up", "--inventory", str(other))
        assert done.returncode == 0 and "192.168.4.99" in done.stderr, done.stdout + done.stderr
        judged = replace(running_lab, stack=replace(running_lab.stack, inventory=str(other))).pytest("suites/infra")
        assert judged.returncode == 0, judged.stdout
    finally:
        back = running_lab.stack.command("up")
    assert back.returncode == 0 and "192.168.4.99" in back.stderr, back.stdout + back.stderr


def test_one_container_is_stopped_and_started(running_lab: Lab) -> None:
    assert running_lab.stack.command("stop", "hive").returncode == 0
    assert "hive" not in running(running_lab), "hive still runs"
    status = running_lab.stack.command("status")
    assert status.returncode == 3 and "provisioning start hive" in status.stdout, status.stdout
    assert running_lab.stack.command("start", "hive").returncode == 0
    assert "hive" in running(running_lab), "hive does not run"


def test_up_mends_what_the_node_itself_runs_on(running_lab: Lab) -> None:
    for name in ("named", "lxcfs"):
        os.kill(int((running_lab.node_state / "run" / f"{name}.pid").read_text(encoding="ascii")), signal.SIGKILL)
    status = running_lab.stack.command("status")
    assert status.returncode == 3 and "\nlxcfs" in status.stdout and "\nnamed" in status.stdout, status.stdout
    assert "node: lxcfs started" in running_lab.stack.command("plan").stdout, "the plan does not say it"
    done = running_lab.stack.command("up")
    assert done.returncode == 0, done.stderr
    assert running_lab.shell("kafka", "inside", "grep -c MemTotal /proc/meminfo") == "1\n"
    assert " is up: nothing changed" in running_lab.stack.command("up").stdout, "it is not whole"


def test_the_second_of_two_ups_is_told_to_wait(running_lab: Lab) -> None:
    with State(running_lab.stack.state).alone():
        done = running_lab.stack.command("up")
    assert (done.returncode, done.stdout) == (3, ""), done.stdout
    assert f"another command is changing it (process {os.getpid()})" in done.stderr and done.stderr.count("\n") == 1


def test_a_killed_up_is_completed_by_the_next(own_lab: Lab, pytestconfig: pytest.Config, seed_of_kills: int) -> None:
    """Killed together with what it started, as a machine that loses its power would; each time from nothing."""
    moments, kills, began = random.Random(seed_of_kills), 0, time.monotonic()
    assert own_lab.stack.command("up").returncode == 0
    whole = time.monotonic() - began
    while kills < pytestconfig.getoption("--kills"):
        assert own_lab.stack.command("destroy", "--yes").returncode == 0
        assert not left(own_lab), f"after kill {kills} (seed {seed_of_kills}) destroy left {left(own_lab)}"
        after = moments.uniform(0, whole)
        kills += killed_after(own_lab.stack.start("up", alone=True), after)  # one that was done by then is none
        done = own_lab.stack.command("up")
        assert done.returncode == 0, f"kill {kills} after {after:.1f} s (seed {seed_of_kills}): {done.stderr}"
        assert running(own_lab) == sorted(own_lab.inventory.containers), f"kill {kills} after {after:.1f} s"
        assert own_lab.stack.command("plan").stdout == "nothing to do: it runs\n"


@pytest.fixture
def seed_of_kills(pytestconfig: pytest.Config) -> int:
    """Seed of the moments: --seed, or another each time, said in the failure."""
    given = pytestconfig.getoption("--seed")
    return random.SystemRandom().randrange(2**32) if given is None else int(given)
