"""The summary of a run for a terminal: a screen of plain text that ends with where to read on."""

import re
from collections.abc import Iterable

from reports.conformance import Conformance, Overall, Test, count
from reports.results import Run

MOST = 20
WIDTH = 160

_COLOURS: dict[Overall, str] = {"kept": "32", "broken": "31", "could not be judged": "33"}
_ESCAPES = re.compile(r"\x1b\[[0-9;?]*[ -/]*[@-~]|[\x00-\x08\x0b-\x1f\x7f-\x9f]")


def summary(run: Run, conformance: Conformance, page: str, colour: bool = False) -> list[str]:
    """The lines to print; `page` is the path of the page, said last."""
    return [
        _headline(run, conformance, colour),
        *(f"  - {first_line(objection.sentence)}" for objection in conformance.objections),
        f"promises: {_promises(conformance)}",
        f"tests: {_tests(conformance)}",
        *_not_judged(run, conformance),
        *_named("failed", conformance.tests_that("failed")),
        *_named("could not be made", conformance.tests_that("error")),
        page,
    ]


def plain(text: str) -> str:
    """Text without terminal control: recorded messages quote whatever a tool printed."""
    return _ESCAPES.sub("", text)


def first_line(text: str) -> str:
    """The first line that says something, cut to what a terminal shows."""
    line = next((line.strip() for line in plain(text).splitlines() if line.strip()), "")
    return line if len(line) <= WIDTH else line[: WIDTH - 1] + "…"


def _headline(run: Run, conformance: Conformance, colour: bool) -> str:
    verdict: str = conformance.verdict
    shown = f"\x1b[1;{_COLOURS[conformance.verdict]}m{verdict}\x1b[0m" if colour else verdict
    return f"{shown}: {run.header.inventory} (target {run.header.target}), run {run.header.run}"


def _promises(conformance: Conformance) -> str:
    words = ("kept", "broken", "could not be judged", "not judged", "not yet judged")
    return ", ".join(f"{len(conformance.promises_that(word))} {word}" for word in words)  # type: ignore[arg-type]


def _tests(conformance: Conformance) -> str:
    counts = {state: len(conformance.tests_that(state)) for state in ("passed", "failed", "error")}
    left = sum(len(tests) for tests in conformance.not_judged.values())
    return ", ".join(f"{number} {state}" for state, number in (counts | {"not judged": left}).items())


def _not_judged(run: Run, conformance: Conformance) -> Iterable[str]:
    for reason, tests in conformance.not_judged.items():
        accepted = "accepted" if reason in run.header.accepts else "not accepted"
        yield f"  not judged, {reason}: {count(len(tests), 'test')} ({accepted} by the inventory)"


def _named(title: str, tests: tuple[Test, ...]) -> Iterable[str]:
    if tests:
        yield f"{title}:"
    for test in tests[:MOST]:
        yield f"  {test.id}"
        if message := first_line(test.decisive.message or ""):
            yield f"      {message}"
        yield f"      replay: {test.decisive.replay}"
    if len(tests) > MOST:
        yield f"  and {len(tests) - MOST} more, on the page"
