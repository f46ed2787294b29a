"""Whole runs of pytest with our hooks, on little suites of their own: exit codes, reasons, the record."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from provisioning import connection, inventory, secrets

ROOT = Path(__file__).parents[2]
SITE = """format = 1
extends = "plan"
name = "site"
target = "site"
accepts = {accepts}
{more}
"""
DEAD_MINIO = """
[services.minio]
host = "127.0.0.1"
port = 1
"""


class Run:
    """The end of an inner run: exit code, output, recorded rows."""

    def __init__(self, done: subprocess.CompletedProcess[str], folder: Path) -> None:
        self.code, self.text = done.returncode, done.stdout + done.stderr
        rows = folder / "results.jsonl"
        self.rows = [json.loads(line) for line in rows.read_text().splitlines()] if rows.exists() else []

    @property
    def verdicts(self) -> dict[str, tuple[str, str | None]]:
        """(verdict, reason) by test name."""
        return {row["test"].rpartition("::")[2]: (row["verdict"], row["reason"]) for row in self.rows}


@pytest.fixture
def pytest_on(tmp_path: Path) -> Callable[..., Run]:
    """`pytest_on(body, accepts=..., dead=...)`: run a test file against a site without a service, or a dead one."""

    def run(
        body: str,
        *options: str,
        accepts: str = '["not-declared"]',
        more: str = "",
        site: bool = True,
        dead: bool = False,
    ) -> Run:
        state, folder = tmp_path / "state", tmp_path / "run"
        if site:
            file = tmp_path / "site.toml"
            file.write_text(SITE.format(accepts=accepts, more=more) + (DEAD_MINIO if dead else ""))
            loaded = inventory.load(str(file))
            values = dict.fromkeys(("minio-harness", "minio-spark", "minio-backup"), "x" * 20)
            connection.write(connection.profile(loaded, file, {"minio": 1}, values), state / "site/connection.json")
            (state / "current").symlink_to("site")
        test = tmp_path / "test_inner.py"
        test.write_text(f"import pytest\n{body}")
        command = [sys.executable, "-m", "pytest", "-c", str(ROOT / "pytest.ini"), "--rootdir", str(ROOT), str(test)]
        command += ["--confcutdir", str(ROOT), "-p", "conftest", "-p", "no:cacheprovider", "--run", str(folder)]
        environment = {**os.environ, "DATALAKE_STATE": str(state), "PYTEST_ADDOPTS": "", "PYTHONPATH": str(ROOT)}
        done = subprocess.run(
            [*command, *options], cwd=ROOT, env=environment, capture_output=True, text=True, check=False, timeout=120,
        )  # fmt: skip
        return Run(done, folder)

    return run


def test_a_dead_service_is_one_error_blocks_its_tests_and_turns_the_run_red(pytest_on: Callable[..., Run]) -> None:
    run = pytest_on(
        "@pytest.mark.requires('minio')\ndef test_needs(): pass\n"
        "@pytest.mark.requires('minio')\ndef test_needs_too(): pass\n"
        "def test_free(): pass\n",
        dead=True,
    )
    assert run.verdicts == {
        "minio": ("error", None),
        "test_needs": ("not-judged", "blocked"),
        "test_needs_too": ("not-judged", "blocked"),
        "test_free": ("passed", None),
    }, run.text
    assert run.code == 1, f"exit {run.code}: {run.text}"
    assert "127.0.0.1:1" in run.rows[0]["message"] and "bring it up" in run.rows[0]["message"], run.rows[0]


def test_an_undeclared_service_is_not_judged_and_the_run_is_green_where_that_is_accepted(
    pytest_on: Callable[..., Run],
) -> None:
    body = "@pytest.mark.requires('hive')\ndef test_needs(): pass\ndef test_free(): pass\n"
    run = pytest_on(body)
    assert run.verdicts["test_needs"] == ("not-judged", "not-declared"), run.text
    assert run.verdicts["test_free"] == ("passed", None), run.text
    assert run.code == 0, f"exit {run.code}: {run.text}"


def test_the_inventory_bounds_what_tests_may_do(pytest_on: Callable[..., Run]) -> None:
    body = (
        "@pytest.mark.impact('write')\ndef test_writes(): pass\n"
        "@pytest.mark.impact('observe')\ndef test_looks(): pass\n"
    )
    run = pytest_on(body, "--impact", "disrupt", more='impact = "observe"')
    assert run.verdicts["test_writes"] == ("not-judged", "over-impact"), run.text
    assert run.verdicts["test_looks"] == ("passed", None), run.text


def test_a_file_that_skips_itself_as_a_whole_is_an_error(pytest_on: Callable[..., Run]) -> None:
    run = pytest_on("pytest.skip('not today', allow_module_level=True)\ndef test_it(): pass\n")
    assert run.code not in (0, 5), f"exit {run.code}: {run.text}"
    assert "skipped itself as a whole" in run.text, run.text


def test_misuse_under_xdist_is_said_by_each_test(pytest_on: Callable[..., Run]) -> None:
    run = pytest_on("@pytest.mark.requires('minioo')\ndef test_it(): pass\n", "-n", "1")
    assert run.code == 1, f"exit {run.code}: {run.text}"
    assert "requires ['minioo']" in run.text and "INTERNALERROR" not in run.text, run.text


def test_an_earlier_pass_that_was_cut_off_keeps_the_run_incomplete(
    pytest_on: Callable[..., Run], tmp_path: Path
) -> None:
    pytest_on("def test_free(): pass\n", "--pass", "first")
    header = json.loads((tmp_path / "run/run.json").read_text())
    assert header["complete"], header
    (tmp_path / "run/run.json").write_text(json.dumps({**header, "complete": False, "finished": None}))
    (tmp_path / "state/current").unlink()
    pytest_on("def test_free(): pass\n", "--pass", "second")
    assert not json.loads((tmp_path / "run/run.json").read_text())["complete"], "the second pass whitewashed the first"


def test_a_reason_that_the_inventory_does_not_accept_turns_the_run_red(pytest_on: Callable[..., Run]) -> None:
    body = "@pytest.mark.impact('disrupt')\ndef test_breaks(): pass\ndef test_free(): pass\n"
    run = pytest_on(body, "--impact", "write")
    assert run.verdicts["test_breaks"] == ("not-judged", "over-impact"), run.text
    assert run.code == 1, f"exit {run.code}: {run.text}"


def test_a_run_that_judges_nothing_is_not_green(pytest_on: Callable[..., Run]) -> None:
    run = pytest_on("@pytest.mark.requires('hive')\ndef test_needs(): pass\n")
    assert run.code == 5, f"exit {run.code}: {run.text}"
    assert "nothing was judged" in run.text, run.text


def test_a_test_that_skips_itself_fails(pytest_on: Callable[..., Run]) -> None:
    run = pytest_on("def test_shy(): pytest.skip('not today')\n")
    verdict, _ = run.verdicts["test_shy"]
    assert (verdict, run.code) == ("failed", 1), run.text
    assert "skipped itself" in run.text and "not today" in run.text, run.text


@pytest.mark.parametrize(
    ("mark", "says"),
    [
        ("requires('minioo')", "minioo"),
        ("verifies('data.nothing')", "data.nothing"),
        ("impact('destroy')", "destroy"),
        ("requries('minio')", "requries"),
    ],
)
def test_an_unknown_name_stops_the_run_before_any_test(pytest_on: Callable[..., Run], mark: str, says: str) -> None:
    run = pytest_on(f"@pytest.mark.{mark}\ndef test_it(): pass\n")
    assert run.code in (2, 4), f"exit {run.code}: {run.text}"
    assert says in run.text and "test_it" not in run.verdicts, run.text


def test_a_known_failure_is_named_and_is_strict(pytest_on: Callable[..., Run]) -> None:
    more = '[[known_failures]]\npromise = "data.backup"\nexception = "ZeroDivisionError"\nlink = "tracker/1"\n'
    body = (
        "@pytest.mark.verifies('data.backup')\ndef test_known(): 1 / 0\n"
        "@pytest.mark.verifies('data.backup')\ndef test_mended(): pass\n"
        "@pytest.mark.verifies('data.backup')\ndef test_otherwise(): raise OSError('x')\n"
    )
    run = pytest_on(body, accepts='["not-declared", "known-failure"]', more=more)
    assert run.verdicts["test_known"] == ("not-judged", "known-failure"), run.text
    assert run.verdicts["test_mended"][0] == "failed", run.text
    assert run.verdicts["test_otherwise"][0] == "failed", run.text


def test_without_a_lakehouse_the_choices_are_listed(pytest_on: Callable[..., Run]) -> None:
    run = pytest_on("@pytest.mark.requires('minio')\ndef test_it(): pass\n", site=False)
    assert run.code == 4, f"exit {run.code}: {run.text}"
    assert "no lakehouse was brought up here" in run.text and "local, plan" in run.text, run.text
    assert "Traceback" not in run.text, run.text


def test_what_is_measured_and_how_to_replay_it_are_recorded(pytest_on: Callable[..., Run]) -> None:
    run = pytest_on("def test_it(measure): measure('speed', 3.5, 'rows/s', 'higher')\n", "--seed", "7")
    row = next(row for row in run.rows if row["test"].endswith("test_it"))
    assert row["measurements"] == [{"name": "speed", "value": 3.5, "unit": "rows/s", "direction": "higher"}], row
    assert row["replay"].endswith("site.toml --seed 7"), row["replay"]


def test_a_failure_is_recorded_with_its_message(pytest_on: Callable[..., Run]) -> None:
    run = pytest_on("def test_it(): assert 1 == 2, 'table x: 1, expected 2'\n")
    row = next(row for row in run.rows if row["test"].endswith("test_it"))
    assert row["verdict"] == "failed" and "table x: 1, expected 2" in row["message"], row


def test_no_secret_is_in_the_record(pytest_on: Callable[..., Run], tmp_path: Path) -> None:
    pytest_on("def test_it(): pass\n")
    written = [path for path in (tmp_path / "run").rglob("*") if path.is_file()]
    assert written, "nothing was recorded"
    assert not [path for path in written if "x" * 20 in path.read_text(errors="replace")], "a secret is in the record"
    assert secrets.variable("minio-root") == "DATALAKE_MINIO_ROOT"
