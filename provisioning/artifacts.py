"""Everything that is fetched or built, in one cache that checkouts share.

A cached thing is used only while its SHA-256 is the pinned one (downloads) or the one written beside it when it was
built. Each is made in a folder of its own and moved into place at once, so an interrupted fetch leaves nothing behind.
"""

import fcntl
import hashlib
import os
import shutil
import tempfile
import tomllib
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from provisioning import builders
from provisioning.builders import GoModule, MavenFile
from provisioning.files import make_folder, unwritable
from provisioning.problem import Problem

Report = Callable[[str], None]
PINS = Path(__file__).with_name("artifacts.toml")


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
    needs: tuple[str, ...] = field(default=())

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
    schema = maven["hive-schema"]
    recipe = hashlib.sha256((str(schema.sha256) + "".join(builders.DERBY_SCRIPTS)).encode()).hexdigest()[:12]
    derby = Artifact(
        "metastore-schema",
        f"metastore-schema-{recipe}",
        make=lambda folder: builders.build_derby_schema(cache() / schema.file, folder),
        needs=("hive-schema",),
    )
    return {**maven, **go, derby.name: derby}


def _maven(name: str, pin: MavenFile) -> Artifact:
    return Artifact(name, f"{pin.sha256[:12]}-{pin.file}", lambda folder: builders.fetch_maven(pin, folder), pin.sha256)


def _go(name: str, pin: GoModule) -> Artifact:
    return Artifact(
        name,
        f"{name}-{pin.release}-{pin.commit}",
        lambda folder: builders.build_go(name, pin, folder),
        by_hand=pin.by_hand,
        long="built from source, several minutes once",
    )


def provide(names: Iterable[str], report: Report) -> dict[str, Path]:
    """Paths of the named artifacts: from the cache, else fetched or built, side by side.

    `report` gets a line for whatever takes time. Raises the first Problem, once the others have ended.
    """
    known = pinned()
    with ThreadPoolExecutor(max_workers=4) as pool:
        started = {name: pool.submit(_provide, known[name], report) for name in sorted(set(names))}
    return {name: future.result() for name, future in started.items()}


def _provide(artifact: Artifact, report: Report) -> Path:
    if artifact.by_hand and os.environ.get(artifact.by_hand):
        return builders.given_binary(artifact.by_hand)
    target = make_folder(cache()) / artifact.file
    with _alone(artifact):
        state = check(artifact, target)
        if state == "good":
            return target
        if state != "missing":
            report(f"{artifact.name}: {state}: made again")
        for need in artifact.needs:
            _provide(pinned()[need], report)
        report(f"{artifact.name}: {artifact.long or 'fetching'} …")
        _make(artifact, target)
        report(f"{artifact.name}: ready")
    return target


def _make(artifact: Artifact, target: Path) -> None:
    try:
        with tempfile.TemporaryDirectory(dir=cache(), prefix=f".{artifact.name}.") as folder:
            made = artifact.make(Path(folder))
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
    expected = artifact.sha256 or (artifact.pin.read_text(encoding="ascii") if artifact.pin.exists() else "unknown")
    found = digest(target)
    return "good" if found == expected else f"corrupted in the cache ({target}: SHA-256 {found}, expected {expected})"


def digest(path: Path) -> str:
    """SHA-256 of a file's bytes, or of a folder's sorted relative paths and bytes."""
    if path.is_file():
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    files = sorted(entry for entry in path.rglob("*") if entry.is_file())
    lines = (f"{file.relative_to(path)} {digest(file)}\n" for file in files)
    return hashlib.sha256("".join(lines).encode()).hexdigest()


@contextmanager
def _alone(artifact: Artifact) -> Iterator[None]:
    """One process at a time makes an artifact; the kernel lets go of the lock of a killed one."""
    path = cache() / f".{artifact.name}.lock"
    try:
        lock = path.open("w")
    except OSError as error:
        raise unwritable(path, error) from None
    with lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
