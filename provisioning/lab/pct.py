"""`pct`: the verbs, their arguments and what they print (facts: Proxmox, §1.5 and §1.6; pve-container CLI/pct.pm)."""

from collections.abc import Callable, Iterable, Iterator, Sequence

from provisioning.lab import arguments, changing, config, containers, creating, inside, options, status
from provisioning.lab.refused import Refused
from provisioning.lab.settings import Settings
from provisioning.lab.values import Kind, boolean, integer, text, words

SHUTDOWN_TIMEOUT = 60  # seconds, where none is given: Proxmox's own


def main(settings: Settings, line: Sequence[str]) -> str:
    """Carry out one command line; returns what it prints. Raises Refused or Problem."""
    verb, rest = (line[0], list(line[1:])) if line else ("", [])
    if verb not in VERBS:
        raise Refused(f"ERROR: unknown command 'pct {verb}'\nknown: {', '.join(VERBS)}")
    return VERBS[verb](settings, rest)


def create(settings: Settings, line: Sequence[str]) -> str:
    """pct create VMID TEMPLATE [OPTIONS]."""
    given = arguments.parse(line, options.CREATE_ONLY, lambda name: options.kind_of(name, {}))
    vmid, template = arguments.vmid(given.words, 2), given.words[1]
    wanted = dict(given.options)
    rootfs = wanted.pop("rootfs", None)
    wanted = options.checked(wanted, options.CREATE_ONLY) | ({"rootfs": rootfs} if rootfs else {})
    if "password" in wanted:
        raise Refused(f"unable to create CT {vmid} - the lab sets no passwords: root's is locked")
    begin = wanted.get("start") == "1"
    if "storage" in wanted and rootfs is None:
        wanted["rootfs"] = f"{wanted['storage']}:4"
    wanted = {name: value for name, value in wanted.items() if name not in options.CREATE_ONLY}
    with config.locked(settings, vmid):
        creating.create(settings, vmid, template, wanted)
        if begin:
            containers.start(settings, vmid)
    return ""


def set_(settings: Settings, line: Sequence[str]) -> str:
    """pct set VMID [OPTIONS]."""
    given = arguments.parse(line, options.SET_ONLY, lambda name: options.kind_of(name, {}))
    vmid = arguments.vmid(given.words, 1)
    wanted = options.checked(given.options, options.SET_ONLY)
    deleted, digest = tuple(words(wanted.pop("delete", ""))), wanted.pop("digest", None)
    reverted = words(wanted.pop("revert", ""))
    for name in deleted:
        options.kind_of(name, {})
    if not wanted and not deleted and not reverted:
        raise Refused("no options specified")
    with config.locked(settings, vmid):
        if digest not in (None, config.digest(config.text_of(settings, vmid))):
            raise Refused("detected modified configuration - file changed by other user? Try again.")
        if "lock" not in deleted:
            _unmarked(settings, vmid)
        if reverted:
            config.save(settings, vmid, config.load(settings, vmid).reverted(reverted))
        if wanted or deleted:
            changing.change(settings, vmid, wanted, deleted)
    return ""


def unlock(settings: Settings, line: Sequence[str]) -> str:
    """pct unlock VMID."""
    vmid = arguments.vmid(arguments.parse(line, {}).words, 1)
    with config.locked(settings, vmid):
        config.save(settings, vmid, config.load(settings, vmid).without(("lock",), ()))
    return ""


def start(settings: Settings, line: Sequence[str]) -> str:
    """pct start VMID."""
    return _locked(settings, arguments.parse(line, {}), containers.start)


def stop(settings: Settings, line: Sequence[str]) -> str:
    """pct stop VMID."""
    return _locked(settings, arguments.parse(line, {}), containers.stop)


SHUTDOWN: dict[str, Kind] = {"timeout": integer(0), "forceStop": boolean}


def shutdown(settings: Settings, line: Sequence[str]) -> str:
    """pct shutdown VMID [--timeout SECONDS] [--forceStop]."""
    given = arguments.parse(line, SHUTDOWN)
    asked = options.checked(given.options, SHUTDOWN)
    timeout, force = int(asked.get("timeout", SHUTDOWN_TIMEOUT)), asked.get("forceStop") == "1"
    return _locked(settings, given, lambda lab, vmid: containers.shutdown(lab, vmid, timeout, force))


def reboot(settings: Settings, line: Sequence[str]) -> str:
    """pct reboot VMID [--timeout SECONDS]: shut down and start, so that pending changes take effect."""
    given = arguments.parse(line, {"timeout": integer(0)})
    timeout = int(options.checked(given.options, SHUTDOWN).get("timeout", SHUTDOWN_TIMEOUT))

    def again(lab: Settings, vmid: int) -> None:
        containers.shutdown(lab, vmid, timeout, force=False)
        containers.start(lab, vmid)

    return _locked(settings, given, again)


def config_(settings: Settings, line: Sequence[str]) -> str:
    """pct config VMID [--current]: with what is pending merged in, unless the current is asked for."""
    given = arguments.parse(line, {"current": boolean})
    known = config.load(settings, arguments.vmid(given.words, 1))
    shown = dict(known.current if _flag(given, "current") else known.merged())
    if "description" in shown:
        shown["description"] = config.encoded(shown["description"])
    return _lines(f"{key}: {value}" for key, value in (*sorted(shown.items()), *known.raw))


def pending(settings: Settings, line: Sequence[str]) -> str:
    """pct pending VMID."""
    known = config.load(settings, arguments.vmid(arguments.parse(line, {}).words, 1))
    return _lines(line for row in status.pending(known) for line in _pending(row))


def _pending(row: status.Row) -> Iterator[str]:
    if "delete" in row:
        yield f"del {row['key']}: {row['value']}"
        return
    for word, name in (("cur", "value"), ("new", "pending")):
        if name in row:
            yield f"{word} {row['key']}: {row[name]}"


def status_(settings: Settings, line: Sequence[str]) -> str:
    """pct status VMID [--verbose]."""
    given = arguments.parse(line, {"verbose": boolean})
    seen = status.of(settings, arguments.vmid(given.words, 1))
    shown = sorted(seen) if _flag(given, "verbose") else ["status"]
    return _lines(f"{key}: {seen[key]}" for key in shown)


def list_(settings: Settings, line: Sequence[str]) -> str:
    """pct list: nothing at all where there is no container."""
    arguments.parse(line, {})
    seen = [status.of(settings, vmid) for vmid in config.vmids(settings)]
    rows = [(row["vmid"], row["status"], row.get("lock", ""), row["name"]) for row in seen]
    head = [("VMID", "Status", "Lock", "Name")] if rows else []
    return _lines("{:<10} {:<10} {:<12} {:<20}".format(*row) for row in (*head, *rows))


DESTROY: dict[str, Kind] = {"force": boolean, "purge": boolean, "destroy-unreferenced-disks": boolean}


def destroy(settings: Settings, line: Sequence[str]) -> str:
    """pct destroy VMID [--force] [--purge]."""
    given = arguments.parse(line, DESTROY)
    force = _flag(given, "force")
    return _locked(settings, given, lambda lab, vmid: containers.destroy(lab, vmid, force))


def resize(settings: Settings, line: Sequence[str]) -> str:
    """pct resize VMID rootfs SIZE|+SIZE."""
    given = arguments.parse(line, {"digest": text(40)})
    vmid, disk, size = arguments.vmid(given.words, 3), given.words[1], given.words[2]
    with config.locked(settings, vmid):
        _unmarked(settings, vmid)
        changing.resize(settings, vmid, disk, size)
    return ""


def _locked(settings: Settings, given: arguments.Arguments, act: Callable[[Settings, int], None]) -> str:
    vmid = arguments.vmid(given.words, 1)
    with config.locked(settings, vmid):
        _unmarked(settings, vmid)
        act(settings, vmid)
    return ""


def _unmarked(settings: Settings, vmid: int) -> None:
    """Refuse a container that is marked as locked, by a backup say."""
    if mark := config.load(settings, vmid).current.get("lock"):
        raise Refused(f"CT is locked ({mark})")


def _flag(given: arguments.Arguments, name: str) -> bool:
    return options.checked(given.options, dict.fromkeys(given.options, boolean)).get(name) == "1"


def _lines(lines: Iterable[str]) -> str:
    return "".join(f"{line}\n" for line in lines)


VERBS: dict[str, Callable[[Settings, Sequence[str]], str]] = {
    "config": config_,
    "create": create,
    "destroy": destroy,
    "exec": inside.exec_,
    "list": list_,
    "pending": pending,
    "pull": inside.pull,
    "push": inside.push,
    "reboot": reboot,
    "resize": resize,
    "set": set_,
    "shutdown": shutdown,
    "start": start,
    "status": status_,
    "stop": stop,
    "unlock": unlock,
}
