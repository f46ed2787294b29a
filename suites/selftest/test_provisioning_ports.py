"""Ports: a fixed one is taken or refused, a free one is chosen once and kept."""

import json
import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from provisioning.inventory import Service
from provisioning.local import ports
from provisioning.problem import Problem


@pytest.fixture
def occupied() -> Iterator[int]:
    """A port at which this very process listens."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


@pytest.fixture
def kept(tmp_path: Path) -> Path:
    """Where chosen ports are kept."""
    return tmp_path / "ports.json"


def unused() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


def test_a_free_port_is_chosen_for_each_service_and_kept(kept: Path) -> None:
    services = {"minio": Service(port=0), "hive": Service(port=0)}
    first = ports.choose(services, kept, running=())
    second = ports.choose(services, kept, running=())
    assert first == second == ports.read(kept)
    assert all(1024 <= port <= 65535 for port in first.values()), first
    assert all(ports.is_free("127.0.0.1", port) for port in first.values()), first


def test_a_fixed_port_is_taken(kept: Path) -> None:
    port = unused()
    assert ports.choose({"minio": Service(port=port)}, kept, running=()) == {"minio": port}


def test_a_fixed_port_that_is_occupied_is_refused_with_its_occupant(kept: Path, occupied: int) -> None:
    with pytest.raises(Problem) as caught:
        ports.choose({"minio": Service(port=occupied)}, kept, running=())
    line = str(caught.value)
    assert line.startswith(f"services.minio on 127.0.0.1: port {occupied} is occupied by "), line
    assert f"(process {os.getpid()})" in line, line
    assert "set port = 0" in line, line
    assert not kept.exists(), "ports of a refused choice were kept"


def test_a_service_that_runs_keeps_its_port_although_it_occupies_it(kept: Path, occupied: int) -> None:
    kept.write_text(json.dumps({"minio": occupied}))
    assert ports.choose({"minio": Service(port=0)}, kept, running=["minio"]) == {"minio": occupied}
    assert ports.choose({"minio": Service(port=occupied)}, kept, running=["minio"]) == {"minio": occupied}


def test_a_kept_port_that_a_stranger_took_is_given_up(kept: Path, occupied: int) -> None:
    kept.write_text(json.dumps({"minio": occupied}))
    chosen = ports.choose({"minio": Service(port=0)}, kept, running=())
    assert chosen["minio"] != occupied
    assert ports.read(kept) == chosen


def test_a_port_that_the_inventory_fixes_wins_over_the_kept_one(kept: Path, occupied: int) -> None:
    kept.write_text(json.dumps({"minio": occupied}))
    port = unused()
    assert ports.choose({"minio": Service(port=port)}, kept, running=["minio"]) == {"minio": port}


def test_a_service_that_is_no_longer_declared_is_forgotten(kept: Path) -> None:
    kept.write_text(json.dumps({"minio": unused(), "gone": 1234}))
    ports.choose({"minio": Service(port=0)}, kept, running=())
    assert ports.read(kept).keys() == {"minio"}


def test_nothing_was_chosen_before_the_first_time(kept: Path) -> None:
    assert ports.read(kept) == {}


@pytest.mark.parametrize(
    "content", ["", "{", "[]", "5", '{"minio": null}', '{"minio": "x"}', '{"minio": {}}'], ids=repr
)
def test_kept_ports_that_are_unreadable_are_refused_with_the_way_out(kept: Path, content: str) -> None:
    kept.write_text(content)
    with pytest.raises(Problem) as caught:
        ports.read(kept)
    assert str(caught.value) == f"{kept}: unreadable; remove the file; new ports will be chosen"


def test_a_folder_in_the_place_of_kept_ports_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Problem, match="unreadable"):
        ports.read(tmp_path)


def test_an_occupied_port_is_not_free_and_a_released_one_is(occupied: int) -> None:
    assert (ports.is_free("127.0.0.1", occupied), ports.is_free("127.0.0.1", unused())) == (False, True)
