"""The conformance page: one self-contained file that reads from a disk, a phone and a printer alike."""

from collections.abc import Iterable
from itertools import groupby
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from reports.conformance import ORDER, Conformance, PromiseResult, Test, count
from reports.results import Measurement, Run, moment
from reports.terminal import plain

TEMPLATES = Path(__file__).parent / "templates"

# A page has to open; a message of megabytes is read in results.jsonl.
LONGEST_MESSAGE = 20_000

VERDICTS = {
    "kept": "every test that judged it passed",
    "broken": "a test failed",
    "could not be judged": "a test ended in an error or was blocked",
    "not judged": "no test came to a conclusion in this run",
    "not yet judged": "planned; no suite covers it so far",
}
REASONS = {
    "not-declared": "the inventory does not declare what the test needs",
    "over-impact": "the test does more to the lakehouse than this run was allowed to",
    "not-comparable": "this host is smaller than the plan, so the number would mean nothing",
    "blocked": "the probe of a declared service failed, so the test could not start",
    "known-failure": "the inventory lists it as a known failure, and it failed as described",
}
MARKS = {
    "kept": "✓",
    "passed": "✓",
    "healthy": "✓",
    "broken": "✗",
    "failed": "✗",
    "could not be judged": "!",
    "error": "!",
    "blocked": "!",
}


def render(run: Run, conformance: Conformance) -> str:
    """The page's text; the same run gives the same page."""
    template = _environment().get_template("conformance.html.j2")
    return template.render(
        run=run,
        header=run.header,
        conformance=conformance,
        groups=_groups(conformance.promises),
        failures=conformance.tests_that("failed"),
        errors=conformance.tests_that("error"),
        measurements=_measurements(conformance.tests),
        took=_took(run),
        verdicts=VERDICTS,
        reasons=REASONS,
        headline=headline(conformance),
    )


def headline(conformance: Conformance) -> str:
    """The verdict as a sentence that claims no more than was judged."""
    judged = sum(result.judged for result in conformance.promises)
    broken = len(conformance.promises_that("broken"))
    if conformance.verdict == "kept":
        return _kept(judged)
    if conformance.verdict == "broken":
        return f"{count(broken, 'promise')} broken" if broken else "A test failed"
    return "Could not be judged"


def _kept(judged: int) -> str:
    if judged == 0:
        return "Every test that ran passed; none of them judged a promise"
    return "The one judged promise is kept" if judged == 1 else f"All {judged} judged promises are kept"


def duration(seconds: float) -> str:
    """'140 ms', '3.2 s', '12 min 43 s', '2 h 05 min'."""
    if seconds < 1:
        return f"{seconds * 1000:.0f} ms"
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest:02} s" if minutes < 60 else f"{minutes // 60} h {minutes % 60:02} min"


def number(value: float) -> str:
    """A measured number with the digits that mean something: '12 345', '0.0312'."""
    text = f"{value:,.0f}" if abs(value) >= 1000 or value == int(value) else f"{value:.4g}"
    return text.replace(",", "\u202f")


def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "duration": duration,
        "number": number,
        "when": lambda text: f"{moment(text):%Y-%m-%d %H:%M:%S %Z}",
        "gibibytes": lambda size: f"{size / 2**30:.1f} GiB",
        "message": _message,
        "slug": lambda text: text.replace(" ", "-"),
        "mark": lambda state: MARKS.get(state, "–"),
        "counted": count,
        "states": _states,
    }
    return environment


def _groups(promises: Iterable[PromiseResult]) -> list[tuple[str, list[PromiseResult]]]:
    """By the prefix before the dot, in the order in which the registry first names it."""
    first: dict[str, int] = {}
    listed = list(promises)
    for result in listed:
        first.setdefault(_prefix(result), len(first))
    listed.sort(key=lambda result: first[_prefix(result)])
    return [(prefix, list(results)) for prefix, results in groupby(listed, key=_prefix)]


def _prefix(result: PromiseResult) -> str:
    return result.promise.id.partition(".")[0]


def _states(tests: Iterable[Test]) -> str:
    """'1 failed, 3 passed': worst first."""
    states = [test.state for test in tests]
    return ", ".join(f"{states.count(state)} {state}" for state in ORDER if state in states) or "no test"


def _measurements(tests: Iterable[Test]) -> list[tuple[Test, str, Measurement]]:
    return [(test, row.pass_, one) for test in tests for row in test.rows for one in row.measurements]


def _message(text: str | None) -> str:
    shown = plain(text or "").strip() or "no message was recorded"
    if len(shown) <= LONGEST_MESSAGE:
        return shown
    return f"{shown[:LONGEST_MESSAGE]}\n… {len(shown) - LONGEST_MESSAGE} more characters in results.jsonl"


def _took(run: Run) -> str | None:
    if run.header.finished is None:
        return None
    return duration((moment(run.header.finished) - moment(run.header.started)).total_seconds())
