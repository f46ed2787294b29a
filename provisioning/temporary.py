"""What killed test runs left on this machine: temporary folders, and throw-away labs with all that runs in them."""

import os
import re
import shutil
import stat
import tempfile
import time
from pathlib import Path

from provisioning.lab import node
from provisioning.lab.settings import FILE, Settings
from provisioning.local.supervision import marked

DAY = 24 * 3600
FOLDER = re.compile(r"datalake-(?:stack|code|oracle)-[a-z0-9_]{8}", re.ASCII)
LABS = Path("/var/tmp")  # containers' roots pass through it, unlike through a login's own temporary folder
LAB = "datalake-lab-"


def old_folders(now: float | None = None) -> tuple[list[Path], list[str]]:
    """Temporary folders of killed runs: (those that may go, lines on those that are kept since something runs there).

    Ours by name, this user's, and nothing in them younger than a day.
    """
    before = (time.time() if now is None else now) - DAY
    found = [path for path in sorted(Path(tempfile.gettempdir()).iterdir()) if is_old_folder(path, before, os.getuid())]
    used = {path for path in found if any(marked(state) for state in path.iterdir() if state.is_dir())}
    kept = [
        f"folder {path}: a lakehouse runs there; DATALAKE_STATE={path} python -m provisioning down" for path in used
    ]
    return [path for path in found if path not in used], kept


def is_old_folder(path: Path, before: float, owner: int) -> bool:
    """Whether it is ours by name, a folder of this owner, and nothing in it has changed since `before`."""
    if not FOLDER.fullmatch(path.name):
        return False
    try:
        about = path.lstat()
        if not stat.S_ISDIR(about.st_mode) or about.st_uid != owner or about.st_mtime >= before:
            return False
        return all(inner.lstat().st_mtime < before for inner in path.rglob("*"))
    except OSError:  # it goes while we look: someone uses it
        return False


def remove_folder(path: Path) -> str:
    """Remove a folder; the line that says so."""
    shutil.rmtree(path)
    return f"folder {path}"


def old_labs(now: float | None = None) -> list[Path]:
    """Folders of throw-away labs that are older than a day; only root has any, and only root may look."""
    before = (time.time() if now is None else now) - DAY
    if os.geteuid() != 0:
        return []
    return sorted(path for path in LABS.glob(f"{LAB}*") if path.is_dir() and path.lstat().st_mtime < before)


def remove_lab(path: Path) -> str:
    """Destroy the lab of a folder, running or not, and remove the folder; the line that says so."""
    records = {record.resolve() for pattern in (f"*/{FILE}", f"*/*/{FILE}") for record in path.glob(pattern)}
    for record in records:  # once each: `current` leads to one of them a second time
        node.destroy(Settings.read(record.parent))
    shutil.rmtree(path)
    return f"lab {path}"
