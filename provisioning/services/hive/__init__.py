"""Hive Metastore 2.3.10, run from pyspark's own jars.

Of the versions that Spark 4.0's and Iceberg 1.10's client can talk to, only 2.3.10 has both fixes that commits need on
MariaDB (HIVE-26882, HIVE-28121). Its lock reaper is on: the locks of a killed writer block every later commit else.
"""

import os
import shutil
import socket
import tempfile
from collections.abc import Mapping
from importlib.resources import files as resources
from pathlib import Path
from string import Template
from urllib.parse import urlsplit
from xml.sax.saxutils import escape

from hive_metastore.ThriftHiveMetastore import Client
from thrift.protocol.TBinaryProtocol import TBinaryProtocol
from thrift.Thrift import TException
from thrift.transport.TSocket import TSocket
from thrift.transport.TTransport import TBufferedTransport

from provisioning.connection import Connection
from provisioning.java import pyspark_jars
from provisioning.problem import Exit, Problem
from provisioning.services.placement import Command, Placement, ProbeFailed, first_line

S3_JARS = ("hadoop-aws", "iceberg-aws-bundle", "s3-transfer-manager")
ARTIFACTS = ("metastore-schema", "metastore-bind", *S3_JARS)
SECRETS = ("minio-spark",)
CLIENT_SECRETS = ()


def files(place: Placement) -> Mapping[str, str]:
    """hive-site.xml and core-site.xml: namespaces at s3:// need the store's address and Spark's account."""
    s3 = place.connection.s3
    if s3 is None:
        raise Problem("needs an object store", where="hive", remedy="declare [services.minio]", code=Exit.USAGE)
    values = {
        "database": f"jdbc:derby:{place.data}/metastore",
        "warehouse": f"file://{place.data}/warehouse",
        "endpoint": s3.endpoint,
        "region": s3.region,
        "access_key": s3.spark.access_key,
        "secret_key": s3.spark.secret_key,
    }
    escaped = {name: escape(value) for name, value in values.items()}
    return {
        name: _template(name).substitute(escaped) for name in ("hive-site.xml", "core-site.xml", "log4j2.properties")
    }


def _template(name: str) -> Template:
    return Template(resources(__package__).joinpath("templates", name).read_text(encoding="utf-8"))


def command(place: Placement) -> Command:
    """The metastore's main class on pyspark's class path, behind the class that keeps it to its host."""
    jars = [str(place.artifacts[name]) for name in ("metastore-bind", *S3_JARS)]
    classpath = ":".join([str(place.conf), *jars, f"{pyspark_jars()}/*"])
    argv = (
        str(place.java), f"-Xmx{place.heap_mib}m", f"-Djava.io.tmpdir={place.data}",
        f"-Ddatalake.bind.host={place.host}",
        f"-Dderby.stream.error.file={place.home}/log/derby.log",
        f"-Dlog4j2.configurationFile={place.conf}/log4j2.properties", "-cp", classpath,
        "org.apache.hadoop.hive.metastore.HiveMetaStore", "-p", str(place.port),
    )  # fmt: skip
    return Command(argv, {"METASTORE_HOME": str(place.home)})


def before_start(place: Placement) -> None:
    """The schema, copied whole or not at all: a database made by the metastore itself has no lock tables."""
    database = place.data / "metastore"
    if not database.exists():
        with tempfile.TemporaryDirectory(dir=place.data) as folder:
            copied = shutil.copytree(place.artifacts["metastore-schema"], Path(folder) / "metastore")
            os.replace(copied, database)


def after_start(place: Placement) -> None:
    """Nothing: namespaces are made by who needs them."""


def probe(connection: Connection, timeout: float) -> str:
    """Ask over thrift for the databases, as clients do, then for the version that it reports."""
    if connection.catalog is None:
        raise ProbeFailed("the connection profile has no catalog")
    place = urlsplit(connection.catalog.uri)
    endpoint = TSocket(place.hostname, place.port)
    endpoint.setTimeout(timeout * 1000)
    transport = TBufferedTransport(endpoint)
    try:
        # thrift logs a refused connection by itself; this refuses quietly first
        socket.create_connection((place.hostname, place.port or 0), timeout).close()
        transport.open()
        client = Client(TBinaryProtocol(transport))
        if "default" not in client.get_all_databases():
            raise ProbeFailed("the database 'default' is missing")
        return f"metastore API {client.getVersion()}"  # a constant of its code, not the release
    except (TException, OSError) as error:
        raise ProbeFailed(f"no answer: {first_line(getattr(error, 'message', None) or error)}") from None
    finally:
        transport.close()


def address(connection: Connection) -> str:
    """The thrift address."""
    return connection.catalog.uri if connection.catalog else "-"
