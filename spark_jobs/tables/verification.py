"""Decide what is wrong with a backup: pure comparisons of the manifest with what was found."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

from spark_jobs.tables.manifest import NAME, Manifest, SavedFile

Kind = Literal["missing", "truncated", "changed", "surplus"]


@dataclass(frozen=True)
class Found:
    """An object as a listing shows it. `md5` is its entity tag, None where that is no plain MD5."""

    key: str
    bytes: int
    md5: str | None


@dataclass(frozen=True)
class Read:
    """An object as reading all of it showed it. `rows` is None where it is no Parquet any more."""

    bytes: int
    sha256: str
    rows: int | None


@dataclass(frozen=True)
class Damage:
    """One object that is not as the manifest says."""

    key: str
    kind: Kind
    seen: str
    expected: str

    def __str__(self) -> str:
        return f"{self.kind} {self.key}: {self.seen}, expected {self.expected}"


def quick(manifest: Manifest, listing: Iterable[Found]) -> list[Damage]:
    """Compare keys, sizes and stored checksums: what one listing tells."""
    found = {entry.key: entry for entry in listing if entry.key != NAME}
    damage = [_look(file, found.get(file.key)) for file in manifest.files]
    known = {file.key for file in manifest.files}
    surplus = [
        Damage(key, "surplus", f"{found[key].bytes} bytes", "no such object") for key in sorted(found.keys() - known)
    ]
    return [item for item in damage if item] + surplus


def _look(file: SavedFile, found: Found | None) -> Damage | None:
    if found is None:
        return Damage(file.key, "missing", "nothing there", f"{file.bytes} bytes")
    if found.bytes != file.bytes:
        kind: Kind = "truncated" if found.bytes < file.bytes else "changed"
        return Damage(file.key, kind, f"{found.bytes} bytes", f"{file.bytes} bytes")
    if found.md5 not in (None, file.md5):
        return Damage(file.key, "changed", f"stored MD5 {found.md5}", file.md5)
    return None


def deep(manifest: Manifest, contents: Mapping[str, Read]) -> Iterator[Damage]:
    """Compare what reading every byte showed. Objects that could not be read are left to `quick`."""
    for file in manifest.files:
        read = contents.get(file.key)
        if read is None:
            continue
        if read.sha256 != file.sha256:
            yield Damage(file.key, "changed", f"SHA-256 {read.sha256}", file.sha256)
        elif read.rows != file.rows:
            yield Damage(file.key, "changed", f"{read.rows} rows", f"{file.rows} rows")
