"""A backup's manifest: what was saved, from which snapshot, object by object.

A backup is a folder of plain Parquet files that any reader understands, and `manifest.json`, which is put last: without
it there is no backup. The manifest seals itself with a checksum, so a changed one is noticed, too.
"""

import dataclasses
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from datagen import Fingerprint
from spark_jobs.errors import Damaged

FORMAT = 1
NAME = "manifest.json"


@dataclass(frozen=True)
class SavedFile:
    """One Parquet object: its key below the backup's folder, rows, bytes and checksums of its bytes."""

    key: str
    rows: int
    bytes: int
    sha256: str
    md5: str


@dataclass(frozen=True)
class Manifest:
    """What a backup holds.

    `metadata` has the table's metadata as Iceberg writes it, as far as it describes the table and not its files:
    format version, schema with field ids, partition specs, sort orders, properties. `snapshot` is None for a table that
    never had rows.
    """

    table: str
    table_uuid: str
    snapshot: int | None
    snapshot_time_ms: int | None
    created: str
    metadata: Mapping[str, Any] = field(hash=False)
    fingerprint: Fingerprint
    files: tuple[SavedFile, ...]
    format: int = FORMAT

    @property
    def rows(self) -> int:
        """Rows in all files."""
        return sum(file.rows for file in self.files)

    @property
    def bytes(self) -> int:
        """Bytes in all files."""
        return sum(file.bytes for file in self.files)


def dump(manifest: Manifest) -> bytes:
    """The manifest as it is stored, sealed."""
    body = dataclasses.asdict(manifest) | {"fingerprint": manifest.fingerprint.to_json()}
    return json.dumps({**body, "seal": _seal(body)}, indent=1).encode()


def load(content: bytes, where: str) -> Manifest:
    """Read what `dump` wrote. Raises Damaged where it is no manifest, a changed one, or one of another format."""
    try:
        body = json.loads(content)
        seal = body.pop("seal")
        if body["format"] != FORMAT:
            raise _damaged(f"has format {body['format']!r}, this version reads {FORMAT}", where)
        if seal != _seal(body):
            raise _damaged("was changed after it was written (its seal does not fit)", where)
        files = tuple(SavedFile(**file) for file in body.pop("files"))
        return Manifest(**{**body, "fingerprint": Fingerprint.from_json(body["fingerprint"]), "files": files})
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise _damaged(f"is no manifest ({type(error).__name__}: {error})", where) from None


def _damaged(what: str, where: str) -> Damaged:
    return Damaged(what, where=where, remedy="take another backup")


def _seal(body: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(body, sort_keys=True, separators=(",", ":")).encode()).hexdigest()
