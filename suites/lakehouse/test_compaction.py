"""Compaction merges small files and loses nothing, asserted in five parts (Iceberg docs, rewrite_data_files)."""

from collections.abc import Callable

import pytest

from fixtures.jobs import Compaction, Jobs, Lake
from fixtures.oracles.reachability import files_of, reachable
from fixtures.states import TableState, snapshots_of, state_of
from fixtures.tables import MakeTable

pytestmark = [pytest.mark.requires("minio", "hive", "spark"), pytest.mark.verifies("maintenance.compaction")]

Listing = Callable[[str], dict[str, int]]


@pytest.fixture
def small_files(lake: Lake, make_table: MakeTable) -> TableState:
    """A table of 1,000 rows in 8 files."""
    name = make_table("id bigint, v string", "id, concat('v', id)", 1000, 8)
    state = state_of(lake, name)
    assert len(state.data_files) == 8, f"{name}: {len(state.data_files)} files instead of 8"
    return state


def test_small_files_become_one_with_the_same_rows_and_the_old_snapshot_as_it_was(
    lake: Lake, jobs: Jobs, small_files: TableState, objects_under: Listing
) -> None:
    table = small_files.table
    place = lake.table(table).location()
    before, was = objects_under(place), lake.table(table).metadata_location
    result = jobs.compact(table)
    after, now = objects_under(place), state_of(lake, table)
    assert (result.rewritten_files, result.added_files) == (8, 1), f"{table}: {result}"
    assert result.rewritten_bytes == sum(before[uri] for uri in small_files.data_files), (
        f"{table}: {result.rewritten_bytes}"
    )
    assert not before.keys() - after.keys(), f"{table}: compaction deleted {before.keys() - after.keys()}"
    loaded = lake.table(table)
    snapshot = loaded.current_snapshot()
    assert snapshot is not None
    new = files_of(loaded, snapshot) - small_files.data_files | {loaded.metadata_location}
    assert after.keys() - before.keys() == new - before.keys(), f"{table}: other new objects than the commit's"
    assert loaded.metadata_location != was and len(now.data_files) == 1, f"{table}: {len(now.data_files)} files now"
    assert now.fingerprint == small_files.fingerprint, (
        f"{table}: rows {now.fingerprint}, before {small_files.fingerprint}"
    )
    assert state_of(lake, table, at=small_files.snapshot) == small_files, f"{table}: the old snapshot reads differently"


def test_a_second_compaction_changes_nothing(
    lake: Lake, jobs: Jobs, small_files: TableState, objects_under: Listing
) -> None:
    table = small_files.table
    assert jobs.compact(table).rewritten_files == 8, f"{table}: the first one did nothing"
    place = lake.table(table).location()
    objects, snapshots = objects_under(place), snapshots_of(lake, table)
    again = jobs.compact(table)
    assert again == Compaction(table, 0, 0, 0, 0, 0), f"{table}: the second one did {again}"
    assert objects_under(place) == objects, f"{table}: the second one changed objects"
    assert snapshots_of(lake, table) == snapshots, f"{table}: the second one made a snapshot"


def test_fewer_files_than_the_minimum_are_left_alone(lake: Lake, jobs: Jobs, small_files: TableState) -> None:
    result = jobs.compact(small_files.table, min_input_files=9)
    assert result.rewritten_files == 0, f"{small_files.table}: 8 files were rewritten though 9 are the minimum"
    assert state_of(lake, small_files.table) == small_files, f"{small_files.table} has changed"


def test_partitions_are_compacted_each_for_itself(lake: Lake, jobs: Jobs, make_table: MakeTable) -> None:
    name = make_table("id bigint, p int", "id, cast(id % 4 as int)", 80, 2, partitioned_by="p")
    before = state_of(lake, name)
    assert len(before.data_files) == 8, f"{name}: {len(before.data_files)} files for 4 partitions in 2 tasks"
    result = jobs.compact(name, min_input_files=2)
    after = state_of(lake, name)
    assert (result.rewritten_files, len(after.data_files)) == (8, 4), f"{name}: {result}, {len(after.data_files)} files"
    assert after.fingerprint == before.fingerprint, f"{name}: rows {after.fingerprint}, before {before.fingerprint}"


def test_deleted_rows_stay_deleted(lake: Lake, jobs: Jobs, make_table: MakeTable) -> None:
    name = make_table("id bigint", "id", 100, 5, properties={"write.delete.mode": "merge-on-read"})
    lake.spark.sql(f"DELETE FROM {lake.sql_name(name)} WHERE id % 2 = 0")
    before = state_of(lake, name)
    assert before.fingerprint.rows == 50, f"{name}: {before.fingerprint.rows} rows before"
    result = jobs.compact(name)
    assert result.rewritten_files == 5, f"{name}: {result}"
    after = state_of(lake, name)
    assert not before.data_files & after.data_files, f"{name}: files with deleted rows are still in use"
    assert after.fingerprint == before.fingerprint, f"{name}: other rows after the compaction"


def test_an_empty_table_is_compacted_into_nothing(lake: Lake, jobs: Jobs, make_table: MakeTable) -> None:
    name = make_table("id bigint")
    assert jobs.compact(name) == Compaction(name, 0, 0, 0, 0, 0), f"{name}: did something"
    assert not lake.table(name).metadata.snapshots, f"{name}: a snapshot was made of nothing"


def test_after_a_compaction_the_bucket_holds_what_the_table_needs(
    lake: Lake, jobs: Jobs, small_files: TableState, objects_under: Listing
) -> None:
    jobs.compact(small_files.table)
    loaded = lake.table(small_files.table)
    assert len(state_of(lake, small_files.table).data_files) == 1, f"{small_files.table}: nothing was compacted"
    listed = set(objects_under(loaded.location()))
    assert listed == reachable(loaded), f"{small_files.table}: orphans or missing files: {listed ^ reachable(loaded)}"
