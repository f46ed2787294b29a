"""A made-up run: what the selftests judge, and what a change of the page is looked at with.

Every function makes a whole and valid thing; keyword arguments change the fields that matter to the caller.
"""

from dataclasses import replace
from pathlib import Path
from typing import Any

from reports.results import (
    Durations,
    Header,
    Machine,
    Promise,
    Row,
    Run,
    ServiceState,
    Verdict,
    append,
    write_promises,
    write_run,
)

STARTED, FINISHED = "2026-11-22T13:05:01+00:00", "2026-11-22T13:17:44+00:00"


def row(test: str = "suites/lakehouse/test_backup.py::test_a", verdict: Verdict = "passed", **changes: Any) -> Row:
    """A passed test of data.backup, or what `changes` make of it."""
    passed = Row(
        test=test,
        pass_="suites-1",
        verdict="passed",
        reason=None,
        message=None,
        promises=("data.backup",),
        capabilities=("spark",),
        impact="write",
        started=STARTED,
        durations=Durations(0.25, 1.5, 0.1),
        measurements=(),
        seed=42,
        replay=f"pytest '{test}' --inventory local",
    )
    return replace(passed, verdict=verdict, **changes)


def promise(id: str = "data.backup", **changes: Any) -> Promise:
    """A promise that the suites prove on local."""
    proved = Promise(id, f"What {id} says holds.", "The line of the plan.", "proved-by-suite", ("local",))
    return replace(proved, **changes)


def header(**changes: Any) -> Header:
    """A complete run on local with one healthy service."""
    complete = Header(
        format=1,
        run="20261122-130501-ab12",
        started=STARTED,
        finished=FINISHED,
        complete=True,
        inventory="local",
        target="local",
        accepts=("not-declared",),
        machine=Machine(2, 8 * 2**30, "Debian 12", "6.1.0", "3.11.2"),
        versions={"pyspark": "4.0.1"},
        artifacts={"iceberg-spark-runtime": "sha256:" + "ab" * 32},
        services={"minio": ServiceState("127.0.0.1:9000", "healthy", "2025-10-15", None)},
        seed=42,
    )
    return replace(complete, **changes)


def run(*rows: Row, promises: tuple[Promise, ...] = (), torn: bool = False, **changes: Any) -> Run:
    """A run of these rows; without promises it has data.backup, which `row` verifies."""
    return Run(header(**changes), promises or (promise(),), rows, torn)


def write(folder: Path, run: Run) -> Path:
    """Put the run where `load` reads it."""
    write_run(folder, run.header)
    write_promises(folder, run.promises)
    for one in run.rows:
        append(folder, one)
    return folder
