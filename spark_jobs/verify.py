"""Verify a backup, without any catalog: names each object that is missing, truncated, changed or surplus.

Quick goes by one listing: keys, sizes and the checksums that the store keeps. --deep reads and hashes every byte and
counts the rows.
"""

import hashlib
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from datagen import EMPTY, fingerprint
from spark_jobs.command import command, option
from spark_jobs.errors import Refused
from spark_jobs.lake import Lake, backup_place, bucket_and_key
from spark_jobs.tables import manifest, verification
from spark_jobs.tables.manifest import Manifest, SavedFile
from spark_jobs.tables.verification import Damage, Found, Read

READERS = 4


@dataclass(frozen=True)
class Arguments:
    """Which backup, and how thoroughly."""

    backup: str = option("s3://BUCKET/PREFIX of the backup")
    deep: bool = option("read and hash every byte, and count the rows", default=False)


@dataclass(frozen=True)
class Result:
    """What was looked at and what is wrong with it."""

    backup: str
    deep: bool
    files: int
    rows: int
    damage: tuple[Damage, ...]

    @property
    def exit_code(self) -> int:
        """0 whole, 1 damaged."""
        return 1 if self.damage else 0

    def __str__(self) -> str:
        how = "deep" if self.deep else "quick"
        if not self.damage:
            return f"{self.backup}: whole ({how}): {self.files} files, {self.rows} rows"
        return "\n".join([f"{self.backup}: damaged ({how})", *(f"  {item}" for item in self.damage)])


def run(lake: Lake, arguments: Arguments) -> Result:
    """Look at every object. Raises Refused where there is no backup, Damaged where its manifest is not whole."""
    place = backup_place(arguments.backup)
    made = read_manifest(lake, place)
    damage = verification.quick(made, _listing(lake, place))
    if arguments.deep:
        damage = _merge(damage, _deep(lake, place, made, {item.key for item in damage}))
    return Result(place, arguments.deep, len(made.files), made.rows, tuple(damage))


def read_manifest(lake: Lake, backup: str) -> Manifest:
    """The manifest of a backup."""
    content = lake.get("backup", f"{backup}/{manifest.NAME}")
    if content is None:
        raise Refused("there is no backup (no manifest.json)", where=backup, remedy="name a finished backup's folder")
    return manifest.load(content, f"{backup}/{manifest.NAME}")


def _listing(lake: Lake, backup: str) -> Iterator[Found]:
    bucket, prefix = bucket_and_key(backup)
    for entry in lake.store("backup").list_objects(bucket, f"{prefix}/", recursive=True):
        tag = (entry.etag or "").strip('"')
        # The tag of an object that was put in several parts ends in -N and is no MD5 of its bytes.
        yield Found(str(entry.object_name).removeprefix(f"{prefix}/"), entry.size or 0, tag if "-" not in tag else None)


def _deep(lake: Lake, backup: str, made: Manifest, known_bad: set[str]) -> list[Damage]:
    good = [file for file in made.files if file.key not in known_bad]
    with ThreadPoolExecutor(READERS) as pool:
        reads = dict(zip((file.key for file in good), pool.map(lambda f: _read(lake, backup, f), good), strict=True))
    damage = list(verification.deep(made, {key: read for key, (read, _) in reads.items() if read}))
    total = sum((found for _, found in reads.values()), EMPTY)
    all_read = len(good) == len(made.files)
    if not damage and all_read and total != made.fingerprint:
        damage.append(Damage("(all rows)", "changed", str(total), str(made.fingerprint)))
    return damage


def _read(lake: Lake, backup: str, file: SavedFile) -> tuple[Read | None, Any]:
    content = lake.get("backup", f"{backup}/{file.key}")
    if content is None:
        return None, EMPTY
    digest = hashlib.sha256(content).hexdigest()
    try:
        table = pq.read_table(pa.BufferReader(content))
    except (pa.ArrowException, OSError):
        return Read(len(content), digest, None), EMPTY
    return Read(len(content), digest, table.num_rows), fingerprint(table)


def _merge(first: list[Damage], second: list[Damage]) -> list[Damage]:
    return sorted((*first, *second), key=lambda item: item.key)


if __name__ == "__main__":
    sys.exit(command(run, Arguments, __doc__))
