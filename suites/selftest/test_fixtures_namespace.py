"""A run that judges a lab goes into its network first, or not at all: outside, an answer proves nothing."""

from pathlib import Path

import pytest

from fixtures.namespace import lab_of, pytest_load_initial_conftests
from provisioning import connection
from provisioning.connection import Connection
from provisioning.lab import namespace
from provisioning.problem import Problem
from provisioning.state import CHECKOUT, State


@pytest.fixture(autouse=True)
def _nothing_of_this_machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was brought up in this checkout, and the namespaces of this machine, are out of reach."""
    monkeypatch.setenv("DATALAKE_STATE", str(tmp_path / "state"))


@pytest.fixture
def named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of network namespaces: one that we are in, one that we are not in, and the file that is left of one."""
    folder = tmp_path / "netns"
    folder.mkdir()
    (folder / "own").symlink_to("/proc/self/ns/net")
    (folder / "other").symlink_to("/proc/self/ns/uts")
    (folder / "left").write_text("")
    monkeypatch.setattr(namespace, "FOLDER", folder)
    return folder


def written(folder: Path, text: str) -> str:
    (folder / "mine.toml").write_text(f"format = 1\n{text}", encoding="utf-8")
    return str(folder / "mine.toml")


def brought_up(inventory: str) -> None:
    """Make it the lakehouse that was last brought up."""
    state = State.of("last")
    connection.write(Connection("last", inventory, None, None, None, None, 1), state.connection)
    state.make_current()


@pytest.mark.parametrize(
    "args",
    [
        ["--inventory", "lab"],
        ["--inventory=lab"],
        ["suites/infra", "-q", "--inventory", "lab", "-x"],
        ["-n", "2", "--run", "runs/x", "--inventory=lab", "-k", "not slow"],
        ["--inventory", "local", "--inventory", "lab"],
    ],
    ids=" ".join,
)
def test_a_run_that_speaks_of_the_lab_belongs_into_its_namespace(args: list[str]) -> None:
    assert lab_of(args) == "datalake-lab"


@pytest.mark.parametrize(
    "args",
    [
        [],
        ["suites/infra", "-q"],
        ["--inventory", "local"],
        ["--inventory=proxmox"],
        ["--inventory", "plan"],
        ["--inventory", "nowhere"],
        ["--invent", "lab"],
        ["-k", "lab"],
    ],
    ids=" ".join,
)
def test_a_run_that_speaks_of_no_lab_stays_where_it_is(args: list[str]) -> None:
    assert lab_of(args) is None


@pytest.mark.parametrize(
    ("folder", "path"),
    [(".", "suites/provisioning"), ("suites", "provisioning/test_lab_up.py"), ("suites/selftest", ".")],
)
def test_what_makes_labs_of_its_own_stays_outside_wherever_it_is_called(
    monkeypatch: pytest.MonkeyPatch, folder: str, path: str
) -> None:
    monkeypatch.chdir(CHECKOUT / folder)
    assert lab_of([f"{path}::test_x", "--inventory", "lab"]) is None
    assert lab_of([path, str(CHECKOUT / "suites/infra"), "--inventory", "lab"]) == "datalake-lab"


def test_a_lab_of_ones_own_has_a_namespace_of_its_own(tmp_path: Path) -> None:
    mine = written(tmp_path, 'extends = "lab"\nname = "lab-7"\n')
    assert lab_of(["--inventory", mine]) == "datalake-lab-7"


def test_without_a_word_the_lab_that_was_brought_up_last_is_meant(tmp_path: Path) -> None:
    brought_up("lab")
    assert lab_of(["suites/infra"]) == "datalake-lab"
    assert lab_of(["--inventory", "local"]) is None


def test_without_a_word_a_lakehouse_that_is_no_lab_is_none(tmp_path: Path) -> None:
    brought_up("local")
    assert lab_of(["suites/infra"]) is None


@pytest.mark.parametrize("text", ["name = 'x'", "extends = 'lab'\ncolour = 'red'"], ids=["missing", "unknown"])
def test_a_broken_inventory_is_for_the_options_to_say(tmp_path: Path, text: str) -> None:
    assert lab_of(["--inventory", written(tmp_path, text)]) is None


def test_a_broken_profile_is_for_the_options_to_say(tmp_path: Path) -> None:
    brought_up("lab")
    State.of("last").connection.write_text("{")
    assert lab_of([]) is None


def test_a_namespace_is_there_or_not_and_a_left_file_is_not_one(named: Path) -> None:
    seen = {name: namespace.exists(name) for name in ("own", "other", "left", "never")}
    assert seen == {"own": True, "other": True, "left": False, "never": False}


def test_only_the_own_namespace_has_us_inside(named: Path) -> None:
    seen = {name: namespace.inside(name) for name in ("own", "other", "left", "never")}
    assert seen == {"own": True, "other": False, "left": False, "never": False}


def test_inside_nothing_is_in_the_way(named: Path) -> None:
    namespace.require("own")
    namespace.enter("own")


def test_outside_nothing_is_sent(named: Path) -> None:
    with pytest.raises(Problem) as caught:
        namespace.require("other")
    assert str(caught.value).startswith("network namespace other: this process is outside of it; enter it before")


@pytest.mark.parametrize("name", ["left", "never"])
def test_a_namespace_that_is_missing_is_told_apart(named: Path, name: str) -> None:
    for refuse in (namespace.require, namespace.enter):
        with pytest.raises(Problem) as caught:
            refuse(name)
        assert str(caught.value) == f"network namespace {name}: does not exist; bring the lab up first"


def test_what_cannot_be_entered_is_one_line(named: Path) -> None:
    with pytest.raises(Problem) as caught:
        namespace.enter("other")
    line = str(caught.value)
    assert line.startswith("network namespace other: cannot be entered (") and "\n" not in line, line


def test_a_run_of_a_lab_that_is_down_goes_on_outside_for_the_probes_to_say(named: Path) -> None:
    pytest_load_initial_conftests(["--inventory", "lab"])


def test_a_run_of_a_lab_that_cannot_be_entered_ends_before_it_begins(named: Path) -> None:
    (named / "datalake-lab").symlink_to("/proc/self/ns/uts")
    with pytest.raises(pytest.UsageError, match="network namespace datalake-lab: cannot be entered"):
        pytest_load_initial_conftests(["--inventory", "lab"])


def test_a_run_of_a_lab_that_we_are_in_goes_on(named: Path) -> None:
    (named / "datalake-lab").symlink_to("/proc/self/ns/net")
    pytest_load_initial_conftests(["--inventory", "lab"])


@pytest.mark.parametrize("path", ["suites/provisioning", "suites/selftest/test_runs.py", "suites/inventory/"])
def test_what_judges_no_lab_stays_outside_of_it(path: str) -> None:
    assert lab_of([path, "--inventory", "lab"]) is None
    assert lab_of([path, "suites/infra", "--inventory", "lab"]) == "datalake-lab"
