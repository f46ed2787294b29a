"""Lines of /etc/subuid and /etc/subgid: LXC maps ids for root only where root's range is reserved there."""

import contextlib
import fcntl
import os
from collections.abc import Iterator
from pathlib import Path

from provisioning.lab.shifting import FIRST_ID, IDS

FILES = (Path("/etc/subuid"), Path("/etc/subgid"))
LOCK = Path("/run/lock/datalake-lab")
LINE = f"root:{FIRST_ID}:{IDS}"


def add(record: Path, files: tuple[Path, ...] = FILES) -> bool:
    """Add a line of the lab's own to each file, once for a record; True where it did.

    Each lab adds its own copy, whatever is there already: so it takes away its own, and neither the host's nor
    another lab's.
    """
    if record.exists():
        return False
    with _alone():
        record.write_text("".join(f"{file}\n" for file in files), encoding="utf-8")
        for file in files:
            text = file.read_text(encoding="utf-8") if file.exists() else ""
            _replace(file, text + ("" if not text or text.endswith("\n") else "\n") + f"{LINE}\n")
    return True


def take_back(record: Path) -> bool:
    """Remove what is recorded; True where there was something."""
    if not record.exists():
        return False
    with _alone():
        for file in map(Path, record.read_text(encoding="utf-8").splitlines()):
            lines = file.read_text(encoding="utf-8").splitlines() if file.exists() else []
            if LINE in lines:
                del lines[len(lines) - 1 - lines[::-1].index(LINE)]
                _replace(file, "".join(f"{line}\n" for line in lines))
        record.unlink()
    return True


@contextlib.contextmanager
def _alone() -> Iterator[None]:
    """Labs change these files one after the other."""
    with LOCK.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _replace(file: Path, text: str) -> None:
    draft = file.with_name(f"{file.name}.datalake")
    draft.write_text(text, encoding="utf-8")
    draft.chmod(0o644)
    os.replace(draft, file)
