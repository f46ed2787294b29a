"""What a run says about the promises. Pure: a run in, a judgement out.

A test is what the worst of its passes says:

    failed > error > blocked > known-failure > passed > not-declared, over-impact, not-comparable

The last three say only that this pass did not run the test, so a disruptive test that one pass left out and
the next one passed has passed. `blocked` says that the test should have run and could not: it counts as an error.

A promise is what the worst of its *executed* tests says; blocked ones count as errors, and where none executed
it is not judged. A passed test beside one that is not declared keeps its promise. A passed test beside a known
failure does not: that test ran and saw the promise broken, which an inventory can accept but never call kept.
A planned promise turns red like any other, yet never green: its tests do not cover it so far.

A run is kept (0) if nothing speaks against it, broken (1) if a test failed, and could not be judged (3) in every
other case. A failed test without a promise speaks against it too, and so does a declared service that did not
answer, even if no selected test needed it. Known failures alone judge nothing.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from itertools import groupby
from typing import Literal

from reports.results import REASONS, Promise, Reason, Row, Run

PromiseVerdict = Literal["broken", "could not be judged", "not judged", "not yet judged", "kept"]
Overall = Literal["kept", "broken", "could not be judged"]

EXIT_CODES: Mapping[Overall, int] = {"kept": 0, "broken": 1, "could not be judged": 3}

ORDER = ("failed", "error", "blocked", "known-failure", "passed", "not-comparable", "over-impact", "not-declared")


@dataclass(frozen=True)
class Test:
    """One test: the row that decides, and the rows of all its passes."""

    decisive: Row
    rows: tuple[Row, ...]

    __test__ = False  # the name is right here, but pytest collects classes by it

    @property
    def id(self) -> str:
        """Its pytest node id."""
        return self.decisive.test

    @property
    def file(self) -> str:
        """The part of its id before the first '::'."""
        return self.id.partition("::")[0]

    @property
    def name(self) -> str:
        """The part of its id after the file."""
        return self.id.partition("::")[2] or self.id

    @property
    def state(self) -> str:
        """The verdict, or the reason why there is none."""
        return self.decisive.reason or self.decisive.verdict


@dataclass(frozen=True)
class PromiseResult:
    """One promise, what became of it, and the tests that verify it, worst first."""

    promise: Promise
    verdict: PromiseVerdict
    tests: tuple[Test, ...]
    expected: bool

    @property
    def judged(self) -> bool:
        """Tests came to a conclusion about it."""
        return self.verdict in ("kept", "broken")


@dataclass(frozen=True)
class Objection:
    """One thing that speaks against a run."""

    verdict: Overall
    sentence: str


@dataclass(frozen=True)
class Conformance:
    """The judgement: every promise, every test, and what speaks against calling the run kept."""

    promises: tuple[PromiseResult, ...]
    tests: tuple[Test, ...]
    objections: tuple[Objection, ...]

    @property
    def verdict(self) -> Overall:
        """The worst objection; a failed test outweighs anything that could not be judged."""
        verdicts = {objection.verdict for objection in self.objections}
        if "broken" in verdicts:
            return "broken"
        return "could not be judged" if verdicts else "kept"

    @property
    def exit_code(self) -> int:
        """0 kept, 1 broken, 3 could not be judged."""
        return EXIT_CODES[self.verdict]

    @property
    def not_judged(self) -> dict[Reason, tuple[Test, ...]]:
        """The tests that judged nothing in any pass, by reason; only reasons that occur."""
        by_reason = {reason: tuple(test for test in self.tests if test.state == reason) for reason in REASONS}
        return {reason: tests for reason, tests in by_reason.items() if tests}

    def promises_that(self, verdict: PromiseVerdict) -> tuple[PromiseResult, ...]:
        """The promises with this verdict."""
        return tuple(result for result in self.promises if result.verdict == verdict)

    def tests_that(self, *states: str) -> tuple[Test, ...]:
        """The tests with one of these verdicts or reasons."""
        return tuple(test for test in self.tests if test.state in states)


def judge(run: Run) -> Conformance:
    """Judge a run by the rules above."""
    tests = _tests(run.rows)
    promises = tuple(_promise_result(promise, tests, run.header.target) for promise in run.promises)
    return Conformance(promises, tests, tuple(_objections(run, tests)))


def unjudged(conformance: Conformance, target: str) -> tuple[Promise, ...]:
    """The promises that the suites should have judged on `target` and that came out neither kept nor broken."""
    return tuple(
        result.promise for result in conformance.promises if _expected(result.promise, target) and not result.judged
    )


def demand_complete(conformance: Conformance, target: str) -> Conformance:
    """The same judgement with every promise that was expected and not judged speaking against it."""
    missing = tuple(
        Objection("could not be judged", f"{promise.id} was expected of {target} and was not judged")
        for promise in unjudged(conformance, target)
    )
    return replace(conformance, objections=conformance.objections + missing)


def count(number: int, noun: str) -> str:
    """'1 test', '2 tests'."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def _tests(rows: Iterable[Row]) -> tuple[Test, ...]:
    by_test = groupby(sorted(rows, key=lambda row: row.test), key=lambda row: row.test)
    return tuple(Test(min(passes, key=_badness), passes) for passes in (tuple(group) for _, group in by_test))


def _badness(row: Row) -> int:
    return ORDER.index(row.reason or row.verdict)


def _promise_result(promise: Promise, tests: tuple[Test, ...], target: str) -> PromiseResult:
    # The decisive row alone may be a pass that carried other marks; a promise is whatever any pass verified.
    own = [test for test in tests if any(promise.id in row.promises for row in test.rows)]
    own.sort(key=lambda test: (_badness(test.decisive), test.id))
    verdict = _promise_verdict(promise, own[0].state if own else None)
    return PromiseResult(promise, verdict, tuple(own), _expected(promise, target))


def _promise_verdict(promise: Promise, worst: str | None) -> PromiseVerdict:
    if worst == "failed":
        return "broken"
    if worst in ("error", "blocked"):
        return "could not be judged"
    if promise.status == "planned":
        return "not yet judged"
    return "kept" if worst == "passed" else "not judged"


def _expected(promise: Promise, target: str) -> bool:
    return promise.status == "proved-by-suite" and target in promise.targets


def _objections(run: Run, tests: tuple[Test, ...]) -> Iterable[Objection]:
    states = [test.state for test in tests]
    if failed := states.count("failed"):
        yield Objection("broken", f"{count(failed, 'test')} failed")
    for sentence in _unjudgeable(run, states):
        yield Objection("could not be judged", sentence)


def _unjudgeable(run: Run, states: list[str]) -> Iterable[str]:
    if not run.complete:
        yield "the run is incomplete: it was interrupted, killed, or has not ended"
    for name, service in sorted(run.header.services.items()):
        if service.state == "failed":
            yield f"{name} at {service.address} did not answer: {service.error or 'no error was recorded'}"
    if errors := states.count("error"):
        yield f"{count(errors, 'test')} could not be made (error)"
    if blocked := states.count("blocked"):
        yield f"{count(blocked, 'test')} blocked by a failed probe"
    for reason in REASONS:
        if reason in states and reason != "blocked" and reason not in run.header.accepts:
            yield f"{count(states.count(reason), 'test')} not judged ({reason}), which the inventory does not accept"
    if not {"passed", "failed", "error"} & set(states):
        yield "nothing was judged: no test came to a verdict"
