"""Files that are whole or not there, and readable by whom they should be."""

import os
import shutil
import tempfile
from pathlib import Path

from provisioning.problem import Problem
from provisioning.sizes import show_size

PRIVATE = 0o600


def write_private(path: Path, text: str) -> None:
    """Write `text` at once and only for its owner (0600); a reader sees the old file or the new one, never a half."""
    make_folder(path.parent)
    try:
        descriptor, draft = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")  # mkstemp makes it 0600
        try:
            with os.fdopen(descriptor, "w", encoding="utf-8") as file:
                file.write(text)
            os.replace(draft, path)
        except BaseException:
            Path(draft).unlink(missing_ok=True)
            raise
    except OSError as error:
        raise unwritable(path, error) from None


def make_folder(path: Path) -> Path:
    """The folder, made with all that leads to it (0700 each) where that is missing. Raises Problem where it cannot."""
    try:
        missing = [folder for folder in (path, *path.parents) if not folder.is_dir()]
        for folder in reversed(missing):
            folder.mkdir(mode=0o700, exist_ok=True)  # mkdir's own `parents` would make these open to others
    except OSError as error:
        raise unwritable(path, error) from None
    return path


def require_room(folder: Path, floor: int) -> None:
    """Raises Problem where less than `floor` bytes are free on the disk of `folder`."""
    free = shutil.disk_usage(folder).free
    if free < floor:
        raise Problem(
            f"{show_size(free)} free, the inventory wants at least {show_size(floor)}",
            where=str(folder),
            remedy="make room, or lower budget.free_disk in the inventory",
        )


def unwritable(path: Path, error: OSError) -> Problem:
    """The one line for a folder or file that cannot be written."""
    return Problem(
        f"cannot be written ({_reason(error)})",
        where=str(path),
        remedy="make room or make it writable, or point DATALAKE_STATE and DATALAKE_CACHE to other folders",
    )


def _reason(error: OSError) -> str:
    if isinstance(error, shutil.Error) and isinstance(error.args[0], list):  # copying a folder collects them
        return str(error.args[0][0][-1])
    return error.strerror or str(error)
