"""Owners of an unprivileged container's files: ids inside begin at 0, on the host at 100000."""

import os
import stat
import struct
from pathlib import Path

FIRST_ID = 100_000  # as Proxmox maps them (facts: Proxmox, §1.3)
IDS = 65_536
CAPABILITY = "security.capability"
REVISION = 0xFF000000
WITH_ROOT = 0x03000000  # linux/capability.h: VFS_CAP_REVISION_3 names the root that the capability is good for


def shift(tree: Path) -> None:
    """Give a tree that was unpacked with a system's own ids to the ids of a container; mode and capabilities stay."""
    for folder, folders, files in os.walk(tree):
        for name in (".", *folders, *files):
            _shift(os.path.join(folder, name))


def _shift(path: str) -> None:
    seen = os.lstat(path)
    if seen.st_uid >= FIRST_ID:  # another name of a file that was seen before
        return
    capability = _capability(path) if stat.S_ISREG(seen.st_mode) else None
    os.lchown(path, seen.st_uid + FIRST_ID, seen.st_gid + FIRST_ID)
    if not stat.S_ISLNK(seen.st_mode):
        os.chmod(path, stat.S_IMODE(seen.st_mode))  # chown took set-user-id away
    if capability:
        os.setxattr(path, CAPABILITY, of_root(capability, FIRST_ID))


def _capability(path: str) -> bytes | None:
    try:
        return os.getxattr(path, CAPABILITY)
    except OSError:
        return None


def of_root(capability: bytes, root: int) -> bytes:
    """A file capability that holds in the user namespace of this root: inside, the plain kind is refused."""
    magic, *sets = struct.unpack_from("<5I", capability)
    return struct.pack("<6I", magic & ~REVISION | WITH_ROOT, *sets, root)
