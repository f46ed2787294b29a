"""Files that are whole or not there, and readable by whom they should be."""

import os
import tempfile
from pathlib import Path

from provisioning.problem import Problem

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
    """The folder, made where it is missing (0700). Raises Problem where that cannot be."""
    try:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise unwritable(path, error) from None
    return path


def unwritable(path: Path, error: OSError) -> Problem:
    """The one line for a folder or file that cannot be written."""
    return Problem(
        f"cannot be written ({error.strerror})",
        where=str(path),
        remedy="make room or make it writable, or point DATALAKE_STATE and DATALAKE_CACHE to other folders",
    )
