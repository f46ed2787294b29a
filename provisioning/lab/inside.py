"""`pct` verbs that reach into a running container: exec, push, pull (facts: Proxmox, §1.5)."""

import os
import subprocess
from collections.abc import Sequence
from pathlib import Path

from provisioning.lab import arguments, containers, lxc, options
from provisioning.lab.refused import Refused
from provisioning.lab.settings import Settings
from provisioning.lab.values import Kind, boolean, matching, text

WRITE = 't=$(mktemp "$1.XXXXXX") && cat >"$t" && chmod "$2" "$t" && chown "$3:$4" "$t" && mv -f "$t" "$1"'
FILE: dict[str, Kind] = {
    "group": text(64),
    "perms": matching("0?[0-7]{3,4}", "mode"),
    "user": text(64),
}


def exec_(settings: Settings, line: Sequence[str]) -> str:
    """pct exec VMID [--keep-env 0|1] [--] COMMAND …: becomes the command, whose status is the answer."""
    before, after = _split(line)
    given = arguments.parse(before, {"keep-env": boolean})
    vmid = arguments.vmid(given.words[:1], 1)
    command = [*given.words[1:], *after]
    if not command:
        raise Refused("400 not enough arguments")
    containers.running_pid(settings, vmid)
    keep = options.checked(given.options, {"keep-env": boolean}).get("keep-env", "1") == "1"  # 1 is PVE's default
    line = lxc.attach(settings, vmid, keep, *command)
    os.execvp(line[0], line)


def _split(line: Sequence[str]) -> tuple[list[str], list[str]]:
    """Our own arguments, and the command: from `--` on, or from the second word."""
    for at, word in enumerate(line[1:], 1):
        if word == "--":
            return list(line[:at]), list(line[at + 1 :])
        if not word.startswith("-") and line[at - 1] not in ("--keep-env", "-keep-env"):
            return list(line[:at]), list(line[at:])
    return list(line), []


def push(settings: Settings, line: Sequence[str]) -> str:
    """pct push VMID FILE DESTINATION [--perms] [--user] [--group]; names of owners are those inside."""
    given = arguments.parse(line, FILE)
    vmid, source, target = arguments.vmid(given.words, 3), given.words[1], given.words[2]
    asked = options.checked(given.options, FILE)
    containers.running_pid(settings, vmid)
    mode = asked.get("perms", f"{0o666 & ~_umask():04o}")
    owner = (asked.get("user", "0"), asked.get("group", "0"))
    command = lxc.attach(settings, vmid, False, "/bin/sh", "-c", WRITE, "sh", target, mode, *owner)
    try:
        with open(source, "rb") as file:
            done = subprocess.run(command, stdin=file, check=False)
    except OSError as error:
        raise Refused(f"failed to open {source}: {error.strerror}") from None
    if done.returncode != 0:
        raise Refused(f"failed to push {source} to {target}")
    return ""


def pull(settings: Settings, line: Sequence[str]) -> str:
    """pct pull VMID PATH DESTINATION [--perms]."""
    given = arguments.parse(line, FILE)
    vmid, source, target = arguments.vmid(given.words, 3), given.words[1], Path(given.words[2])
    containers.running_pid(settings, vmid)
    mode = int(options.checked(given.options, FILE).get("perms", f"{0o666 & ~_umask():o}"), 8)
    draft = target.with_name(f".{target.name}.{os.getpid()}")
    try:
        with open(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600), "wb") as file:
            done = subprocess.run(lxc.attach(settings, vmid, False, "cat", "--", source), stdout=file, check=False)
        if done.returncode != 0:
            raise Refused(f"failed to pull {source}")
        draft.chmod(mode)
        draft.replace(target)
    except OSError as error:
        raise Refused(f"failed to create {target}: {error.strerror}") from None
    finally:
        draft.unlink(missing_ok=True)
    return ""


def _umask() -> int:
    mask = os.umask(0o022)
    os.umask(mask)
    return mask
