"""The metastore as Iceberg's catalog (Iceberg docs, Hive catalog; facts about HMS 2.3.10 with Spark 4.0)."""

import platform
import re
from collections.abc import Callable

import pytest
from pyiceberg.exceptions import NamespaceNotEmptyError, TableAlreadyExistsError

from fixtures.jobs import Lake
from fixtures.tables import MakeTable, insert
from provisioning.compatibility import check
from provisioning.inventory import Inventory, Product
from provisioning.java import pyspark_jars

pytestmark = [pytest.mark.requires("minio", "hive", "spark"), pytest.mark.verifies("metastore.catalog")]


def test_a_table_made_by_spark_is_in_the_catalog_with_its_metadata_pointer(lake: Lake, make_table: MakeTable) -> None:
    name = make_table("id bigint", "id", 3)
    with lake.catalog._client as client:
        parameters = client.get_table(*name.split(".")).parameters
    assert parameters["table_type"].upper() == "ICEBERG", f"{name}: table_type {parameters['table_type']}"
    assert parameters["metadata_location"] == lake.table(name).metadata_location, f"{name}: another metadata file"


def test_each_commit_moves_the_pointer_and_remembers_the_one_before(lake: Lake, make_table: MakeTable) -> None:
    name = make_table("id bigint", "id", 3)
    before = lake.table(name).metadata_location
    insert(lake, name, "id", 3)
    with lake.catalog._client as client:
        parameters = client.get_table(*name.split(".")).parameters
    assert parameters["metadata_location"] != before, f"{name}: the pointer did not move"
    assert parameters["previous_metadata_location"] == before, f"{name}: the pointer before is lost"


def test_a_second_table_of_one_name_is_refused(lake: Lake, make_table: MakeTable) -> None:
    name = make_table("id bigint", "id", 3)
    with pytest.raises(TableAlreadyExistsError):
        lake.catalog.create_table(name, lake.table(name).schema())
    assert lake.spark.table(lake.sql_name(name)).count() == 3, f"{name}: the first table was touched"


def test_a_namespace_with_tables_cannot_be_dropped(lake: Lake, namespace: str, make_table: MakeTable) -> None:
    name = make_table("id bigint")
    with pytest.raises(NamespaceNotEmptyError):
        lake.catalog.drop_namespace(namespace)
    assert lake.catalog.table_exists(name), f"{name}: gone with its namespace"


def test_a_new_namespace_lies_in_the_warehouse(lake: Lake, make_namespace: Callable[[], str]) -> None:
    name = make_namespace()
    place = lake.catalog.load_namespace_properties(name)["location"]
    assert place == f"{lake.warehouse}/{name}.db", f"{name} lies at {place}"


def test_no_lock_stays_after_a_commit(lake: Lake, make_table: MakeTable) -> None:
    """A lock that stays blocks every later commit to its table."""
    from hive_metastore.ttypes import ShowLocksRequest

    name = make_table("id bigint", "id", 3)
    with lake.catalog._client as client:
        locks = client.show_locks(ShowLocksRequest(*name.split("."))).locks or []
    assert not locks, f"{name}: {len(locks)} locks after the commit: {locks}"


@pytest.mark.requires("processes")
@pytest.mark.verifies("versions.planned")
def test_what_runs_has_the_planned_versions_and_they_fit_each_other(lake: Lake, inventory: Inventory) -> None:
    """The metastore runs from pyspark's jars, so its release is theirs; it says none itself."""
    (jar,) = pyspark_jars().glob("hive-metastore-*.jar")
    iceberg = lake.spark.sql("SELECT lake.system.iceberg_version()").collect()[0][0]
    observed: dict[Product, str] = {
        "hive": jar.stem.removeprefix("hive-metastore-"),
        "spark": lake.spark.version,
        "iceberg": re.search(r"\d+\.\d+\.\d+", iceberg)[0],  # type: ignore[index]
        "python": platform.python_version(),
    }
    assert observed["hive"] == inventory.versions["hive"], f"Hive Metastore {observed['hive']}"
    assert not check(observed), f"{[str(conflict) for conflict in check(observed)]}"
