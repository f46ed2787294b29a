"""The node: `pct` and `pvesh … --output-format json` as typed calls."""

import json
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from provisioning.hypervisor.differences import Actual
from provisioning.hypervisor.transport import Result, Transport
from provisioning.problem import Problem


@dataclass(frozen=True)
class Capacity:
    """What the node itself has: sizes in bytes."""

    cores: int
    memory: int
    swap: int


@dataclass(frozen=True)
class Node:
    """A Proxmox node called `name`, reached by `transport`."""

    name: str
    transport: Transport

    def get(self, path: str, **query: str) -> Any:
        """`pvesh get PATH` as data. Raises Problem with the node's own word where it refuses."""
        words = [word for key, value in query.items() for word in (f"--{key}", value)]
        return decoded(self._done(["pvesh", "get", path, "--output-format", "json", *words]))

    def release(self) -> str:
        """Version of Proxmox VE."""
        return str(self.get("/version")["version"])

    def capacity(self) -> Capacity:
        """What the node has."""
        seen = self.get(f"/nodes/{self.name}/status")
        return Capacity(
            cores=int(seen["cpuinfo"]["cpus"]),
            memory=int(seen["memory"]["total"]),
            swap=int(seen["swap"]["total"]),
        )

    def containers(self) -> dict[int, dict[str, Any]]:
        """Every container of the node by its number: name, status, tags, sizes in bytes."""
        return {int(entry["vmid"]): entry for entry in self.get(f"/nodes/{self.name}/lxc")}

    def actual(self, vmid: int) -> Actual:
        """One container as it is now: the values in force, apart from those that wait for its next start."""
        # Without `current` Proxmox mixes pending values into the answer (facts: Proxmox, TL;DR 6).
        config = dict(self.get(self._of(vmid, "config"), current="1"))
        config.update({f"lxc {key}": value for key, value in config.pop("lxc", ())})
        return Actual(config, self.get(self._of(vmid, "pending")), self.status(vmid)["status"] == "running")

    def status(self, vmid: int) -> dict[str, Any]:
        """What runs: status, pid of its init, memory and uptime."""
        return dict(self.get(self._of(vmid, "status/current")))

    def interfaces(self, vmid: int) -> list[dict[str, Any]]:
        """Its network interfaces as seen from outside; empty where it does not run."""
        return self.get(self._of(vmid, "interfaces")) or []

    def _of(self, vmid: int, what: str) -> str:
        return f"/nodes/{self.name}/lxc/{vmid}/{what}"

    def pct(self, *words: str, stdin: bytes = b"") -> Result:
        """Run `pct …`. Raises Problem with its complaint where it fails."""
        return self._done(["pct", *words], stdin)

    def execute(self, vmid: int, argv: Sequence[str], stdin: bytes = b"", timeout: float = 600) -> Result:
        """Run a command inside, as its root; a failure of the command is a Result. Problem after `timeout` seconds."""
        return self.transport.run(inside(vmid, argv), stdin, timeout)

    def _done(self, argv: Sequence[str], stdin: bytes = b"") -> Result:
        result = self.transport.run(argv, stdin)
        if result.code != 0:
            raise Problem(result.complaint, where=shlex.join(argv[:4]), remedy=remedy(result.complaint))
        return result


def inside(vmid: int, argv: Sequence[str]) -> list[str]:
    """A command inside a container. `--keep-env 0` said aloud: without it the caller's secrets go along."""
    return ["pct", "exec", str(vmid), "--keep-env", "0", "--", *argv]


def decoded(result: Result) -> Any:
    """The JSON that a `pvesh` printed, whatever it logged before it (facts: Proxmox, 1.6)."""
    lines = result.out.splitlines()
    for start in range(len(lines)):
        try:
            return json.loads("\n".join(lines[start:]))
        except json.JSONDecodeError:
            continue
    raise Problem("printed no JSON", where=shlex.join(result.argv[:3]), remedy=f"it said: {result.complaint}")


REMEDIES: Mapping[str, str] = {
    "already exists": "if an interrupted `pct create` left it (see its lock): pct unlock, pct destroy, then `up` again",
    "can't lock": "another task works on it, or left its lock: see `pct config`, then `pct unlock`",
    "is locked": "another task works on it, or left its lock: see `pct config`, then `pct unlock`",
    "does not exist": "bring it up: python -m provisioning up",
    "no space": "make room on the node's storage",
    "permission": "run as root, or as a user with sudo",
    "sudo: ": "hypervisor.ssh in the inventory: root@…, or a user with sudo without a password",
}


def remedy(complaint: str) -> str:
    """What to do about what the node said."""
    found = (advice for word, advice in REMEDIES.items() if word in complaint.lower())
    return next(found, "see the node's log of that container")
