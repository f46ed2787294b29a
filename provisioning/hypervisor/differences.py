"""Desired against actual, on parsed values; each difference with what it takes to remove it. Pure."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from provisioning.hypervisor.desired import Desired
from provisioning.hypervisor.values import boolean, properties, size, words

Kind = Literal["hot", "restart", "resize", "refused"]

# Written by Proxmox itself, or a person's own remark: no part of what we ask for.
NOT_OURS = {"digest", "arch", "description", "lock", "rootfs", "parent", "snaptime", "snapstate"}


@dataclass(frozen=True)
class Actual:
    """One container as the node tells: its current configuration, what is pending, whether it runs."""

    config: Mapping[str, Any]
    pending: Sequence[Mapping[str, Any]]
    running: bool


@dataclass(frozen=True)
class Difference:
    """One thing that is not as desired; `actual` is None where it is not set, `desired` where it should not be."""

    key: str
    actual: str | None
    desired: str | None
    kind: Kind

    def __str__(self) -> str:
        return f"{self.key}: {self.actual or 'not set'} -> {self.desired or 'not set'} ({self.kind})"


def _folded(text: str) -> dict[str, str]:
    return {key: value.lower() for key, value in properties(text).items()}


def _link(text: str) -> dict[str, str]:
    """Proxmox adds the type; nothing else may be there that we did not ask for: a second address, a firewall."""
    return _folded(text) | {"type": "veth"}


# Each option that we set: what a change of it takes, and what of its text counts. `pct set` changes the hot ones in a
# running container at once (facts: Proxmox, 1.5); the rest waits for its next start, as does net0 with us: a live
# change of addresses is only half made inside.
OPTIONS: Mapping[str, tuple[Kind, Callable[[str], object]]] = {
    "hostname": ("restart", str),
    "memory": ("hot", str),
    "swap": ("hot", str),
    "cores": ("hot", str),
    "net0": ("restart", _link),
    "nameserver": ("restart", words),
    "searchdomain": ("restart", words),
    "unprivileged": ("refused", boolean),
    "features": ("restart", _folded),
    "onboot": ("hot", boolean),
    "startup": ("hot", _folded),
    "tags": ("hot", words),
    "ostype": ("refused", str),
}


def compare(wanted: Desired, actual: Actual) -> list[Difference]:
    """Everything in which a container differs from what it should be; nothing at all where there is no difference."""
    found = [*_options(wanted, actual.config), *_rootfs(wanted, actual.config), *_surplus(wanted, actual.config)]
    if "lock" in actual.config:
        found.append(Difference("lock", str(actual.config["lock"]), None, "refused"))
    told = {difference.key for difference in found}
    return [*found, *(waiting for waiting in _pending(wanted, actual.pending) if waiting.key not in told)]


def _options(wanted: Desired, config: Mapping[str, Any]) -> Iterator[Difference]:
    for key, value in wanted.options.items():
        seen = config.get(key)
        kind, meaning = OPTIONS[key]
        if seen is None or meaning(value) != meaning(str(seen)):
            yield Difference(key, None if seen is None else str(seen), value, kind)


def _rootfs(wanted: Desired, config: Mapping[str, Any]) -> Iterator[Difference]:
    seen = properties(str(config.get("rootfs", "")))
    storage = seen.get("volume", "").partition(":")[0]
    if storage != wanted.storage:
        yield Difference("rootfs", storage, wanted.storage, "refused")
    asked = wanted.disk_gib * 2**30
    try:
        there = size(seen.get("size", "0"))
    except ValueError:
        there = asked + 1  # not to be understood, so not to be resized
    if there != asked:
        kind: Kind = "resize" if there < asked else "refused"
        yield Difference("rootfs size", seen.get("size"), f"{wanted.disk_gib}G", kind)


def _surplus(wanted: Desired, config: Mapping[str, Any]) -> Iterator[Difference]:
    """A second network, a mount point, a CPU limit: things that nobody asked for. Named, never taken away by us."""
    for key in sorted(set(config) - wanted.options.keys() - NOT_OURS):
        yield Difference(key, str(config[key]), None, "refused")


def _pending(wanted: Desired, pending: Sequence[Mapping[str, Any]]) -> Iterator[Difference]:
    """What waits for the next start. A restart would put in force what nobody asked for: that is refused."""
    for entry in pending:
        if "pending" in entry or "delete" in entry:
            seen, new = (str(entry[part]) if part in entry else None for part in ("value", "pending"))
            kind: Kind = "restart" if entry["key"] in wanted.options else "refused"
            yield Difference(str(entry["key"]), seen, None if "delete" in entry else new, kind)
