"""Containers' root file systems: sparse images that loop devices are made of."""

import os
import re
from collections.abc import Iterator
from pathlib import Path

from provisioning.lab.commands import run, tried

LOOPS = Path("/sys/block")


def copy(golden: Path, image: Path, size: int) -> None:
    """A container's image of this many bytes from the golden one; only its data takes room."""
    run("cp", "--sparse=always", "--reflink=auto", golden, image)
    os.truncate(image, size)
    run("resize2fs", image)


def grow(image: Path, size: int, monitor: int | None) -> None:
    """Grow a file system to this many bytes, while its container runs (then `monitor` is its LXC monitor) or not."""
    os.truncate(image, size)
    if monitor is None:
        run("e2fsck", "-fp", image)
        run("resize2fs", image)
        return
    for device in loops(image):
        run("losetup", "-c", device)
        # In the monitor's mounts: resize2fs must see that the file system is mounted.
        run("nsenter", "-t", str(monitor), "-m", "--", "resize2fs", device)


def loops(under: Path) -> list[str]:
    """Loop devices over this file, or over files in this folder."""
    return [f"/dev/{name}" for name, backing in _backings() if backing == under or under in backing.parents]


def _backings() -> Iterator[tuple[str, Path]]:
    for device in sorted(LOOPS.glob("loop*")):
        try:
            told = (device / "loop" / "backing_file").read_text(encoding="utf-8")
        except OSError:  # not in use, or no longer
            continue
        yield device.name, Path(re.sub(r" \(deleted\)$", "", told.rstrip("\n")))


def usage(pid: int) -> tuple[int, int]:
    """Bytes of a running container's root, all and used, as `df` inside would say."""
    seen = os.statvfs(f"/proc/{pid}/root/")
    return seen.f_blocks * seen.f_frsize, (seen.f_blocks - seen.f_bfree) * seen.f_frsize


def detach(device: str) -> None:
    """Give a loop device back; at once, or when its last user ends."""
    tried("losetup", "-d", device)
