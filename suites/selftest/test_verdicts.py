"""Whether a test can be judged, and what comes of its reports: the rules that decide what a run is worth."""

from types import SimpleNamespace
from typing import Any

import pytest

from fixtures.capabilities import CAPABILITIES, declared
from fixtures.factory import made_and_unmade
from fixtures.outcome import outcome
from fixtures.recording import unjudged_paths
from fixtures.verdicts import Need, judgeable
from provisioning.health import Health
from provisioning.inventory import load
from provisioning.promises import registry
from provisioning.services import SERVICES

ALIVE = Health("minio", "here", "1", None)
DEAD = Health("minio", "here", None, "no answer")


def need(*capabilities: str, impact: str = "write") -> Need:
    return Need(capabilities, (), impact)


@pytest.mark.parametrize(
    ("wanted", "offered", "health", "bound", "reason"),
    [
        (need(), (), {}, "write", None),
        (need("minio"), ("minio",), {"minio": ALIVE}, "write", None),
        (need("minio"), (), {}, "write", "not-declared"),
        (need("minio"), ("minio",), {"minio": DEAD}, "write", "blocked"),
        (need("hive"), ("minio", "hive"), {"minio": DEAD}, "write", None),
        (need("minio", "kafka"), ("minio",), {"minio": DEAD}, "write", "not-declared"),
        (need("minio"), ("minio",), {"minio": ALIVE}, "observe", "over-impact"),
        (need(impact="disrupt"), (), {}, "write", "over-impact"),
        (need(impact="disrupt"), (), {}, "disrupt", None),
        (need(impact="observe"), (), {}, "observe", None),
    ],
)
def test_a_test_is_judged_exactly_where_all_that_it_needs_is_there_and_allowed(
    wanted: Need, offered: tuple[str, ...], health: dict[str, Health], bound: str, reason: str | None
) -> None:
    refusal = judgeable(wanted, offered, health, bound)
    assert (refusal.reason if refusal else None) == reason, f"{wanted}: {refusal}"


def report(when: str, result: str, **more: Any) -> Any:
    flags = {kind: kind == result for kind in ("passed", "failed", "skipped")}
    return SimpleNamespace(when=when, longrepr=None, longreprtext="the message", **flags, **more)


SILENT = {"unanswered": True}
REFUSED = {"refusal": {"reason": "not-declared", "sentence": "no kafka"}}


@pytest.mark.parametrize(
    ("reports", "verdict", "reason"),
    [
        ([report("setup", "passed"), report("call", "passed"), report("teardown", "passed")], "passed", None),
        ([report("setup", "passed"), report("call", "failed"), report("teardown", "passed")], "failed", None),
        ([report("setup", "passed"), report("call", "failed"), report("teardown", "failed")], "failed", None),
        ([report("call", "failed", datalake=SILENT), report("teardown", "passed")], "error", None),
        ([report("setup", "failed"), report("teardown", "passed")], "error", None),
        ([report("setup", "passed"), report("call", "passed"), report("teardown", "failed")], "error", None),
        ([report("setup", "skipped", datalake=REFUSED), report("teardown", "passed")], "not-judged", "not-declared"),
        ([report("call", "skipped", wasxfail="known-failure: link")], "not-judged", "known-failure"),
        ([report("setup", "passed")], "error", None),
        ([report("setup", "passed"), report("call", "passed")], "error", None),
        ([], "error", None),
    ],
    ids=[
        "passed",
        "failed",
        "failed-twice",
        "no-answer",
        "setup",
        "teardown",
        "refused",
        "known",
        "cut-off",
        "no-teardown",
        "nothing",
    ],
)
def test_the_verdict_follows_from_the_reports(reports: list[Any], verdict: str, reason: str | None) -> None:
    seen = outcome(reports)
    assert (seen.verdict, seen.reason) == (verdict, reason), f"{seen}"


@pytest.mark.parametrize(
    ("paths", "executed", "empty"),
    [
        (["suites/a"], {"suites/a/test_x.py"}, []),
        (["suites/a"], set(), ["suites/a"]),
        (["suites/a", "suites/b"], {"suites/a/test_x.py"}, ["suites/b"]),
        (["suites/a"], {"suites/ab/test_x.py"}, ["suites/a"]),
        (["suites/a/test_x.py"], {"suites/a/test_x.py"}, []),
    ],
)
def test_a_path_below_which_nothing_ran_is_named(paths: list[str], executed: set[str], empty: list[str]) -> None:
    assert unjudged_paths(paths, executed) == empty


def test_what_was_made_is_removed_in_reverse_and_failed_removals_are_raised_together() -> None:
    removed: list[str] = []

    def fails(name: str) -> None:
        removed.append(name)
        raise OSError(name)

    def make_three() -> None:
        with made_and_unmade(keep=False) as register:
            register("first", lambda: fails("first"))
            register("second", lambda: removed.append("second"))
            register("third", lambda: fails("third"))

    with pytest.raises(ExceptionGroup) as caught:
        make_three()
    assert removed == ["third", "second", "first"]
    assert [error.__notes__ for error in caught.value.exceptions] == [
        ["while removing third"],
        ["while removing first"],
    ]


def test_with_keep_nothing_is_removed() -> None:
    removed: list[str] = []
    with made_and_unmade(keep=True) as register:
        register("kept", lambda: removed.append("kept"))
    assert removed == []


def test_every_service_is_a_capability_and_local_declares_what_it_runs() -> None:
    assert SERVICES.keys() <= CAPABILITIES.keys(), f"without a sentence: {SERVICES.keys() - CAPABILITIES.keys()}"
    machine = declared(None)
    assert machine <= {"lxc"}, f"this machine alone offers {machine}"
    assert declared(load("local")) - machine == {"minio", "hive", "spark", "processes"}


@pytest.mark.parametrize("promise", registry().values(), ids=lambda promise: promise.id)
def test_a_promise_is_a_sentence_and_names_its_line_of_the_plan(promise: Any) -> None:
    assert promise.sentence.endswith(".") and promise.plan, f"{promise.id} says nothing"


@pytest.mark.parametrize(
    "promise", [p for p in registry().values() if p.status == "proved-by-suite"], ids=lambda p: p.id
)
def test_a_proved_promise_is_verified_by_some_suite(promise: Any, pytestconfig: pytest.Config) -> None:
    suites = (pytestconfig.rootpath / "suites").rglob("test_*.py")
    users = [
        path.name
        for path in suites
        if f'verifies("{promise.id}"' in path.read_text() or f', "{promise.id}"' in path.read_text()
    ]
    assert users, f"no test says @pytest.mark.verifies({promise.id!r})"
