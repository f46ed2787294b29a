"""Every kept snapshot reads as it did when it was current (Iceberg spec, Snapshots)."""

import pytest

from fixtures.jobs import Jobs, Lake
from fixtures.states import TableState, snapshots_of, state_of
from fixtures.tables import MakeTable, insert

pytestmark = [pytest.mark.requires("minio", "hive", "spark"), pytest.mark.verifies("data.time-travel")]


@pytest.fixture
def history(lake: Lake, jobs: Jobs, make_table: MakeTable) -> list[TableState]:
    """A table after an append, a deletion, another append and a compaction: its state at each point."""
    name = make_table("id bigint, v string", "id, concat('v', id)", 60, 3)
    states = [state_of(lake, name)]
    for step in (
        lambda: lake.spark.sql(f"DELETE FROM {lake.sql_name(name)} WHERE id < 20"),
        lambda: insert(lake, name, "id, 'more'", 30, 2, start=1000),
        lambda: jobs.compact(name, min_input_files=2),
    ):
        step()
        states.append(state_of(lake, name))
    return states


def test_each_snapshot_reads_as_it_did(lake: Lake, history: list[TableState]) -> None:
    table = history[0].table
    assert len({state.snapshot for state in history}) == 4, f"{table}: not every step made a snapshot"
    assert len({state.fingerprint for state in history[:3]}) == 3, (
        f"{table}: the steps changed nothing to be told apart"
    )
    now = [state_of(lake, table, at=state.snapshot) for state in history]
    assert now == history, f"{table}: read now {now}, then {history}"


def test_spark_travels_to_the_same_rows(jobs: Jobs, history: list[TableState]) -> None:
    for state in history:
        seen = jobs.fingerprint(state.table, state.snapshot)
        assert seen == state.fingerprint, (
            f"{state.table} at {state.snapshot}: Spark {seen}, PyIceberg {state.fingerprint}"
        )


def test_a_rollback_makes_the_old_rows_current_and_keeps_the_history(lake: Lake, history: list[TableState]) -> None:
    table, first = history[0].table, history[0]
    answer = lake.call("rollback_to_snapshot", table, f"snapshot_id => {first.snapshot}")
    assert answer == {"previous_snapshot_id": history[-1].snapshot, "current_snapshot_id": first.snapshot}, (
        f"{table}: {answer}"
    )
    assert state_of(lake, table) == first, f"{table}: after the rollback other rows than at {first.snapshot}"
    assert snapshots_of(lake, table) == [state.snapshot for state in history], f"{table}: the rollback lost snapshots"


def test_a_tag_keeps_its_rows_after_the_table_moved_on(lake: Lake, history: list[TableState]) -> None:
    table, first = history[0].table, history[0]
    lake.spark.sql(f"ALTER TABLE {lake.sql_name(table)} CREATE TAG `first` AS OF VERSION {first.snapshot}")
    lake.spark.sql(f"DELETE FROM {lake.sql_name(table)} WHERE true")
    rows = lake.spark.sql(f"SELECT count(*) AS n FROM {lake.sql_name(table)} VERSION AS OF 'first'").collect()[0].n
    assert rows == first.fingerprint.rows, (
        f"{table}: tag `first` has {rows} rows, {first.fingerprint.rows} when it was made"
    )
