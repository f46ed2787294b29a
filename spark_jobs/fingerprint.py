"""Count a table's rows and sum their hashes, whatever their order: two tables with the same rows have the same one."""

import json
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from datagen import EMPTY, Fingerprint, fingerprint
from spark_jobs.command import command, option
from spark_jobs.lake import Lake


@dataclass(frozen=True)
class Arguments:
    """Which table, and when."""

    table: str = option("namespace.table")
    snapshot: int | None = option("snapshot id instead of the current state", default=None)


@dataclass(frozen=True)
class Result:
    """What was read."""

    table: str
    fingerprint: Fingerprint

    def __str__(self) -> str:
        return f"{self.table}: {self.fingerprint}"


def run(lake: Lake, arguments: Arguments) -> Result:
    """Read the whole table in Spark's tasks."""
    lake.table(arguments.table)
    return Result(arguments.table, of_rows(rows_of(lake, arguments.table, arguments.snapshot)))


def rows_of(lake: Lake, table: str, snapshot: int | None = None) -> Any:
    """A table's rows as a DataFrame; at a snapshot where one is named, with that snapshot's own schema.

    The reader's option `snapshot-id` would do for the rows but shows them with the table's current columns: those of a
    dropped column come out as nulls. VERSION AS OF takes both from the snapshot.
    """
    if snapshot is None:
        return lake.spark.read.table(lake.sql_name(table))
    return lake.spark.sql(f"SELECT * FROM {lake.sql_name(table)} VERSION AS OF {int(snapshot)}")


def of_rows(rows: Any) -> Fingerprint:
    """The fingerprint of a DataFrame."""

    def measure(work: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        total = EMPTY
        for batch in work:
            total += fingerprint(batch)
        yield pa.RecordBatch.from_pydict({"fingerprint": [json.dumps(total.to_json())]})

    total = EMPTY
    for row in rows.mapInArrow(measure, "fingerprint string").collect():
        total += Fingerprint.from_json(json.loads(row["fingerprint"]))
    return total


if __name__ == "__main__":
    sys.exit(command(run, Arguments, __doc__))
