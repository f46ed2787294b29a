"""MinIO: the object store, its buckets, and an account for each kind of client."""

import json
from collections.abc import Mapping
from importlib.resources import files as resources
from typing import Any

import urllib3
from minio import Minio
from minio.credentials.providers import StaticProvider
from minio.error import MinioAdminException, MinioException, S3Error
from minio.minioadmin import MinioAdmin

from provisioning.connection import S3, Account, Connection
from provisioning.services.placement import Command, Placement, ProbeFailed, first_line

ARTIFACTS = ("minio",)
CLIENT_SECRETS = ("minio-harness", "minio-spark", "minio-backup")
SECRETS = ("minio-root", *CLIENT_SECRETS)
ROOT = "datalake-root"


def files(place: Placement) -> Mapping[str, str]:
    """Nothing: MinIO is configured by its environment."""
    return {}


def command(place: Placement) -> Command:
    """One server on one folder; the web console is off."""
    address = f"{place.host}:{place.port}"
    environment = {
        "MINIO_ROOT_USER": ROOT,
        "MINIO_ROOT_PASSWORD": place.secrets["minio-root"],
        "MINIO_BROWSER": "off",
        "MINIO_UPDATE": "off",
        "MINIO_SITE_REGION": _s3(place.connection).region,
        "MINIO_CALLHOME_ENABLE": "off",
        "GOMEMLIMIT": f"{place.memory * 3 // 4}",
    }
    binary = str(place.artifacts["minio"])
    return Command((binary, "server", "--quiet", "--address", address, str(place.data)), environment)


def before_start(place: Placement) -> None:
    """Nothing: MinIO makes its folder."""


def after_start(place: Placement) -> None:
    """Buckets, accounts and what each account may do. Repeating it restores what someone changed."""
    s3 = _s3(place.connection)
    try:
        _furnish(s3, Account(ROOT, place.secrets["minio-root"]))
    except (MinioException, MinioAdminException) as error:
        raise ProbeFailed(f"as its root account: {first_line(error)}") from None
    except urllib3.exceptions.HTTPError as error:
        raise ProbeFailed(f"no answer: {_reason(error)}") from None


def _furnish(s3: S3, root: Account) -> None:
    client = client_for(s3, root, timeout=10)
    for bucket in (s3.warehouse_bucket, s3.backup_bucket):
        if not client.bucket_exists(bucket):
            client.make_bucket(bucket)
    admin = _admin(s3, root, timeout=10)
    for name, account in {"harness": s3.harness, "spark": s3.spark, "backup": s3.backup}.items():
        admin.policy_add(name, policy=policy(name, s3))
        admin.user_add(account.access_key, account.secret_key)
        _attach(admin, name, account)


def _attach(admin: MinioAdmin, name: str, account: Account) -> None:
    try:
        admin.attach_policy([name], user=account.access_key)
    except MinioAdminException as error:
        if "already in effect" not in str(error):
            raise


def policy(name: str, s3: S3) -> dict[str, Any]:
    """What an account may do, from `policies/NAME.json`."""
    text = resources(__package__).joinpath("policies", f"{name}.json").read_text(encoding="utf-8")
    text = text.replace("@warehouse@", s3.warehouse_bucket).replace("@backups@", s3.backup_bucket)
    return dict(json.loads(text))


def client_for(s3: S3, account: Account, timeout: float = 30, ca_file: str | None = None) -> Minio:
    """A client that does not hide a dead store behind minutes of retries."""
    pool = urllib3.PoolManager(
        timeout=urllib3.Timeout(connect=timeout, read=timeout),
        retries=urllib3.Retry(total=0, redirect=0),
        ca_certs=ca_file,
        cert_reqs="CERT_REQUIRED" if s3.tls else "CERT_NONE",
    )
    return Minio(
        s3.address,
        access_key=account.access_key,
        secret_key=account.secret_key,
        secure=s3.tls,
        region=s3.region,
        http_client=pool,
    )


def probe(connection: Connection, timeout: float) -> str:
    """List the warehouse bucket as the harness does; the version where the account may ask for it."""
    s3 = _s3(connection)
    try:
        if not client_for(s3, s3.harness, timeout, connection.ca_file).bucket_exists(s3.warehouse_bucket):
            raise ProbeFailed(f"bucket {s3.warehouse_bucket!r} is missing")
    except S3Error as error:
        raise ProbeFailed(f"{error.code}: {error.message} (account {s3.harness.access_key!r})") from None
    except MinioException as error:  # no answer of S3's: a server that is starting, or none of this kind
        raise ProbeFailed(first_line(error)) from None
    except urllib3.exceptions.HTTPError as error:
        raise ProbeFailed(f"no answer: {_reason(error)}") from None
    return _version(s3, timeout, connection.ca_file)


def _version(s3: S3, timeout: float, ca_file: str | None) -> str:
    try:
        servers = json.loads(_admin(s3, s3.harness, timeout, ca_file).info()).get("servers", [])
    except (MinioException, MinioAdminException, urllib3.exceptions.HTTPError, ValueError):
        return "unknown"  # another S3, or an account without that right: it still serves
    return str(servers[0]["version"]) if servers else "unknown"


def _admin(s3: S3, account: Account, timeout: float, ca_file: str | None = None) -> MinioAdmin:
    pool = urllib3.PoolManager(timeout=timeout, retries=urllib3.Retry(total=0), ca_certs=ca_file)
    credentials = StaticProvider(account.access_key, account.secret_key)
    return MinioAdmin(endpoint=s3.address, credentials=credentials, region=s3.region, secure=s3.tls, http_client=pool)


def address(connection: Connection) -> str:
    """The S3 endpoint."""
    return connection.s3.endpoint if connection.s3 else "-"


def _reason(error: Exception) -> str:
    cause = getattr(error, "reason", None) or error
    return first_line(str(cause).rsplit(">: ", 1)[-1].rsplit("object at", 1)[0])


def _s3(connection: Connection) -> S3:
    if connection.s3 is None:
        raise ProbeFailed("the connection profile has no object store")
    return connection.s3
