"""A container's configuration in Proxmox's file format (facts: Proxmox, §1.1; pve-container LXC/Config.pm).

Current settings first, then a section with what is pending, then one for each snapshot: read as one it would have the
snapshot's values.
"""

import contextlib
import fcntl
import hashlib
import os
import re
import tempfile
import urllib.parse
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from provisioning.lab.refused import Missing, Refused
from provisioning.lab.settings import Settings
from provisioning.lab.values import VMID
from provisioning.waiting import wait_until

PENDING = "pve:pending"
SECTION = re.compile(r"\[(\S+)\]\s*")
ENTRY = re.compile(r"([a-z][a-z_]*\d*):\s*(.*?)\s*")
RAW = re.compile(r"(lxc\.[a-zA-Z0-9_.-]+)\s*[:=]\s*(.*?)\s*")


@dataclass(frozen=True)
class Config:
    """One container: `current` is in force, `pending` will be, `deleted` will no longer be."""

    current: Mapping[str, str]
    pending: Mapping[str, str] = field(default_factory=dict)
    deleted: tuple[str, ...] = ()
    raw: tuple[tuple[str, str], ...] = ()  # lines for LXC itself
    snapshots: Mapping[str, str] = field(default_factory=dict)  # kept as they are written

    def merged(self) -> dict[str, str]:
        """The settings as they will be after the next start."""
        kept = {key: value for key, value in self.current.items() if key not in self.deleted}
        return {**kept, **self.pending}

    def started(self) -> "Config":
        """What it is once pending changes have been applied."""
        return replace(self, current=self.merged(), pending={}, deleted=())

    def changed(self, now: Mapping[str, str], later: Mapping[str, str]) -> "Config":
        """With these values; a pending one that equals the current is dropped (facts: LXC lab, §4)."""
        current = {**self.current, **now}
        pending = {key: value for key, value in {**self.pending, **later}.items() if key not in now}
        return replace(
            self,
            current=current,
            pending={key: value for key, value in pending.items() if current.get(key) != value},
            deleted=tuple(key for key in self.deleted if key not in now and key not in later),
        )

    def without(self, now: tuple[str, ...], later: tuple[str, ...]) -> "Config":
        """Without these settings; deleting what is only pending leaves nothing pending."""
        gone = {*now, *later}
        return replace(
            self,
            current={key: value for key, value in self.current.items() if key not in now},
            pending={key: value for key, value in self.pending.items() if key not in gone},
            deleted=tuple(sorted({*self.deleted, *(key for key in later if key in self.current)} - {*now})),
        )

    def reverted(self, names: Collection[str]) -> "Config":
        """Without what is pending for these."""
        kept = {key: value for key, value in self.pending.items() if key not in names}
        return replace(self, pending=kept, deleted=tuple(key for key in self.deleted if key not in names))


def parse(text: str) -> Config:
    """Read a file; lines that are neither settings, sections nor description are skipped, as Proxmox does."""
    parts = re.split(rf"(?m)^{SECTION.pattern}$\n?", text)
    sections = dict(zip(parts[1::2], parts[2::2], strict=True))
    current, raw = _entries(parts[0])
    pending, _ = _entries(sections.pop(PENDING, ""))
    deleted = tuple(filter(None, re.split(r"[\s,;]+", pending.pop("delete", ""))))
    return Config(current, pending, deleted, raw, {name: body.strip("\n") for name, body in sections.items()})


def _entries(text: str) -> tuple[dict[str, str], tuple[tuple[str, str], ...]]:
    found, raw, told = dict[str, str](), list[tuple[str, str]](), list[str]()
    for line in text.splitlines():
        if line.startswith("#"):
            told.append(urllib.parse.unquote(line[1:]))
        elif entry := RAW.fullmatch(line):
            raw.append((entry[1], entry[2]))
        elif entry := ENTRY.fullmatch(line):
            found[entry[1]] = entry[2]
    if told:
        found["description"] = "\n".join(told)
    return found, tuple(raw)


def render(config: Config) -> str:
    """The file: description as encoded comment lines, keys sorted, then the sections."""
    text = _rendered(config.current) + "".join(f"{key}: {value}\n" for key, value in config.raw)
    pending = dict(config.pending)
    if config.deleted:
        pending["delete"] = ",".join(config.deleted)
    if pending:
        text += f"\n[{PENDING}]\n{_rendered(pending)}"
    return text + "".join(f"\n[{name}]\n{body}\n" for name, body in sorted(config.snapshots.items()))


def _rendered(entries: Mapping[str, str]) -> str:
    told = [f"#{encoded(line)}\n" for line in entries["description"].split("\n")] if "description" in entries else []
    return "".join([*told, *(f"{key}: {entries[key]}\n" for key in sorted(entries) if key != "description")])


def encoded(text: str) -> str:
    """A description as Proxmox writes it: percent signs, colons, line ends and control characters encoded."""
    return re.sub(r"[\x00-\x1f\x7f:%]|[^\x00-\x7f]", lambda found: urllib.parse.quote(found[0], safe=""), text)


def digest(text: str) -> str:
    """What `--digest` is compared with."""
    return hashlib.sha1(text.encode()).hexdigest()


def path(settings: Settings, vmid: int) -> Path:
    """Where a container's configuration lies."""
    return settings.state / "lxc" / f"{vmid}.conf"


def text_of(settings: Settings, vmid: int) -> str:
    """The file as it is. Raises Missing."""
    try:
        return path(settings, vmid).read_text(encoding="utf-8")
    except FileNotFoundError:
        raise Missing(settings.node, vmid) from None


def load(settings: Settings, vmid: int) -> Config:
    """A container's configuration. Raises Missing."""
    return parse(text_of(settings, vmid))


def save(settings: Settings, vmid: int, config: Config) -> None:
    """Write it at once, 0640: a reader sees the old or the new."""
    file = path(settings, vmid)
    descriptor, draft = tempfile.mkstemp(dir=file.parent, prefix=f".{vmid}.")
    with os.fdopen(descriptor, "w", encoding="utf-8") as out:
        out.write(render(config))
        os.fchmod(out.fileno(), 0o640)
    os.replace(draft, file)


def vmids(settings: Settings) -> list[int]:
    """The containers of this node."""
    names = (file.stem for file in (settings.state / "lxc").glob("*.conf") if not file.name.startswith("."))
    return sorted(int(name) for name in names if VMID.fullmatch(name))


@contextlib.contextmanager
def locked(settings: Settings, vmid: int, patience: float = 10) -> Iterator[None]:
    """Hold a container against other commands. Raises Refused where it cannot be had within `patience` seconds."""
    file = settings.state / "run" / f"lock-{vmid}"
    with file.open("w") as lock:
        try:
            wait_until(
                lambda: _taken(lock.fileno()),
                patience,
                f"lock of CT {vmid}",
                transient=(BlockingIOError,),
                interval=0.05,
            )
        except TimeoutError:
            raise Refused(f"CT is locked: can't lock file '{file}' - got timeout") from None
        yield


def _taken(descriptor: int) -> bool:
    fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    return True
