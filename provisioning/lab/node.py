"""The node as a whole: brought up, taken down, destroyed, and what a destroyed one must not leave."""

import contextlib
import os
import shlex
import shutil
import signal
import stat
import subprocess
import sys
from collections.abc import Callable, Collection, Mapping
from pathlib import Path

from provisioning.lab import (
    cgroups,
    config,
    daemons,
    disk,
    host,
    image,
    inotify,
    mounts,
    named,
    namespace,
    network,
    subids,
)
from provisioning.lab.daemons import Daemon
from provisioning.lab.settings import Settings
from provisioning.problem import Problem
from provisioning.waiting import wait_until

Report = Callable[[str], None]
FOLDERS = ("bin", "ct", "images", "log", "lxc", "run")
LIBRARY = "lib"
NEEDED = ("__init__", "problem", "waiting", "tools")  # of ours, beside the lab itself
CHECKOUT = Path(__file__).parents[2]
DAEMONS = ("named", "lxcfs")
SHUTDOWN = PATIENCE = 30


def up(settings: Settings, zones: Mapping[str, str], report: Report) -> bool:
    """Bring the node up with these DNS zones, or what of it is missing; True where that changed something.

    Containers are left as they are, but stopped where lxcfs had ended under them. Raises Problem for a host that lacks
    something, and for zones that named refuses.
    """
    host.require()
    _check_place(settings.state)
    image.build(settings.cache, report)
    if not namespace.exists(settings.netns) and _processes(settings):
        # Containers of a namespace that somebody deleted: nothing in the new one can reach them to stop them.
        report("ending the containers of a namespace that is gone …")
        _end(settings, lambda: _processes(settings))
    steps = [
        _folders(settings),
        settings.write(),
        _code(settings),
        _wrappers(settings),
        subids.add(settings.state / "run" / "subids"),
        inotify.raise_limit(),
        network.up(settings),
        _lxcfs(settings, report),
        named.up(settings, zones),
    ]
    return any(steps)


def _check_place(state: Path) -> None:
    """Containers' roots are no root here: every folder on the way must let them through."""
    if not state.is_absolute() or any(letter.isspace() for letter in str(state)):
        raise Problem("must be absolute and without spaces", where=str(state), remedy="choose another state folder")
    for folder in state.parents:
        if folder.exists() and not folder.stat().st_mode & stat.S_IXOTH:
            raise Problem(
                "lets no container through", where=str(folder), remedy=f"chmod o+x {folder}, or another place"
            )


def _folders(settings: Settings) -> bool:
    """Make the state folder, and those on the way to it: open to pass through whatever the umask is."""
    wanted = (*settings.state.parents, settings.state, *(settings.state / name for name in FOLDERS))
    missing = sorted(folder for folder in wanted if not folder.is_dir())
    for folder in missing:
        folder.mkdir()
        folder.chmod(0o711)
    return bool(missing)


def _code(settings: Settings) -> bool:
    """The node's own copy of what answers: it outlives the checkout that it was brought up from."""
    library, changed = settings.state / LIBRARY, False
    for source in (*(CHECKOUT / "provisioning" / f"{name}.py" for name in NEEDED), *Path(__file__).parent.glob("*.py")):
        copy = library / source.relative_to(CHECKOUT)
        if not copy.exists() or copy.read_bytes() != source.read_bytes():
            copy.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
            draft = copy.with_suffix(".draft")
            draft.write_bytes(source.read_bytes())
            draft.replace(copy)
            changed = True
    return changed


def _wrappers(settings: Settings) -> bool:
    """The commands of the node. `-S` spares the site-packages: the lab needs none, and they cost time."""
    # The interpreter behind the virtual environment, which may be gone before the lab is.
    python, library = shlex.quote(getattr(sys, "_base_executable", sys.executable)), settings.state / LIBRARY
    call = f"PYTHONPATH={library} exec {python} -S -m provisioning.lab {settings.state}"
    texts = {
        "pct": f'{call} pct "$@"',
        "pvesh": f'{call} pvesh "$@"',
        "populate": f'{call} populate "$1"',
        # LXC drops what its hooks complain of; `pct start` tells it.
        "prestart": f'{call} prestart "$1" 2>>{settings.log("$1.hooks")}',
        "netup": f'for link; do :; done; exec ip link set "$link" master "$1" up 2>>{settings.log("$2.hooks")}',
    }
    changed = [name for name, text in texts.items() if _script(settings.state / "bin" / name, f"#!/bin/sh\n{text}\n")]
    return bool(changed)


def _script(file: Path, text: str) -> bool:
    if file.exists() and file.read_text(encoding="utf-8") == text:
        return False
    draft = file.with_name(f".{file.name}")
    draft.write_text(text, encoding="utf-8")
    draft.chmod(0o755)
    draft.replace(file)
    return True


def ailing(settings: Settings) -> list[str]:
    """Which of the node's own programs do not run."""
    return [name for name in DAEMONS if Daemon(settings, name).pid() is None]


def _lxcfs(settings: Settings, report: Report) -> bool:
    """The lab's own lxcfs: it shows containers their own memory, CPUs and uptime."""
    daemon = Daemon(settings, "lxcfs")
    if daemon.pid() is not None and (settings.lxcfs / "proc" / "meminfo").exists():
        return False
    daemon.stop()
    if _stop_containers(settings):  # they hold the mounts of the dead one, which answer nothing
        report("stopped the containers: lxcfs had ended under them")
    mounts.release(settings.lxcfs)
    settings.lxcfs.mkdir(exist_ok=True)
    settings.lxcfs.chmod(0o755)
    own = settings.state / "run" / "lxcfs.own"
    daemon.start("lxcfs", "-f", "-p", own, settings.lxcfs, ready=(settings.lxcfs / "proc" / "meminfo").exists)
    return True


def down(settings: Settings) -> bool:
    """Stop the containers, named and lxcfs, and remove the namespace; images and configuration stay.

    Raises Problem where another lab of the same name is up: namespace and control groups are that one's.
    """
    network.require_ours(settings)
    stopped = _stop_containers(settings)
    _end(settings, lambda: cgroups.processes(cgroups.of_lab(settings.cgroup)))
    daemons_stopped = [Daemon(settings, name).stop() for name in DAEMONS]
    released = mounts.release(settings.lxcfs)
    return any([stopped, *daemons_stopped, released, network.down(settings), inotify.take_back()])


def _stop_containers(settings: Settings) -> bool:
    """Ask all to shut down at once; who does not in time is ended."""
    if not namespace.exists(settings.netns):
        return False
    pct = settings.state / "bin" / "pct"
    asked = {
        vmid: subprocess.Popen(
            [pct, "shutdown", str(vmid), "--timeout", str(SHUTDOWN), "--forceStop"],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
        )
        for vmid in config.vmids(settings)
        if cgroups.processes(cgroups.of_lab(f"{settings.cgroup}/{vmid}"))
    }  # fmt: skip
    for process in asked.values():
        process.communicate()
    return bool(asked)


def destroy(settings: Settings) -> bool:
    """Remove the lab and all that it made, in whatever state a crash has left it; True where there was something.

    Raises Problem as `down` does.
    """
    network.require_ours(settings)
    before = leftovers(settings)
    _end(settings, lambda: _processes(settings))
    for name in DAEMONS:
        Daemon(settings, name).stop()
    mounts.release_all(settings.state)
    for device in disk.loops(settings.state):
        disk.detach(device)
    _awaited(lambda: not disk.loops(settings.state), "loop devices free")
    network.down(settings)
    inotify.take_back()
    subids.take_back(settings.state / "run" / "subids")
    if settings.state.exists():
        shutil.rmtree(settings.state)
    return bool(before)


def _end(settings: Settings, processes: Callable[[], Collection[int]]) -> None:
    """Kill these processes, and remove the lab's control groups once they are empty."""
    _awaited(lambda: _killed(processes()), "end of the lab's processes")  # those started meanwhile, too
    groups = cgroups.of_lab(settings.cgroup)
    _awaited(lambda: cgroups.remove(groups), "end of the lab's control groups")


def _awaited(condition: Callable[[], bool], what: str) -> None:
    try:
        wait_until(condition, PATIENCE, what, interval=0.05)
    except TimeoutError as error:
        raise Problem(str(error), where="lab", remedy="see who holds it, then destroy it again") from None


def leftovers(settings: Settings) -> list[str]:
    """What of the lab there is, a line each; nothing once it is destroyed."""
    state = settings.state
    found = [f"mount {target}" for target in mounts.under(state)]
    found += [f"loop device {device}" for device in disk.loops(state)]
    found += [f"network namespace {settings.netns}"] if (namespace.FOLDER / settings.netns).exists() else []
    found += [f"record {record}"] if (record := network.owner(settings)).exists() else []
    found += [f"control group {group}" for group in cgroups.of_lab(settings.cgroup)]
    found += [f"process {pid}: {daemons.command_line(pid)[:100].strip()}" for pid in _processes(settings)]
    lines = state / "run" / "subids"
    found += [f"lines in /etc/subuid and /etc/subgid, by {lines}"] if lines.exists() else []
    found += [f"folder {state}"] if state.exists() else []
    return found


def _processes(settings: Settings) -> list[int]:
    """Processes in the lab's groups, and those at work in its folder."""
    grouped = cgroups.processes(cgroups.of_lab(settings.cgroup))
    return sorted({*grouped, *daemons.of_lab(settings.state)} - {os.getpid()})


def _killed(pids: Collection[int]) -> bool:
    """Kill them; True where there are none."""
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
        daemons.gone(pid)  # a child of ours must be waited for
    return not pids
