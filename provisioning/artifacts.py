"""Everything that is fetched or built, in one cache that checkouts share.

A cached thing is used only while its SHA-256 is the pinned one (downloads) or the one written beside it when it was
built. Each is made in a folder of its own and moved into place at once, so an interrupted fetch leaves nothing behind.
"""

import errno
import fcntl
import hashlib
import math
import os
import shutil
import tempfile
import time
import tomllib
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event
from typing import IO

from provisioning import builders, tools
from provisioning.builders import DebianPackage, GoModule, MavenFile
from provisioning.files import make_folder, unwritable
from provisioning.problem import Problem
from provisioning.waiting import Hopeless, wait_until

Report = Callable[[str], None]
PINS = Path(__file__).with_name("artifacts.toml")
BIND = "metastore-bind"
HEARTBEAT = 30.0  # seconds between signs of life
FULL = (errno.ENOSPC, errno.EDQUOT, errno.EROFS)  # the cache's own trouble, whoever meets it


@dataclass(frozen=True)
class Artifact:
    """A thing in the cache: its file name, its pinned SHA-256 (None where it is built here), and how it is made.

    `make` gets an empty folder and returns what it made in there. `long` says why one has to wait, where one has to.
    """

    name: str
    file: str
    make: Callable[[Path], Path]
    sha256: str | None = None
    by_hand: str | None = None
    long: str = ""
    version: str | None = None
    needs: tuple[str, ...] = field(default=())

    @property
    def verb(self) -> str:
        """What making it is called."""
        return "fetching" if self.sha256 else "building"

    @property
    def pin(self) -> Path:
        """Where the hash of a built thing is kept."""
        return cache() / f"{self.file}.sha256"


def cache() -> Path:
    """The cache's folder: DATALAKE_CACHE, or the user's cache folder."""
    home = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(os.environ.get("DATALAKE_CACHE") or Path(home) / "datalake")


def pinned() -> Mapping[str, Artifact]:
    """All artifacts by name, as artifacts.toml pins them."""
    pins = tomllib.loads(PINS.read_text(encoding="utf-8"))
    maven = {name: _maven(name, MavenFile(**pin)) for name, pin in pins["maven"].items()}
    go = {name: _go(name, GoModule(**pin)) for name, pin in pins["go"].items()}
    debs = {name: _deb(name, DebianPackage(name, **pin)) for name, pin in pins["deb"].items()}
    schema = maven["hive-schema"]
    recipe = hashlib.sha256((str(schema.sha256) + "".join(builders.DERBY_SCRIPTS)).encode()).hexdigest()[:12]
    derby = Artifact(
        "metastore-schema",
        f"metastore-schema-{recipe}",
        make=lambda folder: builders.build_derby_schema(cache() / schema.file, folder),
        needs=("hive-schema",),
    )
    return {**maven, **go, **debs, derby.name: derby, BIND: _bind()}


def _bind() -> Artifact:
    source = builders.BIND_SOURCE.read_text(encoding="utf-8")
    recipe = source + "".join(jar.name for jar in builders.janino_jars())
    name = f"{BIND}-{hashlib.sha256(recipe.encode()).hexdigest()[:12]}"
    return Artifact(BIND, name, make=builders.compile_bind)


def _maven(name: str, pin: MavenFile) -> Artifact:
    return Artifact(name, f"{pin.sha256[:12]}-{pin.file}", lambda folder: builders.fetch_maven(pin, folder), pin.sha256)


def _deb(name: str, pin: DebianPackage) -> Artifact:
    return Artifact(name, pin.file, lambda folder: builders.fetch_deb(pin, folder), pin.sha256, version=pin.version)


def _go(name: str, pin: GoModule) -> Artifact:
    return Artifact(
        name,
        f"{name}-{pin.release}-{pin.commit}",
        lambda folder: builders.build_go(name, pin, folder),
        by_hand=pin.by_hand,
        long="built from source, several minutes once",
    )


def where(names: Iterable[str]) -> dict[str, Path]:
    """Where the named artifacts are or will be: in the cache, or where the site says."""
    known = pinned()
    return {name: _given(known[name]) or cache() / known[name].file for name in sorted(set(names))}


def missing(names: Iterable[str]) -> list[Artifact]:
    """Those that `provide` would make, in their order."""
    known, places = pinned(), where(names)
    unmade = [
        known[name] for name, place in places.items() if not _given(known[name]) and check(known[name], place) != "good"
    ]
    needed = missing({need for artifact in unmade for need in artifact.needs}) if unmade else []
    return [*needed, *(artifact for artifact in unmade if artifact not in needed)]


def provide(names: Iterable[str], report: Report) -> dict[str, Path]:
    """Paths of the named artifacts: from the cache, else fetched or built, side by side.

    `report` gets a line for whatever takes time. Raises the first Problem, once the others have ended. Where it is
    interrupted, the tools that are at work end with it.
    """
    known, work = pinned(), _Work(report)
    with ThreadPoolExecutor(max_workers=4) as pool:
        started = {name: pool.submit(_provide, known[name], known, work) for name in sorted(set(names))}
        try:
            while wait(started.values(), timeout=HEARTBEAT).not_done:
                work.tell()
        except BaseException:
            work.stop.set()
            while wait(started.values(), timeout=0.1).not_done:
                tools.end_running()  # again and again: a thread may just have begun with the next one
            raise
    return {name: future.result() for name, future in started.items()}


class _Work:
    """What is being made, since when, and whether to stop: shared by the threads of one `provide`."""

    def __init__(self, report: Report) -> None:
        self.report, self.stop = report, Event()
        self.since: dict[Artifact, float] = {}

    def tell(self) -> None:
        """A sign of life for each that is being made."""
        for artifact, began in self.since.copy().items():
            self.report(f"{artifact.name}: {artifact.verb}, {time.monotonic() - began:.0f} s …")


def _provide(artifact: Artifact, known: Mapping[str, Artifact], work: _Work) -> Path:
    given = _given(artifact)
    if given:
        return given
    target = make_folder(cache()) / artifact.file
    with _alone(artifact, work):
        _remove_leftovers(artifact)
        state = check(artifact, target)
        if state == "good":
            return target
        if state != "missing":
            work.report(f"{artifact.name}: {state}: made again")
        for need in artifact.needs:
            _provide(known[need], known, work)
        work.report(f"{artifact.name}: {artifact.long or artifact.verb} …")
        work.since[artifact] = time.monotonic()
        try:
            _make(artifact, target)
        finally:
            del work.since[artifact]
        work.report(f"{artifact.name}: ready")
    return target


def _given(artifact: Artifact) -> Path | None:
    return builders.given_binary(artifact.by_hand) if artifact.by_hand and os.environ.get(artifact.by_hand) else None


def _remove_leftovers(artifact: Artifact) -> None:
    """Folders of a `make` that was killed: whoever holds the artifact's lock knows that nobody is in them."""
    for folder in cache().glob(f".{artifact.name}.*/"):
        shutil.rmtree(folder, ignore_errors=True)


def _make(artifact: Artifact, target: Path) -> None:
    try:
        prefix = f".{artifact.name}."
        with tempfile.TemporaryDirectory(dir=cache(), prefix=prefix, ignore_cleanup_errors=True) as folder:
            made = _made(artifact, Path(folder))
            found = digest(made)
            if artifact.sha256 not in (None, found):
                raise Problem(f"SHA-256 is {found}, not the pinned {artifact.sha256}", where=artifact.name, remedy="")
            if artifact.sha256 is None:
                artifact.pin.write_text(found, encoding="ascii")
            _replace(made, target)
    except OSError as error:
        raise unwritable(cache(), error) from None
    except Problem as problem:
        raise Problem(problem.what, where=f"artifact {artifact.name}", remedy=_by_hand(artifact, target)) from None


def _made(artifact: Artifact, folder: Path) -> Path:
    """What `make` made. Only an OSError that is the cache's surfaces as one."""
    try:
        made = artifact.make(folder)
    except OSError as error:
        if error.errno in FULL:
            raise
        raise Problem(f"could not be made: {error}", where=artifact.name, remedy="") from None
    except Problem as problem:
        if os.strerror(errno.ENOSPC).lower() in problem.what.lower():  # a tool met it
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)) from None
        raise
    if not made.exists():
        raise Problem(f"making it left no {made.name}", where=artifact.name, remedy="")
    return made


def _replace(made: Path, target: Path) -> None:
    if target.is_dir():
        shutil.rmtree(target)
    os.replace(made, target)


def _by_hand(artifact: Artifact, target: Path) -> str:
    if artifact.by_hand:
        return f"try again with the network, or set {artifact.by_hand} to a binary that you have"
    if artifact.sha256:
        return f"try again with the network, or put the file there by hand: {target}"
    return "try again with the network"


def check(artifact: Artifact, target: Path) -> str:
    """`good`, `missing`, or what is wrong with it."""
    if not target.exists():
        return "missing"
    try:
        wanted, found = expected(artifact), digest(target)
    except OSError as error:
        what = f"cannot be read ({error.strerror})"
        raise Problem(what, where=str(error.filename or target), remedy="make it readable, or remove it") from None
    return "good" if found == wanted else f"corrupted in the cache ({target}: SHA-256 {found}, expected {wanted})"


def expected(artifact: Artifact) -> str:
    """The SHA-256 that is pinned or, of a thing that was built here, written down then; `unknown` before that."""
    return artifact.sha256 or (artifact.pin.read_text(encoding="utf-8") if artifact.pin.exists() else "unknown")


def digest(path: Path) -> str:
    """SHA-256 of a file's bytes, or of a folder's sorted relative paths and bytes."""
    if path.is_file():
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    files = sorted(entry for entry in path.rglob("*") if entry.is_file())
    lines = (f"{file.relative_to(path)} {digest(file)}\n" for file in files)
    return hashlib.sha256("".join(lines).encode()).hexdigest()


@contextmanager
def _alone(artifact: Artifact, work: _Work) -> Iterator[None]:
    """One process at a time makes an artifact; the kernel lets go of the lock of a killed one."""
    path = cache() / f".{artifact.name}.lock"
    try:
        lock = path.open("w")
    except OSError as error:
        raise unwritable(path, error) from None
    with lock:
        if not _locked(lock, work):
            work.report(f"{artifact.name}: another command makes it, waiting …")
            # Not by a lock that blocks: an interrupted command could not leave it.
            wait_until(lambda: _locked(lock, work), math.inf, str(path))
        yield


def _locked(lock: IO[str], work: _Work) -> bool:
    if work.stop.is_set():
        raise Hopeless("stopped")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
