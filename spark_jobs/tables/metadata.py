"""Iceberg table metadata, as far as backup and restore handle it by themselves."""

import re
import uuid
from collections.abc import Iterator, Mapping
from typing import Any

from spark_jobs.errors import Refused

# What describes a table and not its files; the rest of a metadata.json is history and stays behind.
DESCRIBING = (
    "format-version", "last-column-id", "schemas", "current-schema-id", "partition-specs", "default-spec-id",
    "last-partition-id", "sort-orders", "default-sort-order-id", "properties",
)  # fmt: skip

# Types that Spark cannot read from plain Parquet as what they are.
UNSUPPORTED = ("uuid", "fixed", "time", "timestamp_ns", "timestamptz_ns", "variant", "geometry", "geography", "unknown")


def describing(metadata: Mapping[str, Any], schema_id: int, table: str) -> dict[str, Any]:
    """The part of a table's metadata that a backup records, with the one schema of the saved snapshot.

    Raises Refused, by name, for what a backup cannot hold yet.
    """
    if metadata["format-version"] != 2:
        what = f"has format version {metadata['format-version']}; backups of version 2 are supported"
        raise Refused(what, where=table, remedy="upgrade or copy the table to version 2 first")
    schema = next((schema for schema in metadata["schemas"] if schema["schema-id"] == schema_id), None)
    if schema is None:
        raise Refused(f"has no schema {schema_id}", where=table, remedy="save another snapshot")
    for path, kind in columns(schema):
        if re.split(r"[\[(]", kind)[0] in UNSUPPORTED:
            raise Refused(
                f"column {path} has type {kind}, which is not supported yet", where=table, remedy="leave it out"
            )
    kept = {key: metadata[key] for key in DESCRIBING if key in metadata}
    return {**kept, "schemas": [schema], "current-schema-id": schema_id, **_default_only(kept)}


def _default_only(kept: Mapping[str, Any]) -> dict[str, Any]:
    # Older specs and orders only describe older files, which are not in the backup.
    return {
        "partition-specs": [spec for spec in kept["partition-specs"] if spec["spec-id"] == kept["default-spec-id"]],
        "sort-orders": [order for order in kept["sort-orders"] if order["order-id"] == kept["default-sort-order-id"]],
    }


def columns(node: Mapping[str, Any] | str, path: str = "") -> Iterator[tuple[str, str]]:
    """(dotted path, type) of every primitive column in a schema."""
    if isinstance(node, str):
        yield path, node
        return
    for field in node.get("fields", ()):
        yield from columns(field["type"], f"{path}.{field['name']}".lstrip("."))
    for part in ("element", "key", "value"):
        if part in node:
            yield from columns(node[part], f"{path}.{part}")


def empty_table(recorded: Mapping[str, Any], location: str, now_ms: int) -> dict[str, Any]:
    """Metadata of a new table at `location` that has no snapshot and the recorded field ids.

    A catalog that creates a table assigns fresh ids, and readers go by ids (Iceberg spec, Column Projection).
    """
    elsewhere = ("write.data.path", "write.metadata.path", "write.object-storage.path")
    properties = {key: value for key, value in recorded["properties"].items() if key not in elsewhere}
    return {
        **recorded,
        "properties": properties,  # without paths: a restored table must not write into its original's folders
        "table-uuid": str(uuid.uuid4()),
        "location": location,
        "last-updated-ms": now_ms,
        "last-sequence-number": 0,
        "snapshots": [],
        "snapshot-log": [],
        "metadata-log": [],
        "refs": {},
    }
