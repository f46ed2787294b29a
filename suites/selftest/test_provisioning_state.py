"""The state of a checkout: one command at a time, and one lakehouse that is current."""

import os
from pathlib import Path

import pytest

from provisioning.problem import Problem
from provisioning.state import State, current, root
from spark_jobs.profile import default_path


@pytest.fixture
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> State:
    """The state of an inventory `one`, in a folder of its own."""
    monkeypatch.setenv("DATALAKE_STATE", str(tmp_path / "state"))
    monkeypatch.delenv("DATALAKE_CONNECTION", raising=False)
    return State.of("one")


def connected(state: State) -> State:
    state.folder.mkdir(parents=True, exist_ok=True)
    state.connection.write_text("{}")
    return state


def test_the_state_lies_where_the_environment_says(state: State, tmp_path: Path) -> None:
    assert (root(), state.folder) == (tmp_path / "state", tmp_path / "state/one")


def test_without_the_environment_it_lies_in_the_checkout(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DATALAKE_STATE", raising=False)
    assert root() == Path(__file__).parents[2] / ".datalake"


def test_a_second_command_is_refused_and_told_who_is_first(state: State) -> None:
    with state.alone(), pytest.raises(Problem) as caught, state.alone():
        pytest.fail("both got in")
    line = str(caught.value)
    assert line.startswith(f"{state.folder}: another command is changing it (process {os.getpid()}); "), line


def test_the_next_command_gets_in_when_the_first_is_through(state: State) -> None:
    with state.alone():
        pass
    with pytest.raises(ZeroDivisionError), state.alone():
        raise ZeroDivisionError
    with state.alone():
        holder = (root() / ".one.lock").read_text()
    assert holder == str(os.getpid()), holder


def test_two_lakehouses_can_be_changed_at_once(state: State) -> None:
    with state.alone(), State.of("two").alone():
        locks = sorted(path.name for path in root().iterdir())
    assert locks == [".one.lock", ".two.lock"]


def test_a_lock_that_cannot_be_made_is_one_line(state: State) -> None:
    root().mkdir()
    (root() / ".one.lock").mkdir()
    with pytest.raises(Problem, match="cannot be written"), state.alone():
        pytest.fail("got in without a lock")


def test_nothing_is_current_before_the_first_up(state: State) -> None:
    assert current() is None


def test_the_current_lakehouse_is_the_one_made_current_last(state: State) -> None:
    for one in (connected(state), connected(State.of("two"))):
        one.make_current()
    found = current()
    assert found is not None
    assert found.folder == State.of("two").folder


def test_the_jobs_find_the_profile_of_the_current_lakehouse(state: State) -> None:
    connected(state).make_current()
    assert default_path().resolve() == state.connection


def test_a_lakehouse_without_a_profile_is_not_current(state: State) -> None:
    connected(state).make_current()
    state.connection.unlink()
    assert current() is None


def test_a_removed_lakehouse_is_gone_and_no_longer_current(state: State) -> None:
    connected(state).make_current()
    state.remove()
    assert (state.folder.exists(), os.path.lexists(root() / "current")) == (False, False)


def test_removing_another_lakehouse_leaves_the_current_one(state: State) -> None:
    other = connected(State.of("two"))
    connected(state).make_current()
    other.remove()
    assert current() == state


def test_what_cannot_be_made_current_is_one_line(state: State) -> None:
    connected(state)
    (root() / "current").mkdir()
    (root() / "current/file").touch()
    with pytest.raises(Problem, match="cannot be written"):
        state.make_current()
