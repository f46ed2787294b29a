"""Spark 4.0.1 with Iceberg 1.10.0, reached by Spark Connect only.

The JVM is started directly: Spark's launcher adds a module (jdk.incubator.vector) that small Java runtimes do not have.
"""

import os
import uuid
from collections.abc import Mapping
from importlib.resources import files as resources
from pathlib import Path
from string import Template
from typing import Any

from provisioning.connection import Connection
from provisioning.java import OPENS, pyspark_jars
from provisioning.problem import Exit, Problem
from provisioning.services.placement import Command, Placement, ProbeFailed, first_line

JARS = ("iceberg-spark-runtime", "iceberg-aws-bundle", "hadoop-aws", "s3-transfer-manager")
ARTIFACTS = JARS
CLIENT_SECRETS = ("spark-connect",)
SECRETS = ("minio-spark", *CLIENT_SECRETS)


def files(place: Placement) -> Mapping[str, str]:
    """spark.properties (it holds the store's keys, hence a file) and logging."""
    s3, catalog = place.connection.s3, place.connection.catalog
    if s3 is None or catalog is None:
        remedy = "declare [services.minio] and [services.hive]"
        raise Problem("needs an object store and a metastore", where="spark", remedy=remedy, code=Exit.USAGE)
    jars = [str(place.artifacts[name]) for name in JARS]
    values = {
        "cores": min(os.cpu_count() or 1, 4),
        "heap": place.heap_mib,
        "scratch": place.data,
        "host": place.host,
        "port": place.port,
        "jars": ",".join(jars),
        "classpath": ":".join(jars),
        "catalog": catalog.name,
        "metastore": catalog.uri,
        "warehouse": catalog.warehouse,
        "endpoint": s3.endpoint,
        "region": s3.region,
        "access_key": s3.spark.access_key,
        "secret_key": s3.spark.secret_key.replace("\\", "\\\\"),  # an escape in properties files
    }
    return {name: _template(name).safe_substitute(values) for name in ("spark.properties", "log4j2.properties")}


def _template(name: str) -> Template:
    return Template(resources(__package__).joinpath("templates", name).read_text(encoding="utf-8"))


def command(place: Placement) -> Command:
    """The Connect server as a Spark application."""
    argv = (
        str(place.java), *OPENS, f"-Xmx{place.heap_mib}m", "-XX:+ExitOnOutOfMemoryError",
        f"-Djava.io.tmpdir={place.data}", f"-Dlog4j2.configurationFile={place.conf}/log4j2.properties",
        "-Dderby.system.home=" + str(place.data), "-cp", f"{place.conf}:{pyspark_jars()}/*",
        "org.apache.spark.deploy.SparkSubmit", "--properties-file", f"{place.conf}/spark.properties",
        "--class", "org.apache.spark.sql.connect.service.SparkConnectServer", "spark-internal",
    )  # fmt: skip
    token = place.secrets["spark-connect"]
    environment = {
        "SPARK_CONNECT_AUTHENTICATE_TOKEN": token,
        "SPARK_HOME": str(pyspark_jars().parent),
        "SPARK_LOCAL_IP": place.host,
        "PYSPARK_PYTHON": str(place.python),
        "PYTHONPATH": "",  # what executors import reaches them as an artifact, never from a checkout
        "TZ": "UTC",
    }
    return Command(argv, environment)


def before_start(place: Placement) -> None:
    """Nothing: its folder is enough."""


def after_start(place: Placement) -> None:
    """Nothing: tables live in the catalog."""


def _channel(address: str, ca_file: str | None) -> Any:
    """As Spark's own client does it: in clear to the literal `localhost`, by TLS to anybody else."""
    import grpc

    if address.startswith("localhost:"):
        return grpc.insecure_channel(address)
    authority = Path(ca_file).read_bytes() if ca_file else None
    return grpc.secure_channel(address, grpc.ssl_channel_credentials(authority))


def probe(connection: Connection, timeout: float) -> str:
    """Ask Spark Connect for its version with the token, in one call that cannot hang."""
    if connection.spark is None:
        raise ProbeFailed("the connection profile has no Spark")
    import grpc
    from pyspark.sql.connect.proto import AnalyzePlanRequest, UserContext
    from pyspark.sql.connect.proto.base_pb2_grpc import SparkConnectServiceStub

    request = AnalyzePlanRequest(
        session_id=str(uuid.uuid4()),
        user_context=UserContext(user_id="probe"),
        spark_version=AnalyzePlanRequest.SparkVersion(),
    )
    with _channel(connection.spark.remote.removeprefix("sc://"), connection.ca_file) as channel:
        try:
            metadata = (("authorization", f"Bearer {connection.spark.token}"),)
            stub = SparkConnectServiceStub(channel)  # type: ignore[no-untyped-call]  # generated code has no types
            answer = stub.AnalyzePlan(request, timeout=timeout, metadata=metadata)
        except grpc.RpcError as error:
            raise ProbeFailed(f"{error.code().name}: {first_line(error.details() or 'no details')}") from None
    return str(answer.spark_version.version)


def address(connection: Connection) -> str:
    """The Connect address."""
    return connection.spark.remote if connection.spark else "-"
