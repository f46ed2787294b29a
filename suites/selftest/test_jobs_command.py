"""The command line of every job: options from its arguments, its exit code, one line for what goes wrong."""

import importlib
import json
import signal
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from pyspark.errors import PySparkException

from spark_jobs import backup, compact, expire, fingerprint, generate, restore, verify
from spark_jobs.command import command, failed, option, parser
from spark_jobs.errors import Damaged, Refused, Unreachable
from spark_jobs.lake import Lake
from spark_jobs.profile import read

RpcError: type[Exception] = importlib.import_module("grpc").RpcError  # that library has no types
JOBS = (backup, compact, expire, fingerprint, generate, restore, verify)
PROFILE = {
    "format": 1,
    "inventory": "local",
    "s3": None,
    "catalog": None,
    "spark": None,
    "ca_file": None,
    "row_budget": 9,
}


@dataclass(frozen=True)
class Arguments:
    """What a job may take: each kind of field once."""

    table: str = option("which table")
    to_place: str | None = option("where to", default=None)
    files: int = option("how many", default=4)
    share: float = option("how much", default=0.5)
    deep: bool = option("look at everything", default=False)


@dataclass(frozen=True)
class Result:
    """What a job returns."""

    rows: int
    place: Path = Path("there")

    def __str__(self) -> str:
        return f"{self.rows} rows"


@dataclass(frozen=True)
class Damage(Result):
    """What a job returns that found something."""

    exit_code: int = 1


@pytest.fixture
def job(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, str, str]]:
    """Runs a job that does `what`: exit code, stdout and stderr."""
    path = tmp_path / "connection.json"
    path.write_text(json.dumps(PROFILE))

    def job(what: Callable[[Lake, Arguments], object], *options: str) -> tuple[int, str, str]:
        code = command(what, Arguments, "A job.", ["shop.orders", "--connection", str(path), *options])
        return code, *capsys.readouterr()

    return job


def raising(error: BaseException) -> Callable[[Lake, Arguments], object]:
    def run(lake: Lake, arguments: Arguments) -> object:
        raise error

    return run


def test_fields_without_a_default_are_positional_and_the_others_are_options() -> None:
    read = vars(parser(Arguments, "A job.").parse_args(["shop.orders"]))
    assert read == {
        "table": "shop.orders",
        "to_place": None,
        "files": 4,
        "share": 0.5,
        "deep": False,
        "connection": None,
        "json": False,
    }


def test_options_have_the_types_of_their_fields() -> None:
    line = "shop.orders --to-place s3://b/k --files 7 --share 0.25 --deep --json --connection c.json"
    read = vars(parser(Arguments, "A job.").parse_args(line.split()))
    assert (read["to_place"], read["files"], read["share"], read["deep"]) == ("s3://b/k", 7, 0.25, True), read
    assert (read["json"], read["connection"]) == (True, Path("c.json")), read


@pytest.mark.parametrize("argv", [[], ["t", "--files", "many"], ["t", "--to_place", "x"], ["t", "u"]], ids=" ".join)
def test_a_wrong_command_line_is_a_matter_of_usage(argv: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        parser(Arguments, "A job.").parse_args(argv)
    assert caught.value.code == 2
    assert "usage: " in capsys.readouterr().err


def test_the_help_says_what_each_option_is_for_and_its_default(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["/anywhere/backup.py"])
    text = parser(Arguments, "A job.").format_help()
    hints = ("python -m spark_jobs.backup", "A job.", "which table", "how many (default: 4)", "--to-place STR")
    missing = [hint for hint in hints if hint not in text]
    assert not missing, f"{missing} not in {text}"
    assert "default: None" not in text, text


@pytest.mark.parametrize("module", JOBS, ids=lambda module: module.__name__)
def test_each_job_has_a_command_line_with_help_for_everything(module: Any) -> None:
    made = parser(module.Arguments, module.__doc__)
    silent = [action.dest for action in made._actions if not action.help]
    assert not silent, f"{module.__name__}: no help for {silent}"
    assert made.format_help(), module.__name__


def test_a_job_gets_its_arguments_and_its_lakehouse(job: Callable[..., tuple[int, str, str]]) -> None:
    seen: list[tuple[str, Arguments]] = []

    def run(lake: Lake, arguments: Arguments) -> Result:
        seen.append((lake.profile.inventory, arguments))
        lake.progress("working …")
        return Result(5)

    assert job(run, "--files", "2") == (0, "5 rows\n", "working …\n")
    assert seen == [("local", Arguments("shop.orders", files=2))]


def test_the_result_is_json_where_that_was_asked_for(job: Callable[..., tuple[int, str, str]]) -> None:
    code, out, _ = job(lambda lake, arguments: Result(5), "--json")
    assert (code, json.loads(out)) == (0, {"rows": 5, "place": "there"})


def test_a_result_that_found_something_says_so_by_its_exit_code(job: Callable[..., tuple[int, str, str]]) -> None:
    assert job(lambda lake, arguments: Damage(5)) == (1, "5 rows\n", "")


@pytest.mark.parametrize(
    ("kind", "code"), [(Damaged, 1), (Refused, 2), (Unreachable, 3)], ids=["damaged", "refused", "unreachable"]
)
def test_what_a_job_refuses_is_one_line_and_its_exit_code(
    job: Callable[..., tuple[int, str, str]], kind: type[Damaged], code: int
) -> None:
    error = kind("is wrong", where="shop.orders", remedy="mend it")
    assert job(raising(error)) == (code, "", "shop.orders: is wrong; mend it\n")


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (ConnectionRefusedError(111, "Connection refused"), "ConnectionRefusedError: [Errno 111] Connection refused"),
        (OSError("\n  first line\nsecond line"), "OSError: first line"),
        (OSError(), "OSError: no word of why"),
        (
            PySparkException("[TABLE_OR_VIEW_NOT_FOUND] no\nJVM stacktrace:"),
            "PySparkException: [TABLE_OR_VIEW_NOT_FOUND] no",
        ),
        (RpcError("x" * 1000), f"RpcError: {'x' * 300}"),
    ],
    ids=["refused", "several-lines", "silent", "spark", "long"],
)
def test_a_services_complaint_is_one_line_and_unreachable(
    job: Callable[..., tuple[int, str, str]], error: Exception, line: str
) -> None:
    code, out, err = job(raising(error))
    assert (code, out) == (3, ""), err
    assert err == f"the lakehouse: {line}; see `python -m provisioning status` and the services' logs\n"


def test_an_interrupted_job_says_so(job: Callable[..., tuple[int, str, str]]) -> None:
    assert job(raising(KeyboardInterrupt())) == (130, "", "interrupted\n")


def test_a_bug_is_not_dressed_up_as_an_unreachable_service(job: Callable[..., tuple[int, str, str]]) -> None:
    with pytest.raises(ZeroDivisionError):
        job(raising(ZeroDivisionError()))


def test_a_missing_profile_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "nowhere.json"
    code = command(raising(AssertionError("ran")), Arguments, "A job.", ["t", "--connection", str(path)])
    assert code == 3
    assert capsys.readouterr().err.startswith(f"{path}: there is no connection profile; run "), "no way out"


def test_a_complaint_is_an_error_of_a_job() -> None:
    assert isinstance(failed(OSError("no")), Unreachable)


def test_a_service_that_takes_no_connection_is_named_with_the_way_to_bring_it_up(tmp_path: Path) -> None:
    path = tmp_path / "connection.json"
    path.write_text(json.dumps({**PROFILE, "spark": {"remote": "sc://127.0.0.1:1", "token": "x"}}))
    said = str(failed(OSError("RETRIES_EXCEEDED"), read(path)))
    assert said.startswith("127.0.0.1:1: spark does not answer"), said
    assert "provisioning start spark" in said, said


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_job_that_is_told_to_end_cleans_up_as_after_ctrl_c(
    job: Callable[..., tuple[int, str, str]], number: signal.Signals
) -> None:
    cleaned: list[str] = []

    def run(lake: Lake, arguments: Arguments) -> object:
        try:
            signal.raise_signal(number)
        finally:
            cleaned.append(arguments.table)
        return Result(0)

    before = signal.getsignal(number)
    assert job(run) == (130, "", "interrupted\n")
    assert cleaned == ["shop.orders"], "the job was ended without its cleanup"
    assert signal.getsignal(number) == before, "the handler stays behind"
