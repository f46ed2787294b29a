"""How fast the jobs are, each against a floor of the same run, and right while they are timed.

A floor is the least work that any program would have: so the ratio says what is left to gain, on any machine.
"""

import concurrent.futures
import io
import itertools
from collections.abc import Callable

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from minio import Minio

from datagen import batch, expected, fingerprint, schema
from fixtures.jobs import Jobs, Lake, bucket_and_key
from fixtures.measuring import Interleave, Measure, Rounds
from fixtures.states import state_of
from fixtures.tables import MakeBackup, MakePlace, MakeTable, Shop, remove_objects

pytestmark = [pytest.mark.requires("minio", "hive", "spark"), pytest.mark.verifies("performance.throughput")]

CUSTOMERS, FILES = 60_000, 2
ROUNDS = 3


def report(measure: Measure, what: str, rounds: Rounds | None, rows: int, size: int, floor: str) -> None:
    if rounds is None:
        return
    fastest = min(rounds.contender)
    measure(f"{what}: rows", rows / fastest, "rows/s", "higher")
    measure(f"{what}: bytes", size / fastest / 1e6, "MB/s", "higher")
    measure(f"{what}: bytes per row", size / rows, "B/row", "lower")
    measure(f"{what}: against {floor}", rounds.ratio, "ratio", "higher")
    measure(f"{what}: rounds", len(rounds.contender), "rounds")


@pytest.fixture(scope="module")
def big_shop(make_shop: Callable[..., Shop]) -> Shop:
    """300,000 orders and what belongs to them."""
    return make_shop(customers=CUSTOMERS, files=FILES)


def test_generation_against_a_bare_pyarrow_write(
    jobs: Jobs, store: Minio, big_shop: Shop, make_place: MakePlace, interleave: Interleave, measure: Measure
) -> None:
    """The floor writes batches that are ready in memory, as Parquet into the same bucket, with as many writers."""
    dataset, names = big_shop.dataset, itertools.count()
    rows = dataset.rows("orders")
    ready = pa.Table.from_batches([batch(dataset, "orders", 0, rows)])
    place, written = make_place(), []

    def put(number: int) -> None:
        buffer = io.BytesIO()
        part = ready.slice(number * rows // FILES, rows // FILES)
        pq.write_table(part, buffer, compression="zstd", compression_level=1, store_schema=False)
        store.put_object(*bucket_and_key(f"{place}/{next(names)}"), io.BytesIO(buffer.getvalue()), buffer.tell())

    def floor() -> None:
        with concurrent.futures.ThreadPoolExecutor(FILES) as pool:
            list(pool.map(put, range(FILES)))

    def contender() -> None:
        written.append(jobs.write_parts(big_shop.table("orders"), dataset, "orders", FILES))

    rounds = interleave(contender, floor)
    wanted = expected(dataset, "orders").fingerprint
    for parts in written:
        assert sum((part.fingerprint for part in parts[1:]), parts[0].fingerprint) == wanted, (
            "a timed round wrote other rows"
        )
    report(measure, "generation", rounds, rows, sum(part.size for part in written[-1]), "bare pyarrow write")
    assert fingerprint(ready) == wanted and ready.schema == schema("orders"), "the floor wrote other rows"


def test_backup_against_sparks_own_read_and_write(
    lake: Lake,
    jobs: Jobs,
    store: Minio,
    big_shop: Shop,
    make_backup: MakeBackup,
    interleave: Interleave,
    measure: Measure,
) -> None:
    """The floor is what anybody would write: Spark reads the table and writes Parquet into the lake's bucket."""
    name, made, numbers = big_shop.table("order_items"), [], itertools.count()
    place = f"{lake.warehouse}/{big_shop.namespace}.db/floor"

    def floor() -> None:
        rows = lake.spark.table(lake.sql_name(name)).coalesce(FILES)
        rows.write.option("compression", "zstd").parquet(f"{place}/{next(numbers)}")

    rounds = interleave(lambda: made.append(make_backup(name, files=FILES)), floor)
    wanted = expected(big_shop.dataset, "order_items").fingerprint
    floor_rows = jobs.fingerprint_of(lake.spark.read.parquet(f"{place}/0"))
    remove_objects(store, place)
    assert {jobs.manifest(backup.backup).fingerprint for backup in made} == {wanted}, f"{name}: a timed backup is wrong"
    assert {backup.rows for backup in made} == {wanted.rows}, (
        f"{name}: backups of {[backup.rows for backup in made]} rows"
    )
    assert floor_rows == wanted, f"{name}: the floor wrote {floor_rows}, expected {wanted}"
    report(measure, "backup", rounds, wanted.rows, made[-1].bytes, "Spark's read and write")


def test_compaction_against_sparks_own_read_and_write(
    lake: Lake, jobs: Jobs, store: Minio, make_table: MakeTable, interleave: Interleave, measure: Measure
) -> None:
    """Each round compacts a table of its own; the floor rewrites another one, which nobody compacts, as one file."""
    rows, files, numbers = 200_000, 20, itertools.count()
    untouched, *names = (make_table("id bigint, v string", "id, uuid()", rows, files) for _ in range(ROUNDS + 2))
    before = {name: state_of(lake, name) for name in names}
    place = f"{lake.warehouse}/{names[0].split('.')[0]}.db/floor-compaction"
    left = iter(names)

    def floor() -> None:
        lake.spark.table(lake.sql_name(untouched)).coalesce(1).write.parquet(f"{place}/{next(numbers)}")

    results = []
    rounds = interleave(lambda: results.append(jobs.compact(next(left))), floor)
    remove_objects(store, place)
    assert {(result.rewritten_files, result.added_files) for result in results} == {(files, 1)}, f"{results}"
    for result in results:
        after = state_of(lake, result.table).fingerprint
        assert after == before[result.table].fingerprint, f"{result.table}: rows {after} after the compaction"
    report(measure, "compaction", rounds, rows, results[-1].rewritten_bytes, "Spark's read and write")
