"""The lab's network namespace: who is in it, and how to get there.

Outside of it a packet for the plan's addresses reaches somebody's real network, and "it answered" proves nothing
(facts: LXC lab, §1).
"""

import ctypes
import os
from pathlib import Path

from provisioning.problem import Problem

FOLDER = Path("/run/netns")
CLONE_NEWNET = 0x40000000


def of_lab(name: str) -> str:
    """What the namespace of the lab of this name is called, and its control groups."""
    return f"datalake-{name}"


def exists(netns: str) -> bool:
    """Whether there is a namespace of this name: the file alone may be left of one."""
    try:
        return (FOLDER / netns).stat().st_dev != FOLDER.stat().st_dev
    except FileNotFoundError:
        return False


def inside(netns: str) -> bool:
    """Whether this thread is in it, by inode: names can lie."""
    try:
        own, wanted = os.stat("/proc/thread-self/ns/net"), (FOLDER / netns).stat()
    except FileNotFoundError:
        return False
    return (own.st_dev, own.st_ino) == (wanted.st_dev, wanted.st_ino)


def enter(netns: str) -> None:
    """Move this thread, and all that it starts from now on, into the namespace. Raises Problem where it is missing."""
    if inside(netns):
        return
    if not exists(netns):
        raise _missing(netns)
    descriptor = os.open(FOLDER / netns, os.O_RDONLY | os.O_CLOEXEC)
    try:
        libc = ctypes.CDLL(None, use_errno=True)
        if libc.setns(descriptor, CLONE_NEWNET) != 0:
            raise Problem(
                f"cannot be entered ({os.strerror(ctypes.get_errno())})", where=f"network namespace {netns}",
                remedy="run as root",
            )  # fmt: skip
    finally:
        os.close(descriptor)
    require(netns)


def require(netns: str) -> None:
    """Go on only inside. Raises Problem elsewhere."""
    if inside(netns):
        return
    if not exists(netns):
        raise _missing(netns)
    raise Problem(
        "this process is outside of it", where=f"network namespace {netns}",
        remedy="enter it before any thread is started; what is sent from here reaches a real network",
    )  # fmt: skip


def _missing(netns: str) -> Problem:
    return Problem("does not exist", where=f"network namespace {netns}", remedy="bring the lab up first")
