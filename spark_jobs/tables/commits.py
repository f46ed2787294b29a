"""Make finished Parquet files visible in a table by one commit, without an engine."""

import io
from collections.abc import Iterable

import pyarrow.parquet as pq
from pyiceberg.io.pyarrow import (
    compute_statistics_plan,
    data_file_statistics_from_parquet_metadata,
    parquet_path_to_id_mapping,
)
from pyiceberg.manifest import DataFile, DataFileContent, FileFormat
from pyiceberg.table import Table
from pyiceberg.typedef import Record

from spark_jobs.errors import Refused
from spark_jobs.parts import Part


def append_parts(table: Table, parts: Iterable[Part]) -> None:
    """Append parts that carry the table's field ids, in one snapshot. The table must not be partitioned."""
    if not table.spec().is_unpartitioned():
        raise Refused("is partitioned", where=".".join(table.name()), remedy="write it through Spark")
    files = [data_file(table, part) for part in parts]
    with table.transaction() as transaction, transaction.update_snapshot().fast_append() as append:
        for file in files:
            append.append_data_file(file)


def data_file(table: Table, part: Part) -> DataFile:
    """Iceberg's entry for a Parquet object, its statistics taken from the footer."""
    statistics = data_file_statistics_from_parquet_metadata(
        parquet_metadata=pq.read_metadata(io.BytesIO(part.footer)),
        stats_columns=compute_statistics_plan(table.schema(), table.properties),
        parquet_column_mapping=parquet_path_to_id_mapping(table.schema()),
    )
    file = DataFile.from_args(
        content=DataFileContent.DATA,
        file_path=part.uri,
        file_format=FileFormat.PARQUET,
        partition=Record(),
        file_size_in_bytes=part.size,
        sort_order_id=None,
        equality_ids=None,
        key_metadata=None,
        **statistics.to_serialized_dict(),
    )
    file.spec_id = table.spec().spec_id
    return file
