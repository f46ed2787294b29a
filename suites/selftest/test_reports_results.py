"""A run's folder is read strictly: what does not fit is named by file, line and key, and never guessed."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from fixtures import sample_run
from reports.results import (
    PROMISES,
    RESULTS,
    RUN,
    Durations,
    Measurement,
    ResultsError,
    Row,
    append,
    load,
    write_atomically,
    write_run,
)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A written run of two tests."""
    return sample_run.write(tmp_path, sample_run.run(sample_run.row("a.py::test_a"), sample_run.row("a.py::test_b")))


def edit(path: Path, *keys: Any, value: Any) -> None:
    """Set one nested key of a JSON file."""
    whole = json.loads(path.read_text())
    inner = whole
    for key in keys[:-1]:
        inner = inner[key]
    inner[keys[-1]] = value
    path.write_text(json.dumps(whole))


def edit_line(path: Path, number: int, key: str, value: Any) -> None:
    lines = path.read_text().splitlines()
    lines[number - 1] = json.dumps(json.loads(lines[number - 1]) | {key: value})
    path.write_text("\n".join(lines) + "\n")


def test_what_was_written_is_what_is_read(tmp_path: Path) -> None:
    measured = replace(
        sample_run.row(), measurements=(Measurement("rate", 12.5, "MB/s", "higher"),), message="ünï\ud800 \x1b[31m"
    )
    left_out = sample_run.row("a.py::test_b", "not-judged", reason="not-declared", pass_="resilience-1")
    run = sample_run.run(measured, left_out)
    found = load(sample_run.write(tmp_path, run))
    assert found == run, f"read {found}, written {run}"


def test_a_run_without_results_is_read_as_one_without_rows(folder: Path) -> None:
    (folder / RESULTS).unlink()
    run = load(folder)
    assert (run.rows, run.torn) == ((), False), f"read {run.rows}, torn: {run.torn}"


@pytest.mark.parametrize("rest", ['{"test": "a.py::te', "\\u00", json.dumps({"test": "whole, but not ended"})])
def test_a_cut_off_last_line_is_dropped_and_makes_the_run_incomplete(folder: Path, rest: str) -> None:
    with (folder / RESULTS).open("a") as file:
        file.write(rest)
    run = load(folder)
    assert len(run.rows) == 2, f"{len(run.rows)} rows read"
    assert run.torn, "the cut-off line went unnoticed"
    assert not run.complete, "a run with a cut-off line counts as complete"


def test_a_line_cut_inside_a_character_costs_only_itself(folder: Path) -> None:
    with (folder / RESULTS).open("ab") as file:
        file.write('{"message": "ü'.encode()[:-1])
    run = load(folder)
    assert (len(run.rows), run.torn) == (2, True), f"{len(run.rows)} rows, torn: {run.torn}"


def test_a_killed_run_takes_no_further_rows(folder: Path) -> None:
    with (folder / RESULTS).open("a") as file:
        file.write('{"test": ')
    before = (folder / RESULTS).read_bytes()
    with pytest.raises(ResultsError, match=r"results\.jsonl: its last line is cut off"):
        append(folder, sample_run.row())
    assert (folder / RESULTS).read_bytes() == before, "the evidence of the killed run changed"


@pytest.mark.parametrize(
    "line", ['{"test": "a.py::te', "", "[]", "null", '{"test": 1e400}', b"\xff\xfe".decode("latin1")]
)
def test_a_malformed_line_before_the_last_is_an_error(folder: Path, line: str) -> None:
    good = (folder / RESULTS).read_text()
    (folder / RESULTS).write_text(f"{good}{line}\n{good}", encoding="latin1")
    with pytest.raises(ResultsError, match=r"results\.jsonl: line 3: "):
        load(folder)


@pytest.mark.parametrize(
    ("key", "value", "said"),
    [
        ("colour", "red", "colour: unknown key"),
        ("verdict", "skipped", "verdict: 'skipped' is not one of passed, failed, error, not-judged"),
        ("reason", "flaky", "reason: 'flaky' is not one of not-declared"),
        ("reason", "blocked", "reason: 'blocked' does not go with verdict 'passed'"),
        ("verdict", "not-judged", "reason: None does not go with verdict 'not-judged'"),
        ("impact", "destroy", "impact: 'destroy' is not one of observe, write, disrupt"),
        ("test", None, "test: expected text, got None"),
        ("seed", True, "seed: expected a whole number, got True"),
        ("started", "yesterday", "started: 'yesterday' is not an ISO 8601 time"),
        ("promises", "data.backup", "promises: expected a list"),
        ("promises", ["data.bakcup"], "promises: 'data.bakcup' is not in promises.json"),
        ("durations", {"setup": 0.1, "call": 1}, "durations.teardown: missing"),
        ("durations", {"setup": 0.1, "call": 1, "teardown": float("nan")}, "durations.teardown: nan is not a finite"),
        (
            "measurements",
            [{"name": "rate", "value": "fast", "unit": "", "direction": None}],
            r"measurements\[0\].value",
        ),
    ],
)
def test_a_row_that_does_not_fit_is_named_by_file_line_and_key(folder: Path, key: str, value: Any, said: str) -> None:
    edit_line(folder / RESULTS, 2, key, value)
    with pytest.raises(ResultsError, match=rf"results\.jsonl: line 2: {said}"):
        load(folder)


@pytest.mark.parametrize("key", ["test", "pass", "verdict", "reason", "replay"])
def test_a_row_without_one_of_its_keys_is_an_error(folder: Path, key: str) -> None:
    first, second = (json.loads(line) for line in (folder / RESULTS).read_text().splitlines())
    del first[key]
    (folder / RESULTS).write_text(f"{json.dumps(first)}\n{json.dumps(second)}\n")
    with pytest.raises(ResultsError, match=rf"results\.jsonl: line 1: {key}: missing"):
        load(folder)


@pytest.mark.parametrize("version", [0, 2, "1", True, 1.0, None])
def test_another_format_version_is_refused_before_anything_else(folder: Path, version: object) -> None:
    edit(folder / RUN, "format", value=version)
    edit(folder / RUN, "surprise", value=1)
    with pytest.raises(ResultsError, match=rf"run\.json: format: {version!r}, and these reports read format 1"):
        load(folder)


@pytest.mark.parametrize(
    ("keys", "value", "said"),
    [
        (("colour",), "red", "colour: unknown key"),
        (("machine", "cores"), 2.5, "machine.cores: expected a whole number, got 2.5"),
        (("services", "minio", "state"), "tired", "services.minio.state: 'tired' is not one of healthy, failed"),
        (("services", "minio", "port"), 9000, "services.minio.port: unknown key"),
        (("versions", "pyspark"), 4, "versions.pyspark: expected text, got 4"),
        (("accepts",), ["blocked"], "accepts: 'blocked' cannot be accepted"),
        (("accepts",), ["slow"], r"accepts\[0\]: 'slow' is not one of"),
        (("finished",), "soon", "finished: 'soon' is not an ISO 8601 time"),
    ],
)
def test_a_header_that_does_not_fit_is_named_by_key(folder: Path, keys: tuple[str, ...], value: Any, said: str) -> None:
    edit(folder / RUN, *keys, value=value)
    with pytest.raises(ResultsError, match=rf"run\.json: {said}"):
        load(folder)


def test_a_promise_that_does_not_fit_is_named_by_key(folder: Path) -> None:
    edit(folder / PROMISES, 0, "status", value="hoped")
    with pytest.raises(ResultsError, match=r"promises\.json: \[0\]: status: 'hoped' is not one of"):
        load(folder)


def test_a_promise_that_is_there_twice_is_refused(folder: Path) -> None:
    (folder / PROMISES).write_text(json.dumps(json.loads((folder / PROMISES).read_text()) * 2))
    with pytest.raises(ResultsError, match=r"promises\.json: id: 'data\.backup' is there twice"):
        load(folder)


@pytest.mark.parametrize("name", [RUN, PROMISES])
def test_a_missing_file_is_named(folder: Path, name: str) -> None:
    (folder / name).unlink()
    with pytest.raises(ResultsError, match=rf"{name}: No such file"):
        load(folder)


@pytest.mark.parametrize(
    "row",
    [
        sample_run.row(verdict="skipped"),  # type: ignore[arg-type]
        sample_run.row(impact="destroy"),
        sample_run.row(durations=Durations(0, float("inf"), 0)),
        sample_run.row(promises=(1,)),
    ],
)
def test_what_could_not_be_read_back_is_not_written(folder: Path, row: Row) -> None:
    before = (folder / RESULTS).read_bytes()
    with pytest.raises(ResultsError, match=r"results\.jsonl: "):
        append(folder, row)
    assert (folder / RESULTS).read_bytes() == before, "a row that cannot be read back was written"


def test_a_write_that_fails_leaves_the_old_file_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_run(tmp_path, sample_run.header(run="first"))
    monkeypatch.setattr("os.replace", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
    with pytest.raises(KeyboardInterrupt):
        write_atomically(tmp_path / RUN, "half")
    assert json.loads((tmp_path / RUN).read_text())["run"] == "first", "the old file is gone"
    assert [path.name for path in tmp_path.iterdir()] == [RUN], f"left behind: {list(tmp_path.iterdir())}"
