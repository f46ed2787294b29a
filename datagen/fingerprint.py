"""The fingerprint of rows: how many, and the sum and the exclusive or of their hashes, in whatever order they come.

Two tables with the same rows have the same fingerprint, whoever wrote them and however they are cut into files; a row
lost, doubled or changed gives another one. `datagen.hashing` has the rules for single values.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from datagen.hashing import fields_hashes
from datagen.streams import Words

_SLICE = 1 << 16  # rows hashed at a time, which bounds the memory


@dataclass(frozen=True)
class Fingerprint:
    """The number of rows, and the sum and the exclusive or of their hashes modulo 2**64."""

    rows: int
    sum: int
    xor: int

    def __add__(self, other: "Fingerprint") -> "Fingerprint":
        """Return the fingerprint of both sets of rows together."""
        return Fingerprint(self.rows + other.rows, (self.sum + other.sum) % 2**64, self.xor ^ other.xor)

    def __str__(self) -> str:
        """Return for example '1000 rows, sum 00c0ffee..., xor 12345678...'."""
        return f"{self.rows} rows, sum {self.sum:016x}, xor {self.xor:016x}"

    def to_json(self) -> dict[str, int | str]:
        """Return a JSON object; the words are hexadecimal, as JSON's numbers would round them."""
        return {"rows": self.rows, "sum": f"{self.sum:016x}", "xor": f"{self.xor:016x}"}

    @classmethod
    def from_json(cls, value: Mapping[str, object]) -> "Fingerprint":
        """Return what `to_json` was called on; anything else is a ValueError."""
        try:
            made = cls(int(str(value["rows"])), int(str(value["sum"]), 16), int(str(value["xor"]), 16))
        except (KeyError, ValueError) as error:
            raise ValueError(f"not a fingerprint: {value!r}") from error
        if made.to_json() != dict(value):
            raise ValueError(f"not a fingerprint: {value!r}")
        return made


EMPTY = Fingerprint(0, 0, 0)
"""The fingerprint of no rows, whatever the columns."""


def row_hashes(batch: pa.RecordBatch) -> Words:
    """Return a 64-bit hash of each row; it depends on column names and values, and not on the columns' order."""
    return fields_hashes(batch.columns, batch.schema.names, batch.num_rows)


def fingerprint(rows: pa.RecordBatch | pa.Table) -> Fingerprint:
    """Return the fingerprint of all rows.

    A type without a rule is a TypeError that names column and type; two columns of one name are a ValueError.
    """
    total = EMPTY
    for part in _slices(rows):
        hashes = row_hashes(part)
        words = int(np.sum(hashes, dtype=np.uint64)), int(np.bitwise_xor.reduce(hashes))
        total += Fingerprint(len(hashes), *words)
    return total


def _slices(rows: pa.RecordBatch | pa.Table) -> Iterator[pa.RecordBatch]:
    for batch in [rows] if isinstance(rows, pa.RecordBatch) else rows.to_batches():
        for start in range(0, max(1, batch.num_rows), _SLICE):
            yield batch.slice(start, _SLICE)
