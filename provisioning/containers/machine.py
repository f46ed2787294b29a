"""One container brought to what it should be: made, changed, started, bootstrapped; each step only where it lacks."""

import io
import shlex
import tarfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from provisioning.containers import bootstrap
from provisioning.containers.bootstrap import Bootstrap
from provisioning.hypervisor.desired import Desired
from provisioning.hypervisor.differences import Actual, Difference, compare
from provisioning.hypervisor.node import Node
from provisioning.problem import Problem
from provisioning.waiting import wait_until

DEBS = "/var/cache/datalake-debs"
HOST_KEY = "/etc/ssh/ssh_host_ed25519_key.pub"
BOOT = 90.0  # seconds for a container to boot
HALF_MADE = "create"  # the lock of an interrupted `pct create`
ADJUSTABLE = ("hot", "restart")


def half_made(actual: Actual) -> bool:
    """Whether an interrupted `pct create` left it: a lock, and nothing yet that could be lost."""
    return actual.config.get("lock") == HALF_MADE and not {"hostname", "rootfs"} & actual.config.keys()


def removal(vmid: str) -> list[list[str]]:
    """The commands that remove what is half made, with the disk that it may have."""
    return [["pct", "unlock", vmid], ["pct", "destroy", vmid, "--purge", "1", "--destroy-unreferenced-disks", "1"]]


@dataclass(frozen=True)
class Machine:
    """A container that is wanted, the node that has it or will, what it is bootstrapped with, and the debs for that."""

    wanted: Desired
    node: Node
    bootstrap: Bootstrap
    debs: tuple[Path, ...]

    def __str__(self) -> str:
        return str(self.wanted)

    @property
    def _id(self) -> str:
        return str(self.wanted.vmid)

    def ensure(self, actual: Actual | None, timeout: float = BOOT) -> list[str]:
        """Bring it from `actual` (None: it is not there) to what is wanted. Returns what was done, a line each.

        It has `timeout` seconds to boot.
        Raises Problem before anything is changed where a difference cannot be removed, and afterwards where one is
        still there.
        """
        done = []
        if actual is None or half_made(actual):
            for command in self._creation(actual):
                self.node.pct(*command[1:])
            done.append("created")
        else:
            done += self._adjust(actual)
        if self.node.status(self.wanted.vmid)["status"] != "running":
            self.node.pct("start", self._id)
            done.append("started")
        self._wait_booted(timeout)
        done += self._bootstrap()
        if done:
            self._confirm()
        return done

    def plan(self, actual: Actual | None) -> list[str]:
        """What `ensure` would do, in words."""
        if actual is None or half_made(actual):
            return ["created", "started", "bootstrapped"]
        refusal = self.refusal(actual)
        if refusal:
            return [f"{refusal.what}; {refusal.remedy}"]
        told = [str(difference) for difference in compare(self.wanted, actual)]
        if not actual.running:
            return [*told, "started"]
        return [*told, *(f"set {fact}" for fact in self.unprepared())]

    def steps(self, actual: Actual | None) -> list[list[str]]:
        """The commands that `ensure` would give for the container itself, as one would type them."""
        if actual is None or half_made(actual):
            return [*self._creation(actual), ["pct", "start", self._id]]
        differences = compare(self.wanted, actual)
        starts = [["pct", "start", self._id]] if not actual.running else []
        return [*self._commands(differences, actual.running), *starts]

    def _creation(self, actual: Actual | None) -> list[list[str]]:
        """Proxmox makes nothing under a number that has a configuration, be it an interrupted `pct create`'s."""
        return [*(removal(self._id) if actual else []), self.wanted.create]

    def refusal(self, actual: Actual) -> Problem | None:
        """What of it `ensure` would refuse to change, None where it would not."""
        stranger = self.wanted.stranger(str(actual.config.get("hostname")), str(actual.config.get("tags", "")))
        if stranger:
            return stranger
        refused = [difference for difference in compare(self.wanted, actual) if difference.kind == "refused"]
        if not refused:
            return None
        what = f"cannot be changed: {'; '.join(map(str, refused))}"
        return Problem(what, where=str(self), remedy=self._advice(refused[0]))

    def _adjust(self, actual: Actual) -> list[str]:
        differences, refusal = compare(self.wanted, actual), self.refusal(actual)
        if refusal:
            raise refusal
        for command in self._commands(differences, actual.running):
            self.node.pct(*command[1:])
        return [f"changed {difference}" for difference in differences]

    def _commands(self, differences: Sequence[Difference], running: bool) -> Iterator[list[str]]:
        options = {
            difference.key: difference.desired
            for difference in differences
            if difference.kind in ADJUSTABLE and difference.key in self.wanted.options
        }
        wanted = {key: self.wanted.options[key] for key in options}
        if wanted:
            yield ["pct", "set", self._id, *(word for key, value in wanted.items() for word in (f"--{key}", value))]
        if any(difference.kind == "resize" for difference in differences):
            yield ["pct", "resize", self._id, "rootfs", f"{self.wanted.disk_gib}G"]
        if running and any(difference.kind == "restart" for difference in differences):
            yield ["pct", "reboot", self._id]

    def _advice(self, difference: Difference) -> str:
        if difference.key == "lock":
            return (
                f"look what holds it (`pct config {self._id}`); after an interrupted `pct create`: pct unlock, destroy"
            )
        if difference.desired is None:
            return f"if nobody needs it: pct set {self._id} --delete {difference.key}"
        return f"nothing is destroyed to change it: save what it holds, then reset {self.wanted.name}"

    def _wait_booted(self, timeout: float) -> None:
        """Up to the end of systemd's start; what failed to start there is for the suites to judge."""
        said = ["nothing"]

        def booted() -> bool:
            result = self.node.execute(self.wanted.vmid, ["systemctl", "is-system-running"])
            said.append(result.complaint)
            return result.out.strip() in ("running", "degraded")

        try:
            wait_until(booted, timeout, "systemctl is-system-running", interval=0.1)
        except TimeoutError as error:
            raise Problem(
                f"does not boot: {error}; it said: {said[-1]}", where=str(self), remedy=f"see `pct console {self._id}`"
            ) from None

    def execute(self, *argv: str, stdin: bytes = b"") -> str:
        """What a command inside printed, whatever its exit code."""
        return self.node.execute(self.wanted.vmid, argv, stdin).out

    def _bootstrap(self) -> list[str]:
        missing = self.unprepared()
        if missing:
            if any(fact.startswith("package ") for fact in missing):
                self._script(f"rm -rf {DEBS}; mkdir -p {DEBS}; tar -xC {DEBS}", packed(self.debs))
            self._script(self.bootstrap.script(missing, DEBS))
        return [f"set {fact}" for fact in missing]

    def unprepared(self) -> list[str]:
        """What of its bootstrap is missing; nothing is changed."""
        return self.bootstrap.missing(bootstrap.facts(self.execute("sh", "-c", self.bootstrap.observe)))

    def _script(self, script: str, stdin: bytes = b"") -> None:
        result = self.node.execute(self.wanted.vmid, ["sh", "-ec", script], stdin)
        if result.code != 0:
            raise Problem(
                f"bootstrap failed: {result.complaint}",
                where=str(self),
                remedy=f"look inside: pct enter {self._id}; then `up` again",
            )

    def _confirm(self) -> None:
        actual = self.node.actual(self.wanted.vmid)
        left = [*map(str, compare(self.wanted, actual)), *(f"{fact} is not as set" for fact in self.unprepared())]
        if left:
            raise Problem(
                f"still differs after it was changed: {'; '.join(left)}",
                where=str(self),
                remedy=f"see what the node did: {shlex.join(['pct', 'config', self._id])}",
            )

    def host_key(self) -> str:
        """Its ssh host key, read from inside: nobody on the network can put in another."""
        words = self.execute("cat", HOST_KEY).split()
        if len(words) < 2:
            raise Problem("has no ssh host key", where=f"{self}: {HOST_KEY}", remedy="`reset` it")
        return " ".join(words[:2])


def packed(files: Sequence[Path]) -> bytes:
    """Files as one tar, for a stdin."""
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as tar:
        for file in files:
            tar.add(file, arcname=file.name)
    return stream.getvalue()
