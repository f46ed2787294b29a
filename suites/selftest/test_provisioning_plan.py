"""`plan` says what `up` would do: what would be made, started, restarted and stopped. Nothing runs here."""

from collections.abc import Callable, Collection
from pathlib import Path

import pytest

from provisioning import artifacts
from provisioning.inventory import Service, load
from provisioning.local.stack import Setup, Stack
from provisioning.local.supervision import Process
from provisioning.problem import Problem

START = ["service minio: start", "service hive: start", "service spark: start"]


@pytest.fixture(autouse=True)
def _nothing_of_this_machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """State, cache and sockets of this checkout are out of reach."""
    monkeypatch.setenv("DATALAKE_STATE", str(tmp_path / "state"))
    monkeypatch.setenv("DATALAKE_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr("provisioning.local.supervision.RUNTIMES", tmp_path)
    monkeypatch.delenv("MINIO_BINARY", raising=False)


@pytest.fixture
def stack(monkeypatch: pytest.MonkeyPatch) -> Stack:
    """The embedded lakehouse; all its artifacts are at hand."""
    monkeypatch.setattr("provisioning.artifacts.check", lambda artifact, target: "good")
    return Stack(load("local"), "local")


Up = Callable[..., None]


@pytest.fixture
def up(stack: Stack, monkeypatch: pytest.MonkeyPatch) -> Up:
    """Lets these services run as `up` would start them now."""

    def up(names: Collection[str]) -> None:
        stack.state.folder.mkdir(parents=True)
        monkeypatch.setattr("provisioning.artifacts.provide", lambda names, report: artifacts.where(names))
        places = stack._make_places((), print)
        started = {name: Setup.of(name, place).fingerprint for name, place in places.items()}
        there = {name: Process(name, "RUNNING", 0, 1.0, "") for name in names}
        monkeypatch.setattr(stack.supervisor, "processes", lambda: there)
        monkeypatch.setattr(Process, "settings", lambda process: started.get(process.name))

    return up


def declare(stack: Stack, name: str, **change: object) -> Stack:
    """The same lakehouse after a change of the inventory."""
    service = stack.inventory.services[name].model_copy(update=change)
    services = {**stack.inventory.services, name: service}
    changed = Stack(stack.inventory.model_copy(update={"services": services}), "local")
    changed.supervisor = stack.supervisor
    return changed


def test_what_does_not_run_is_started(stack: Stack, up: Up) -> None:
    up(["hive"])
    assert stack.plan() == ["service minio: start", "service spark: start"]


def test_where_all_runs_as_it_should_there_is_nothing_to_do(stack: Stack, up: Up) -> None:
    up(["minio", "hive", "spark"])
    assert stack.plan() == []


def test_a_service_whose_settings_changed_is_restarted_and_no_other(stack: Stack, up: Up) -> None:
    up(["minio", "hive", "spark"])
    changed = declare(stack, "hive", memory=2**31)
    assert changed.plan() == ["service hive: restart, its settings have changed"]


def test_a_secret_that_changed_restarts_who_was_given_it(stack: Stack, up: Up, monkeypatch: pytest.MonkeyPatch) -> None:
    up(["minio", "hive", "spark"])
    monkeypatch.setenv("DATALAKE_SPARK_CONNECT", "another")
    assert stack.plan() == ["service spark: restart, its settings have changed"]


def test_what_is_no_longer_declared_is_stopped(stack: Stack, up: Up) -> None:
    up(["minio", "hive", "spark"])
    services = {name: service for name, service in stack.inventory.services.items() if name != "spark"}
    less = Stack(stack.inventory.model_copy(update={"services": services}), "local")
    less.supervisor = stack.supervisor
    assert less.plan() == ["service spark: stop, no longer declared"]


def test_planning_writes_nothing(stack: Stack, up: Up, tmp_path: Path) -> None:
    up(["minio", "hive"])
    before = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")}
    stack.plan()
    assert {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")} == before


def test_a_fingerprint_follows_settings_command_and_environment_and_tells_none(stack: Stack, up: Up) -> None:
    up([])
    place = stack._make_places((), print)["minio"]
    setup = Setup.of("minio", place)
    assert setup.fingerprint == Setup.of("minio", place).fingerprint
    assert place.secrets["minio-root"] not in repr(setup), "a secret is told"


def test_a_binary_of_the_site_is_not_built(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    binary = tmp_path / "minio"
    binary.write_text("#!/bin/sh\n")
    binary.chmod(0o700)
    cold = Stack(load("local"), "local")
    assert "artifact minio: built from source, several minutes once" in cold.plan()
    monkeypatch.setenv("MINIO_BINARY", str(binary))
    lines = cold.plan()
    assert not [line for line in lines if line.startswith("artifact minio")], lines
    assert lines[-3:] == START


def test_a_binary_of_the_site_that_cannot_be_run_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MINIO_BINARY", "/nowhere/minio")
    with pytest.raises(Problem, match="MINIO_BINARY=/nowhere/minio: is no program that can be run"):
        Stack(load("local"), "local").plan()


def test_what_an_artifact_needs_is_planned_before_it() -> None:
    lines = Stack(load("local"), "local").plan()
    assert lines.index("artifact hive-schema: fetching") < lines.index("artifact metastore-schema: building"), lines


def test_a_clash_of_ports_is_said_before_anything_is_made(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("provisioning.artifacts.provide", lambda names, report: pytest.fail("something is made"))
    services = {"minio": Service(port=9000), "hive": Service(port=9000)}
    local = load("local")
    budget = local.budget.model_copy(update={"free_disk": 1})
    clash = Stack(local.model_copy(update={"services": services, "budget": budget}), "local")
    with pytest.raises(Problem, match="port 9000 is also fixed for hive"):
        clash.up(print)
