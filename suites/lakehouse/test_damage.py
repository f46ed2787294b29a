"""Damage is found and named, and a restore that is not the backup is none: the faults behind the promises."""

import io
from collections.abc import Callable
from random import Random

import pytest
from minio import Minio

from fixtures.jobs import Backup, Damaged, Jobs, Lake, Manifest, Refused, bucket_and_key
from fixtures.tables import MakeBackup, MakeTable

pytestmark = [pytest.mark.requires("minio", "hive", "spark"), pytest.mark.verifies("data.backup")]


@pytest.fixture
def saved(make_table: MakeTable, make_backup: MakeBackup) -> Backup:
    """A backup of several files."""
    made = make_backup(
        make_table("id bigint, v string", "id, concat('v', id)", 2000, 3, properties=MANY_SPLITS), files=3
    )
    assert made.files == 3, f"{made.backup}: {made.files} files, the tests want several"
    return made


MANY_SPLITS = {"read.split.open-file-cost": "134217728"}  # one split a file


def overwrite(store: Minio, uri: str, content: bytes) -> None:
    store.put_object(*bucket_and_key(uri), io.BytesIO(content), len(content))


def a_file(lake: Lake, jobs: Jobs, made: Backup, seed: int) -> tuple[str, bytes]:
    """(URI, bytes) of a file of the backup, chosen by the seed."""
    key = Random(seed).choice(jobs.manifest(made.backup).files).key
    content = lake.get("harness", f"{made.backup}/{key}")
    assert content, f"{made.backup}/{key}: not there before it was damaged"
    return f"{made.backup}/{key}", content


def check(jobs: Jobs, made: Backup, deep: bool) -> list[tuple[str, str]]:
    found = jobs.verify(made.backup, deep=deep).damage
    return [(item.kind, f"{made.backup}/{item.key}") for item in found]


@pytest.mark.verifies("data.restore")
def test_one_changed_byte_is_named_and_its_untouched_twin_is_whole(
    lake: Lake, jobs: Jobs, store: Minio, saved: Backup, make_backup: MakeBackup, new_name: Callable[[], str], seed: int
) -> None:
    twin, name = make_backup(saved.table, files=3), new_name()
    uri, content = a_file(lake, jobs, saved, seed)
    at = Random(seed).randrange(len(content))
    overwrite(store, uri, content[:at] + bytes([content[at] ^ 1]) + content[at + 1 :])
    assert lake.get("harness", uri) != content, f"{uri}: the fault was not seeded"
    assert check(jobs, saved, deep=True) == [("changed", uri)], f"byte {at} of {uri} was changed"
    with pytest.raises(Damaged, match=uri.rsplit("/", 1)[1]):
        jobs.restore(saved.backup, name)
    assert not lake.catalog.table_exists(name), f"{name} was made from a damaged backup"
    assert check(jobs, twin, deep=True) == [], f"{twin.backup} was not touched"
    jobs.restore(twin.backup, name, deep=True)


def test_a_byte_changed_below_the_stored_checksum_is_found_by_reading(
    lake: Lake,
    jobs: Jobs,
    saved: Backup,
    new_name: Callable[[], str],
    seed: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Bit rot does not change what a listing says: only --deep can see it."""
    uri, content = a_file(lake, jobs, saved, seed)
    rotten = content[:50] + bytes([content[50] ^ 1]) + content[51:]
    read = lake.get
    monkeypatch.setattr(lake, "get", lambda account, name: rotten if name == uri else read(account, name))
    assert check(jobs, saved, deep=False) == [], "a listing cannot show bit rot"
    assert check(jobs, saved, deep=True) == [("changed", uri)], f"byte 50 of {uri} reads differently"
    with pytest.raises(Damaged, match=uri.rsplit("/", 1)[1]):
        jobs.restore(saved.backup, new_name(), deep=True)


@pytest.mark.parametrize("deep", [False, True], ids=["quick", "deep"])
def test_missing_truncated_and_surplus_objects_are_each_named(
    lake: Lake, jobs: Jobs, store: Minio, saved: Backup, deep: bool
) -> None:
    first, second, _ = (f"{saved.backup}/{file.key}" for file in jobs.manifest(saved.backup).files)
    store.remove_object(*bucket_and_key(first))
    overwrite(store, second, (lake.get("harness", second) or b"")[:-100])
    overwrite(store, f"{saved.backup}/data/stranger", b"x")
    seen = check(jobs, saved, deep)
    wanted = [("missing", first), ("truncated", second), ("surplus", f"{saved.backup}/data/stranger")]
    assert sorted(seen) == sorted(wanted), f"{saved.backup}: {seen}"


def test_a_changed_manifest_is_refused(lake: Lake, jobs: Jobs, store: Minio, saved: Backup) -> None:
    uri = f"{saved.backup}/manifest.json"
    content = lake.get("harness", uri) or b""
    overwrite(store, uri, content.replace(b'"rows": ', b'"rows": 1', 1))
    with pytest.raises(Damaged, match="seal does not fit"):
        jobs.verify(saved.backup)


def test_a_backup_that_was_killed_before_its_end_is_none(jobs: Jobs, store: Minio, saved: Backup) -> None:
    """The manifest is put last: what a killed backup leaves has none."""

    store.remove_object(*bucket_and_key(f"{saved.backup}/manifest.json"))
    with pytest.raises(Refused, match="no backup"):
        jobs.verify(saved.backup)


@pytest.mark.verifies("data.restore")
@pytest.mark.parametrize("loses", ["id <> 7", "id <> 7 OR rand() < -1"], ids=["one-row", "one-row-by-plan"])
def test_a_restore_that_loses_a_row_is_refused_and_leaves_nothing(
    lake: Lake, jobs: Jobs, saved: Backup, namespace: str, new_name: Callable[[], str], loses: str,
    monkeypatch: pytest.MonkeyPatch, objects_under: Callable[[str], dict[str, int]],
) -> None:  # fmt: skip
    name, place = new_name(), f"{lake.warehouse}/{namespace}.db"
    tables, objects = lake.catalog.list_tables(namespace), objects_under(place)

    def sabotaged(lake: Lake, draft: str, place: str, made: Manifest) -> None:
        rows = lake.spark.read.parquet(*(f"{place}/{file.key}" for file in made.files)).where(loses)
        rows.writeTo(lake.sql_name(draft)).append()
        left = lake.spark.table(lake.sql_name(draft)).count()
        assert left == made.rows - 1, f"the fault was not seeded: {left} rows of {made.rows}"

    with monkeypatch.context() as patch:
        patch.setattr("spark_jobs.restore.fill", sabotaged)
        with pytest.raises(Damaged, match=f"reads as {saved.rows - 1} rows"):
            jobs.restore(saved.backup, name)
    assert lake.catalog.list_tables(namespace) == tables, f"{namespace}: a table was left"
    assert objects_under(place) == objects, f"{place}: objects were left"
    jobs.restore(saved.backup, name)
    assert lake.catalog.table_exists(name), "unsabotaged it restores"


@pytest.mark.verifies("data.restore")
def test_an_exchanged_row_is_noticed_though_the_count_is_right(
    lake: Lake, jobs: Jobs, saved: Backup, new_name: Callable[[], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    name = new_name()

    def sabotaged(lake: Lake, draft: str, place: str, made: Manifest) -> None:
        rows = lake.spark.read.parquet(*(f"{place}/{file.key}" for file in made.files))
        rows.selectExpr("id", "if(id = 7, 'w7', v) AS v").writeTo(lake.sql_name(draft)).append()

    monkeypatch.setattr("spark_jobs.restore.fill", sabotaged)
    with pytest.raises(Damaged, match="nothing was kept"):
        jobs.restore(saved.backup, name)
    left = [table for _, table in lake.catalog.list_tables(name.split(".")[0]) if "__restoring_" in table]
    assert not lake.catalog.table_exists(name), f"{name} was made though a row differs"
    assert not left, f"{name}: drafts were left: {left}"
