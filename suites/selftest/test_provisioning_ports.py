"""Ports: a fixed one is taken or refused, a free one is chosen once and kept."""

import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from provisioning.inventory import Service
from provisioning.local import ports
from provisioning.problem import Exit, Problem


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
    first = ports.choose(services, {}, running=())
    ports.keep(first, kept)
    second = ports.choose(services, ports.read(kept), running=())
    assert first == second == ports.read(kept)
    assert all(1024 <= port <= 65535 for port in first.values()), first
    assert all(ports.is_free("127.0.0.1", port) for port in first.values()), first


def test_a_fixed_port_is_taken() -> None:
    port = unused()
    assert ports.choose({"minio": Service(port=port)}, {}, running=()) == {"minio": port}


def test_a_fixed_port_that_is_occupied_is_refused_with_its_occupant(occupied: int) -> None:
    with pytest.raises(Problem) as caught:
        ports.choose({"minio": Service(port=occupied)}, {}, running=())
    line = str(caught.value)
    assert line.startswith(f"services.minio on 127.0.0.1: port {occupied} is occupied by "), line
    assert f"(process {os.getpid()})" in line, line
    assert "set port = 0" in line, line


def test_a_service_that_runs_keeps_its_port_although_it_occupies_it(occupied: int) -> None:
    kept = {"minio": occupied}
    assert ports.choose({"minio": Service(port=0)}, kept, running=["minio"]) == kept
    assert ports.choose({"minio": Service(port=occupied)}, kept, running=["minio"]) == kept


def test_a_kept_port_that_a_stranger_took_is_given_up(occupied: int) -> None:
    assert ports.choose({"minio": Service(port=0)}, {"minio": occupied}, running=())["minio"] != occupied


def test_a_port_that_the_inventory_fixes_wins_over_the_kept_one(occupied: int) -> None:
    port = unused()
    assert ports.choose({"minio": Service(port=port)}, {"minio": occupied}, running=["minio"]) == {"minio": port}


def test_a_service_that_is_no_longer_declared_is_forgotten() -> None:
    chosen = ports.choose({"minio": Service(port=0)}, {"minio": unused(), "gone": 1234}, running=())
    assert chosen.keys() == {"minio"}


def test_one_fixed_port_for_two_services_is_refused() -> None:
    port = unused()
    with pytest.raises(Problem) as caught:
        ports.choose({"minio": Service(port=port), "hive": Service(port=port)}, {}, running=())
    assert str(caught.value) == (
        f"services.minio on 127.0.0.1: port {port} is also fixed for hive; "
        "give one of the two another port in the inventory"
    )
    assert caught.value.code == Exit.USAGE, f"exit code {caught.value.code}"


@pytest.mark.parametrize("running", [(), ("hive",)], ids=["down", "up"])
def test_a_fixed_port_that_another_service_has_kept_is_refused(running: tuple[str, ...]) -> None:
    port = unused()
    services = {"minio": Service(port=port), "hive": Service(port=0)}
    with pytest.raises(Problem, match=f"port {port} is also kept since the first `up` by hive"):
        ports.choose(services, {"hive": port}, running)


def test_two_services_on_two_hosts_or_that_change_places_may_have_one_number() -> None:
    one, other = unused(), unused()
    apart = {"minio": Service(port=one), "hive": Service(port=one, host="127.0.0.2")}
    assert ports.choose(apart, {}, running=()) == {"minio": one, "hive": one}
    swapped = {"minio": Service(port=one), "hive": Service(port=other)}
    assert ports.choose(swapped, {"minio": other, "hive": one}, running=()) == {"minio": one, "hive": other}


def test_a_free_port_is_never_one_that_another_service_will_have(monkeypatch: pytest.MonkeyPatch) -> None:
    one, other = unused(), unused()
    offered = iter([one, one, other])

    class Offering(socket.socket):
        def getsockname(self) -> tuple[str, int]:
            return "127.0.0.1", next(offered)

    monkeypatch.setattr("provisioning.local.ports.socket.socket", Offering)
    assert ports.choose({"minio": Service(port=0), "hive": Service(port=0)}, {}, ()) == {"minio": one, "hive": other}


def test_a_host_that_is_not_this_machine_is_one_line() -> None:
    with pytest.raises(Problem, match=r"^services.minio on 192.0.2.1: this machine cannot listen there"):
        ports.choose({"minio": Service(host="192.0.2.1", port=0)}, {}, running=())


def test_nothing_was_chosen_before_the_first_time(kept: Path) -> None:
    assert ports.read(kept) == {}


@pytest.mark.parametrize(
    "content", ["", "{", "[]", "5", '{"minio": null}', '{"minio": "x"}', '{"minio": 99999999}'], ids=repr
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
