"""The connection profile: one private file that lets jobs, fixtures and people reach what was brought up.

`spark_jobs.profile` reads the same format on its own side; a selftest holds the two together.
"""

import dataclasses
import json
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from provisioning.files import write_private
from provisioning.inventory import Inventory
from provisioning.problem import Problem

FORMAT = 1


@dataclass(frozen=True)
class Account:
    """A way into the object store."""

    access_key: str
    secret_key: str = dataclasses.field(repr=False)


@dataclass(frozen=True)
class S3:
    """The object store and its three accounts: who tests, who computes, who keeps backups."""

    endpoint: str
    region: str
    warehouse_bucket: str
    backup_bucket: str
    harness: Account
    spark: Account
    backup: Account

    @property
    def address(self) -> str:
        """host:port."""
        return self.endpoint.partition("://")[2]

    @property
    def tls(self) -> bool:
        """Whether it is spoken to by https."""
        return self.endpoint.startswith("https:")


@dataclass(frozen=True)
class Catalog:
    """The Iceberg catalog: its name in SQL, the metastore's thrift address, where its tables lie."""

    name: str
    uri: str
    warehouse: str


@dataclass(frozen=True)
class Spark:
    """Spark Connect: `sc://host:port` and the token that it demands."""

    remote: str
    token: str = dataclasses.field(repr=False)


@dataclass(frozen=True)
class Connection:
    """Everything that a client needs. `None` where the inventory declares no such service."""

    inventory: str
    inventory_file: str
    s3: S3 | None
    catalog: Catalog | None
    spark: Spark | None
    ca_file: str | None
    row_budget: int
    format: int = FORMAT


def write(connection: Connection, path: Path) -> None:
    """Write the profile for its owner only (0600), whole or not at all."""
    write_private(path, json.dumps(dataclasses.asdict(connection), indent=1))


def read(path: Path) -> Connection:
    """The profile that `write` wrote. Raises Problem where the file is none."""
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
        if data["format"] != FORMAT:
            raise ValueError(f"format {data['format']!r}, not {FORMAT}")
        s3, catalog, spark = data.pop("s3"), data.pop("catalog"), data.pop("spark")
        return Connection(
            s3=_s3(s3) if s3 else None,
            catalog=Catalog(**catalog) if catalog else None,
            spark=Spark(**spark) if spark else None,
            **data,
        )
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise Problem(f"is no connection profile ({error})", where=str(path), remedy="`up` again") from None


def _s3(data: Mapping[str, Any]) -> S3:
    accounts = {name: Account(**data[name]) for name in ("harness", "spark", "backup")}
    return S3(**{**data, **accounts})


def shell(connection: Connection, path: Path) -> str:
    """Lines for `eval`: the profile's place and what common tools read."""
    values = {"DATALAKE_CONNECTION": str(path)}
    if connection.s3:
        values |= {
            "AWS_ENDPOINT_URL": connection.s3.endpoint,
            "AWS_REGION": connection.s3.region,
            "AWS_ACCESS_KEY_ID": connection.s3.harness.access_key,
            "AWS_SECRET_ACCESS_KEY": connection.s3.harness.secret_key,
        }
    if connection.spark:
        values["SPARK_REMOTE"] = f"{connection.spark.remote}/;token={connection.spark.token}"
    return "\n".join(f"export {name}={shlex.quote(value)}" for name, value in values.items())


def profile(inventory: Inventory, source: Path, ports: Mapping[str, int], secrets: Mapping[str, str]) -> Connection:
    """How clients reach what `inventory` declares. `ports` by service; `secrets` by name (provisioning.secrets)."""
    store, declared = inventory.store, inventory.services

    def at(service: str) -> str:
        return f"{declared[service].host}:{ports[service]}"

    def account(name: Literal["harness", "spark", "backup"]) -> Account:
        return Account(store.accounts[name], secrets[f"minio-{name}"])

    s3 = catalog = spark = None
    if "minio" in declared:
        scheme = "https" if declared["minio"].tls else "http"
        s3 = S3(
            f"{scheme}://{at('minio')}", store.region, store.warehouse_bucket, store.backup_bucket,
            harness=account("harness"), spark=account("spark"), backup=account("backup"),
        )  # fmt: skip
    if "hive" in declared:
        catalog = Catalog("lake", f"thrift://{at('hive')}", f"s3://{store.warehouse_bucket}/warehouse")
    if "spark" in declared:
        # Spark's client sends a token in clear only to the literal name `localhost`.
        host = "localhost" if declared["spark"].host == "127.0.0.1" else declared["spark"].host
        spark = Spark(f"sc://{host}:{ports['spark']}", secrets["spark-connect"])
    return Connection(inventory.name, str(source), s3, catalog, spark, inventory.ca_file, inventory.budget.rows)
