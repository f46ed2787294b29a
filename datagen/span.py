"""A run of consecutive rows of one table, with everything that its columns are made from."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pyarrow as pa

from datagen import arrays, streams
from datagen.dataset import Dataset
from datagen.streams import Integers, Mask, Words


@dataclass(frozen=True)
class Span:
    """Rows start..start+n of a table. A column asks for words by its own name and so never disturbs another."""

    dataset: Dataset
    table: str
    defects: tuple[str, ...]
    start: int
    n: int

    @cached_property
    def ids(self) -> Integers:
        """The row ids, which are the table's keys."""
        return np.arange(self.start, self.start + self.n, dtype=np.int64)

    def words(self, column: str) -> Words:
        """Return the random words of a column."""
        return streams.raw(self.dataset.seed, self.table, column, self.start, self.n)

    def pick(self, column: str, choices: tuple[str, ...]) -> pa.Array:
        """Return a uniform choice for each row."""
        return arrays.pick(choices, streams.index(self.words(column), len(choices)))

    def nullable(self, column: str, values: pa.Array) -> pa.Array:
        """Return the values with some of them null, decided by a stream that only this uses."""
        return arrays.blank(values, streams.chance(self.words(f"{column}:null"), self.dataset.null_rate))

    def defect(self, name: str) -> Mask:
        """Return which rows have this defect; a row has one at most."""
        mask: Mask = self._defect_codes == self.defects.index(name)
        return mask

    @property
    def defect_names(self) -> pa.Array:
        """The label of each row: null for a good one."""
        codes = self._defect_codes
        return arrays.pick(self.defects, np.where(codes < 0, 0, codes), missing=codes < 0)

    @cached_property
    def _defect_codes(self) -> Integers:
        words = self.words("defect")
        bad = streams.chance(words, self.dataset.bad_rate)
        # `chance` looks at the upper 53 bits, so the lower 11 are free to say which defect.
        return np.where(bad, ((words & 0x7FF) * len(self.defects) >> 11).astype(np.int64), -1)
