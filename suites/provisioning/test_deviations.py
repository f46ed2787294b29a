"""Each promise of the infrastructure has been seen red: one deviation at a time, and nothing else turns red with it."""

from pathlib import Path

import pytest

from fixtures.deviations import Deviation, catalogue
from fixtures.labs import Lab
from reports import results
from reports.conformance import judge

pytestmark = [pytest.mark.requires("lxc"), pytest.mark.impact("observe")]


def broken(run: results.Run) -> set[str]:
    return {result.promise.id for result in judge(run).promises if result.verdict == "broken"}


@pytest.mark.parametrize("deviation", catalogue().values(), ids=lambda deviation: deviation.name)
def test_it_is_seen_by_the_promises_that_the_registry_names(
    running_lab: Lab, deviation: Deviation, tmp_path: Path
) -> None:
    lab, one = running_lab, deviation
    assert one.breaks, f"{one.name}: no promise of provisioning/promises.toml names it among its faults"
    lab.shell(one.container, one.on, one.seed)
    try:
        confirmed = lab.shell(one.container, one.on, one.seen)
        assert one.shows in confirmed, f"{one.name} was not seeded: {confirmed!r} has no {one.shows!r}"
        lab.pytest("suites/infra", "--run", str(tmp_path / "red"))
    finally:
        take_back(lab, one)
    red = results.load(tmp_path / "red")
    failed = [row for row in red.rows if row.verdict == "failed"]
    died = [row.test for row in red.rows if row.verdict == "error" and not row.test.startswith("probe::")]
    assert not died, f"{one.name}: neither red nor green, but dead: {died}"
    assert broken(red) == one.breaks, f"{one.name}: red are {sorted(broken(red))}, expected {sorted(one.breaks)}"
    said = "\n".join(str(row.message) for row in failed)
    missing = [word for word in (*one.names, *([] if one.of_node else [named(lab, one)])) if word not in said]
    assert not missing, f"{one.name}: the failures do not say {missing}: {said}"
    done = lab.pytest(*(row.test for row in failed), "--run", str(tmp_path / "green"))
    assert done.returncode == 0, f"{one.name} was taken back, and is still seen: {done.stdout}"


def named(lab: Lab, deviation: Deviation) -> str:
    return f"{deviation.container} (CT {lab.inventory.containers[deviation.container].ct})"


def take_back(lab: Lab, deviation: Deviation) -> None:
    if deviation.revert == "up":
        done = lab.stack.command("up")
        assert done.returncode == 0, f"{deviation.name}: up: exit {done.returncode}: {done.stderr}"
    else:
        lab.shell(deviation.container, deviation.on, deviation.revert)
