"""A restore gives the same table back, with the same field ids, or nothing at all."""

from collections.abc import Callable

import pytest

from datagen import TABLES, expected, fingerprint
from fixtures.jobs import Jobs, Lake, Refused
from fixtures.oracles.rows import difference
from fixtures.states import rows_of
from fixtures.tables import MakeBackup, MakeTable, Shop

pytestmark = [pytest.mark.requires("minio", "hive", "spark"), pytest.mark.verifies("data.restore")]


@pytest.mark.parametrize("table", TABLES)
def test_a_restored_table_has_exactly_the_generated_rows(
    lake: Lake, jobs: Jobs, shop: Shop, make_backup: MakeBackup, new_name: Callable[[], str], table: str
) -> None:
    name = new_name()
    jobs.restore(make_backup(shop.table(table)).backup, name, deep=True)
    seen, wanted = fingerprint(rows_of(lake, name)), expected(shop.dataset, table).fingerprint
    assert seen == wanted, f"{name}: {seen}, expected {wanted}"
    assert difference(rows_of(lake, name), rows_of(lake, shop.table(table))) == (0, 0), (
        f"{name}: other rows than the original"
    )


def test_a_table_with_a_history_comes_back_with_its_ids_partitions_order_and_properties(
    lake: Lake, jobs: Jobs, make_table: MakeTable, make_backup: MakeBackup, new_name: Callable[[], str]
) -> None:
    """Iceberg spec, Column Projection: readers go by field ids, so fresh ids are another table."""
    original, name = (
        make_table("id bigint NOT NULL, a string, b string, n struct<p:int>", partitioned_by="bucket(4, id)"),
        new_name(),
    )
    sql = lake.sql_name(original)
    for change in (
        "DROP COLUMN a",
        "RENAME COLUMN b TO c",
        "ADD COLUMN a int",
        "ADD COLUMN n.q string",
        "WRITE ORDERED BY id DESC",
    ):
        lake.spark.sql(f"ALTER TABLE {sql} {change}")
    lake.spark.sql(
        f"ALTER TABLE {sql} SET TBLPROPERTIES ('owner.team'='shop', 'write.parquet.compression-codec'='zstd')"
    )
    lake.spark.sql(f"INSERT INTO {sql} SELECT id, concat('c', id), struct(cast(id as int), 'q'), null FROM range(50)")
    jobs.restore(make_backup(original).backup, name)
    ours, theirs = lake.table(name), lake.table(original)
    assert ours.schema().model_dump() == theirs.schema().model_dump(), f"{name}: schema {ours.schema()}"
    assert str(ours.spec()) == str(theirs.spec()), f"{name}: partitioned by {ours.spec()}"
    assert str(ours.sort_order()) == str(theirs.sort_order()), f"{name}: ordered by {ours.sort_order()}"
    assert ours.properties.items() >= {"owner.team": "shop", "write.parquet.compression-codec": "zstd"}.items(), (
        f"{name}"
    )
    assert difference(rows_of(lake, name), rows_of(lake, original)) == (0, 0), f"{name}: other rows than {original}"


def test_a_restored_table_takes_new_rows_and_columns(
    lake: Lake, jobs: Jobs, make_table: MakeTable, make_backup: MakeBackup, new_name: Callable[[], str]
) -> None:
    original, name = make_table("id bigint, v string", "id, 'old'", 10), new_name()
    jobs.restore(make_backup(original).backup, name)
    lake.spark.sql(f"ALTER TABLE {lake.sql_name(name)} ADD COLUMN w string")
    lake.spark.sql(f"INSERT INTO {lake.sql_name(name)} VALUES (10, 'new', 'w')")
    seen = sorted((row["id"], row["v"], row["w"]) for row in rows_of(lake, name).to_pylist())
    assert seen == [*((id, "old", None) for id in range(10)), (10, "new", "w")], f"{name}: {seen}"
    assert lake.spark.table(lake.sql_name(original)).count() == 10, f"{original}: the original has changed"


def test_a_restore_outlives_its_original(
    lake: Lake, jobs: Jobs, make_table: MakeTable, make_backup: MakeBackup, new_name: Callable[[], str]
) -> None:
    original, name = make_table("id bigint", "id", 30, 2), new_name()
    made = make_backup(original)
    lake.spark.sql(f"DROP TABLE {lake.sql_name(original)} PURGE")
    jobs.restore(made.backup, name)
    assert sorted(rows_of(lake, name)["id"].to_pylist()) == list(range(30)), f"{name}: not the rows of {original}"


def test_a_table_without_rows_is_restored_without_rows(
    lake: Lake, jobs: Jobs, make_table: MakeTable, make_backup: MakeBackup, new_name: Callable[[], str]
) -> None:
    original, name = make_table("id bigint, v string"), new_name()
    jobs.restore(make_backup(original).backup, name)
    assert lake.table(name).schema() == lake.table(original).schema(), f"{name}: another schema"
    assert rows_of(lake, name).num_rows == 0, f"{name} has rows"


def test_an_existing_table_is_never_replaced(
    lake: Lake, jobs: Jobs, make_table: MakeTable, make_backup: MakeBackup
) -> None:
    original, other = make_table("id bigint", "id", 10), make_table("id bigint", "id", 3)
    with pytest.raises(Refused, match="exists already"):
        jobs.restore(make_backup(original).backup, other)
    assert rows_of(lake, other).num_rows == 3, f"{other} was touched"


@pytest.mark.parametrize(
    ("backup", "to", "says"),
    [
        ("s3://{bucket}/nowhere", "{namespace}.x", "no manifest.json"),
        ("s3://{bucket}/nowhere", "nowhere.x", "no such namespace"),
        ("s3://{bucket}/nowhere", "plain", "no namespace.table"),
        ("/somewhere", "{namespace}.x", "no place in an object store"),
    ],
    ids=["no-backup", "no-namespace", "no-table-name", "no-store"],
)
def test_senseless_arguments_are_refused(
    lake: Lake, jobs: Jobs, namespace: str, backup: str, to: str, says: str
) -> None:
    before = lake.catalog.list_tables(namespace)
    with pytest.raises(Refused, match=says):
        jobs.restore(backup.format(bucket=lake.backup_bucket), to.format(namespace=namespace))
    assert lake.catalog.list_tables(namespace) == before, f"{namespace}: tables were made"
