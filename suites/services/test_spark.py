"""Spark by Connect: the SQL that jobs use, Python on executors, sessions, the token."""

import sys
from collections.abc import Iterator

import pyarrow as pa
import pytest
from pyspark.errors import PySparkException
from pyspark.sql import SparkSession

from fixtures.jobs import Lake
from provisioning.inventory import Inventory

pytestmark = [pytest.mark.requires("minio", "hive", "spark"), pytest.mark.verifies("spark.sql")]


@pytest.mark.verifies("versions.planned")
def test_spark_and_iceberg_have_the_planned_versions(lake: Lake, inventory: Inventory) -> None:
    iceberg = lake.spark.sql("SELECT lake.system.iceberg_version()").collect()[0][0]
    assert lake.spark.version == inventory.versions["spark"], f"Spark {lake.spark.version}"
    assert inventory.versions["iceberg"] in iceberg, f"Iceberg {iceberg}, planned {inventory.versions['iceberg']}"


@pytest.mark.verifies("versions.planned")
def test_executors_run_the_clients_python(lake: Lake) -> None:
    """Functions travel pickled: client and executors must have one minor version (PySpark documentation)."""

    def tell(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        yield from (pa.RecordBatch.from_pydict({"v": [".".join(map(str, sys.version_info[:2]))]}) for _ in batches)

    seen = {row.v for row in lake.spark.range(1).mapInArrow(tell, "v string").collect()}
    assert seen == {".".join(map(str, sys.version_info[:2]))}, f"executors run Python {seen}"


def test_tasks_import_our_code_as_the_client_sent_it(lake: Lake) -> None:
    def tell(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        import datagen

        yield from (pa.RecordBatch.from_pydict({"v": [str(datagen.__file__)]}) for _ in batches)

    (row,) = lake.spark.range(1).mapInArrow(tell, "v string").collect()
    assert f"/{lake.code.name}/datagen/" in row.v, f"datagen came from {row.v}, not from {lake.code.name} that was sent"


def test_times_are_in_utc_and_overflow_is_an_error(lake: Lake) -> None:
    """Expected values are computed in UTC, and Spark 4's ANSI mode is part of what jobs rely on."""
    zone = lake.spark.sql("SELECT current_timezone()").collect()[0][0]
    assert zone == "UTC", f"session time zone {zone}"
    with pytest.raises(PySparkException, match="ARITHMETIC_OVERFLOW"):
        lake.spark.sql("SELECT 2147483647 + 1").collect()


def test_sessions_do_not_see_each_others_views(lake: Lake) -> None:
    remote = f"{lake.profile.spark_remote}/;token={lake.profile.spark_token}"
    other = SparkSession.builder.remote(remote).create()
    lake.spark.range(1).createOrReplaceTempView("mine")
    try:
        assert lake.spark.table("mine").count() == 1, "a session does not see its own view"
        with pytest.raises(PySparkException, match="TABLE_OR_VIEW_NOT_FOUND"):
            other.table("mine").count()
    finally:
        other.client.close()


@pytest.mark.verifies("security.spark-token")
@pytest.mark.parametrize("token", ["", "/;token=wrong"], ids=["no-token", "wrong-token"])
def test_spark_serves_nobody_without_its_token(lake: Lake, token: str) -> None:
    assert lake.spark.range(1).count() == 1, "the right token is refused, too: nothing is shown"
    stranger = SparkSession.builder.remote(f"{lake.profile.spark_remote}{token}").create()
    with pytest.raises(PySparkException, match="UNAUTHENTICATED"):
        stranger.range(1).count()
