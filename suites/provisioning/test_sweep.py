"""`sweep` removes what a killed run left, all of it and nothing else. On a throw-away lakehouse."""

import io
import os
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pytest
from minio import Minio
from pyiceberg.exceptions import NoSuchTableError

from fixtures.stacks import Stack
from spark_jobs.lake import Lake

pytestmark = [pytest.mark.verifies("provisioning.repeatable"), pytest.mark.impact("observe")]

OURS, LOST, BACKUP = "t_0badcafe_gw0_1", "t_0badcafe_main_2", "tests/0badcafe/"
DRAFT = "orders__restoring_89abcdef"
THEIRS = ("t_shirts", "tests", "shop")
ROWS = pa.table({"id": pa.array([1, 2, 3], pa.int64())})


@dataclass(frozen=True)
class Planted:
    """What is in a lakehouse, seen by PyIceberg and the S3 client, and `sweep` in it."""

    stack: Stack
    lake: Lake
    store: Minio
    temporary: Path

    def sweep(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run it, with temporary folders of this test's own."""
        return self.stack.command("sweep", *arguments, TMPDIR=str(self.temporary))

    def tables(self) -> set[str]:
        """Namespaces, and tables as namespace.name."""
        namespaces = [name[0] for name in self.lake.catalog.list_namespaces()]
        tables = {".".join(name) for namespace in namespaces for name in self.lake.catalog.list_tables(namespace)}
        return {*namespaces, *tables}

    def objects(self) -> set[str]:
        """Every object of both buckets."""
        buckets = [bucket.name for bucket in self.store.list_buckets()]
        return {f"{name}/{o.object_name}" for name in buckets for o in self.store.list_objects(name, recursive=True)}

    def make(self, name: str, place: str | None = None) -> None:
        """A table with rows."""
        namespace = name.partition(".")[0]
        location = f"{self.lake.warehouse}/{namespace}.db"
        self.lake.catalog.create_namespace_if_not_exists(namespace, {"location": location})
        self.lake.catalog.create_table(name, ROWS.schema, place and f"{location}/{place}").append(ROWS)

    def put(self, bucket: str, key: str) -> None:
        """An object of one byte."""
        self.store.put_object(bucket, key, io.BytesIO(b"x"), 1)


@pytest.fixture
def lakehouse(running_stack: Stack, tmp_path: Path) -> Iterator[Planted]:
    """A lakehouse with what users made; nothing of a test's."""
    with Lake.open(running_stack.state / "connection.json") as lake:
        planted = Planted(running_stack, lake, lake.store("harness"), tmp_path)
        for namespace in THEIRS:
            planted.make(f"{namespace}.mine")
        planted.make("shop.orders", "orders-76543210")  # as a restore leaves it
        planted.make("shop.x__restoring_soon", "x-01234567")
        for key in ("mine/first", "tests/mine/first", "tests/20261122/first", "tests/0badcafe.txt"):
            planted.put(lake.backup_bucket, key)
        yield planted
        for name in planted.tables() - {"default"}:
            if "." in name:
                lake.catalog.drop_table(name)
        for name in planted.tables() - {"default"}:
            lake.catalog.drop_namespace(name)
        for entry in planted.objects():
            planted.store.remove_object(*entry.split("/", 1))


def plant(lakehouse: Planted) -> None:
    """What a killed run leaves: in the metastore, in both buckets, and on this machine."""
    lakehouse.make(f"{OURS}.a")
    lakehouse.make(f"{OURS}.b")
    lakehouse.make(f"shop.{DRAFT}", "orders-01234567")
    bucket = lakehouse.lake.warehouse.split("/")[2]
    lakehouse.put(bucket, f"warehouse/{OURS}.db/stray")
    lakehouse.put(bucket, f"warehouse/{LOST}.db/a/data/1.parquet")
    lakehouse.put(lakehouse.lake.backup_bucket, f"{BACKUP}gw0/table1/manifest.json")
    for name in ("datalake-stack-abcdefgh", "datalake-work-abcdefgh"):
        (lakehouse.temporary / name).mkdir()
        os.utime(lakehouse.temporary / name, (1, 1))
    (lakehouse.temporary / "datalake-code-abcdefgh").mkdir()


def test_a_sweep_removes_what_a_killed_run_left_and_nothing_else(lakehouse: Planted) -> None:
    tables, objects = lakehouse.tables(), lakehouse.objects()
    plant(lakehouse)
    more_tables, more_objects = lakehouse.tables() - tables, lakehouse.objects() - objects
    assert more_tables == {OURS, f"{OURS}.a", f"{OURS}.b", f"shop.{DRAFT}"} and len(more_objects) > 9, "nothing planted"
    done = lakehouse.sweep("--yes")
    assert (done.returncode, done.stdout.splitlines()[-1]) == (0, "9 swept"), f"{done.stdout}{done.stderr}"
    assert lakehouse.tables() == tables, f"{lakehouse.tables() ^ tables}: {done.stdout}"
    assert lakehouse.objects() == objects, f"{lakehouse.objects() ^ objects}: {done.stdout}"
    for name in (*(f"{namespace}.mine" for namespace in THEIRS), "shop.orders", "shop.x__restoring_soon"):
        assert lakehouse.lake.table(name).scan().to_arrow() == ROWS, f"{name}: a user's table has lost rows"
    left = sorted(path.name for path in lakehouse.temporary.iterdir())
    assert left == ["datalake-code-abcdefgh", "datalake-work-abcdefgh"], f"folders {left}"
    again = lakehouse.sweep("--yes")
    assert (again.returncode, again.stdout) == (0, "nothing to sweep\n"), f"{again.stdout}{again.stderr}"


def test_a_dry_run_names_what_a_sweep_removes_and_changes_nothing(lakehouse: Planted) -> None:
    plant(lakehouse)
    tables, objects = lakehouse.tables(), lakehouse.objects()
    dry = lakehouse.sweep("--dry-run")
    assert (dry.returncode, dry.stdout.splitlines()[-1]) == (0, "9 to sweep"), f"{dry.stdout}{dry.stderr}"
    assert (lakehouse.tables(), lakehouse.objects()) == (tables, objects), "a dry run has changed something"
    assert (lakehouse.temporary / "datalake-stack-abcdefgh").exists()
    done = lakehouse.sweep("--yes")
    promised = {line.removeprefix("would remove ") for line in dry.stdout.splitlines()[:-1]}
    kept = {line.removeprefix("removed ") for line in done.stdout.splitlines()[:-1]}
    assert promised == kept and len(kept) == 9, f"dry run and sweep differ in {promised ^ kept}"


def test_a_table_whose_metadata_is_damaged_is_swept_too(lakehouse: Planted) -> None:
    lakehouse.make(f"{OURS}.damaged")
    for entry in lakehouse.objects():
        if OURS in entry:
            lakehouse.store.remove_object(*entry.split("/", 1))
    done = lakehouse.sweep("--yes")
    assert done.returncode == 0, done.stderr
    with pytest.raises(NoSuchTableError):
        lakehouse.lake.catalog.load_table(f"{OURS}.damaged")
    assert OURS not in lakehouse.tables()


def test_without_a_yes_nothing_goes(lakehouse: Planted) -> None:
    plant(lakehouse)
    before = lakehouse.tables(), lakehouse.objects()
    done = lakehouse.sweep()
    assert (done.returncode, done.stdout) == (2, ""), done.stderr
    assert (lakehouse.tables(), lakehouse.objects()) == before, "something is gone"


@pytest.mark.parametrize("service", ["minio", "hive"])
def test_a_dead_service_is_one_line_and_nothing_goes(lakehouse: Planted, service: str) -> None:
    plant(lakehouse)
    assert lakehouse.stack.command("stop", service).returncode == 0
    try:
        done = lakehouse.sweep("--yes")
    finally:
        assert lakehouse.stack.command("start", service).returncode == 0
    assert (done.returncode, done.stdout) == (3, ""), f"{done.stdout}{done.stderr}"
    assert service in done.stderr and done.stderr.count("\n") == 1 and "Traceback" not in done.stderr, done.stderr
    assert f"{OURS}.a" in lakehouse.tables(), "it swept half"
