"""What killed test runs left: found by the strict names that tests give, and removed. Nothing else is touched.

`decide` says what is test-made (pure); `survey` lists what there is; `remove` removes. `fixtures/tables.py` and
`spark_jobs/restore.py` give the names; a selftest holds them and the expressions here together.
"""

import re
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from typing import Any
from urllib.parse import urlsplit

import urllib3
from hive_metastore.ThriftHiveMetastore import Client
from hive_metastore.ttypes import NoSuchObjectException
from minio.deleteobjects import DeleteObject
from minio.error import MinioException
from thrift.protocol.TBinaryProtocol import TBinaryProtocol
from thrift.Thrift import TException
from thrift.transport.TSocket import TSocket
from thrift.transport.TTransport import TBufferedTransport

from provisioning.connection import Connection
from provisioning.health import examine
from provisioning.problem import Exit, Problem
from provisioning.services import first_line
from provisioning.services.minio import client_for

TIMEOUT = 60  # seconds: of one answer
NAMESPACE = re.compile(r"t_([0-9a-f]{8})_(?:(?:main|gw[0-9]+)_[0-9]+|planted)", re.ASCII)  # run, worker, number
BACKUPS = re.compile(r"tests/([0-9a-f]{8})/", re.ASCII)
DRAFT = re.compile(r"(\w+)__restoring_([0-9a-f]{8})", re.ASCII)
PLACE_OF_DRAFT = re.compile(r"(\w+)-([0-9a-f]{8})", re.ASCII)

Tables = Mapping[str, str]  # name in a namespace -> recorded location, "" where there is none


@dataclass(frozen=True)
class Namespace:
    """A namespace of the metastore and where its tables are."""

    location: str
    tables: Tables


@dataclass(frozen=True)
class Leftover:
    """What goes together: the objects below `place` (s3://bucket/prefix/), tables (`namespace.name`), a namespace."""

    place: str
    tables: tuple[str, ...] = ()
    namespace: str | None = None


@dataclass(frozen=True)
class Decision:
    """What is test-made, and what looks like it and is kept, each with the reason."""

    leftovers: tuple[Leftover, ...] = ()
    kept: tuple[str, ...] = ()


def is_namespace(name: str) -> bool:
    """Whether only a test gives a namespace this name."""
    return _is_made(NAMESPACE.fullmatch(name))


def is_backups(prefix: str) -> bool:
    """Whether a prefix of the backup bucket is a test run's."""
    return _is_made(BACKUPS.fullmatch(prefix))


def is_draft(name: str, location: str) -> bool:
    """Whether a table is what a killed restore was building: by its name and by where it lies."""
    named, placed = DRAFT.fullmatch(name), PLACE_OF_DRAFT.fullmatch(location.rstrip("/").rpartition("/")[2])
    if not named or not placed or not _is_made(named, 2):
        return False
    return named[1].lower() == placed[1].lower()  # the metastore folds names, places keep theirs


def _is_made(found: re.Match[str] | None, group: int = 1) -> bool:
    """Eight random digits: a day, which people put into names, is none."""
    return found is not None and not _is_day(found[group])


def _is_day(digits: str) -> bool:
    if not digits.isdigit() or digits[:2] not in ("19", "20"):
        return False
    try:
        date(int(digits[:4]), int(digits[4:6]), int(digits[6:]))
    except ValueError:
        return False
    return True


def decide(namespaces: Mapping[str, Namespace], places: Collection[str], warehouse: str, backups: str) -> Decision:
    """What is test-made among namespaces and `places`, prefixes with objects (s3://bucket/prefix/). Pure.

    `warehouse` is s3://bucket/prefix, `backups` a bucket. A place where a table that stays has its files stays, too.
    """
    kept: list[str] = []
    ours = [
        *_test_namespaces(namespaces, warehouse, kept),
        *_drafts(namespaces, warehouse, kept),
        *(Leftover(place) for place in sorted(places) if _is_lost(place, namespaces, warehouse, backups)),
    ]
    going = {table for leftover in ours for table in leftover.tables}
    staying = {table: _slashed(location) for table, location in _located(namespaces) if location and table not in going}
    free = []
    for leftover in ours:
        users = [table for table, location in staying.items() if _overlap(location, leftover.place)]
        if users:
            kept.append(f"objects {leftover.place}: {', '.join(users)} has its files there")
        else:
            free.append(leftover)
    return Decision(tuple(free), tuple(kept))


def _test_namespaces(namespaces: Mapping[str, Namespace], warehouse: str, kept: list[str]) -> Iterator[Leftover]:
    for name, namespace in namespaces.items():
        place = f"{warehouse}/{name}.db/"
        if is_namespace(name) and _slashed(namespace.location) == place:
            yield Leftover(place, tuple(f"{name}.{table}" for table in namespace.tables), name)
        elif is_namespace(name):
            kept.append(f"namespace {name}: it is at {namespace.location or 'no place'}, tests' are at {place}")


def _drafts(namespaces: Mapping[str, Namespace], warehouse: str, kept: list[str]) -> Iterator[Leftover]:
    bucket = "/".join(warehouse.split("/")[:3])
    for name, location in _located(namespaces):
        namespace, _, table = name.partition(".")
        if is_namespace(namespace) or not DRAFT.fullmatch(table):
            continue
        if is_draft(table, location) and _slashed(location).startswith(f"{bucket}/"):
            yield Leftover(_slashed(location), (name,))
        else:
            kept.append(f"table {name}: no restore gives that name and that place ({location or 'none'})")


def _is_lost(place: str, namespaces: Mapping[str, Namespace], warehouse: str, backups: str) -> bool:
    """Whether these objects are a test run's backups, or of a test's namespace that the metastore has no more."""
    name = place.removeprefix(f"{warehouse}/").removesuffix(".db/")
    if place == f"{warehouse}/{name}.db/":
        return is_namespace(name) and name not in namespaces
    return place.startswith(f"s3://{backups}/") and is_backups(place.removeprefix(f"s3://{backups}/"))


def _located(namespaces: Mapping[str, Namespace]) -> Iterator[tuple[str, str]]:
    """namespace.table and its recorded location, of all."""
    for name, namespace in namespaces.items():
        for table, location in namespace.tables.items():
            yield f"{name}.{table}", location


def _overlap(one: str, other: str) -> bool:
    return one.startswith(other) or other.startswith(one)


def _slashed(location: str) -> str:
    """One way to write a place: s3:// and a slash at the end."""
    return re.sub(r"^s3[an]://", "s3://", location).rstrip("/") + "/"


class Sweeper:
    """One lakehouse, swept as the harness's account. Raises Problem, and says in it what did not answer."""

    def __init__(self, connection: Connection) -> None:
        if connection.s3 is None:
            remedy = "tests that make anything need one"
            raise Problem("declares no object store", where=connection.inventory, remedy=remedy, code=Exit.USAGE)
        self.connection, self.s3, self.catalog = connection, connection.s3, connection.catalog
        self.store = client_for(self.s3, self.s3.harness, TIMEOUT, connection.ca_file)

    def survey(self) -> Decision:
        """What is there to sweep."""
        for service in ("minio", "hive") if self.catalog else ("minio",):
            health = examine(service, self.connection, timeout=10)
            if not health.answers:
                remedy = "bring it up, then sweep"
                raise Problem(str(health.error), where=f"{service} at {health.address}", remedy=remedy)
        with _told("the lakehouse"):
            places = self._below(f"s3://{self.s3.backup_bucket}/tests/")
            if self.catalog is None:
                return decide({}, places, f"s3://{self.s3.warehouse_bucket}/warehouse", self.s3.backup_bucket)
            warehouse = self.catalog.warehouse.rstrip("/")
            places += self._below(f"{warehouse}/")
            return decide(self._namespaces(), places, warehouse, self.s3.backup_bucket)

    def describe(self, leftover: Leftover) -> Iterator[str]:
        """A line for each thing that `remove` would remove."""
        yield from (f"table {table}" for table in leftover.tables)
        with _told(leftover.place):
            count = len(self._objects(leftover.place))
        if count:
            yield f"objects {leftover.place} ({count})"
        if leftover.namespace:
            yield f"namespace {leftover.namespace}"

    def remove(self, leftover: Leftover) -> Iterator[str]:
        """Remove it; a line for each thing that is gone. The namespace goes last, so that the next sweep finds it."""
        with _told(leftover.place):
            dropped = [table for table in leftover.tables if self._dropped(table)]
            yield from (f"table {table}" for table in dropped)
            if leftover.tables and not dropped and not leftover.namespace:
                return  # a restore has finished meanwhile: the objects are those of its table
            if count := self._remove_objects(leftover.place):
                yield f"objects {leftover.place} ({count})"
            if leftover.namespace and self._dropped(leftover.namespace):
                yield f"namespace {leftover.namespace}"

    def _namespaces(self) -> dict[str, Namespace]:
        with _metastore(self.connection) as client:
            found = {}
            for name in client.get_all_databases():
                listed = client.get_all_tables(name)
                tables = client.get_table_objects_by_name(name, listed) if listed else []
                # A view may have no location.
                located = {table.tableName: (table.sd and table.sd.location) or "" for table in tables}
                found[name] = Namespace(
                    client.get_database(name).locationUri or "", dict.fromkeys(listed, "") | located
                )
            return found

    def _dropped(self, name: str) -> bool:
        """Drop `namespace.table` or `namespace` from the metastore, not its files. False where it was not there."""
        namespace, _, table = name.partition(".")
        with _metastore(self.connection) as client:
            try:
                if table:
                    client.drop_table(namespace, table, deleteData=False)
                else:
                    client.drop_database(namespace, deleteData=False, cascade=False)
            except NoSuchObjectException:
                return False
            return True

    def _below(self, place: str) -> list[str]:
        """Prefixes one level below s3://bucket/prefix/."""
        bucket, prefix = _bucket_and_prefix(place)
        return [
            f"s3://{bucket}/{entry.object_name}" for entry in self.store.list_objects(bucket, prefix) if entry.is_dir
        ]

    def _objects(self, place: str) -> list[str]:
        bucket, prefix = _bucket_and_prefix(place)
        return [str(entry.object_name) for entry in self.store.list_objects(bucket, prefix, recursive=True)]

    def _remove_objects(self, place: str) -> int:
        names = self._objects(place)
        errors = list(self.store.remove_objects(_bucket_and_prefix(place)[0], map(DeleteObject, names)))
        if errors:
            what = f"{len(errors)} of {len(names)} objects could not be removed: {errors[0].message}"
            raise Problem(what, where=place, remedy="see what the harness's account may do")
        return len(names)


def _bucket_and_prefix(place: str) -> tuple[str, str]:
    bucket, _, prefix = place.removeprefix("s3://").partition("/")
    if not bucket or not prefix.endswith("/"):
        raise ValueError(f"{place!r} is no s3://bucket/prefix/")  # a bucket's whole content is never meant
    return bucket, prefix


@contextmanager
def _metastore(connection: Connection) -> Iterator[Any]:
    place = urlsplit(connection.catalog.uri if connection.catalog else "")
    endpoint = TSocket(place.hostname, place.port)
    endpoint.setTimeout(TIMEOUT * 1000)
    transport = TBufferedTransport(endpoint)
    transport.open()
    try:
        yield Client(TBinaryProtocol(transport))
    finally:
        transport.close()


@contextmanager
def _told(where: str) -> Iterator[None]:
    """What libraries raise, as one line."""
    try:
        yield
    except (TException, MinioException, urllib3.exceptions.HTTPError) as error:
        what = f"{type(error).__name__}: {first_line(getattr(error, 'message', None) or error)}"
        raise Problem(what, where=where, remedy="see `status`, then sweep again") from None
