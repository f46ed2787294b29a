"""The tables: their schemas, their defects and their rows, made in Arrow batches."""

from collections.abc import Iterator, Mapping
from types import ModuleType

import pyarrow as pa

from datagen.dataset import TABLES, Dataset, check_table
from datagen.span import Span
from datagen.tables import customers, order_items, orders, products

__all__ = ["DEFECTS", "NULLABLE", "TABLES", "Dataset", "batch", "batches", "schema"]

_MODULES: Mapping[str, ModuleType] = {
    "customers": customers,
    "products": products,
    "orders": orders,
    "order_items": order_items,
}

DEFECTS: Mapping[str, tuple[str, ...]] = {table: _MODULES[table].DEFECTS for table in TABLES}
"""The defects that bad rows of each table have; a row has one at most."""

NULLABLE: Mapping[str, tuple[str, ...]] = {table: _MODULES[table].NULLABLE for table in TABLES}
"""The columns of each table that are null at `null_rate`; `defect` is null in good rows, all others have no nulls."""


def schema(table: str) -> pa.Schema:
    """Return the schema of a table; its last column is `defect`."""
    check_table(table)
    return pa.schema([*_MODULES[table].COLUMNS, ("defect", pa.string())])


def batch(dataset: Dataset, table: str, start: int, n: int) -> pa.RecordBatch:
    """Return rows start..start+n of a table, the same ones whatever else is made."""
    _check_range(dataset, table, start, n)
    span = Span(dataset, table, DEFECTS[table], start, n)
    columns = {**_MODULES[table].columns(span), "defect": span.defect_names}
    of_table = schema(table)
    return pa.RecordBatch.from_arrays([columns[name] for name in of_table.names], schema=of_table)


def batches(dataset: Dataset, table: str, start: int, n: int, size: int = 32_768) -> Iterator[pa.RecordBatch]:
    """Yield rows start..start+n of a table in batches of at most `size` rows; no batch is empty."""
    _check_range(dataset, table, start, n)
    if size < 1:
        raise ValueError(f"size is {size}; at least 1 is needed")
    return (batch(dataset, table, at, min(size, start + n - at)) for at in range(start, start + n, size))


def _check_range(dataset: Dataset, table: str, start: int, n: int) -> None:
    rows = dataset.rows(table)
    if start < 0 or n < 0 or start + n > rows:
        raise ValueError(f"rows {start} to {start + n} of {table}; it has rows 0 to {rows}")
