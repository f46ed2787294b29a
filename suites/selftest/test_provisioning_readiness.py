"""Waiting for services: all of them, or as long as none is beyond hope."""

import time
from pathlib import Path

import pytest

from provisioning.connection import profile
from provisioning.inventory import load
from provisioning.local.readiness import last_line, wait_ready
from provisioning.local.supervision import Process
from provisioning.problem import Problem
from provisioning.services import SERVICES, Placement, ProbeFailed, client_secrets

LOCAL = load("local")
PORTS = {"minio": 1, "hive": 2, "spark": 3}


@pytest.fixture
def places(tmp_path: Path) -> dict[str, Placement]:
    """Places for all services; nothing runs there."""
    connection = profile(LOCAL, Path("local.toml"), PORTS, dict.fromkeys(client_secrets(SERVICES), "secret"))
    return {
        name: Placement(tmp_path / name, "127.0.0.1", PORTS[name], 2**30, Path(), Path(), {}, connection, {})
        for name in SERVICES
    }


@pytest.fixture
def answers(monkeypatch: pytest.MonkeyPatch) -> dict[str, str | Exception]:
    """What each service answers: its version, or the error that it raises; changed by the test."""
    answers: dict[str, str | Exception] = dict.fromkeys(SERVICES, "1.0")

    def probe(name: str) -> str:
        answer = answers[name]
        if isinstance(answer, Exception):
            raise answer
        return answer

    for name, service in SERVICES.items():
        monkeypatch.setattr(service, "after_start", lambda place: None)
        monkeypatch.setattr(service, "probe", lambda connection, timeout, name=name: probe(name))
    return answers


def processes(**states: str) -> dict[str, Process]:
    """All services run, but for those with a state of their own."""
    return {name: Process(name, states.get(name, "RUNNING"), 0, 1.0, "exit status 1") for name in SERVICES}


def test_each_service_that_answers_is_said(places: dict[str, Placement], answers: dict[str, str | Exception]) -> None:
    lines: list[str] = []
    wait_ready(places, processes, lines.append, timeout=10)
    assert sorted(lines) == [
        "hive: 1.0 at thrift://127.0.0.1:2",
        "minio: 1.0 at http://127.0.0.1:1",
        "spark: 1.0 at sc://localhost:3",
    ]


def test_a_service_that_is_beyond_hope_ends_the_waiting_for_the_others(
    places: dict[str, Placement], answers: dict[str, str | Exception]
) -> None:
    answers["minio"] = ProbeFailed("not yet")
    began = time.monotonic()
    with pytest.raises(Problem) as caught:
        wait_ready(places, lambda: processes(spark="EXITED"), print, timeout=120)
    assert caught.value.what == "did not come up: its process ended (exit status 1); no log"
    assert caught.value.where == "spark", caught.value
    assert time.monotonic() - began < 10, "it waited for what cannot help any more"


def test_an_interruption_ends_the_waiting(
    places: dict[str, Placement], answers: dict[str, str | Exception], monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    answers.update(dict.fromkeys(SERVICES, ProbeFailed("not yet")))
    monkeypatch.setattr("provisioning.local.readiness.wait", interrupted)
    began = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        wait_ready(places, processes, print, timeout=120)
    assert time.monotonic() - began < 10, "Ctrl-C has to wait for the timeout"


def test_a_service_that_never_answers_is_one_line_with_what_it_said_last(
    places: dict[str, Placement], answers: dict[str, str | Exception]
) -> None:
    answers["hive"] = ProbeFailed("no answer: refused")
    with pytest.raises(Problem) as caught:
        wait_ready(places, processes, print, timeout=0.1)
    log = places["hive"].home / "log/hive.log"
    assert str(caught.value) == (
        f"hive: did not come up: hive: not within 0.1 s; last seen: NotYet: no answer: refused; no log; see {log}"
    )


@pytest.mark.parametrize(
    ("log", "line"),
    [
        ("a\nb ERROR no\nat c\n", "b ERROR no"),
        ("one\ntwo\n", "two"),
        ("an Exception of the last run\nError occurred during VM\nToo small\n", "Error occurred during VM"),
        ("", "empty log"),
        ("x\ny FATAL z\n", "y FATAL z"),
    ],
    ids=["error", "last", "java", "empty", "fatal"],
)
def test_the_telling_line_of_a_log_is_quoted(tmp_path: Path, log: str, line: str) -> None:
    (tmp_path / "log").write_text(log)
    assert last_line(tmp_path / "log") == f"its log says: {line}"
