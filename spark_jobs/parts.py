"""Parquet written by tasks: each part is made in memory and put at an address that was signed for it.

So executors need no key to the store, bytes are hashed on their way, and a retried task overwrites its own part.
Executors import this module: nothing but pyarrow and datagen may be imported here.
"""

import hashlib
import io
import json
import urllib.request
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.parquet as pq

from datagen import EMPTY, Fingerprint, fingerprint

PUT_TIMEOUT = 600  # seconds, for one part

# What a task returns of a part, as Spark's schema.
RETURNED = "number int, rows long, size long, sha256 string, md5 string, fingerprint string, footer binary"


@dataclass(frozen=True)
class Part:
    """One Parquet object: where, how much, what is in it. `footer` is its Parquet metadata, serialised."""

    uri: str
    rows: int
    size: int
    sha256: str
    md5: str
    fingerprint: Fingerprint
    footer: bytes


def write(number: int, address: str, schema: pa.Schema, batches: Iterable[pa.RecordBatch]) -> pa.RecordBatch:
    """In a task: encode the batches as one Parquet object with `schema` (its field ids too) and put it."""
    total, buffer = EMPTY, io.BytesIO()
    with pq.ParquetWriter(buffer, schema, compression="zstd", compression_level=1, store_schema=False) as writer:
        for batch in batches:
            total += fingerprint(batch)
            writer.write_table(conform(batch, schema))
    content = buffer.getbuffer()
    put(address, content)
    footer = io.BytesIO()
    pq.read_metadata(buffer).write_metadata_file(footer)
    row = {
        "number": number,
        "rows": total.rows,
        "size": len(content),
        "sha256": hashlib.sha256(content).hexdigest(),
        "md5": hashlib.md5(content, usedforsecurity=False).hexdigest(),
        "fingerprint": json.dumps(total.to_json()),
        "footer": footer.getvalue(),
    }
    types = [pa.int32(), pa.int64(), pa.int64(), pa.string(), pa.string(), pa.string(), pa.binary()]
    return pa.RecordBatch.from_pylist([row], schema=pa.schema(list(zip(row, types, strict=True))))


def conform(batch: pa.RecordBatch, schema: pa.Schema) -> pa.Table:
    """The batch's columns by name, in the order and types of `schema`."""
    return pa.Table.from_batches([batch]).select(schema.names).cast(schema)


def put(address: str, content: memoryview) -> None:
    """Put bytes at a signed address."""
    request = urllib.request.Request(address, data=bytes(content), method="PUT")
    direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))  # the store is on our own network
    with direct.open(request, timeout=PUT_TIMEOUT):
        pass


def returned(rows: Iterable[object], uris: Sequence[str]) -> Iterator[Part]:
    """Parts from what tasks returned."""
    for row in rows:
        values = row.asDict()  # type: ignore[attr-defined]
        values["fingerprint"] = Fingerprint.from_json(json.loads(values["fingerprint"]))
        yield Part(uri=uris[values.pop("number")], **values)
