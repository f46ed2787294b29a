"""The lakehouse as jobs see it: Spark, the object store and the catalog, each opened when it is first asked for."""

import hashlib
import io
import re
import sys
import tempfile
import zipfile
from collections.abc import Callable, Iterable
from datetime import timedelta
from functools import cached_property
from pathlib import Path
from typing import Any

import urllib3
from minio import Minio
from minio.error import S3Error
from pyiceberg.catalog.hive import HiveCatalog
from pyiceberg.exceptions import NoSuchTableError
from pyiceberg.table import Table
from pyspark.sql import SparkSession

from spark_jobs import profile as profiles
from spark_jobs.errors import Refused, Unreachable
from spark_jobs.profile import S3, Catalog, Profile

SIGNED_FOR = timedelta(hours=12)
CODE = ("datagen", "spark_jobs")  # packages that tasks import on executors


def silent(line: str) -> None:
    """Progress that nobody wants to read."""


class Lake:
    """One lakehouse, for one job or one test process. Close it, or use it as a context."""

    def __init__(self, profile: Profile, progress: Callable[[str], None] = silent) -> None:
        self.profile, self.progress = profile, progress

    @classmethod
    def open(cls, path: Path | None = None, progress: Callable[[str], None] = silent) -> "Lake":
        """The lakehouse of a connection profile, or of the one last brought up."""
        return cls(profiles.read(path), progress)

    def __enter__(self) -> "Lake":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End what was opened."""
        if "spark" in self.__dict__:
            self.spark.client.close()
            del self.__dict__["spark"]
        if "_scratch" in self.__dict__:
            self._scratch.cleanup()
            del self.__dict__["_scratch"]

    @cached_property
    def spark(self) -> Any:
        """A Spark Connect session that knows the code of the jobs."""
        from pyspark.sql.connect.client.retries import DefaultPolicy

        if self.profile.spark_remote is None:
            raise self._lacks("Spark")
        remote = f"{self.profile.spark_remote}/;token={self.profile.spark_token}"
        session: Any = SparkSession.builder.remote(remote).create()
        # The client's own patience with a dead server is ten minutes.
        session.client.set_retry_policies([DefaultPolicy(max_retries=4, max_backoff=1000)])
        session.addArtifacts(str(self.code), pyfile=True)
        return session

    @cached_property
    def code(self) -> Path:
        """The archive of our packages that Spark's tasks import."""
        return code_archive(Path(self._scratch.name))

    @cached_property
    def _scratch(self) -> tempfile.TemporaryDirectory[str]:
        return tempfile.TemporaryDirectory(prefix="datalake-code-")

    @cached_property
    def catalog(self) -> HiveCatalog:
        """The catalog as PyIceberg sees it, with Spark's account."""
        place, s3 = self._catalog, self._s3
        account = s3.accounts["spark"]
        return HiveCatalog(
            place.name,
            **{
                "uri": place.uri,
                "warehouse": place.warehouse,
                "hive.hive2-compatible": "true",  # a 2.3 metastore knows no zoned timestamps
                "py-io-impl": "pyiceberg.io.pyarrow.PyArrowFileIO",
                "s3.endpoint": s3.endpoint,
                "s3.region": s3.region,
                "s3.access-key-id": account.access_key,
                "s3.secret-access-key": account.secret_key,
            },
        )

    def store(self, account: str = "spark") -> Minio:
        """The object store as one of its accounts: `spark`, `backup` or `harness`."""
        s3 = self._s3
        key = s3.accounts[account]
        pool = urllib3.PoolManager(
            timeout=urllib3.Timeout(connect=5, read=120), retries=urllib3.Retry(total=0), ca_certs=self.profile.ca_file
        )
        scheme, _, address = s3.endpoint.partition("://")
        return Minio(
            address, key.access_key, key.secret_key, secure=scheme == "https", region=s3.region, http_client=pool
        )

    def get(self, account: str, uri: str) -> bytes | None:
        """An object's bytes, None where there is no such object."""
        try:
            with self.store(account).get_object(*bucket_and_key(uri)) as answer:
                return bytes(answer.read())
        except S3Error as error:
            if error.code in ("NoSuchKey", "NoSuchBucket"):
                return None
            raise

    def put(self, account: str, uri: str, content: bytes) -> None:
        """Put an object: readers see all of it or none."""
        self.store(account).put_object(*bucket_and_key(uri), io.BytesIO(content), len(content))

    def remove(self, account: str, uri: str) -> None:
        """Remove an object, if it is there."""
        self.store(account).remove_object(*bucket_and_key(uri))

    def sign(self, uris: Iterable[str], account: str) -> list[str]:
        """Addresses at which anyone may put these objects for half a day, in the name of an account."""
        store = self.store(account)
        return [store.presigned_put_object(*bucket_and_key(uri), expires=SIGNED_FOR) for uri in uris]

    def table(self, name: str) -> Table:
        """A table by `namespace.name`. Raises Refused where there is none."""
        self.sql_name(name)
        try:
            return self.catalog.load_table(name)
        except NoSuchTableError:
            raise Refused("no such table", where=name, remedy="name one as namespace.table") from None

    def sql_name(self, name: str) -> str:
        """A table's name in Spark SQL, quoted: `lake`.`namespace`.`table`. Raises Refused for what is no name."""
        if not re.fullmatch(r"\w+(\.\w+)*", name):
            raise Refused(
                "is no name of a table", where=name, remedy="use letters, digits, _ and a dot between the parts"
            )
        return ".".join(f"`{part}`" for part in (self._catalog.name, *name.split(".")))

    def call(self, procedure: str, table: str, *arguments: str) -> dict[str, Any]:
        """Run one of Iceberg's Spark procedures on a table and return its one row."""
        listed = ", ".join((f"table => '{table}'", *arguments))
        rows = self.spark.sql(f"CALL `{self._catalog.name}`.system.{procedure}({listed})").collect()
        return dict(rows[0].asDict()) if rows else {}

    @property
    def warehouse(self) -> str:
        """s3://bucket/prefix of the tables."""
        return self._catalog.warehouse

    @property
    def warehouse_bucket(self) -> str:
        """The bucket of the tables."""
        return self._s3.warehouse_bucket

    @property
    def backup_bucket(self) -> str:
        """The bucket of the backups."""
        return self._s3.backup_bucket

    @property
    def _s3(self) -> S3:
        if self.profile.s3 is None:
            raise self._lacks("object store")
        return self.profile.s3

    @property
    def _catalog(self) -> Catalog:
        if self.profile.catalog is None:
            raise self._lacks("catalog")
        return self.profile.catalog

    def _lacks(self, what: str) -> Unreachable:
        return Unreachable(f"declares no {what}", where=self.profile.inventory, remedy="take another inventory")


def bucket_and_key(uri: str) -> tuple[str, str]:
    """s3://bucket/key -> (bucket, key)."""
    scheme, _, rest = uri.partition("://")
    bucket, _, key = rest.partition("/")
    if scheme not in ("s3", "s3a") or not bucket:
        raise Refused("is no place in an object store", where=uri, remedy="write s3://BUCKET/PREFIX")
    return bucket, key


def backup_place(uri: str) -> str:
    """A backup's folder as it is used everywhere: below a bucket, without a slash at its end."""
    bucket, key = bucket_and_key(uri.rstrip("/"))
    if not key or "//" in key or key.startswith("/"):
        raise Refused("is no folder below a bucket", where=uri, remedy=f"write s3://{bucket}/FOLDER")
    return f"s3://{bucket}/{key}"


def code_archive(folder: Path) -> Path:
    """The zip that carries our packages to executors, named by its content: a session never runs yesterday's code."""
    root = Path(__file__).parent.parent
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for file in sorted(file for package in CODE for file in (root / package).rglob("*.py")):
            archive.writestr(zipfile.ZipInfo(str(file.relative_to(root))), file.read_bytes())
    name = f"datalake-{hashlib.sha256(packed.getvalue()).hexdigest()[:16]}-py{sys.version_info.minor}.zip"
    path = folder / name
    path.write_bytes(packed.getvalue())
    return path
