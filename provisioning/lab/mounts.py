"""Mounts of this host."""

import re
from pathlib import Path

from provisioning.lab.commands import tried


def targets(mountinfo: str) -> list[str]:
    """Where things are mounted, from the text of /proc/self/mountinfo; the latest last."""
    fields = (line.split() for line in mountinfo.splitlines())
    return [re.sub(r"\\(\d{3})", lambda found: chr(int(found[1], 8)), words[4]) for words in fields if len(words) > 4]


def under(folder: Path) -> list[str]:
    """Mounts on this folder or below it."""
    seen = targets(Path("/proc/self/mountinfo").read_text(encoding="utf-8"))
    return [target for target in seen if Path(target) == folder or folder in Path(target).parents]


def release(folder: Path) -> bool:
    """Unmount what is mounted on this folder, also a mount whose program has died; True where there was one."""
    found = [target for target in under(folder) if Path(target) == folder]
    for target in found:
        tried("umount", "-l", target)
    return bool(found)


def release_all(folder: Path) -> None:
    """Unmount all that is mounted on or below this folder, the latest first."""
    for target in reversed(under(folder)):
        tried("umount", "-l", target)
