"""Who may do what in the object store. Each refusal stands beside the same call allowed to another account."""

import io

import pytest
from minio import Minio
from minio.error import S3Error

from fixtures.jobs import Lake, bucket_and_key
from fixtures.tables import MakePlace

pytestmark = [pytest.mark.requires("minio"), pytest.mark.verifies("security.separate-accounts")]


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


def test_the_backup_account_cannot_write_into_the_warehouse(lake: Lake, run_id: str) -> None:
    bucket = lake.warehouse.removeprefix("s3://").partition("/")[0]
    with pytest.raises(S3Error, match="AccessDenied"):
        lake.store("backup").put_object(bucket, f"tests/{run_id}/intruder", io.BytesIO(b"x"), 1)


def test_a_wrong_secret_is_refused(lake: Lake, store: Minio) -> None:
    right = lake.store("harness")
    wrong = Minio(right._base_url.host, "harness", "wrong-secret", secure=right._base_url.is_https, region="us-east-1")
    assert right.bucket_exists(lake.backup_bucket), "the right secret is refused, too: nothing is shown"
    with pytest.raises(S3Error, match="SignatureDoesNotMatch"):
        list(wrong.list_objects(lake.backup_bucket))
