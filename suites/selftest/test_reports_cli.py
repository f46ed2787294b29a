"""`python -m reports`: exit codes, the files it writes, and one clear line where it cannot."""

import json
from pathlib import Path
from typing import Any

import pytest

from fixtures import sample_run
from reports import __main__ as cli
from reports.results import RESULTS, RUN, Row

GREEN = (sample_run.row(),)
RED = (sample_run.row(verdict="failed", message="rows differ"),)


def recorded(root: Path, name: str, *rows: Row, **changes: Any) -> Path:
    """A run under `root`, which is the last one."""
    folder = sample_run.write(root / name, sample_run.run(*rows, run=name, **changes))
    (root / "last").unlink(missing_ok=True)
    (root / "last").symlink_to(name)
    return folder


@pytest.mark.parametrize(
    ("rows", "options", "code"),
    [
        (GREEN, [], 0),
        (RED, [], 1),
        ((), [], 3),
        (GREEN, ["--complete"], 0),
        (RED, ["--complete"], 1),
        ((sample_run.row(promises=()),), [], 0),
        ((sample_run.row(promises=()),), ["--complete"], 3),
    ],
)
def test_the_exit_code_is_the_verdict(tmp_path: Path, rows: tuple[Row, ...], options: list[str], code: int) -> None:
    folder = recorded(tmp_path, "run-1", *rows)
    found = cli.main([str(folder), *options])
    assert found == code, f"{options}: {found}"


def test_page_and_data_are_written_beside_the_run_and_the_page_is_said_last(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = recorded(tmp_path, "run-1", *RED)
    cli.main([str(folder)])
    data = json.loads((folder / "conformance.json").read_text())
    assert data["promises"][0]["verdict"] == "broken", data
    assert (data["verdict"], data["exit_code"]) == ("broken", 1), data
    assert "rows differ" in (folder / "conformance.html").read_text(), "the page does not show the failure"
    assert capsys.readouterr().out.splitlines()[-1] == str(folder / "conformance.html")


def test_a_message_that_is_no_text_in_any_encoding_does_not_cost_the_page(tmp_path: Path) -> None:
    folder = recorded(tmp_path, "run-1", sample_run.row(verdict="failed", message="before \ud800 after"))
    code = cli.main([str(folder)])
    assert code == 1, f"exit code {code}"
    assert "before \\ud800 after" in (folder / "conformance.html").read_text(), "the message is not shown"


def test_complete_names_each_promise_that_was_not_judged(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    promises = (sample_run.promise(), sample_run.promise("data.restore"), sample_run.promise("data.expiry"))
    folder = recorded(tmp_path, "run-1", *GREEN, promises=promises)
    code = cli.main([str(folder), "--complete"])
    out = capsys.readouterr().out
    assert code == 3, f"exit code {code}"
    assert all(f"{name} was expected of local" in out for name in ("data.restore", "data.expiry")), out


def test_the_default_is_the_last_run_and_a_name_is_looked_up_under_the_root(tmp_path: Path) -> None:
    recorded(tmp_path, "run-1", *RED)
    recorded(tmp_path, "run-2", *GREEN)
    codes = cli.main(["--root", str(tmp_path)]), cli.main(["run-1", "--root", str(tmp_path)])
    assert codes == (0, 1), f"last and run-1 gave {codes}"


@pytest.mark.parametrize("arguments", [[], ["run-9"], ["agree", "run-9", "run-9"]])
def test_a_run_that_is_not_there_is_one_clear_line(
    tmp_path: Path, arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    code = cli.main([*arguments, "--root", str(tmp_path)])
    error = capsys.readouterr().err
    assert (code, error.count("\n")) == (2, 1), error
    assert str(tmp_path) in error, error


@pytest.mark.parametrize("name", [RUN, RESULTS])
def test_a_run_that_cannot_be_read_is_one_clear_line(
    tmp_path: Path, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = recorded(tmp_path, "run-1", *GREEN)
    (folder / name).write_text("{}\n{}\n")
    code = cli.main([str(folder)])
    error = capsys.readouterr().err
    assert (code, error.count("\n")) == (2, 1), error
    assert str(folder / name) in error, error
    assert not (folder / "conformance.html").exists(), "a page was made of a run that cannot be read"


@pytest.mark.parametrize("arguments", [["--colour"], ["a", "b"], ["agree", "a"]])
def test_wrong_usage_ends_with_2(arguments: list[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        cli.main(arguments)
    assert ended.value.code == 2, f"{arguments}: {ended.value.code}"


@pytest.mark.parametrize("arguments", [["--help"], ["agree", "--help"]])
def test_help_says_what_each_exit_code_means(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        cli.main(arguments)
    assert ended.value.code == 0, f"{arguments}: {ended.value.code}"
    assert "exit codes:" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("other", "code", "said"),
    [
        (GREEN, 0, "run-1 and run-2 agree on 1 test"),
        (RED, 1, "differs: suites/lakehouse/test_backup.py::test_a: passed | failed"),
        ((), 3, "cannot be compared: run-2 judged nothing"),
    ],
)
def test_agree_compares_two_runs(
    tmp_path: Path, other: tuple[Row, ...], code: int, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    left, right = recorded(tmp_path, "run-1", *GREEN), recorded(tmp_path, "run-2", *other)
    found = cli.main(["agree", str(left), str(right)])
    out = capsys.readouterr().out
    assert found == code, out
    assert said in out.splitlines(), out


def test_an_interrupted_report_ends_with_130(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(cli, "load", interrupt)
    code = cli.main([str(recorded(tmp_path, "run-1", *GREEN))])
    assert code == 130, f"exit code {code}"


@pytest.mark.parametrize(
    ("terminal", "no_color", "coloured"), [(True, "", True), (True, "1", False), (False, "", False)]
)
def test_colour_is_for_terminals_that_want_it(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    terminal: bool,
    no_color: str,
    coloured: bool,
) -> None:
    monkeypatch.setenv("NO_COLOR", no_color)
    monkeypatch.setattr("sys.stdout.isatty", lambda: terminal)
    cli.main([str(recorded(tmp_path, "run-1", *GREEN))])
    out = capsys.readouterr().out
    assert ("\x1b[" in out) == coloured, out
