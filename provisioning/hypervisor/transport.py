"""How a command reaches the node: run here, or by ssh as root or a user with sudo."""

import os
import shlex
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from provisioning.problem import Problem

# Asked for a password or an unknown host key, ssh would wait for ever; perl's complaints about locales are no answer.
SSH = ("ssh", "-o", "BatchMode=yes", "-o", "StrictHostKeyChecking=yes", "-o", "ConnectTimeout=10")
# Proxmox itself comes without sudo; root, who needs none, is who one usually is there.
AS_ROOT = '$([ "$(id -u)" = 0 ] || echo sudo -n) env LC_ALL=C.UTF-8 {}'
OWN = ("pct", "pvesh")
SSH_FAILED = 255
# 255 is what ssh says of itself, and what `pct` says of anything (facts: Proxmox, TL;DR 9): the command's becomes 254.
OWN_FAILURE = "{}; code=$?; [ $code -ne 255 ] || code=254; exit $code"


@dataclass(frozen=True)
class Result:
    """What a command came to."""

    argv: tuple[str, ...]
    code: int
    out: str
    err: str

    @property
    def complaint(self) -> str:
        """The last line that it said before it failed: tools put their reason there."""
        lines = [line.strip() for line in f"{self.out}\n{self.err}".splitlines() if line.strip()]
        return lines[-1] if lines else f"exit {self.code}, no word"


@dataclass(frozen=True)
class Transport:
    """`ssh` is user@host, None to run here; `bin` a folder whose commands come before those of PATH."""

    ssh: str | None = None
    bin: Path | None = None

    def command(self, argv: Sequence[str]) -> list[str]:
        """The whole command line that runs `argv` on the node, for whoever keeps it running."""
        if self.ssh is None:
            return [self._here(argv[0]), *argv[1:]]
        return [*SSH, self.ssh, OWN_FAILURE.format(AS_ROOT.format(shlex.join(argv)))]

    def _here(self, program: str) -> str:
        # A lab whose commands are gone must never be answered by a Proxmox that this machine may be, too.
        return str(self.bin / program) if self.bin and program in OWN else program

    def run(self, argv: Sequence[str], stdin: bytes = b"", timeout: float = 600) -> Result:
        """Run it to its end. Raises Problem where it cannot be run at all; a failure of its own is a Result."""
        command = self.command(argv)
        try:
            done = subprocess.run(
                command, input=stdin, capture_output=True, timeout=timeout, check=False,
                env={**os.environ, "LC_ALL": "C.UTF-8"},
            )  # fmt: skip
        except OSError as error:
            raise Problem(
                f"cannot be run here ({error.strerror})",
                where=command[0],
                remedy="run it on the Proxmox host, or set hypervisor.ssh in the inventory",
            ) from None
        except subprocess.TimeoutExpired:
            raise Problem(
                f"no end within {timeout:g} s", where=shlex.join(argv[:3]), remedy="look at the node's load and locks"
            ) from None
        out, err = (stream.decode("utf-8", "replace") for stream in (done.stdout, done.stderr))
        if self.ssh and done.returncode == SSH_FAILED:
            raise self._unreachable(err)
        return Result(tuple(argv), done.returncode, out, err)

    def _unreachable(self, said: str) -> Problem:
        lines = [line.strip() for line in said.splitlines() if line.strip()] or ["no word"]
        changed = "REMOTE HOST IDENTIFICATION" in said or "Host key verification failed" in said
        remedy = (
            "compare the key with the host's own and put the right one in known_hosts"
            if changed
            else f"try `ssh {self.ssh} true`; the user needs a key there, and is root or has sudo without a password"
        )
        what = "its host key is not the known one" if changed else f"cannot be reached: {lines[-1]}"
        return Problem(what, where=f"hypervisor.ssh {self.ssh}", remedy=remedy)
