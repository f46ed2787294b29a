"""What Iceberg needs of an object store (Iceberg spec, File System Operations: whole writes, ranged reads, deletes)."""

import hashlib
import io
from collections.abc import Callable

import pytest
from minio import Minio
from minio.error import S3Error

from fixtures.jobs import bucket_and_key
from fixtures.tables import MakePlace, remove_objects

pytestmark = [pytest.mark.requires("minio"), pytest.mark.verifies("store.s3")]


@pytest.fixture
def place(make_place: MakePlace) -> tuple[str, str]:
    """(bucket, prefix) of a test's own."""
    return bucket_and_key(make_place())


def put(store: Minio, bucket: str, key: str, content: bytes) -> None:
    store.put_object(bucket, key, io.BytesIO(content), len(content))


def read(store: Minio, bucket: str, key: str, offset: int = 0, length: int = 0) -> bytes:
    with store.get_object(bucket, key, offset=offset, length=length) as answer:
        return bytes(answer.read())


def test_an_object_is_read_back_whole_right_after_it_was_put(store: Minio, place: tuple[str, str]) -> None:
    bucket, prefix = place
    content = bytes(range(256)) * 1000
    put(store, bucket, f"{prefix}/whole", content)
    seen = read(store, bucket, f"{prefix}/whole")
    assert hashlib.sha256(seen).digest() == hashlib.sha256(content).digest(), (
        f"{len(seen)} bytes, {len(content)} were put"
    )


def test_an_overwritten_object_is_read_as_the_new_one(store: Minio, place: tuple[str, str]) -> None:
    bucket, prefix = place
    put(store, bucket, f"{prefix}/twice", b"old and longer")
    put(store, bucket, f"{prefix}/twice", b"new")
    assert read(store, bucket, f"{prefix}/twice") == b"new", "read after overwrite gave something else"


def test_a_range_of_bytes_is_exactly_that_range(store: Minio, place: tuple[str, str]) -> None:
    bucket, prefix = place
    put(store, bucket, f"{prefix}/range", b"0123456789")
    assert read(store, bucket, f"{prefix}/range", offset=3, length=4) == b"3456", "Parquet footers are read by range"


def test_a_listing_has_every_object_with_its_size_across_pages(
    store: Minio, place: tuple[str, str], objects_under: Callable[[str], dict[str, int]]
) -> None:
    bucket, prefix = place
    expected = {f"s3://{bucket}/{prefix}/{number:04}": number % 7 for number in range(1100)}  # a page has 1000
    for uri, size in expected.items():
        put(store, bucket, uri.removeprefix(f"s3://{bucket}/"), b"x" * size)
    listed = objects_under(f"s3://{bucket}/{prefix}")
    assert listed == expected, f"{len(listed)} objects are listed, {len(expected)} were put"


def test_a_removed_object_is_gone_from_reads_and_listings(
    store: Minio, place: tuple[str, str], objects_under: Callable[[str], dict[str, int]]
) -> None:
    bucket, prefix = place
    put(store, bucket, f"{prefix}/gone", b"x")
    store.remove_object(bucket, f"{prefix}/gone")
    with pytest.raises(S3Error, match="NoSuchKey"):
        read(store, bucket, f"{prefix}/gone")
    assert objects_under(f"s3://{bucket}/{prefix}") == {}, "a removed object is still listed"


def test_many_objects_are_removed_by_one_call(
    store: Minio, place: tuple[str, str], objects_under: Callable[[str], dict[str, int]]
) -> None:
    """DeleteObjects wants checksums that older MinIO refused (minio #20845)."""
    bucket, prefix = place
    for number in range(50):
        put(store, bucket, f"{prefix}/{number}", b"x")
    assert len(objects_under(f"s3://{bucket}/{prefix}")) == 50, "they were not there to begin with"
    remove_objects(store, f"s3://{bucket}/{prefix}")
    assert objects_under(f"s3://{bucket}/{prefix}") == {}, "some are still listed"


def test_the_stored_checksum_is_the_md5_of_the_bytes(store: Minio, place: tuple[str, str]) -> None:
    """Quick verification of backups compares this entity tag."""
    bucket, prefix = place
    put(store, bucket, f"{prefix}/tag", b"some bytes")
    seen = store.stat_object(bucket, f"{prefix}/tag").etag
    assert seen == hashlib.md5(b"some bytes", usedforsecurity=False).hexdigest(), f"entity tag {seen}"
