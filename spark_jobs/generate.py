"""Generate customers, products, orders and order_items into a namespace, with references, skew, nulls and bad rows.

Tasks write Parquet straight to the bucket; one commit a table makes its rows visible. Every value is a pure function of
(seed, table, column, row id), so `datagen.expected` says what must be there.
"""

import contextlib
import itertools
import sys
import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import pyarrow as pa
from pyiceberg.exceptions import NamespaceAlreadyExistsError
from pyiceberg.io.pyarrow import schema_to_pyarrow
from pyiceberg.table import Table

from datagen import TABLES, Dataset, batches, build_vocabulary, schema
from spark_jobs import parts
from spark_jobs.command import command, option
from spark_jobs.errors import Refused
from spark_jobs.lake import Lake
from spark_jobs.parts import Part
from spark_jobs.tables.commits import append_parts


@dataclass(frozen=True)
class Arguments:
    """What to generate."""

    namespace: str = option("where the four tables are made")
    customers: int = option("rows of customers; the other tables follow", default=1_000)
    seed: int = option("same seed, same data", default=42)
    locale: str = option("language and country of names and addresses, as Faker spells them", default="en_US")
    null_rate: float = option("share of nulls in columns that may be null", default=0.02)
    bad_rate: float = option("share of rows with a labelled defect", default=0.01)
    files: int = option("Parquet files a table", default=4)

    def dataset(self) -> Dataset:
        """The data set that these arguments describe. Raises Refused for values that make none."""
        try:
            vocabulary = build_vocabulary(self.locale, self.seed)
            return Dataset(vocabulary, self.seed, self.customers, self.null_rate, self.bad_rate)
        except ValueError as error:
            raise Refused(str(error), where="arguments", remedy="correct them; see --help") from None


@dataclass(frozen=True)
class Result:
    """Tables made, with their rows."""

    tables: dict[str, int]
    bytes: int

    def __str__(self) -> str:
        return "\n".join(f"{name}: {rows} rows" for name, rows in self.tables.items())


def run(lake: Lake, arguments: Arguments) -> Result:
    """Make the four tables. All or nothing: what was made is removed again where one fails."""
    dataset = arguments.dataset()
    _check(lake, arguments, dataset)
    made: list[str] = []
    written: list[Part] = []
    try:
        for table in TABLES:
            name = f"{arguments.namespace}.{table}"
            lake.progress(f"{name}: {dataset.rows(table)} rows …")
            target = _create(lake, name, schema(table))
            made.append(name)
            done = write_parts(lake, target, dataset, table, arguments.files)
            append_parts(target, done)
            written += done
    except BaseException:
        for name in made:
            lake.spark.sql(f"DROP TABLE {lake.sql_name(name)} PURGE")
        raise
    return Result(
        {f"{arguments.namespace}.{table}": dataset.rows(table) for table in TABLES}, sum(p.size for p in written)
    )


def _check(lake: Lake, arguments: Arguments, dataset: Dataset) -> None:
    if arguments.files < 1:
        raise Refused("must be at least 1", where="--files", remedy="give how many Parquet files a table shall have")
    rows = sum(dataset.rows(table) for table in TABLES)
    if rows > lake.profile.row_budget:
        remedy = "take fewer customers, or raise budget.rows in the inventory"
        raise Refused(
            f"{rows} rows, the inventory allows {lake.profile.row_budget}", where="--customers", remedy=remedy
        )
    with contextlib.suppress(NamespaceAlreadyExistsError):
        lake.catalog.create_namespace(arguments.namespace, {"location": f"{lake.warehouse}/{arguments.namespace}.db"})
    there = [name for name in TABLES if lake.catalog.table_exists(f"{arguments.namespace}.{name}")]
    if there:
        raise Refused(f"{', '.join(there)} exist already", where=arguments.namespace, remedy="take another namespace")


def _create(lake: Lake, name: str, columns: pa.Schema) -> Table:
    namespace, table = name.split(".")
    location = f"{lake.warehouse}/{namespace}.db/{table}-{uuid.uuid4().hex[:8]}"
    return lake.catalog.create_table(name, columns, location, properties={"format-version": "2"})


def write_parts(lake: Lake, target: Table, dataset: Dataset, table: str, files: int) -> list[Part]:
    """Let tasks write all rows of a table as Parquet objects under the target's data folder; nothing is committed."""
    spans = split(dataset.rows(table), files)
    run_id = uuid.uuid4().hex[:8]
    uris = [f"{target.location()}/data/{run_id}-{number:05}.parquet" for number in range(len(spans))]
    addresses, arrow = lake.sign(uris, "spark"), schema_to_pyarrow(target.schema())

    def make(work: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for numbers in work:
            for number in numbers.column(0).to_pylist():
                yield parts.write(number, addresses[number], arrow, batches(dataset, table, *spans[number]))

    rows = lake.spark.range(0, len(spans), 1, len(spans)).mapInArrow(make, parts.RETURNED).collect()
    return sorted(parts.returned(rows, uris), key=lambda part: part.uri)


def split(rows: int, files: int) -> Sequence[tuple[int, int]]:
    """(start, count) of each file, as even as can be; no empty ones."""
    edges = [rows * number // files for number in range(files + 1)]
    return [(start, end - start) for start, end in itertools.pairwise(edges) if end > start]


if __name__ == "__main__":
    sys.exit(command(run, Arguments, __doc__))
