"""The check that nothing of a run is left, shown to find what is planted."""

import io
from collections.abc import Callable, Iterator
from pathlib import Path
from secrets import token_hex

import pytest
from minio import Minio

from fixtures import leftovers
from fixtures.jobs import Lake
from fixtures.tables import remove_objects

pytestmark = pytest.mark.requires("minio", "hive", "spark")


@pytest.fixture
def other_run(lake: Lake, store: Minio) -> Iterator[str]:
    """The id of a run that never was; what is planted in its name is removed."""
    run = token_hex(4)
    yield run
    name = f"{leftovers.namespace_prefix(run)}planted"
    if lake.catalog.namespace_exists(name):
        lake.spark.sql(f"DROP TABLE IF EXISTS {lake.sql_name(name)}.t")
        lake.catalog.drop_namespace(name)
    for place in (f"{lake.warehouse}/{name}.db", f"s3://{lake.backup_bucket}/{leftovers.backup_prefix(run)}"):
        remove_objects(store, place)


def test_a_planted_table_and_a_planted_object_are_found_and_nothing_else(
    lake: Lake, store: Minio, connection_path: Path, other_run: str, objects_under: Callable[[str], dict[str, int]]
) -> None:
    assert leftovers.find(connection_path, other_run) == [], "something is there before anything was planted"
    name = f"{leftovers.namespace_prefix(other_run)}planted"
    lake.catalog.create_namespace(name, {"location": f"{lake.warehouse}/{name}.db"})
    lake.spark.sql(f"CREATE TABLE {lake.sql_name(name)}.t (id bigint) USING iceberg")
    key = f"{leftovers.backup_prefix(other_run)}forgotten"
    store.put_object(lake.backup_bucket, key, io.BytesIO(b"x"), 1)
    metadata = objects_under(f"{lake.warehouse}/{name}.db")
    wanted = {f"namespace {name}", f"table {name}.t", f"object s3://{lake.backup_bucket}/{key}"}
    assert metadata, f"{name}: the table has no metadata object"
    assert set(leftovers.find(connection_path, other_run)) == wanted | {f"object {uri}" for uri in metadata}
