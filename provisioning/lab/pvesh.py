"""`pvesh get PATH`: what Proxmox's API answers for the paths that a harness binds to (facts: Proxmox, §1.6)."""

import json
import os
import re
import urllib.parse
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from provisioning.lab import arguments, cgroups, config, image, options, status
from provisioning.lab.commands import run
from provisioning.lab.refused import Invalid, Refused
from provisioning.lab.settings import Settings
from provisioning.lab.values import Kind, boolean, one_of, text

VERSION = {"version": "8.4.0", "release": "8.4", "repoid": "lab"}
KINDS: dict[str, Kind] = {
    "content": text(64),
    "current": boolean,
    "output-format": one_of("json", "json-pretty", "text", "yaml"),
    "type": text(64),
    "vmid": text(9),
}
Asked = Mapping[str, str]
Answer = Callable[[Settings, tuple[str, ...], Asked], Any]


def main(settings: Settings, line: Sequence[str]) -> str:
    """The answer as JSON with sorted keys; only JSON, for nothing should read the other forms."""
    given = arguments.parse(line, KINDS)
    if len(given.words) != 2 or given.words[0] != "get":
        raise Refused(f"No '{' '.join(given.words[:1])}' handler defined for '{' '.join(given.words[1:])}'")
    path, _, query = given.words[1].partition("?")
    asked = {**dict(urllib.parse.parse_qsl(query)), **given.options}
    if asked.pop("output-format", "json") != "json":
        raise Refused("the lab's pvesh answers in JSON only: pass --output-format json")
    return json.dumps(answer(settings, path.rstrip("/") or "/", asked), sort_keys=True, ensure_ascii=False) + "\n"


def answer(settings: Settings, path: str, asked: Asked) -> Any:
    """What the API answers. Raises Refused for a path or parameter that there is not."""
    for pattern, allowed, handler in PATHS:
        if found := re.fullmatch(pattern, path):
            parts = found.groups()
            if "node" in found.groupdict() and found["node"] != settings.node:
                raise Refused(
                    f"hostname lookup '{found['node']}' failed - failed to get address info for: {found['node']}"
                )
            if bad := [name for name in asked if name not in allowed]:
                why = "property is not defined in schema and the schema does not allow additional properties"
                raise Invalid(dict.fromkeys(bad, why))
            return handler(settings, parts, options.checked(asked, KINDS))
    raise Refused(f"No 'get' handler defined for '{path}'")


def _node_status(settings: Settings, _: tuple[str, ...], __: Asked) -> Any:
    return _node(settings)


def _node(settings: Settings) -> dict[str, Any]:
    lines = (line.split() for line in Path("/proc/meminfo").read_text(encoding="ascii").splitlines())
    memory = {words[0].rstrip(":"): int(words[1]) * 1024 for words in lines}
    total, available = memory["MemTotal"], memory["MemAvailable"]
    return {
        "cpuinfo": {"cpus": len(cgroups.online(cgroups.family()))},
        "kversion": f"Linux {os.uname().release}",
        "loadavg": [f"{load:.2f}" for load in os.getloadavg()],
        "memory": {"total": total, "used": total - available, "free": available},
        "swap": {
            "total": memory["SwapTotal"],
            "used": memory["SwapTotal"] - memory["SwapFree"],
            "free": memory["SwapFree"],
        },
        "pveversion": f"pve-manager/{VERSION['version']}/{VERSION['repoid']}",
        "rootfs": _room(settings.state),
        "uptime": int(float(Path("/proc/uptime").read_text(encoding="ascii").split()[0])),
    }


def _room(folder: Path) -> dict[str, int]:
    seen = os.statvfs(folder)
    total, avail = seen.f_blocks * seen.f_frsize, seen.f_bavail * seen.f_frsize
    return {"total": total, "used": (seen.f_blocks - seen.f_bfree) * seen.f_frsize, "avail": avail}


def _containers(settings: Settings, _: tuple[str, ...], __: Asked) -> Any:
    return [status.of(settings, vmid) for vmid in config.vmids(settings)]


def _config(settings: Settings, parts: tuple[str, ...], asked: Asked) -> Any:
    return status.configuration(settings, int(parts[1]), asked.get("current") == "1")


def _pending(settings: Settings, parts: tuple[str, ...], _: Asked) -> Any:
    return status.pending(config.load(settings, int(parts[1])))


def _current(settings: Settings, parts: tuple[str, ...], _: Asked) -> Any:
    return {**status.of(settings, int(parts[1])), "ha": {"managed": 0}}


def _interfaces(settings: Settings, parts: tuple[str, ...], _: Asked) -> Any:
    return status.interfaces(settings, int(parts[1]))


def _storages(settings: Settings, _: tuple[str, ...], __: Asked) -> Any:
    return [{
        "storage": settings.storage, "type": "dir", "content": "rootdir,vztmpl", "active": 1, "enabled": 1, "shared": 0,
        **_room(settings.state),
    }]  # fmt: skip


def _content(settings: Settings, parts: tuple[str, ...], asked: Asked) -> Any:
    if parts[1] != settings.storage:
        raise Refused(f"storage '{parts[1]}' does not exist")
    template = image.folder(settings.cache) / image.TEMPLATE
    volid = f"{settings.storage}:vztmpl/{image.TEMPLATE}"
    rows = (
        [{"volid": volid, "content": "vztmpl", "format": "tzst", "size": template.stat().st_size}]
        if template.exists()
        else []
    )
    for vmid in config.vmids(settings):
        file = settings.image(vmid)
        row = {"volid": f"{settings.storage}:{vmid}/{file.name}", "content": "rootdir", "format": "raw", "vmid": vmid}
        rows += [row | {"size": file.stat().st_size, "used": file.stat().st_blocks * 512}] if file.exists() else []
    return [
        row for row in rows
        if row["content"] == asked.get("content", row["content"])
        and str(row.get("vmid", "")) == asked.get("vmid", str(row.get("vmid", "")))
    ]  # fmt: skip


def _network(settings: Settings, _: tuple[str, ...], __: Asked) -> Any:
    up = json.loads(run("ip", "-j", "link", "show", "dev", settings.bridge))[0]["operstate"] != "DOWN"
    return [{
        "iface": settings.bridge, "type": "bridge", "method": "static", "families": ["inet"], "autostart": 1,
        "active": int(up), "address": settings.address, "netmask": str(settings.prefix),
        "cidr": f"{settings.address}/{settings.prefix}", "gateway": settings.gateway,
    }]  # fmt: skip


def _local(settings: Settings, _: tuple[str, ...], __: Asked) -> Any:
    return [{
        "type": "node", "id": f"node/{settings.node}", "name": settings.node, "ip": settings.address, "local": 1,
        "nodeid": 0, "online": 1, "level": "",
    }]  # fmt: skip


def _resources(settings: Settings, _: tuple[str, ...], asked: Asked) -> Any:
    if asked.get("type") != "vm":
        raise Refused("the lab's pvesh lists machines only: pass --type vm")
    rows = _containers(settings, (), {})
    return [row | {"id": f"lxc/{row['vmid']}", "node": settings.node} for row in rows]


NODE = r"/nodes/(?P<node>[^/]+)"
ONE = rf"{NODE}/lxc/(\d+)"
PATHS: tuple[tuple[str, tuple[str, ...], Answer], ...] = (
    ("/version", (), lambda *_: VERSION),
    (f"{NODE}/status", (), _node_status),
    (f"{NODE}/lxc", (), _containers),
    (f"{ONE}/config", ("current",), _config),
    (f"{ONE}/pending", (), _pending),
    (f"{ONE}/status/current", (), _current),
    (f"{ONE}/interfaces", (), _interfaces),
    (f"{NODE}/storage", ("content",), _storages),
    (rf"{NODE}/storage/([^/]+)/content", ("content", "vmid"), _content),
    (f"{NODE}/network", ("type",), _network),
    ("/cluster/status", (), _local),
    ("/cluster/resources", ("type",), _resources),
)
