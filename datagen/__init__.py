"""Generated data as a pure function: (seed, table, column, row id) -> value.

A `Dataset` describes the rows; nothing is stored. Any process makes any range of them, in any order and batch size, and
gets the same values: no row depends on another. References need no join, since a parent's value is computed from its
id. Bad rows are labelled in the column `defect`. `expected` says what a table must hold without a cluster, and
`fingerprint` compares rows wherever they are, whatever their order.

    dataset = Dataset(build_vocabulary("en_US"), seed=42, customers=1_000)
    for rows in batches(dataset, "orders", 0, dataset.rows("orders")): ...

Only `build_vocabulary` needs Faker; everything else needs numpy and pyarrow.
"""

from datagen.dataset import TABLES, Dataset
from datagen.expected import Expected, expected, expected_range
from datagen.fingerprint import EMPTY, Fingerprint, fingerprint, row_hashes
from datagen.tables import DEFECTS, NULLABLE, batch, batches, schema
from datagen.vocabulary import Vocabulary, build_vocabulary

__all__ = [
    "DEFECTS",
    "EMPTY",
    "NULLABLE",
    "TABLES",
    "Dataset",
    "Expected",
    "Fingerprint",
    "Vocabulary",
    "batch",
    "batches",
    "build_vocabulary",
    "expected",
    "expected_range",
    "fingerprint",
    "row_hashes",
    "schema",
]
