"""Parquet written by tasks: the bytes that arrive are those that were hashed, with the ids of the columns."""

import hashlib
import io
import urllib.error
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread
from types import SimpleNamespace
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from datagen import EMPTY, fingerprint
from spark_jobs import parts
from spark_jobs.parts import conform, returned, write

SCHEMA = pa.schema(
    [
        pa.field("id", pa.int64(), nullable=False, metadata={b"PARQUET:field_id": b"1"}),
        pa.field("name", pa.string(), metadata={b"PARQUET:field_id": b"7"}),
    ]
)
ROWS = [
    pa.RecordBatch.from_pydict({"id": [1, 2, 3], "name": ["one", None, "three"]}),
    pa.RecordBatch.from_pydict({"id": [4], "name": ["vier €"]}),
]


@dataclass
class Store:
    """An object store that takes what is put, or answers with `status`."""

    status: int = 200
    objects: dict[str, bytes] = field(default_factory=dict)
    address: str = ""


@pytest.fixture
def store(monkeypatch: pytest.MonkeyPatch) -> Iterator[Store]:
    """One that listens on loopback."""
    store = Store()

    class Handler(BaseHTTPRequestHandler):
        def do_PUT(self) -> None:
            content = self.rfile.read(int(self.headers["Content-Length"]))
            if store.status == 200:
                store.objects[self.path] = content
            self.send_response(store.status)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            """Nothing to say."""

    monkeypatch.setenv("no_proxy", "*")
    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        store.address = f"http://127.0.0.1:{server.server_port}"
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield store
        server.shutdown()
        thread.join()


@pytest.fixture
def put(monkeypatch: pytest.MonkeyPatch) -> dict[str, bytes]:
    """What was put, by address, without a store."""
    objects: dict[str, bytes] = {}
    monkeypatch.setattr(parts, "put", lambda address, content: objects.__setitem__(address, bytes(content)))
    return objects


def test_the_bytes_that_arrive_are_the_ones_that_were_counted_and_hashed(store: Store) -> None:
    row = write(3, f"{store.address}/lake/part?X-Amz-Signature=x", SCHEMA, ROWS).to_pylist()[0]
    content = store.objects["/lake/part?X-Amz-Signature=x"]
    assert (row["number"], row["rows"], row["size"]) == (3, 4, len(content))
    assert row["sha256"] == hashlib.sha256(content).hexdigest()
    assert row["md5"] == hashlib.md5(content, usedforsecurity=False).hexdigest()
    assert pq.read_table(io.BytesIO(content)).to_pylist() == pa.Table.from_batches(ROWS).to_pylist()


@pytest.mark.parametrize("status", [403, 500, 503])
def test_a_store_that_refuses_is_an_error_of_the_task(store: Store, status: int) -> None:
    store.status = status
    with pytest.raises(urllib.error.HTTPError) as caught:
        write(0, f"{store.address}/lake/part", SCHEMA, ROWS)
    caught.value.close()
    assert caught.value.code == status


def test_nobody_at_the_address_is_an_error_of_the_task(store: Store) -> None:
    with pytest.raises(urllib.error.URLError):
        write(0, "http://127.0.0.1:1/lake/part", SCHEMA, ROWS)


def test_a_part_carries_the_field_ids_of_the_table(put: dict[str, bytes]) -> None:
    write(0, "there", SCHEMA, ROWS)
    read = pq.read_schema(io.BytesIO(put["there"]))
    ids = {column.name: column.metadata[b"PARQUET:field_id"] for column in read}
    assert ids == {"id": b"1", "name": b"7"}
    assert [column.nullable for column in read] == [False, True]


def test_the_footer_alone_tells_rows_and_statistics(put: dict[str, bytes]) -> None:
    row = write(0, "there", SCHEMA, ROWS).to_pylist()[0]
    read = pq.read_metadata(io.BytesIO(row["footer"]))
    values = [read.row_group(number).column(0).statistics for number in range(read.num_row_groups)]
    assert (read.num_rows, min(v.min for v in values), max(v.max for v in values)) == (4, 1, 4)
    assert read.serialized_size == pq.read_metadata(io.BytesIO(put["there"])).serialized_size


def test_the_fingerprint_is_that_of_the_rows(put: dict[str, bytes]) -> None:
    (part,) = returned([as_row(write(0, "there", SCHEMA, ROWS))], ["s3://lake/part"])
    assert part.fingerprint == fingerprint(pa.Table.from_batches(ROWS))
    assert part.fingerprint == fingerprint(pq.read_table(io.BytesIO(put["there"])))


def test_a_part_without_rows_is_whole_too(put: dict[str, bytes]) -> None:
    (part,) = returned([as_row(write(0, "there", SCHEMA, []))], ["s3://lake/part"])
    assert (part.rows, part.fingerprint, pq.read_table(io.BytesIO(put["there"])).num_rows) == (0, EMPTY, 0)


def test_what_a_task_returns_fits_the_schema_that_spark_was_told(put: dict[str, bytes]) -> None:
    told = dict(column.split() for column in parts.RETURNED.split(", "))
    names = {"int32": "int", "int64": "long", "string": "string", "binary": "binary"}
    seen = {column.name: names[str(column.type)] for column in write(0, "there", SCHEMA, ROWS).schema}
    assert seen == told


def test_parts_come_back_under_the_addresses_that_they_were_written_to(put: dict[str, bytes]) -> None:
    rows = [as_row(write(number, "there", SCHEMA, ROWS)) for number in (1, 0)]
    assert [part.uri for part in returned(rows, ["s3://lake/zero", "s3://lake/one"])] == [
        "s3://lake/one",
        "s3://lake/zero",
    ]


def test_columns_go_by_name_into_the_order_and_types_of_the_table() -> None:
    batch = pa.RecordBatch.from_pydict({"surplus": [0], "name": ["one"], "id": pa.array([1], pa.int32())})
    table = conform(batch, SCHEMA)
    assert table.schema.equals(SCHEMA, check_metadata=True), table.schema
    assert table.to_pylist() == [{"id": 1, "name": "one"}]


@pytest.mark.parametrize(
    ("columns", "error"),
    [
        ({"name": ["one"]}, KeyError),
        ({"id": ["x"], "name": ["one"]}, pa.ArrowInvalid),
        ({"id": [1.5], "name": ["one"]}, pa.ArrowInvalid),
        ({"id": [None], "name": ["one"]}, ValueError),
    ],
    ids=["missing", "no-number", "fraction", "null-in-required"],
)
def test_rows_that_do_not_fit_the_table_are_an_error(columns: dict[str, list[Any]], error: type[Exception]) -> None:
    with pytest.raises(error):
        conform(pa.RecordBatch.from_pydict(columns), SCHEMA)


def as_row(batch: pa.RecordBatch) -> object:
    """A row as Spark returns it."""
    return SimpleNamespace(asDict=lambda: dict(batch.to_pylist()[0]))
