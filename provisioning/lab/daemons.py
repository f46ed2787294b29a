"""Programs that stay when the command ends (lxcfs, named), and are ended by their own pid."""

import contextlib
import os
import signal
import subprocess
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from provisioning.lab.commands import QUIET
from provisioning.lab.settings import Settings
from provisioning.problem import Problem
from provisioning.waiting import Hopeless, wait_until


@dataclass(frozen=True)
class Daemon:
    """A program of a lab, by the name that it has in the lab's files; its command line names the state folder."""

    settings: Settings
    name: str

    @property
    def record(self) -> Path:
        """Where its pid is written."""
        return self.settings.state / "run" / f"{self.name}.pid"

    def pid(self) -> int | None:
        """Its pid, if that is still this lab's program: pids are given again."""
        try:
            pid = int(self.record.read_text(encoding="ascii"))
        except (OSError, ValueError):
            return None
        return pid if is_ours(command_line(pid), self.settings.state, (self.name, "nsenter")) else None

    def start(
        self, *command: str | Path, ready: Callable[[], bool], stay: Sequence[str] = (), patience: float = 20
    ) -> None:
        """Start it in a session of its own, its output in the log, and wait until it does its work.

        `stay` goes before the command (nsenter …). Raises Problem with the end of its log where it ends.
        """
        with self.settings.log(self.name).open("w") as log:
            process = subprocess.Popen(
                [*stay, *command], stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True,
                cwd="/", env=QUIET,
            )  # fmt: skip
        self.record.write_text(f"{process.pid}\n", encoding="ascii")
        process.returncode = 0  # it outlives us: without this, Popen warns that it still runs

        def looked() -> bool:
            # Not by its command line: that is empty for a moment while it becomes the program.
            if gone(process.pid):
                raise Hopeless("it has ended")
            return ready()

        try:
            wait_until(looked, patience, f"{self.name} ready", interval=0.05)
        except (TimeoutError, Hopeless) as error:
            said = self.settings.log(self.name).read_text(encoding="utf-8", errors="replace").strip().splitlines()
            raise Problem(
                f"does not come up: {error}; it said: {said[-1] if said else 'nothing'}", where=self.name,
                remedy=f"see {self.settings.log(self.name)}",
            ) from None  # fmt: skip

    def stop(self) -> bool:
        """End it; True where it ran."""
        pid = self.pid()
        if pid is not None:
            end(pid)
        self.record.unlink(missing_ok=True)
        return pid is not None


def end(pid: int, patience: float = 10) -> None:
    """Ask a process to end, then make it; a child of ours is waited for."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, number)
        with contextlib.suppress(TimeoutError):
            wait_until(lambda: gone(pid), patience, f"end of process {pid}", interval=0.05)
            return


def gone(pid: int) -> bool:
    """Whether the process has ended; a zombie has."""
    with contextlib.suppress(ChildProcessError):
        os.waitpid(pid, os.WNOHANG)
    try:
        with open(f"/proc/{pid}/stat", encoding="utf-8", errors="replace") as file:
            return file.read().rpartition(")")[2].split()[0] in "ZX"
    except OSError:
        return True


def command_line(pid: int) -> str:
    """The command line of a process, its words apart by spaces; empty where it has ended."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
    except OSError:
        return ""


def is_ours(line: str, state: Path, programs: Sequence[str]) -> bool:
    """Whether a command line is one of these programs, at work in this state folder."""
    first, _, rest = line.partition(" ")
    return os.path.basename(first) in programs and f"{state}/" in rest


def of_lab(state: Path) -> list[int]:
    """Processes at work in a state folder, by their command lines: programs of a lab, and LXC's monitors."""
    pids = [int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit()]
    lines = {pid: command_line(pid) for pid in pids}
    return sorted(
        pid for pid, line in lines.items()
        if is_ours(line, state, ("lxcfs", "named", "lxc-start", "lxc-attach"))
        or (line.startswith("[lxc monitor]") and f"{state}/" in line)
    )  # fmt: skip
