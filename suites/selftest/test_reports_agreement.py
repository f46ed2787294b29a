"""Two runs agree if the same tests came to the same, whatever the order and the clock say."""

from typing import Any

import pytest

from fixtures import sample_run
from reports.agreement import compare
from reports.results import Durations, Row

A, B = sample_run.row("a.py::test_a"), sample_run.row("a.py::test_b")


def row(verdict: Any, reason: Any = None) -> Row:
    return sample_run.row("a.py::test_b", verdict, reason=reason)


def test_runs_agree_whatever_their_order_times_and_messages() -> None:
    slower = sample_run.row("a.py::test_b", durations=Durations(1, 2, 3), message="noted", pass_="suites-2")
    result = compare(sample_run.run(A, B), sample_run.run(slower, A))
    assert (result.agrees, result.exit_code) == (True, 0), f"{result}"


@pytest.mark.parametrize(
    ("left", "right", "said"),
    [
        ([A, B], [A], "a.py::test_b: passed | absent"),
        ([A], [A, B], "a.py::test_b: absent | passed"),
        ([A, B], [A, row("failed")], "a.py::test_b: passed | failed"),
        (
            [A, row("not-judged", "not-declared")],
            [A, row("not-judged", "over-impact")],
            "a.py::test_b: not-judged (not-declared) | not-judged (over-impact)",
        ),
        ([A, B], [A, B, row("failed")], "a.py::test_b: passed | failed, passed"),
    ],
)
def test_what_differs_is_named_with_both_sides(left: list[Row], right: list[Row], said: str) -> None:
    result = compare(sample_run.run(*left), sample_run.run(*right))
    assert [str(difference) for difference in result.differences] == [said], f"{result}"
    assert (result.agrees, result.exit_code) == (False, 1), f"{result}"


@pytest.mark.parametrize("nothing", [(), (row("not-judged", "not-declared"),)])
def test_two_runs_that_judged_nothing_do_not_agree(nothing: tuple[Row, ...]) -> None:
    result = compare(sample_run.run(*nothing), sample_run.run(*nothing))
    assert (result.agrees, result.exit_code) == (False, 3), f"{result}"
    assert result.obstacles[0].endswith("judged nothing"), f"{result.obstacles}"


@pytest.mark.parametrize("change", [{"complete": False}, {"torn": True}])
def test_an_incomplete_run_agrees_with_nothing(change: dict[str, Any]) -> None:
    result = compare(sample_run.run(A), sample_run.run(A, **change))
    assert (result.agrees, result.exit_code) == (False, 3), f"{result}"
