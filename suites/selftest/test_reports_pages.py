"""The page and the terminal summary: complete, self-contained, and safe with what tests print."""

import re
from typing import Any

import pytest

from fixtures import sample_run
from reports import html, terminal
from reports.conformance import judge
from reports.results import Measurement, Run, ServiceState

PROMISES = (
    sample_run.promise(),
    sample_run.promise("data.restore"),
    sample_run.promise("containers.memory", targets=("lab",)),
    sample_run.promise("capacity.growth", status="planned"),
)
EVIL = "<script>alert('x')</script> & \"quoted\" \x1b[31mred\x1b[0m"


def red(**changes: Any) -> Run:
    """A run with one of everything."""
    return sample_run.run(
        sample_run.row(measurements=(Measurement("throughput", 143.27, "MB/s", "higher"),)),
        sample_run.row("b.py::test_restore[x]", "failed", promises=("data.restore",), message=EVIL),
        sample_run.row("b.py::test_error", "error", promises=(), message="tried 12 times"),
        sample_run.row("c.py::test_memory", "not-judged", reason="not-declared", promises=("containers.memory",)),
        promises=PROMISES,
        services={"kafka": ServiceState("127.0.0.1:9092", "failed", None, "refused, see <log>")},
        **changes,
    )


def page(run: Run) -> str:
    return html.render(run, judge(run))


def summary(run: Run) -> str:
    return "\n".join(terminal.summary(run, judge(run), "out/last/conformance.html"))


def test_the_page_escapes_what_tests_and_services_print() -> None:
    text = page(red())
    assert "<script" not in text, "a message became a script"
    assert "&lt;script&gt;alert(&#39;x&#39;)&lt;/script&gt; &amp; &#34;quoted&#34; red" in text, (
        "the message is not shown"
    )
    assert "see &lt;log&gt;" in text, "a service's error is not shown"
    assert "\x1b" not in text, "terminal control reached the page"


@pytest.mark.parametrize(
    "run", [red(), sample_run.run(sample_run.row()), sample_run.run()], ids=["red", "green", "empty"]
)
def test_the_page_asks_nobody_for_anything(run: Run) -> None:
    text = page(run)
    targets = re.findall(r"""(?:src|href|action|srcset|data)\s*=\s*["']?([^"'\s>]+)""", text)
    foreign = [target for target in targets if not target.startswith(("#", "data:,"))]
    assert not foreign, f"the page refers to {foreign}"
    found = [word for word in ("@import", "url(", "<script", "<iframe", "<object", "<base") if word in text]
    assert not found, f"the page contains {found}"


@pytest.mark.parametrize("promise", PROMISES, ids=lambda promise: promise.id)
def test_the_page_names_every_promise_with_its_sentence(promise: Any) -> None:
    text = page(red())
    assert promise.id in text, f"{promise.id} is left out"
    assert promise.sentence in text, f"the sentence of {promise.id} is left out"


def test_the_page_shows_each_failure_with_the_line_that_replays_it() -> None:
    text = page(red())
    section = text[text.index('id="failures"') : text.index('id="not-judged"')]
    assert "test_restore[x]" in section, "the failed test is not named"
    assert "pytest &#39;b.py::test_restore[x]&#39; --inventory local" in section, "nothing says how to replay it"
    assert "tried 12 times" in section, "the error is not shown"


@pytest.mark.parametrize(
    ("run", "words"),
    [
        (sample_run.run(sample_run.row()), "The one judged promise is kept"),
        (sample_run.run(sample_run.row(promises=())), "Every test that ran passed; none of them judged a promise"),
        (red(), "1 promise broken"),
        (sample_run.run(sample_run.row(verdict="failed", promises=())), "A test failed"),
        (sample_run.run(), "Could not be judged"),
    ],
)
def test_the_headline_says_the_verdict_in_words(run: Run, words: str) -> None:
    (found,) = re.findall(r"<h1>.*</span> (.*)</h1>", page(run))
    assert found == words, f"the headline is {found!r}"


@pytest.mark.parametrize(("target", "noted"), [("local", True), ("lab", True), ("proxmox", False)])
def test_only_a_run_against_proxmox_is_free_of_the_note_that_it_was_not(target: str, noted: bool) -> None:
    text = page(sample_run.run(sample_run.row(), target=target))
    assert ("is not a green on Proxmox" in text) == noted, f"{target}: noted is {not noted}"


def test_the_same_run_gives_the_same_page() -> None:
    assert page(red()) == page(red()), "two renderings of one run differ"


def test_a_message_of_megabytes_is_cut_and_says_so() -> None:
    text = page(sample_run.run(sample_run.row(verdict="failed", message="x" * 3_000_000)))
    assert len(text) < 200_000, f"the page has {len(text)} characters"
    assert "2980000 more characters in results.jsonl" in text, "the cut is not said"


@pytest.mark.parametrize(
    ("seconds", "text"), [(0.1404, "140 ms"), (3.21, "3.2 s"), (763, "12 min 43 s"), (7500, "2 h 05 min")]
)
def test_durations_are_readable(seconds: float, text: str) -> None:
    assert html.duration(seconds) == text, f"{seconds} is {html.duration(seconds)!r}"


@pytest.mark.parametrize(
    ("value", "text"), [(143.27, "143.3"), (0.0312, "0.0312"), (1_000_000, "1\u202f000\u202f000"), (0, "0"), (2, "2")]
)
def test_numbers_keep_the_digits_that_mean_something(value: float, text: str) -> None:
    assert html.number(value) == text, f"{value} is {html.number(value)!r}"


def test_the_summary_counts_promises_and_names_failures_and_ends_with_the_page() -> None:
    lines = summary(red()).splitlines()
    assert "promises: 1 kept, 1 broken, 0 could not be judged, 1 not judged, 1 not yet judged" in lines, lines
    assert "  not judged, not-declared: 1 test (accepted by the inventory)" in lines, lines
    assert lines[lines.index("failed:") + 1] == "  b.py::test_restore[x]", lines
    assert lines[-1] == "out/last/conformance.html", lines


def test_the_summary_carries_no_terminal_control_of_a_test() -> None:
    assert "\x1b" not in summary(red()), summary(red())
    assert "\x1b[1;31mbroken\x1b[0m" in terminal.summary(red(), judge(red()), "page", colour=True)[0]


def test_many_failures_are_cut_in_the_summary_and_counted() -> None:
    failed = [sample_run.row(f"a.py::test_{at:02}", "failed") for at in range(terminal.MOST + 5)]
    text = summary(sample_run.run(*failed))
    assert "and 5 more, on the page" in text, text
