"""Who may do what in the object store. Each refusal stands beside the same call allowed to another account."""

import io
from collections.abc import Callable
from dataclasses import replace

import pytest
from minio import Minio
from minio.error import S3Error

from fixtures.jobs import Lake, bucket_and_key
from fixtures.tables import MakePlace

pytestmark = [pytest.mark.requires("minio"), pytest.mark.verifies("security.separate-accounts")]


@pytest.fixture
def with_secret(lake: Lake) -> Callable[[str], Lake]:
    """`with_secret(text)`: the same lakehouse, asked with another secret of the harness's account."""

    def make(secret: str) -> Lake:
        s3 = lake.profile.s3
        assert s3 is not None
        account = replace(s3.accounts["harness"], secret_key=secret)
        return Lake(replace(lake.profile, s3=replace(s3, accounts={**s3.accounts, "harness": account})))

    return make


@pytest.fixture
def saved(lake: Lake, make_place: MakePlace) -> tuple[str, str]:
    """(bucket, key) of an object in the backup bucket, put there by the backup's account."""
    place = make_place()
    lake.put("backup", f"{place}/saved", b"x")
    return bucket_and_key(f"{place}/saved")


def test_sparks_account_reads_backups_and_cannot_delete_them(lake: Lake, store: Minio, saved: tuple[str, str]) -> None:
    assert lake.store("spark").stat_object(*saved).size == 1, "Spark cannot read a backup, so it cannot restore"
    with pytest.raises(S3Error, match="AccessDenied"):
        lake.store("spark").remove_object(*saved)
    assert store.stat_object(*saved).size == 1, "the backup is gone though its deletion was refused"


def test_sparks_account_cannot_overwrite_backups(lake: Lake, store: Minio, saved: tuple[str, str]) -> None:
    with pytest.raises(S3Error, match="AccessDenied"):
        lake.store("spark").put_object(*saved, io.BytesIO(b"worse"), 5)
    assert store.stat_object(*saved).size == 1, "the backup was changed though that was refused"


def test_the_backup_account_cannot_delete_backups(lake: Lake, store: Minio, saved: tuple[str, str]) -> None:
    with pytest.raises(S3Error, match="AccessDenied"):
        lake.store("backup").remove_object(*saved)
    assert store.stat_object(*saved).size == 1, "the backup is gone though its deletion was refused"


def test_the_backup_account_cannot_write_into_the_warehouse(lake: Lake, store: Minio, run_id: str) -> None:
    bucket, key = lake.warehouse_bucket, f"tests/{run_id}/intruder"
    try:
        with pytest.raises(S3Error, match="AccessDenied"):
            lake.store("backup").put_object(bucket, key, io.BytesIO(b"x"), 1)
    finally:
        store.remove_object(bucket, key)


def test_a_wrong_secret_is_refused(lake: Lake, store: Minio, with_secret: Callable[[str], Lake]) -> None:
    wrong = with_secret("wrong-secret").store("harness")
    assert list(store.list_objects(lake.warehouse_bucket)) is not None, "the right secret is refused, too"
    with pytest.raises(S3Error, match="SignatureDoesNotMatch"):
        list(wrong.list_objects(lake.warehouse_bucket))
