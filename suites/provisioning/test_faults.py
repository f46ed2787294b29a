"""A lakehouse with a stopped service: the suites run against it and must say so, and only so."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from fixtures.stacks import CHECKOUT, Stack

pytestmark = pytest.mark.impact("observe")


def judge(
    stack: Stack, folder: Path, *arguments: str
) -> tuple[subprocess.CompletedProcess[str], list[dict[str, object]]]:
    """Run suites against a stack; the output and the recorded rows."""
    command = [sys.executable, "-m", "pytest", *arguments, "--run", str(folder), "-p", "no:cacheprovider"]
    done = subprocess.run(
        command, cwd=CHECKOUT, env=stack.environment(), capture_output=True, text=True, timeout=300, check=False
    )
    rows = [json.loads(line) for line in (folder / "results.jsonl").read_text().splitlines()]
    return done, rows


@pytest.mark.verifies("store.s3")
def test_a_stopped_minio_is_one_error_and_blocks_what_needs_it(running_stack: Stack, tmp_path: Path) -> None:
    suites = ("suites/inventory", "suites/services", "suites/lakehouse/test_tables.py")
    assert running_stack.command("stop", "minio").returncode == 0
    try:
        status = running_stack.command("status").stdout
        assert re.search(r"^minio +stopped ", status, re.MULTILINE), f"the fault was not seeded: {status}"
        done, rows = judge(running_stack, tmp_path / "stopped", *suites)
    finally:
        assert running_stack.command("start", "minio").returncode == 0
    errors = [row for row in rows if row["verdict"] == "error"]
    needing = [row for row in rows if "minio" in row["capabilities"] and row not in errors]  # type: ignore[operator]
    others = [row for row in rows if row not in needing and row not in errors]
    assert [row["test"] for row in errors] == ["probe::minio"], f"errors: {errors}"
    assert "http://127.0.0.1:" in str(errors[0]["message"]) and "start minio" in str(errors[0]["message"]), (
        f"{errors[0]}"
    )
    assert len(needing) > 20 and {row["reason"] for row in needing} == {"blocked"}, f"{len(needing)} tests need it"
    assert others and {row["verdict"] for row in others} == {"passed"}, f"red though they need no MinIO: {others}"
    assert done.returncode == 1, f"exit {done.returncode}"


def test_the_same_suites_are_green_when_it_runs(running_stack: Stack, tmp_path: Path) -> None:
    done, rows = judge(
        running_stack, tmp_path / "runs", "suites/services/test_minio.py", "suites/services/test_accounts.py"
    )
    assert done.returncode == 0, done.stdout[-2000:]
    assert len(rows) > 10 and {row["verdict"] for row in rows} == {"passed"}, f"{rows}"


def test_one_process_and_two_give_the_same_verdicts(running_stack: Stack, tmp_path: Path) -> None:
    outcomes = []
    for workers in ("0", "2"):
        done, rows = judge(running_stack, tmp_path / workers, "suites/services", "suites/inventory", "-n", workers)
        assert done.returncode == 0, f"-n {workers}: {done.stdout[-2000:]}"
        outcomes.append({(row["test"], row["verdict"], row["reason"]) for row in rows})
    assert len(outcomes[0]) > 30, f"only {len(outcomes[0])} tests were judged"
    assert outcomes[0] == outcomes[1], f"they differ in {outcomes[0] ^ outcomes[1]}"
