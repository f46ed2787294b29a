"""The jobs as a person runs them, from generated rows to a restored table."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from datagen import Dataset, build_vocabulary, expected
from fixtures.tables import MakePlace

pytestmark = [pytest.mark.requires("minio", "hive", "spark"), pytest.mark.verifies("data.restore")]

ROOT = Path(__file__).parents[2]


@pytest.fixture
def run_job(connection_path: Path) -> Callable[..., dict[str, Any]]:
    """`run_job("backup", "shop.orders", ...)`: what `python -m spark_jobs.backup ... --json` prints."""

    def run(job: str, *arguments: str) -> dict[str, Any]:
        done = subprocess.run(
            [sys.executable, "-m", f"spark_jobs.{job}", *arguments, "--json", "--connection", str(connection_path)],
            cwd=ROOT, env=dict(os.environ), capture_output=True, text=True, check=False, timeout=300,
        )  # fmt: skip
        assert done.returncode == 0, f"{job} {arguments}: exit {done.returncode}: {done.stderr}"
        return dict(json.loads(done.stdout))

    return run


def test_generated_rows_go_into_a_backup_and_come_back_as_they_were(
    make_namespace: Callable[[], str], make_place: MakePlace, run_job: Callable[..., dict[str, Any]]
) -> None:
    namespace, place = make_namespace(), make_place()
    wanted = expected(Dataset(build_vocabulary("de_DE", 5), 5, 40), "orders").fingerprint
    made = run_job("generate", namespace, "--customers", "40", "--seed", "5", "--locale", "de_DE")
    assert made["tables"][f"{namespace}.orders"] == wanted.rows, made
    assert run_job("backup", f"{namespace}.orders", "--to", place)["rows"] == wanted.rows
    assert run_job("verify", place, "--deep")["damage"] == []
    run_job("restore", place, f"{namespace}.again", "--deep")
    seen = run_job("fingerprint", f"{namespace}.again")["fingerprint"]
    assert seen == wanted.to_json(), f"{seen}, expected {wanted}"


@pytest.mark.verifies("maintenance.compaction", "maintenance.expiry")
def test_compaction_and_expiry_say_what_they_did(
    make_namespace: Callable[[], str], run_job: Callable[..., dict[str, Any]]
) -> None:
    namespace = make_namespace()
    run_job("generate", namespace, "--customers", "40", "--files", "6")
    compacted = run_job("compact", f"{namespace}.orders")
    assert (compacted["rewritten_files"], compacted["added_files"]) == (6, 1), compacted
    assert run_job("expire", f"{namespace}.orders")["data_files"] == 0, "minutes-old snapshots were expired"
