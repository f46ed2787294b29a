"""A backup holds every row of its snapshot as plain Parquet, as DuckDB and pyarrow read it."""

import json
from collections.abc import Callable

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from datagen import TABLES, expected, fingerprint
from fixtures.jobs import Jobs, Lake, Refused
from fixtures.oracles.rows import difference
from fixtures.states import rows_of, snapshots_of
from fixtures.tables import MakeBackup, MakePlace, MakeTable, Shop, insert

pytestmark = [pytest.mark.requires("minio", "hive", "spark"), pytest.mark.verifies("data.backup")]


def parquet(objects: dict[str, int]) -> list[str]:
    return sorted(uri for uri in objects if uri.endswith(".parquet"))


@pytest.mark.parametrize("table", TABLES)
def test_duckdb_reads_every_generated_row_from_the_backup(
    shop: Shop, make_backup: MakeBackup, objects_under: Callable[[str], dict[str, int]],
    duckdb_rows: Callable[..., pa.Table], table: str,
) -> None:  # fmt: skip
    made = make_backup(shop.table(table))
    seen = fingerprint(duckdb_rows(parquet(objects_under(made.backup))))
    wanted = expected(shop.dataset, table).fingerprint
    assert seen == wanted, f"{made.backup}: DuckDB reads {seen}, expected {wanted}"


def test_a_backup_of_a_changed_table_has_the_rows_that_are_left(
    lake: Lake, make_table: MakeTable, make_backup: MakeBackup, objects_under: Callable[[str], dict[str, int]],
    duckdb_rows: Callable[..., pa.Table],
) -> None:  # fmt: skip
    """Deleted rows lie in the data files still; a backup that copied files would bring them back."""
    modes = {"write.delete.mode": "merge-on-read"}
    name = make_table("id bigint, v string", "id, concat('v', id)", 100, 4, properties=modes)
    lake.spark.sql(f"DELETE FROM {lake.sql_name(name)} WHERE id % 3 = 0")
    saved = duckdb_rows(parquet(objects_under(make_backup(name).backup)))
    assert saved.num_rows == 66, f"{name}: {saved.num_rows} rows in the backup, 66 of 100 were left"
    assert difference(saved, rows_of(lake, name)) == (0, 0), f"{name}: the backup has other rows than the table"


@pytest.mark.parametrize(
    "changes", [("DROP COLUMN a", "ADD COLUMN a string"), ("RENAME COLUMN a TO b",)], ids=["readded", "renamed"]
)
def test_a_backup_of_an_older_snapshot_has_the_columns_and_values_of_its_time(
    lake: Lake,
    make_table: MakeTable,
    make_backup: MakeBackup,
    objects_under: Callable[[str], dict[str, int]],
    duckdb_rows: Callable[..., pa.Table],
    changes: tuple[str, ...],
) -> None:
    """Iceberg spec, Snapshots: each remembers the schema that was current when it was made."""
    name = make_table("id bigint, a string", "id, 'old'", 5)
    (first,) = snapshots_of(lake, name)
    for change in changes:
        lake.spark.sql(f"ALTER TABLE {lake.sql_name(name)} {change}")
    insert(lake, name, "id, 'new'", 3, start=100)
    saved = duckdb_rows(parquet(objects_under(make_backup(name, snapshot=first).backup)))
    then = lake.table(name).scan(snapshot_id=first).to_arrow()
    assert then["a"].to_pylist() == ["old"] * 5, f"{name}: PyIceberg reads {then['a']} at the first snapshot"
    assert difference(saved, then) == (0, 0), f"{name}: saved {saved.to_pylist()}, the snapshot has {then.to_pylist()}"


def test_a_backup_of_an_older_snapshot_has_its_rows(
    lake: Lake,
    make_table: MakeTable,
    make_backup: MakeBackup,
    objects_under: Callable[[str], dict[str, int]],
    duckdb_rows: Callable[..., pa.Table],
) -> None:
    name = make_table("id bigint", "id", 10)
    (first,) = snapshots_of(lake, name)
    insert(lake, name, "id", 5, start=100)
    old, new = make_backup(name, snapshot=first), make_backup(name)
    saved = {made.backup: duckdb_rows(parquet(objects_under(made.backup)))["id"].to_pylist() for made in (old, new)}
    assert sorted(saved[old.backup]) == list(range(10)), f"{old.backup}: {saved[old.backup]}"
    assert sorted(saved[new.backup]) == [*range(10), *range(100, 105)], f"{new.backup}: {saved[new.backup]}"
    assert old.snapshot == first, f"{name}: snapshot {old.snapshot} was saved instead of {first}"


def test_every_file_carries_the_tables_field_ids(
    lake: Lake, make_table: MakeTable, make_backup: MakeBackup, objects_under: Callable[[str], dict[str, int]]
) -> None:
    name = make_table("a string, id bigint, r struct<p:int>", "'x', id, named_struct('p', 1)", 20)
    lake.spark.sql(f"ALTER TABLE {lake.sql_name(name)} DROP COLUMN a")
    lake.spark.sql(f"ALTER TABLE {lake.sql_name(name)} ADD COLUMN a string")
    made = make_backup(name)
    wanted = {field.name: field.field_id for field in lake.table(name).schema().fields}
    files = parquet(objects_under(made.backup))
    assert files, f"{made.backup}: no Parquet files"
    for uri in files:
        schema = pq.read_schema(pa.BufferReader(lake.get("harness", uri)))
        seen = {field.name: int(field.metadata[b"PARQUET:field_id"]) for field in schema}
        assert seen == wanted, f"{uri}: field ids {seen}, the table has {wanted}"


def test_a_column_that_was_dropped_and_added_anew_is_saved_without_its_old_values(
    lake: Lake, make_table: MakeTable, make_backup: MakeBackup, objects_under: Callable[[str], dict[str, int]],
    duckdb_rows: Callable[..., pa.Table],
) -> None:  # fmt: skip
    """Iceberg spec, Snapshots: a snapshot remembers its own schema, which need not be the table's."""
    name = make_table("id bigint, a string", "id, 'old'", 5)
    for change in ("DROP COLUMN a", "ADD COLUMN a string"):
        lake.spark.sql(f"ALTER TABLE {lake.sql_name(name)} {change}")
    saved = duckdb_rows(parquet(objects_under(make_backup(name).backup)))
    assert saved["a"].to_pylist() == [None] * 5, f"{name}: the dropped column's values are in the backup: {saved['a']}"


def test_the_manifest_is_put_last_and_names_every_object(
    lake: Lake, shop: Shop, make_backup: MakeBackup, objects_under: Callable[[str], dict[str, int]]
) -> None:
    made = make_backup(shop.table("orders"))
    listed = objects_under(made.backup)
    manifest = json.loads(lake.get("harness", f"{made.backup}/manifest.json") or b"{}")
    named = {f"{made.backup}/{file['key']}": file["bytes"] for file in manifest["files"]}
    assert {**named, f"{made.backup}/manifest.json": listed[f"{made.backup}/manifest.json"]} == listed, f"{made.backup}"
    bucket, _, prefix = made.backup.removeprefix("s3://").partition("/")
    times = {
        o.object_name: o.last_modified for o in lake.store("harness").list_objects(bucket, f"{prefix}/", recursive=True)
    }
    last = times.pop(f"{prefix}/manifest.json")
    assert times and last >= max(times.values()), f"{made.backup}: the manifest was there before its files"


def test_a_table_without_rows_has_a_backup_without_files(
    jobs: Jobs, make_table: MakeTable, make_backup: MakeBackup
) -> None:
    made = make_backup(make_table("id bigint"))
    assert (made.rows, made.files) == (0, 0), f"{made}"
    assert not jobs.verify(made.backup, deep=True).damage, f"{made.backup}: found damaged"


def test_a_place_that_is_not_empty_is_refused(jobs: Jobs, shop: Shop, make_backup: MakeBackup) -> None:
    made = make_backup(shop.table("products"))
    with pytest.raises(Refused, match="there is something already"):
        jobs.backup(shop.table("customers"), to=made.backup)
    assert not jobs.verify(made.backup).damage, f"{made.backup}: the refusal changed it"


def test_an_unsupported_type_is_refused_by_name_before_anything_is_written(
    lake: Lake,
    jobs: Jobs,
    new_name: Callable[[], str],
    make_place: MakePlace,
    objects_under: Callable[[str], dict[str, int]],
) -> None:
    from pyiceberg.schema import Schema
    from pyiceberg.types import NestedField, UUIDType

    name, place = new_name(), make_place()
    lake.catalog.create_table(name, Schema(NestedField(1, "key", UUIDType())))
    with pytest.raises(Refused, match="column key has type uuid"):
        jobs.backup(name, to=place)
    assert objects_under(place) == {}, f"{place}: something was written"
