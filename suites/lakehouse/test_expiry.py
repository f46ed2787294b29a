"""Expiry deletes exactly what only old snapshots needed, asserted in five parts (Iceberg docs, expire_snapshots)."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest

from fixtures.jobs import Expiry, Jobs, Lake, Refused
from fixtures.oracles.reachability import files_of
from fixtures.states import TableState, snapshots_of, state_of
from fixtures.tables import MakeTable, insert

pytestmark = [pytest.mark.requires("minio", "hive", "spark"), pytest.mark.verifies("maintenance.expiry")]

Listing = Callable[[str], dict[str, int]]


@pytest.fixture
def aged(lake: Lake, jobs: Jobs, make_table: MakeTable) -> list[TableState]:
    """A table after an append, a compaction that replaces all its files, and another append: its three states."""
    name = make_table("id bigint, v string", "id, concat('v', id)", 300, 6)
    states = [state_of(lake, name)]
    jobs.compact(name)
    states.append(state_of(lake, name))
    insert(lake, name, "id, 'more'", 10, start=1000)
    return [*states, state_of(lake, name)]


def now() -> str:
    """Later than every snapshot so far: the host's clock is the one that stamped them."""
    return datetime.now(UTC).isoformat()


def test_exactly_the_files_of_the_oldest_snapshot_go_and_the_rest_reads_as_before(
    lake: Lake, jobs: Jobs, aged: list[TableState], objects_under: Listing
) -> None:
    table = aged[0].table
    loaded = lake.table(table)
    kept = set().union(*(files_of(loaded, loaded.snapshot_by_id(state.snapshot)) for state in aged[1:]))  # type: ignore[arg-type]
    doomed = files_of(loaded, loaded.snapshot_by_id(aged[0].snapshot)) - kept  # type: ignore[arg-type]
    assert aged[0].data_files <= doomed, f"{table}: the old data files are still needed, so nothing is shown"
    before = objects_under(loaded.location())
    result = jobs.expire(table, now(), keep=2)
    after = objects_under(loaded.location())
    assert (result.data_files, result.manifest_lists) == (6, 1), f"{table}: {result}"
    assert before.keys() - after.keys() == doomed, f"{table}: deleted other files than {sorted(doomed)}"
    assert result.deleted == len(doomed), f"{table}: {result.deleted} reported, {len(doomed)} gone"
    assert after.keys() - before.keys() == {lake.table(table).metadata_location}, (
        f"{table}: new objects beside the metadata"
    )
    assert [state_of(lake, table, at=state.snapshot) for state in aged[1:]] == aged[1:], (
        f"{table}: a kept snapshot changed"
    )


def test_the_expired_snapshot_is_gone_and_the_kept_ones_are_listed(
    lake: Lake, jobs: Jobs, aged: list[TableState]
) -> None:
    table = aged[0].table
    jobs.expire(table, now(), keep=2)
    assert snapshots_of(lake, table) == [state.snapshot for state in aged[1:]], f"{table}: other snapshots are kept"


def test_a_second_expiry_changes_nothing(
    lake: Lake, jobs: Jobs, aged: list[TableState], objects_under: Listing
) -> None:
    table = aged[0].table
    moment = now()
    assert jobs.expire(table, moment).deleted > 0, f"{table}: the first one did nothing"
    place = lake.table(table).location()
    objects, metadata = objects_under(place), lake.table(table).metadata_location
    again = jobs.expire(table, moment)
    assert again == Expiry(table, 0, 0, 0, 0, 0, 0), f"{table}: the second one did {again}"
    assert objects_under(place) == objects, f"{table}: the second one changed objects"
    assert lake.table(table).metadata_location == metadata, f"{table}: the second one committed"


def test_young_snapshots_are_kept_by_default(
    lake: Lake, jobs: Jobs, aged: list[TableState], objects_under: Listing
) -> None:
    table = aged[0].table
    before = objects_under(lake.table(table).location())
    result = jobs.expire(table)
    assert result.deleted == 0, f"{table}: {result} though every snapshot is minutes old"
    assert objects_under(lake.table(table).location()) == before, f"{table}: objects went"


def test_a_tag_protects_its_snapshot(lake: Lake, jobs: Jobs, aged: list[TableState]) -> None:
    table = aged[0].table
    lake.spark.sql(f"ALTER TABLE {lake.sql_name(table)} CREATE TAG `keep` AS OF VERSION {aged[0].snapshot}")
    result = jobs.expire(table, now())
    assert result.data_files == 0, f"{table}: {result.data_files} data files of a tagged snapshot were deleted"
    assert snapshots_of(lake, table) == [aged[0].snapshot, aged[2].snapshot], (
        f"{table}: other snapshots than tag and current"
    )
    assert state_of(lake, table, at=aged[0].snapshot) == aged[0], f"{table}: the tagged snapshot reads differently"


def test_senseless_limits_are_refused(lake: Lake, jobs: Jobs, aged: list[TableState]) -> None:
    ahead = (datetime.now(UTC) + timedelta(days=1)).isoformat()
    for older_than, keep, says in (
        ("yesterday", 1, "'yesterday' is no time"),
        (ahead, 1, "lies ahead"),
        (None, 0, "--keep"),
    ):
        with pytest.raises(Refused, match=says):
            jobs.expire(aged[0].table, older_than, keep=keep)
    assert len(snapshots_of(lake, aged[0].table)) == 3, f"{aged[0].table}: a refusal expired snapshots"
