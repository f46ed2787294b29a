"""What a table must hold, computed from its description alone: no cluster takes part."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal

import pyarrow as pa
import pyarrow.compute as pc

from datagen.dataset import Dataset
from datagen.fingerprint import EMPTY, Fingerprint, fingerprint
from datagen.tables import DEFECTS, batches, schema


@dataclass(frozen=True)
class Expected:
    """The facts about some rows of a table.

    `defects` counts bad rows by defect, `nulls` nulls by column, `sums` has the sum of each integer and decimal column
    (not of floats: their sum depends on the order). Every defect and column is there, also with 0.
    """

    rows: int
    fingerprint: Fingerprint
    defects: Mapping[str, int] = field(hash=False)
    nulls: Mapping[str, int] = field(hash=False)
    sums: Mapping[str, Decimal | int] = field(hash=False)


def expected(dataset: Dataset, table: str) -> Expected:
    """Return the facts about a whole table."""
    return expected_range(dataset, table, 0, dataset.rows(table))


def expected_range(dataset: Dataset, table: str, start: int, n: int) -> Expected:
    """Return the facts about rows start..start+n of a table."""
    of_table, total = schema(table), EMPTY
    defects = Counter(dict.fromkeys(DEFECTS[table], 0))
    nulls = Counter(dict.fromkeys(of_table.names, 0))
    sums: dict[str, Decimal | int] = {f.name: _zero(f.type) for f in of_table if _is_exact(f.type)}
    for batch in batches(dataset, table, start, n):
        total += fingerprint(batch)
        defects.update(_counts(batch.column("defect")))
        nulls.update({name: batch.column(name).null_count for name in of_table.names})
        for name in sums:
            sums[name] += pc.sum(batch.column(name), min_count=0).as_py()
    return Expected(total.rows, total, dict(defects), dict(nulls), sums)


def _counts(labels: pa.Array) -> dict[str, int]:
    return {entry["values"]: entry["counts"] for entry in labels.drop_null().value_counts().to_pylist()}


def _is_exact(of_type: pa.DataType) -> bool:
    return bool(pa.types.is_integer(of_type) or pa.types.is_decimal(of_type))


def _zero(of_type: pa.DataType) -> Decimal | int:
    return Decimal("0").scaleb(-of_type.scale) if pa.types.is_decimal(of_type) else 0
