"""The rules that turn rows into verdicts, each shown to hold and to refuse."""

from typing import Any

import pytest

from fixtures import sample_run
from reports.conformance import Conformance, demand_complete, judge, unjudged
from reports.results import Promise, Row, ServiceState

KINDS: dict[str, dict[str, Any]] = {
    "passed": {"verdict": "passed"},
    "failed": {"verdict": "failed"},
    "error": {"verdict": "error"},
    "blocked": {"verdict": "not-judged", "reason": "blocked"},
    "known-failure": {"verdict": "not-judged", "reason": "known-failure"},
    "not-declared": {"verdict": "not-judged", "reason": "not-declared"},
    "over-impact": {"verdict": "not-judged", "reason": "over-impact"},
    "not-comparable": {"verdict": "not-judged", "reason": "not-comparable"},
}
WITHOUT_EXECUTION = ("not-declared", "over-impact", "not-comparable")


def rows(*kinds: str, **changes: Any) -> tuple[Row, ...]:
    """One test of data.backup for each kind."""
    return tuple(sample_run.row(f"a.py::test_{at}", **KINDS[kind], **changes) for at, kind in enumerate(kinds))


def judged(*kinds: str, promise: Promise | None = None, **header: Any) -> Conformance:
    return judge(sample_run.run(*rows(*kinds), promises=(promise or sample_run.promise(),), **header))


def said(conformance: Conformance) -> str:
    return "; ".join(objection.sentence for objection in conformance.objections)


@pytest.mark.parametrize(
    ("kinds", "verdict"),
    [
        (["passed"], "kept"),
        (["passed", "passed"], "kept"),
        (["passed", "failed", "error", "blocked"], "broken"),
        (["passed", "error"], "could not be judged"),
        (["passed", "blocked"], "could not be judged"),
        (["blocked"], "could not be judged"),
        (["known-failure", "passed"], "not judged"),
        (["known-failure", "failed"], "broken"),
        (["known-failure", "error"], "could not be judged"),
        ([], "not judged"),
        *([[kind], "not judged"] for kind in WITHOUT_EXECUTION),
        *([[kind, "passed"], "kept"] for kind in WITHOUT_EXECUTION),
        *([[kind, "failed"], "broken"] for kind in WITHOUT_EXECUTION),
    ],
)
def test_a_promise_takes_the_worst_of_its_executed_tests(kinds: list[str], verdict: str) -> None:
    (result,) = judged(*kinds).promises
    assert result.verdict == verdict, f"{kinds} made it {result.verdict!r}"


@pytest.mark.parametrize(
    ("kinds", "verdict"),
    [
        ([], "not yet judged"),
        (["passed"], "not yet judged"),
        (["not-declared"], "not yet judged"),
        (["failed"], "broken"),
        (["error"], "could not be judged"),
    ],
)
def test_a_planned_promise_turns_red_but_never_green(kinds: list[str], verdict: str) -> None:
    (result,) = judged(*kinds, promise=sample_run.promise(status="planned")).promises
    assert result.verdict == verdict, f"{kinds} made it {result.verdict!r}"


def test_a_promise_is_not_touched_by_the_tests_of_another() -> None:
    failed = sample_run.row("a.py::test_b", "failed", promises=("data.restore",))
    run = sample_run.run(sample_run.row(), failed, promises=(sample_run.promise(), sample_run.promise("data.restore")))
    verdicts = {result.promise.id: result.verdict for result in judge(run).promises}
    assert verdicts == {"data.backup": "kept", "data.restore": "broken"}, verdicts


@pytest.mark.parametrize(
    ("first", "second", "state"),
    [
        ("over-impact", "passed", "passed"),
        ("passed", "over-impact", "passed"),
        ("failed", "passed", "failed"),
        ("passed", "error", "error"),
        ("blocked", "passed", "blocked"),
        ("over-impact", "not-declared", "over-impact"),
    ],
)
def test_a_test_is_the_worst_of_its_passes_and_being_left_out_of_one_is_none(
    first: str, second: str, state: str
) -> None:
    passes = (sample_run.row(**KINDS[first]), sample_run.row(pass_="resilience-1", **KINDS[second]))
    (test,) = judge(sample_run.run(*passes)).tests
    assert test.state == state, f"{first} then {second} made it {test.state!r}"


@pytest.mark.parametrize(
    ("kinds", "code"),
    [
        (["passed"], 0),
        (["passed", "not-declared"], 0),
        (["failed"], 1),
        (["passed", "failed", "error", "blocked"], 1),
        (["passed", "error"], 3),
        (["passed", "blocked"], 3),
        (["passed", "over-impact"], 3),
        (["passed", "not-comparable"], 3),
        (["passed", "known-failure"], 3),
        (["not-declared"], 3),
        ([], 3),
    ],
)
def test_a_run_that_accepts_only_not_declared_ends_with(kinds: list[str], code: int) -> None:
    conformance = judged(*kinds)
    assert conformance.exit_code == code, f"{kinds}: {conformance.exit_code}, {said(conformance)}"


@pytest.mark.parametrize("reason", ["not-declared", "over-impact", "not-comparable", "known-failure"])
def test_a_reason_counts_against_a_run_only_where_the_inventory_does_not_accept_it(reason: str) -> None:
    accepted = judged("passed", reason, accepts=(reason,))
    refused = judged("passed", reason, accepts=())
    assert accepted.exit_code == 0, said(accepted)
    assert (refused.exit_code, said(refused)) == (
        3,
        f"1 test not judged ({reason}), which the inventory does not accept",
    )


def test_a_reason_of_one_pass_does_not_count_once_another_pass_ran_the_test() -> None:
    left_out = sample_run.row(**KINDS["over-impact"])
    conformance = judge(sample_run.run(left_out, sample_run.row(pass_="resilience-1"), accepts=()))
    assert (conformance.exit_code, conformance.not_judged) == (0, {}), said(conformance)


@pytest.mark.parametrize("kinds", [["not-declared", "over-impact"], ["known-failure"]])
def test_nothing_judged_is_never_green(kinds: list[str]) -> None:
    conformance = judged(*kinds, accepts=tuple(kinds))
    assert conformance.exit_code == 3, "a run that judged nothing is green"
    assert said(conformance) == "nothing was judged: no test came to a verdict", said(conformance)


@pytest.mark.parametrize("change", [{"complete": False}, {"finished": None}, {"torn": True}])
def test_an_incomplete_run_is_never_green(change: dict[str, Any]) -> None:
    conformance = judge(sample_run.run(sample_run.row(), **change))
    assert conformance.exit_code == 3, f"{change} is green"
    assert "incomplete" in said(conformance), said(conformance)


def test_an_incomplete_run_that_saw_a_failure_is_broken() -> None:
    conformance = judged("failed", complete=False)
    assert conformance.verdict == "broken", said(conformance)


def test_a_failed_test_without_a_promise_breaks_the_run() -> None:
    conformance = judge(sample_run.run(*rows("failed", promises=())))
    assert conformance.exit_code == 1, said(conformance)


def test_a_declared_service_that_did_not_answer_is_said_with_its_address_and_error() -> None:
    kafka = ServiceState("127.0.0.1:9092", "failed", None, "connection refused")
    conformance = judged("passed", services={"kafka": kafka})
    assert conformance.exit_code == 3, "a service that did not answer is green"
    assert said(conformance) == "kafka at 127.0.0.1:9092 did not answer: connection refused", said(conformance)


@pytest.mark.parametrize(
    ("kinds", "promise", "missing"),
    [
        (["passed"], sample_run.promise(), []),
        (["failed"], sample_run.promise(), []),
        ([], sample_run.promise(), ["data.backup"]),
        (["not-declared"], sample_run.promise(), ["data.backup"]),
        (["known-failure"], sample_run.promise(), ["data.backup"]),
        (["error"], sample_run.promise(), ["data.backup"]),
        ([], sample_run.promise(targets=("lab",)), []),
        ([], sample_run.promise(status="planned"), []),
    ],
)
def test_unjudged_are_the_promises_expected_of_the_target_without_a_conclusion(
    kinds: list[str], promise: Promise, missing: list[str]
) -> None:
    found = [one.id for one in unjudged(judged(*kinds, promise=promise), "local")]
    assert found == missing, f"{kinds}: {found}"


def test_a_complete_run_is_demanded_promise_by_promise() -> None:
    run = sample_run.run(sample_run.row(), promises=(sample_run.promise(), sample_run.promise("data.restore")))
    demanded = demand_complete(judge(run), "local")
    assert judge(run).exit_code == 0, said(judge(run))
    assert demanded.exit_code == 3, "a run that left a promise out counts as complete"
    assert said(demanded) == "data.restore was expected of local and was not judged", said(demanded)


def test_demanding_completeness_of_a_complete_run_changes_nothing() -> None:
    conformance = judged("passed")
    assert demand_complete(conformance, "local") == conformance, said(demand_complete(conformance, "local"))
