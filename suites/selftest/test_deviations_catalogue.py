"""Deviations and promises name each other: no promise is believed that was never seen red."""

import ast
import re
from pathlib import Path

import pytest

from fixtures.deviations import Deviation, catalogue
from provisioning.inventory import load
from provisioning.promises import Promise, registry

CATALOGUE = list(catalogue().values())
JUDGED = {  # by the suite that a deviation is held against
    name
    for path in (Path(__file__).parents[1] / "infra").glob("test_*.py")
    for name in re.findall(r'@pytest\.mark\.verifies\("([^"]+)"', path.read_text(encoding="utf-8"))
}
INFRA = [promise for promise in registry().values() if "lab" in promise.targets and promise.id in JUDGED]
SHELL = re.compile(r"\$(\w+)")
KNOWN = {"ID", "IP", "HOST", "STATE", "LAB"}  # what a command of the catalogue may take for granted


def functions(source: str) -> set[str]:
    return {node.name for node in ast.parse(source).body if isinstance(node, ast.FunctionDef)}


def unknown_faults(promise: Promise, deviations: set[str], root: Path) -> list[str]:
    """Faults that are neither a deviation nor a test that is there."""

    def there(fault: str) -> bool:
        file, parted, name = fault.partition("::")
        if not parted:
            return fault in deviations
        return (root / file).is_file() and name in functions((root / file).read_text(encoding="utf-8"))

    return [fault for fault in promise.faults if not there(fault)]


def promise(*faults: str) -> Promise:
    return Promise("a.b", "It holds.", "the plan", "proved-by-suite", ("lab",), faults)


@pytest.mark.parametrize("one", registry().values(), ids=lambda one: one.id)
def test_every_fault_that_a_promise_names_is_a_deviation_or_a_test_that_is_there(
    one: Promise, pytestconfig: pytest.Config
) -> None:
    assert unknown_faults(one, {*catalogue()}, pytestconfig.rootpath) == []
    assert len({*one.faults}) == len(one.faults), f"{one.id} names a fault twice: {one.faults}"


@pytest.mark.parametrize(
    "fault",
    [
        "stopped-twice",
        "suites/x/test_x.py::test_other",
        "suites/x/test_y.py::test_x",
        "suites/x/test_x.py::helper.test_x",
    ],
)
def test_a_fault_that_is_not_there_is_found(tmp_path: Path, fault: str) -> None:
    (tmp_path / "suites/x").mkdir(parents=True)
    (tmp_path / "suites/x/test_x.py").write_text("def test_x(): ...\n'def test_other(): ...'\n")
    assert unknown_faults(promise("stopped", fault), {"stopped"}, tmp_path) == [fault]
    assert unknown_faults(promise("stopped", "suites/x/test_x.py::test_x"), {"stopped"}, tmp_path) == []


@pytest.mark.parametrize("one", INFRA, ids=lambda one: one.id)
def test_every_promise_that_the_lab_proves_was_seen_red(one: Promise) -> None:
    assert one.status == "proved-by-suite", f"{one.id} has target lab and is {one.status}"
    assert one.faults, f"{one.id}: no fault was ever seen to turn it red"


def test_every_promise_of_a_lab_is_judged_by_its_suite_or_is_a_measurement() -> None:
    of_labs = {promise.id for promise in registry().values() if "lab" in promise.targets}
    elsewhere = {name for name in of_labs - JUDGED if not name.startswith("performance.")}
    assert not elsewhere, f"no test of suites/infra verifies {elsewhere}"
    assert registry().keys() >= JUDGED, JUDGED - registry().keys()


@pytest.mark.parametrize("one", CATALOGUE, ids=lambda one: one.name)
def test_every_deviation_turns_some_promise_red(one: Deviation) -> None:
    assert one.breaks, f"{one.name}: no promise of provisioning/promises.toml names it among its faults"
    assert one.breaks <= {promise.id for promise in INFRA}, f"{one.name} breaks what no lab judges: {one.breaks}"


def test_a_deviation_breaks_exactly_the_promises_that_name_it() -> None:
    assert catalogue()["stopped"].breaks == {"containers.exist", "network.reachable"}
    assert catalogue()["memory-live"].breaks == {"containers.memory"}


def test_there_are_as_many_deviations_as_were_promised() -> None:
    assert len(CATALOGUE) >= 30, len(CATALOGUE)


@pytest.mark.parametrize("one", CATALOGUE, ids=lambda one: one.name)
def test_a_deviation_happens_to_a_planned_container(one: Deviation) -> None:
    assert one.container in load("lab").containers, f"{one.name}: no container {one.container}"
    assert one.on in ("inside", "node"), f"{one.name} happens {one.on}"


@pytest.mark.parametrize("one", CATALOGUE, ids=lambda one: one.name)
def test_a_deviation_is_seeded_confirmed_and_taken_back(one: Deviation) -> None:
    said = {"seed": one.seed, "seen": one.seen, "shows": one.shows, "revert": one.revert}
    assert all(said.values()), f"{one.name}: {said}"
    assert one.names and all(one.names), f"{one.name} says nothing of what the failure must say"
    assert one.revert != one.seed, f"{one.name} is taken back by what seeded it"


@pytest.mark.parametrize("one", [one for one in CATALOGUE if one.on == "node"], ids=lambda one: one.name)
def test_a_command_on_the_node_takes_only_what_the_node_knows(one: Deviation) -> None:
    text = f"{one.seed}\n{one.seen}\n{one.revert}"
    own = {*re.findall(r"\bfor (\w+) in\b", text), *re.findall(r"\b(\w+)=\$\(", text)}
    used = {*SHELL.findall(text)}
    assert used <= KNOWN | own, f"{one.name}: {used - KNOWN - own} are not given to it"


def test_no_two_deviations_seed_the_same() -> None:
    seeds = [(one.container, one.on, one.seed) for one in CATALOGUE]
    assert len({*seeds}) == len(seeds)


@pytest.mark.parametrize("entry", ["seed = 'x'", "colour = 'red'"], ids=["missing", "unknown"])
def test_an_entry_with_a_key_too_few_or_too_many_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, entry: str
) -> None:
    whole = "container = 'kafka'\non = 'node'\nseen = 'y'\nshows = 'y'\nrevert = 'z'\nnames = ['a']\n"
    (tmp_path / "deviations.toml").write_text(
        f"[one]\n{whole}{entry}\n".replace("seen = 'y'\n", "", entry == "seed = 'x'")
    )
    monkeypatch.setattr("fixtures.deviations.CATALOGUE", tmp_path / "deviations.toml")
    with pytest.raises(TypeError, match=r"seen|colour"):
        catalogue.__wrapped__()


def unmarked(source: str) -> list[str]:
    """Tests of a module that say of no promise that they prove it, neither themselves nor by their module."""
    tree = ast.parse(source)
    whole = any("pytest.mark.verifies" in ast.unparse(node) for node in tree.body if isinstance(node, ast.Assign))
    tests = [node for node in tree.body if isinstance(node, ast.FunctionDef) and node.name.startswith("test_")]
    marked = [node for node in tests if any("mark.verifies" in ast.unparse(mark) for mark in node.decorator_list)]
    return [] if whole else [node.name for node in tests if node not in marked]


@pytest.mark.parametrize(
    "file", sorted((Path(__file__).parents[1] / "infra").glob("test_*.py")), ids=lambda file: file.stem
)
def test_every_check_of_the_infrastructure_proves_a_promise(file: Path) -> None:
    assert unmarked(file.read_text(encoding="utf-8")) == [], f"{file.name}: add @pytest.mark.verifies(...) to these"


def test_a_check_that_proves_nothing_is_found() -> None:
    assert unmarked("def test_a(): ...\n\n@pytest.mark.verifies('x')\ndef test_b(): ...\n") == ["test_a"]
