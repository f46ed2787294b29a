"""A backup's manifest: what was written is read, and a changed one is never read as something else."""

import json
from dataclasses import replace

import pytest

from datagen import Fingerprint
from spark_jobs.errors import Damaged
from spark_jobs.tables import manifest
from spark_jobs.tables.manifest import Manifest, SavedFile

FILES = (
    SavedFile("data/part-00000.parquet", 60, 6000, "a" * 64, "b" * 32),
    SavedFile("data/part-00001.parquet", 40, 4000, "c" * 64, "d" * 32),
)
MANIFEST = Manifest(
    table="shop.orders",
    table_uuid="00000000-0000-0000-0000-000000000001",
    snapshot=8_744_736_658_442_914_487,
    snapshot_time_ms=1_763_800_000_000,
    created="2026-11-22T13:00:00+00:00",
    metadata={"format-version": 2, "properties": {"comment": "Bücher"}, "schemas": [{"schema-id": 1, "fields": []}]},
    fingerprint=Fingerprint(100, 2**64 - 1, 17),
    files=FILES,
)
STORED = manifest.dump(MANIFEST)


def test_what_was_dumped_is_loaded() -> None:
    assert manifest.load(STORED, "here") == MANIFEST


def test_a_manifest_of_a_table_without_rows_is_loaded_too() -> None:
    empty = replace(MANIFEST, snapshot=None, snapshot_time_ms=None, files=(), fingerprint=Fingerprint(0, 0, 0))
    loaded = manifest.load(manifest.dump(empty), "here")
    assert (loaded, loaded.rows, loaded.bytes) == (empty, 0, 0)


def test_rows_and_bytes_are_those_of_all_files() -> None:
    assert (MANIFEST.rows, MANIFEST.bytes) == (100, 10_000)


@pytest.mark.parametrize("flip", [0x01, 0x02, 0x10, 0x20, 0x80], ids=hex)
def test_a_changed_byte_anywhere_is_refused_or_means_the_same(flip: int) -> None:
    refused = 0
    for position, byte in enumerate(STORED):
        changed = STORED[:position] + bytes([byte ^ flip]) + STORED[position + 1 :]
        try:
            loaded = manifest.load(changed, "here")
        except Damaged:
            refused += 1
        else:
            assert loaded == MANIFEST, f"byte {position}, {bytes([byte])!r} changed by {flip:#x}, was read as {loaded}"
    assert refused > len(STORED) * 0.95, f"only {refused} of {len(STORED)} changes were refused"


@pytest.mark.parametrize("kept", [0, 1, len(STORED) // 2, len(STORED) - 1])
def test_a_truncated_manifest_is_refused(kept: int) -> None:
    with pytest.raises(Damaged, match="is no manifest"):
        manifest.load(STORED[:kept], "s3://backups/shop/manifest.json")


def test_a_value_that_was_edited_is_refused_by_the_seal() -> None:
    with pytest.raises(Damaged) as caught:
        manifest.load(STORED.replace(b'"rows": 60', b'"rows": 61'), "s3://backups/shop/manifest.json")
    assert str(caught.value) == (
        "s3://backups/shop/manifest.json: was changed after it was written (its seal does not fit); take another backup"
    )


@pytest.mark.parametrize("change", ["added", "removed", "reordered"])
def test_a_list_of_files_that_was_edited_is_refused(change: str) -> None:
    body = json.loads(STORED)
    match change:
        case "added":
            body["files"].append(body["files"][0])
        case "removed":
            body["files"].pop()
        case "reordered":
            body["files"].reverse()
    with pytest.raises(Damaged, match="seal does not fit"):
        manifest.load(json.dumps(body).encode(), "here")


def test_layout_and_order_of_keys_do_not_matter() -> None:
    body = json.loads(STORED)
    again = json.dumps(dict(reversed(body.items())), separators=(",", ":"))
    assert manifest.load(again.encode(), "here") == MANIFEST


@pytest.mark.parametrize("format_", [0, 2, "1"], ids=repr)
def test_another_format_is_refused_by_number(format_: object) -> None:
    body = json.loads(STORED) | {"format": format_}
    with pytest.raises(Damaged) as caught:
        manifest.load(json.dumps(body).encode(), "here")
    assert caught.value.what == f"has format {format_!r}, this version reads 1"


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"PAR1",
        b"\xff\xfe",
        b"null",
        b"5",
        b"[]",
        b'"text"',
        b"{}",
        b'{"seal": "x"}',
        b'{"seal": "x", "format": 1}',
    ],
    ids=repr,
)
def test_what_is_no_manifest_is_refused_in_one_line_with_its_place(content: bytes) -> None:
    with pytest.raises(Damaged) as caught:
        manifest.load(content, "s3://backups/shop/manifest.json")
    line = str(caught.value)
    assert line.startswith("s3://backups/shop/manifest.json: "), line
    assert "\n" not in line, line
