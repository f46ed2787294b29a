"""Restore a backup into a new table: verified first, with the recorded field ids, all or nothing.

The table is built under a temporary name and renamed when its rows have been read back and are the recorded ones.
"""

import json
import sys
import time
import uuid
from dataclasses import dataclass
from typing import Any

from grpc import RpcError
from pyspark.errors import PySparkException

from datagen import EMPTY, Fingerprint
from spark_jobs import verify
from spark_jobs.command import command, option
from spark_jobs.errors import Damaged, Refused
from spark_jobs.fingerprint import of_rows, rows_of
from spark_jobs.lake import Lake
from spark_jobs.tables.manifest import Manifest
from spark_jobs.tables.metadata import empty_table


@dataclass(frozen=True)
class Arguments:
    """Which backup, and into what."""

    backup: str = option("s3://BUCKET/PREFIX of the backup")
    to: str = option("namespace.table to make; the namespace must exist")
    deep: bool = option("verify every byte first", default=False)


@dataclass(frozen=True)
class Result:
    """A restored table."""

    table: str
    backup: str
    rows: int
    fingerprint: Fingerprint
    seconds: float

    def __str__(self) -> str:
        return f"{self.table}: {self.rows} rows restored from {self.backup} in {self.seconds:.1f} s"


def run(lake: Lake, arguments: Arguments) -> Result:
    """Verify, build, compare, rename. Raises Damaged or Refused with nothing written, or all of it removed again."""
    began = time.monotonic()
    _check_target(lake, arguments.to)
    lake.progress(f"{arguments.backup}: verifying …")
    checked = verify.run(lake, verify.Arguments(arguments.backup, arguments.deep))
    if checked.damage:
        names = "; ".join(str(item) for item in checked.damage)
        raise Damaged(f"is damaged ({names})", where=arguments.backup, remedy="restore from another backup")
    made = verify.read_manifest(lake, checked.backup)
    draft = f"{arguments.to}__restoring_{uuid.uuid4().hex[:8]}"
    lake.progress(f"{arguments.to}: restoring {made.rows} rows as {draft} …")
    try:
        _register_empty(lake, draft, made)
        fill(lake, draft, checked.backup, made)
        found = of_rows(rows_of(lake, draft)) if made.files else EMPTY
        if found != made.fingerprint:
            what = f"what was written reads as {found}, the backup recorded {made.fingerprint}"
            raise Damaged(what, where=arguments.to, remedy="nothing was kept; verify the backup with --deep")
        lake.spark.sql(f"ALTER TABLE {lake.sql_name(draft)} RENAME TO {lake.sql_name(arguments.to)}")
    except BaseException:
        _drop(lake, draft)
        raise
    return Result(arguments.to, arguments.backup, made.rows, made.fingerprint, time.monotonic() - began)


def _drop(lake: Lake, draft: str) -> None:
    """Remove the draft; where that fails, too, say so and let the first error be the one that is reported."""
    try:
        lake.spark.sql(f"DROP TABLE IF EXISTS {lake.sql_name(draft)} PURGE")
    except (PySparkException, RpcError):
        lake.progress(f"{draft} is left: `python -m provisioning sweep` removes it when the lakehouse is up")


def _check_target(lake: Lake, name: str) -> None:
    namespace, dot, table = name.partition(".")
    if not dot or not table or "." in table:
        raise Refused("is no namespace.table", where=name, remedy="name the table to make")
    if not lake.catalog.namespace_exists(namespace):
        raise Refused("there is no such namespace", where=namespace, remedy="create it, or take another one")
    if lake.catalog.table_exists(name):
        remedy = "restore into a new name (replacing is not supported yet)"
        raise Refused("exists already", where=name, remedy=remedy)


def _register_empty(lake: Lake, name: str, made: Manifest) -> None:
    namespace, table = name.split(".")
    place = lake.catalog.load_namespace_properties(namespace).get("location") or f"{lake.warehouse}/{namespace}.db"
    location = f"{place.replace('s3a://', 's3://')}/{table.partition('__restoring_')[0]}-{uuid.uuid4().hex[:8]}"
    document = f"{location}/metadata/00000-{uuid.uuid4()}.metadata.json"
    content = json.dumps(empty_table(made.metadata, location, int(time.time() * 1000)))
    lake.put("spark", document, content.encode())
    try:
        lake.catalog.register_table(name, document)
    except BaseException:
        lake.remove("spark", document)
        raise


def fill(lake: Lake, name: str, backup: str, made: Manifest) -> None:
    """Write the saved rows through Iceberg, which goes by the table's ids, partition spec and sort order."""
    if made.files:
        rows: Any = lake.spark.read.parquet(*(f"{backup}/{file.key}" for file in made.files))
        # Parquet readers call every column nullable; what was saved from a required column has no nulls.
        rows.writeTo(lake.sql_name(name)).option("check-nullability", "false").append()


if __name__ == "__main__":
    sys.exit(command(run, Arguments, __doc__))
