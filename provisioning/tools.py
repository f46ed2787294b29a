"""Programs that artifacts are made with: run to their end, or ended together where we are told to stop."""

import contextlib
import os
import re
import signal
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from provisioning.problem import Problem

_running: set["subprocess.Popen[str]"] = set()


def run(command: Sequence[str | Path], *, cwd: Path, env: Mapping[str, str] | None = None, stdin: str = "") -> str:
    """Run a tool and return what it printed. Raises Problem with its most telling line of complaint."""
    try:
        # A process group of its own: what the tool starts ends with it, and Ctrl-C reaches it through us alone.
        process = subprocess.Popen(
            command, cwd=cwd, env=env, encoding="utf-8", errors="replace", process_group=0,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        )  # fmt: skip
    except OSError as error:
        raise Problem(f"{command[0]} does not run: {error.strerror}", where=str(command[0]), remedy="") from None
    _running.add(process)
    try:
        output, _ = process.communicate(stdin)
    except BaseException:
        _end(process)
        raise
    finally:
        _running.discard(process)
    if process.returncode != 0:
        raise Problem(f"{Path(command[0]).name} failed: {complaint(output)}", where=str(command[0]), remedy="")
    return output


def end_running() -> None:
    """End every tool that runs, with all that it started; `run` raises Problem in the threads that wait for them."""
    for process in tuple(_running):
        _end(process)


def _end(process: "subprocess.Popen[str]") -> None:
    # At once: tools work in folders that are thrown away, so there is nothing for them to tidy up.
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def complaint(output: str) -> str:
    """The line of a tool's output that tells most."""
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    telling = r"error|exception|not found|refused|denied|no such|no space|unknown"
    return ([line for line in lines if re.search(telling, line, re.I)] or lines or ["no output"])[0][:300]
