"""What a backup records of a table's metadata, and the metadata of a table that is restored from it."""

import json
import uuid
from typing import Any

import pytest

from spark_jobs.errors import Refused
from spark_jobs.tables.metadata import UNSUPPORTED, columns, describing, empty_table


def field(number: int, name: str, kind: Any, *, required: bool = False) -> dict[str, Any]:
    return {"id": number, "name": name, "required": required, "type": kind}


def struct(*fields: dict[str, Any]) -> dict[str, Any]:
    return {"type": "struct", "fields": list(fields)}


def listed(kind: Any) -> dict[str, Any]:
    return {"type": "list", "element-id": 90, "element": kind, "element-required": False}


def mapped(key: Any, value: Any) -> dict[str, Any]:
    return {"type": "map", "key-id": 91, "key": key, "value-id": 92, "value": value, "value-required": False}


OLD = struct(field(1, "id", "long", required=True)) | {"schema-id": 0}
NEW = struct(
    field(1, "id", "long", required=True),
    field(7, "price", "decimal(10, 2)"),
    field(3, "at", "timestamptz"),
    field(4, "tags", listed("string")),
    field(5, "sizes", mapped("string", struct(field(6, "width", "double")))),
) | {"schema-id": 1}
TABLE: dict[str, Any] = {
    "format-version": 2,
    "table-uuid": "00000000-0000-0000-0000-000000000001",
    "location": "s3://lake/warehouse/shop.db/orders",
    "last-sequence-number": 34,
    "last-updated-ms": 1,
    "last-column-id": 12,
    "schemas": [OLD, NEW],
    "current-schema-id": 1,
    "partition-specs": [
        {"spec-id": 0, "fields": []},
        {"spec-id": 3, "fields": [{"source-id": 3, "field-id": 1000, "name": "at_day", "transform": "day"}]},
    ],
    "default-spec-id": 3,
    "last-partition-id": 1001,
    "sort-orders": [
        {"order-id": 0, "fields": []},
        {
            "order-id": 2,
            "fields": [{"source-id": 1, "transform": "identity", "direction": "asc", "null-order": "nulls-first"}],
        },
    ],
    "default-sort-order-id": 2,
    "properties": {"write.parquet.compression-codec": "zstd"},
    "current-snapshot-id": 77,
    "snapshots": [{"snapshot-id": 77, "manifest-list": "s3://lake/x.avro"}],
    "snapshot-log": [{"snapshot-id": 77, "timestamp-ms": 1}],
    "metadata-log": [{"metadata-file": "s3://lake/0.json", "timestamp-ms": 0}],
    "refs": {"main": {"snapshot-id": 77, "type": "branch"}},
    "statistics": [{"snapshot-id": 77}],
}


def of_type(kind: Any) -> dict[str, Any]:
    """The table with one column of that type."""
    return TABLE | {"schemas": [struct(field(1, "x", kind)) | {"schema-id": 1}]}


def test_only_the_schema_of_the_saved_snapshot_is_recorded() -> None:
    now, then = describing(TABLE, 1, "shop.orders"), describing(TABLE, 0, "shop.orders")
    assert (now["schemas"], now["current-schema-id"]) == ([NEW], 1)
    assert (then["schemas"], then["current-schema-id"]) == ([OLD], 0)


def test_only_the_default_spec_and_order_are_recorded() -> None:
    recorded = describing(TABLE, 1, "shop.orders")
    assert recorded["partition-specs"] == [TABLE["partition-specs"][1]]
    assert recorded["sort-orders"] == [TABLE["sort-orders"][1]]


def test_ids_that_must_never_be_given_twice_and_properties_are_recorded() -> None:
    recorded = describing(TABLE, 1, "shop.orders")
    kept = (
        "last-column-id",
        "last-partition-id",
        "default-spec-id",
        "default-sort-order-id",
        "properties",
        "format-version",
    )
    assert {key: recorded[key] for key in kept} == {key: TABLE[key] for key in kept}


def test_nothing_of_the_tables_history_or_place_is_recorded() -> None:
    text = json.dumps(describing(TABLE, 1, "shop.orders"))
    told = [word for word in ("snapshot", "s3://", "location", "refs", "table-uuid", "log") if word in text]
    assert not told, f"{told} in {text}"


def test_the_tables_own_metadata_is_left_as_it_is() -> None:
    before = json.dumps(TABLE)
    empty_table(describing(TABLE, 0, "shop.orders"), "s3://lake/new", 5)
    assert json.dumps(TABLE) == before


@pytest.mark.parametrize("version", [1, 3])
def test_another_format_version_is_refused(version: int) -> None:
    with pytest.raises(Refused) as caught:
        describing(TABLE | {"format-version": version}, 1, "shop.orders")
    assert str(caught.value).startswith(f"shop.orders: has format version {version}; "), caught.value


@pytest.mark.parametrize(
    "kind",
    ["uuid", "fixed[16]", "time", "timestamp_ns", "timestamptz_ns", "variant", "geometry", "geometry(srid:4326)",
     "geography(srid:4326, karney)", "unknown"],
)  # fmt: skip
def test_a_type_that_is_not_supported_is_refused_by_column(kind: str) -> None:
    with pytest.raises(Refused) as caught:
        describing(of_type(kind), 1, "shop.orders")
    assert caught.value.what == f"column x has type {kind}, which is not supported yet"
    assert caught.value.where == "shop.orders"


@pytest.mark.parametrize("kind", UNSUPPORTED)
@pytest.mark.parametrize(
    ("wrap", "path"),
    [
        (lambda kind: struct(field(2, "deep", kind)), "x.deep"),
        (listed, "x.element"),
        (lambda kind: mapped(kind, "int"), "x.key"),
        (lambda kind: mapped("int", kind), "x.value"),
        (lambda kind: listed(mapped("int", struct(field(2, "deep", kind)))), "x.element.value.deep"),
    ],
    ids=["struct", "list", "key", "value", "deep"],
)
def test_a_nested_type_that_is_not_supported_is_refused_by_its_path(kind: str, wrap: Any, path: str) -> None:
    with pytest.raises(Refused, match=f"column {path} has type {kind},"):
        describing(of_type(wrap(kind)), 1, "shop.orders")


@pytest.mark.parametrize(
    "kind",
    [
        "boolean",
        "int",
        "long",
        "float",
        "double",
        "decimal(38, 10)",
        "date",
        "timestamp",
        "timestamptz",
        "string",
        "binary",
    ],
)
def test_every_other_type_is_supported_nested_too(kind: str) -> None:
    recorded = describing(of_type(listed(struct(field(2, "deep", kind)))), 1, "shop.orders")
    assert [seen for _, seen in columns(recorded["schemas"][0])] == [kind]


def test_only_the_types_of_the_saved_schema_count() -> None:
    dropped = struct(field(9, "gone", "uuid")) | {"schema-id": 2}
    assert describing(TABLE | {"schemas": [OLD, NEW, dropped]}, 1, "shop.orders")["schemas"] == [NEW]


def test_a_schema_that_the_table_does_not_have_is_refused() -> None:
    with pytest.raises(Refused, match="has no schema 9"):
        describing(TABLE, 9, "shop.orders")


def test_columns_have_the_paths_that_people_write() -> None:
    assert dict(columns(NEW)) == {
        "id": "long",
        "price": "decimal(10, 2)",
        "at": "timestamptz",
        "tags.element": "string",
        "sizes.key": "string",
        "sizes.value.width": "double",
    }


def test_a_restored_table_has_the_recorded_ids_and_no_history() -> None:
    recorded = describing(TABLE, 1, "shop.orders")
    made = empty_table(recorded, "s3://lake/new", 5)
    assert {key: made[key] for key in recorded} == recorded
    assert (made["snapshots"], made["snapshot-log"], made["metadata-log"], made["refs"]) == ([], [], [], {})
    assert (made["location"], made["last-updated-ms"], made["last-sequence-number"]) == ("s3://lake/new", 5, 0)
    assert "current-snapshot-id" not in made, made


def test_a_restored_table_is_a_table_of_its_own_each_time() -> None:
    recorded = describing(TABLE, 1, "shop.orders")
    ids = {str(uuid.UUID(empty_table(recorded, "s3://lake/new", 5)["table-uuid"])) for _ in range(3)}
    assert len(ids | {TABLE["table-uuid"]}) == 4, ids


def test_pyiceberg_reads_the_metadata_of_a_restored_table() -> None:
    from pyiceberg.table.metadata import TableMetadataV2

    read = TableMetadataV2.model_validate(empty_table(describing(TABLE, 1, "shop.orders"), "s3://lake/new", 5))
    assert [column.field_id for column in read.schema().fields] == [1, 7, 3, 4, 5]
    assert (read.spec().spec_id, read.sort_order().order_id, read.current_snapshot()) == (3, 2, None)
