"""The connection profile as jobs read it: whoever runs a job, needs this one file and nothing of provisioning."""

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from spark_jobs.errors import Refused, Unreachable

FORMAT = 1
CHECKOUT = Path(__file__).parent.parent


@dataclass(frozen=True)
class Account:
    """A way into the object store."""

    access_key: str
    secret_key: str = field(repr=False)


@dataclass(frozen=True)
class S3:
    """The object store, its buckets and its accounts by name."""

    endpoint: str
    region: str
    warehouse_bucket: str
    backup_bucket: str
    accounts: Mapping[str, Account]


@dataclass(frozen=True)
class Catalog:
    """The Iceberg catalog."""

    name: str
    uri: str
    warehouse: str


@dataclass(frozen=True)
class Profile:
    """What a connection profile says. A part is None where the lakehouse has no such service."""

    source: Path
    inventory: str
    s3: S3 | None
    catalog: Catalog | None
    spark_remote: str | None
    spark_token: str | None = field(repr=False)
    ca_file: str | None
    row_budget: int

    def addresses(self) -> dict[str, str]:
        """host:port of each service that there is."""
        return _addresses(self)


def _addresses(profile: Profile) -> dict[str, str]:
    places = {
        "minio": profile.s3.endpoint if profile.s3 else None,
        "hive": profile.catalog.uri if profile.catalog else None,
        "spark": profile.spark_remote,
    }
    return {name: place.partition("://")[2] for name, place in places.items() if place}


def default_path() -> Path:
    """DATALAKE_CONNECTION, else the profile of the lakehouse last brought up in this checkout."""
    named = os.environ.get("DATALAKE_CONNECTION")
    root = Path(os.environ.get("DATALAKE_STATE") or CHECKOUT / ".datalake")
    return Path(named) if named else root / "current" / "connection.json"


def read(path: Path | None = None) -> Profile:
    """Read a profile. Raises Unreachable or Refused that says what to do."""
    path = path or default_path()
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise Unreachable(
            "there is no connection profile",
            where=str(path),
            remedy="run `python -m provisioning up`, or name one by DATALAKE_CONNECTION",
        ) from None
    except (OSError, ValueError) as error:
        raise Refused(f"unreadable ({error})", where=str(path), remedy="write it anew: `up` again") from None
    seen = data.get("format") if isinstance(data, dict) else None
    if seen != FORMAT:
        raise Refused(f"has format {seen!r}, not {FORMAT}", where=str(path), remedy="`up` again")
    try:
        return _profile(path, data)
    except (KeyError, TypeError) as error:
        raise Refused(f"lacks {error}", where=str(path), remedy="write it anew: `up` again") from None


def _s3(data: Mapping[str, Any]) -> S3:
    return S3(
        endpoint=data["endpoint"],
        region=data["region"],
        warehouse_bucket=data["warehouse_bucket"],
        backup_bucket=data["backup_bucket"],
        accounts={name: Account(**data[name]) for name in ("harness", "spark", "backup")},
    )


def _profile(path: Path, data: Mapping[str, Any]) -> Profile:
    s3, catalog, spark = data["s3"], data["catalog"], data["spark"]
    return Profile(
        source=path,
        inventory=data["inventory"],
        s3=_s3(s3) if s3 else None,
        catalog=Catalog(**catalog) if catalog else None,
        spark_remote=spark["remote"] if spark else None,
        spark_token=spark["token"] if spark else None,
        ca_file=data["ca_file"],
        row_budget=data["row_budget"],
    )
