"""How artifacts are made, each in a folder it is given: fetched by Ivy, built by Go or Janino, filled by Derby."""

import json
import os
import re
import shutil
import sysconfig
import tarfile
from dataclasses import dataclass
from pathlib import Path
from xml.sax.saxutils import quoteattr

from provisioning.java import TRUSTSTORE_PASSWORD, ca_bundle, find_java, pyspark_jars, write_truststore
from provisioning.problem import Exit, Problem
from provisioning.tools import complaint, run

GO_AT_LEAST = (1, 24)  # MinIO's go.mod

# The published schemas start at 1.2.0; these lead to the 2.3.0 that Hive Metastore 2.3.10 demands.
DERBY_SCRIPTS = (
    "hive-schema-1.2.0.derby.sql",
    "upgrade-1.2.0-to-2.0.0.derby.sql",
    "upgrade-2.0.0-to-2.1.0.derby.sql",
    "upgrade-2.1.0-to-2.2.0.derby.sql",
    "upgrade-2.2.0-to-2.3.0.derby.sql",
)


# Lets the metastore listen at one address; the comment inside says why.
BIND_SOURCE = Path(__file__).parent / "services/hive/HiveAuthUtils.java"


@dataclass(frozen=True)
class MavenFile:
    """Coordinates of one file in Maven's central repository, and its SHA-256."""

    group: str
    module: str
    version: str
    sha256: str
    classifier: str = ""
    ext: str = "jar"

    @property
    def file(self) -> str:
        """Name under which Maven publishes it."""
        return f"{self.module}-{self.version}{'-' if self.classifier else ''}{self.classifier}.{self.ext}"


@dataclass(frozen=True)
class GoModule:
    """A program's Go module, its checksum (h1), and the version that the program shall report of itself."""

    module: str
    version: str
    sum: str
    release: str
    commit: str
    by_hand: str


@dataclass(frozen=True)
class DebianPackage:
    """A binary package of Debian: its exact version, and the SHA-256 of its file."""

    name: str
    version: str
    architecture: str
    sha256: str

    @property
    def file(self) -> str:
        """Its file's name, as apt calls it: the epoch's colon is written %3a."""
        return f"{self.name}_{self.version.replace(':', '%3a')}_{self.architecture}.deb"


def fetch_deb(pin: DebianPackage, folder: Path) -> Path:
    """Fetch one package by apt from this machine's own sources, with lists of its own: no root, and never stale.

    One source that refuses us (Proxmox's, without a subscription) does not matter while another has the package.
    """
    for needed in ("state/lists/partial", "cache/archives/partial"):
        (folder / needed).mkdir(parents=True)
    own = [
        f"-oDir::State={folder}/state", "-oDir::State::status=/dev/null", f"-oDir::Cache={folder}/cache",
        "-oAPT::Sandbox::User=",  # apt's own user may not write into our folder
    ]  # fmt: skip
    refused = None
    try:
        run(["apt-get", "-q", *own, "update"], cwd=folder)
    except Problem as problem:
        refused = problem
    wanted = f"{pin.name}:{pin.architecture}={pin.version}"
    try:
        run(["apt-get", "-q", *own, "download", wanted], cwd=folder)
    except Problem as problem:
        raise refused or problem from None
    return folder / pin.file


def fetch_maven(pin: MavenFile, folder: Path) -> Path:
    """Fetch one file by the Ivy inside pyspark (its default resolver)."""
    jars = pyspark_jars()
    ivy = next(jars.glob("ivy-*.jar"))
    (folder / "ivy.xml").write_text(ivy_module(pin), encoding="utf-8")
    trust = write_truststore(folder / "trust.p12")
    run(
        [
            find_java(), f"-Djavax.net.ssl.trustStore={trust}", "-Djavax.net.ssl.trustStoreType=PKCS12",
            f"-Djavax.net.ssl.trustStorePassword={TRUSTSTORE_PASSWORD}", "-jar", ivy, "-cache", folder / "ivy",
            "-ivy", folder / "ivy.xml", "-confs", "default", "-retrieve", f"{folder}/fetched/[artifact].[ext]",
        ],
        cwd=folder,
    )  # fmt: skip
    fetched = folder / "fetched" / f"{pin.module}.{pin.ext}"
    if not fetched.is_file():
        raise Problem(f"{pin.group}:{pin.module}:{pin.version} was not fetched", where="Ivy", remedy="")
    return fetched


def ivy_module(pin: MavenFile) -> str:
    """An Ivy module that wants exactly one file and nothing of what it depends on."""
    classifier = f" m:classifier={quoteattr(pin.classifier)}" if pin.classifier else ""
    return (
        '<ivy-module version="2.0" xmlns:m="http://ant.apache.org/ivy/maven">'
        '<info organisation="datalake" module="fetch"/><configurations><conf name="default"/></configurations>'
        f"<dependencies><dependency org={quoteattr(pin.group)} name={quoteattr(pin.module)} "
        f'rev={quoteattr(pin.version)} transitive="false" conf="default->*">'
        f"<artifact name={quoteattr(pin.module)} type={quoteattr(pin.ext)} ext={quoteattr(pin.ext)}{classifier}/>"
        "</dependency></dependencies></ivy-module>"
    )


def build_go(name: str, pin: GoModule, folder: Path) -> Path:
    """Build a program from its module at a pinned checksum; it reports the version that it truly is."""
    go = find_go()
    env = {
        **os.environ,
        "GOPATH": str(folder / "path"),
        "GOCACHE": str(folder / "cache"),
        "GOBIN": str(folder / "bin"),
        "GOFLAGS": "-modcacherw",  # else the temporary folder cannot be removed
        "GOTOOLCHAIN": "local",
        "CGO_ENABLED": "0",
        "SSL_CERT_FILE": str(ca_bundle()),
    }
    found = _module_sum(run([go, "mod", "download", "-json", f"{pin.module}@{pin.version}"], cwd=folder, env=env))
    if found != pin.sum:
        raise Problem(f"module sum is {found}, not the pinned {pin.sum}", where=pin.module, remedy="")
    stamp = {"Version": pin.release, "ReleaseTag": pin.release, "CommitID": pin.commit, "ShortCommitID": pin.commit}
    flags = " ".join(["-s -w", *(f"-X {pin.module}/cmd.{key}={value}" for key, value in stamp.items())])
    run([go, "install", "-trimpath", f"-ldflags={flags}", f"{pin.module}@{pin.version}"], cwd=folder, env=env)
    return folder / "bin" / name


def _module_sum(answer: str) -> str:
    try:
        return str(json.loads(answer)["Sum"])
    except (ValueError, KeyError, TypeError):
        raise Problem(f"go tells no module sum: {complaint(answer)}", where="go", remedy="") from None


def find_go() -> Path:
    """The go to build with: the PATH's where it is new enough, else the wheel's."""
    places = [shutil.which("go"), f"{sysconfig.get_path('scripts')}/go"]
    seen = {go: _go_version(go) for go in (Path(place) for place in places if place and Path(place).is_file())}
    for go, version in seen.items():
        if version and version >= GO_AT_LEAST:
            return go
    tried = ", ".join(f"{go} is {'.'.join(map(str, v)) if v else 'no Go'}" for go, v in seen.items()) or "nothing found"
    raise Problem(f"no Go toolchain of at least 1.24 ({tried})", where="Go", remedy="run `make setup`")


def _go_version(go: Path) -> tuple[int, int] | None:
    """None where it does not run: a version manager's stand-in must not hide the wheel's."""
    try:
        match = re.search(r"go(\d+)\.(\d+)", run([go, "version"], cwd=Path("/")))
    except Problem:
        return None
    return (int(match[1]), int(match[2])) if match else None


def build_derby_schema(archive: Path, folder: Path) -> Path:
    """The metastore's schema as an embedded Derby database, made by Derby's own `ij` from Hive's scripts."""
    scripts = _unpack(archive, "/scripts/metastore/upgrade/derby/", folder / "scripts")
    runs = "".join(f"run '{script}';\n" for script in DERBY_SCRIPTS)
    classpath = ":".join(str(jar) for jar in sorted(pyspark_jars().glob("derby*.jar")))
    database = folder / "metastore"
    java: list[str | Path] = [find_java(), "-Dderby.stream.error.field=java.lang.System.err", "-cp", classpath]
    sql = f"connect 'jdbc:derby:{database};create=true';\n{runs}select schema_version from app.version;\n"
    output = run([*java, "org.apache.derby.tools.ij"], cwd=scripts, stdin=sql)
    if "2.3.0" not in output.rsplit("SCHEMA_VERSION", 1)[-1]:
        raise Problem(f"Derby did not reach schema 2.3.0: {complaint(output)}", where="Derby", remedy="")
    run([*java, "org.apache.derby.tools.ij"], cwd=scripts, stdin=_shutdown(database))
    return database


def _unpack(archive: Path, under: str, folder: Path) -> Path:
    """The plain files of one folder of an archive, by their bare names (so nothing can land elsewhere)."""
    folder.mkdir()
    with tarfile.open(archive) as tar:
        for member in tar:
            content = tar.extractfile(member) if under in f"/{member.name}" and member.isfile() else None
            if content is not None:
                (folder / Path(member.name).name).write_bytes(content.read())
    return folder


def compile_bind(folder: Path) -> Path:
    """Our small class for the metastore, compiled by the Janino inside pyspark: a Java runtime has no compiler."""
    classes = folder / "classes"
    classes.mkdir()
    janino = ":".join(str(jar) for jar in janino_jars())
    thrift = ":".join(str(jar) for jar in sorted(pyspark_jars().glob("libthrift-*.jar")))
    # A demonstration, and all the same Janino's only command line that writes class files.
    program = "org.codehaus.commons.compiler.samples.CompilerDemo"
    run([find_java(), "-cp", janino, program, "-d", classes, "-classpath", thrift, BIND_SOURCE], cwd=folder)
    if not any(classes.rglob("HiveAuthUtils.class")):
        raise Problem("Janino wrote no class", where="Janino", remedy="")
    return classes


def janino_jars() -> list[Path]:
    """The compiler that pyspark brings along, by its file names."""
    return sorted(jar for name in ("janino", "commons-compiler") for jar in pyspark_jars().glob(f"{name}-*.jar"))


def _shutdown(database: Path) -> str:
    # Opening and closing once more replays the log, so that a copy is a database at rest.
    return f"connect 'jdbc:derby:{database}';\ndisconnect;\nconnect 'jdbc:derby:;shutdown=true';\n"


def given_binary(name: str) -> Path:
    """A program that the site supplies through an environment variable."""
    path = Path(os.environ[name])
    if path.is_file() and os.access(path, os.X_OK):
        return path.resolve()
    raise Problem(
        "is no program that can be run", where=f"{name}={path}", remedy="correct or unset it", code=Exit.USAGE
    )
