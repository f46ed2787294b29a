"""Tables hold what was written: Spark writes, PyIceberg and DuckDB read back (Iceberg spec, Scan Planning)."""

from collections.abc import Callable

import pyarrow as pa
import pytest

from datagen import TABLES, expected, fingerprint
from fixtures.jobs import Lake
from fixtures.oracles.rows import difference
from fixtures.states import rows_of, state_of
from fixtures.tables import MakeTable, Shop

pytestmark = [pytest.mark.requires("minio", "hive", "spark"), pytest.mark.verifies("data.tables")]


@pytest.mark.parametrize("table", TABLES)
def test_pyiceberg_reads_every_generated_row(lake: Lake, shop: Shop, table: str) -> None:
    seen, wanted = fingerprint(rows_of(lake, shop.table(table))), expected(shop.dataset, table).fingerprint
    assert seen == wanted, f"{shop.table(table)}: PyIceberg reads {seen}, expected {wanted}"


def test_duckdb_reads_the_data_files_of_spark_row_by_row(
    lake: Lake, make_table: MakeTable, duckdb_rows: Callable[..., pa.Table]
) -> None:
    name = make_table(
        "id bigint, name string, price decimal(12,2)", "id, concat('n', id), cast(id as decimal(12,2))", 500, 3
    )
    by_duckdb = duckdb_rows(state_of(lake, name).data_files)
    by_pyiceberg = rows_of(lake, name)
    assert by_duckdb.num_rows == 500, f"{name}: DuckDB reads {by_duckdb.num_rows} rows of 500"
    assert difference(by_duckdb, by_pyiceberg) == (0, 0), f"{name}: DuckDB and PyIceberg read different rows"


def test_what_pyiceberg_appends_spark_reads(lake: Lake, make_table: MakeTable) -> None:
    name = make_table("id bigint, name string", "id, 'spark'", 10)
    more = pa.table({"id": pa.array([100, 101], pa.int64()), "name": ["py", None]})
    lake.table(name).append(more)
    rows = {(row.id, row.name) for row in lake.spark.table(lake.sql_name(name)).where("id >= 100").collect()}
    assert rows == {(100, "py"), (101, None)}, f"{name}: Spark reads {rows}"


def test_types_and_their_edges_come_back_as_they_were_written(lake: Lake, make_table: MakeTable) -> None:
    flat = "b boolean, i int, l bigint, f float, d double, m decimal(38,10), s string, x binary"
    times, nested = "t date, z timestamp, n timestamp_ntz", "a array<int>, k map<string,int>, r struct<p:int,q:string>"
    name = make_table(f"{flat}, {times}, {nested}")
    lake.spark.sql(
        f"""INSERT INTO {lake.sql_name(name)} VALUES
        (true, 2147483647, -9223372036854775808, float('NaN'), double('-0.0'),
         cast('9999999999999999999999999999.9999999999' as decimal(38,10)), 'Zoë \u2603', X'00FF', date'0001-01-01',
         timestamp'2262-04-11 23:47:16.854775Z', timestamp_ntz'1969-12-31 23:59:59.999999', array(1, null), map('a', 1),
         struct(7, '')),
        (null, null, null, null, null, null, null, null, null, null, null, null, null, null)"""
    )
    (row,) = rows_of(lake, name).filter(pa.compute.field("b").is_valid()).to_pylist()
    nulls = rows_of(lake, name).filter(pa.compute.field("b").is_null()).to_pylist()
    assert (row["i"], row["l"], row["s"], row["x"]) == (2147483647, -(2**63), "Zoë \u2603", b"\x00\xff"), (
        f"{name}: {row}"
    )
    assert row["f"] != row["f"], f"{name}: NaN came back as {row['f']}"
    assert (str(row["m"]), str(row["t"])) == ("9999999999999999999999999999.9999999999", "0001-01-01"), f"{name}: {row}"
    assert (row["z"].microsecond, row["n"].year, row["a"], row["r"]["q"]) == (854775, 1969, [1, None], ""), (
        f"{name}: {row}"
    )
    assert [set(entry.values()) for entry in nulls] == [{None}], f"{name}: the row of nulls is {nulls}"


@pytest.mark.parametrize("mode", ["copy-on-write", "merge-on-read"])
def test_delete_update_and_merge_change_those_rows_and_no_others(lake: Lake, make_table: MakeTable, mode: str) -> None:
    """Iceberg spec, Row-level Deletes. The expected rows are computed here in Python."""
    modes = {f"write.{operation}.mode": mode for operation in ("delete", "update", "merge")}
    name = make_table("id bigint, v bigint", "id, id * 10", 200, 4, properties=modes)
    sql = lake.sql_name(name)
    lake.spark.sql(f"DELETE FROM {sql} WHERE id % 5 = 0")
    lake.spark.sql(f"UPDATE {sql} SET v = -1 WHERE id % 7 = 0")
    lake.spark.range(190, 210).selectExpr("id", "-2L AS v").createOrReplaceTempView("news")
    lake.spark.sql(
        f"MERGE INTO {sql} t USING news s ON t.id = s.id "
        "WHEN MATCHED THEN UPDATE SET v = s.v WHEN NOT MATCHED THEN INSERT *"
    )
    wanted = {id: (-1 if id % 7 == 0 else id * 10) for id in range(200) if id % 5} | dict.fromkeys(range(190, 210), -2)
    seen = rows_of(lake, name).to_pydict()
    assert dict(zip(seen["id"], seen["v"], strict=True)) == wanted, f"{name} ({mode}): other rows than expected"
    assert len(seen["id"]) == len(wanted), f"{name} ({mode}): {len(seen['id'])} rows, expected {len(wanted)}"
    deletes = len(lake.table(name).inspect.delete_files())
    assert (deletes > 0) == (mode == "merge-on-read"), f"{name}: {deletes} delete files in mode {mode}"


def test_renamed_dropped_and_added_columns_keep_their_values_apart(lake: Lake, make_table: MakeTable) -> None:
    """Iceberg spec, Schema Evolution: a column added under an old name does not show the old column's values."""
    name = make_table("id bigint, a string, b string", "id, 'old-a', 'old-b'", 5)
    sql = lake.sql_name(name)
    for change in ("DROP COLUMN a", "RENAME COLUMN b TO c", "ADD COLUMN a string"):
        lake.spark.sql(f"ALTER TABLE {sql} {change}")
    lake.spark.sql(f"INSERT INTO {sql} (id, c, a) VALUES (5, 'new-c', 'new-a')")
    seen = {(row["a"], row["c"]) for row in rows_of(lake, name).to_pylist()}
    assert seen == {(None, "old-b"), ("new-a", "new-c")}, f"{name}: {seen}"
    assert {(row.a, row.c) for row in lake.spark.table(sql).collect()} == seen, f"{name}: Spark reads other rows"


def test_a_query_reads_only_the_partitions_that_it_needs(lake: Lake, make_table: MakeTable) -> None:
    name = make_table("id bigint, day date", "id, date_add(date'2026-01-01', cast(id % 4 as int))", 40, 1, "days(day)")
    all_files = state_of(lake, name).data_files
    planned = {task.file.file_path for task in lake.table(name).scan("day = '2026-01-02'").plan_files()}
    assert len(all_files) == 4, f"{name}: {len(all_files)} files for 4 days"
    assert len(planned) == 1, f"{name}: {len(planned)} of 4 files are read for one day"
