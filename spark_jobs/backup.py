"""Back up one snapshot of a table: every row as plain Parquet with the recorded field ids, and a manifest put last.

A backup without a manifest is none: whatever a killed backup left can be removed.
"""

import itertools
import sys
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

import pyarrow as pa
from minio.error import S3Error
from pyiceberg.io.pyarrow import schema_to_pyarrow
from pyiceberg.table import Table
from pyiceberg.table.snapshots import Snapshot

from datagen import EMPTY
from spark_jobs import parts
from spark_jobs.command import command, option
from spark_jobs.errors import Damaged, Refused
from spark_jobs.fingerprint import rows_of
from spark_jobs.lake import Lake, backup_place, bucket_and_key
from spark_jobs.parts import Part
from spark_jobs.tables import manifest, metadata
from spark_jobs.tables.manifest import Manifest, SavedFile


@dataclass(frozen=True)
class Arguments:
    """What to save, and where."""

    table: str = option("namespace.table")
    to: str | None = option("s3://BUCKET/PREFIX; default: the backup bucket, by table and time", default=None)
    snapshot: int | None = option("snapshot id instead of the current one", default=None)
    files: int = option("Parquet files at most", default=4)


@dataclass(frozen=True)
class Result:
    """A finished backup."""

    backup: str
    table: str
    snapshot: int | None
    rows: int
    bytes: int
    files: int

    def __str__(self) -> str:
        return f"{self.backup}: {self.rows} rows of {self.table} in {self.files} files, {self.bytes} bytes"


def run(lake: Lake, arguments: Arguments) -> Result:
    """Save the table. Raises Refused, before anything is written, for what is not supported."""
    table = lake.table(arguments.table)
    if arguments.files < 1:
        raise Refused("must be at least 1", where="--files", remedy="give how many Parquet files there shall be")
    snapshot = _snapshot(table, arguments)
    schema_id = table.metadata.current_schema_id
    if arguments.snapshot is not None and snapshot is not None:
        schema_id = int(snapshot.schema_id or 0)
    recorded = metadata.describing(table.metadata.model_dump(mode="json", by_alias=True), schema_id, arguments.table)
    place = backup_place(arguments.to or _default_place(lake, arguments.table))
    _refuse_occupied(lake, place)
    done = [] if snapshot is None else _write(lake, table, arguments, snapshot, schema_id, place)
    made = Manifest(
        table=arguments.table,
        table_uuid=str(table.metadata.table_uuid),
        snapshot=snapshot.snapshot_id if snapshot else None,
        snapshot_time_ms=snapshot.timestamp_ms if snapshot else None,
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        metadata=recorded,
        fingerprint=sum((part.fingerprint for part in done), EMPTY),
        files=tuple(_saved(part, place) for part in done),
    )
    if snapshot:
        _check_count(made, snapshot)
    _publish(lake, place, made)
    return Result(place, made.table, made.snapshot, made.rows, made.bytes, len(made.files))


def _snapshot(table: Table, arguments: Arguments) -> Snapshot | None:
    if arguments.snapshot is None:
        return table.current_snapshot()
    snapshot = table.snapshot_by_id(arguments.snapshot)
    if snapshot is None:
        raise Refused(f"has no snapshot {arguments.snapshot}", where=arguments.table, remedy="see its .snapshots")
    return snapshot


def _default_place(lake: Lake, table: str) -> str:
    now = datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ")
    return f"s3://{lake.backup_bucket}/{table.replace('.', '/')}/{now}-{uuid.uuid4().hex[:6]}"


def _refuse_occupied(lake: Lake, place: str) -> None:
    bucket, key = bucket_and_key(place)
    try:
        there = any(True for _ in lake.store("backup").list_objects(bucket, f"{key}/", recursive=True))
    except S3Error as error:
        remedy = f"name a place in s3://{lake.backup_bucket}/"
        raise Refused(f"backups cannot be put there ({error.code})", where=place, remedy=remedy) from None
    if there:
        raise Refused("there is something already", where=place, remedy="name an empty place with --to")


def _write(
    lake: Lake, table: Table, arguments: Arguments, snapshot: Snapshot, schema_id: int, place: str
) -> list[Part]:
    uris = [f"{place}/data/part-{number:05}.parquet" for number in range(arguments.files)]
    addresses = lake.sign(uris, "backup")
    schema = schema_to_pyarrow(table.schemas()[schema_id])
    # Spark reads a named snapshot with that snapshot's schema. Where the schema has changed since, the current state
    # must be read unnamed, and the table must not move meanwhile.
    named = snapshot.schema_id == schema_id

    def save(rows: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        from pyspark import TaskContext

        task = TaskContext.get()
        first = next(rows, None)
        if task is not None and first is not None:
            number = task.partitionId()
            yield parts.write(number, addresses[number], schema, itertools.chain([first], rows))

    lake.progress(f"{arguments.table}: saving snapshot {snapshot.snapshot_id} to {place} …")
    rows = rows_of(lake, arguments.table, snapshot.snapshot_id if named else None)
    if rows.columns != schema.names:
        what = f"Spark reads the columns {rows.columns}, the schema to save has {schema.names}"
        raise Damaged(what, where=arguments.table, remedy="nothing was written; try again, and report it if it stays")
    rows = rows.coalesce(arguments.files)
    done = sorted(parts.returned(rows.mapInArrow(save, parts.RETURNED).collect(), uris), key=lambda part: part.uri)
    if not named and lake.table(arguments.table).metadata_location != table.metadata_location:
        raise Refused("was changed while it was read", where=arguments.table, remedy="try again; nothing was published")
    return done


def _saved(part: Part, place: str) -> SavedFile:
    return SavedFile(part.uri.removeprefix(f"{place}/"), part.rows, part.size, part.sha256, part.md5)


def _check_count(made: Manifest, snapshot: Snapshot) -> None:
    """Where the snapshot's own summary is conclusive (no delete files), it must agree."""
    summary = snapshot.summary.additional_properties if snapshot.summary else {}
    if summary.get("total-delete-files") == "0" and int(summary["total-records"]) != made.rows:
        what = f"{made.rows} rows were read, the snapshot says {summary['total-records']}"
        raise Damaged(what, where=made.table, remedy="nothing was published; look at the table's files")


def _publish(lake: Lake, place: str, made: Manifest) -> None:
    content = manifest.dump(made)
    lake.put("backup", f"{place}/{manifest.NAME}", content)


if __name__ == "__main__":
    sys.exit(command(run, Arguments, __doc__))
