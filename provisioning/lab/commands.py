"""Commands of the host, run to their end."""

import os
import subprocess
from collections.abc import Mapping
from pathlib import Path

from provisioning.problem import Problem
from provisioning.tools import complaint

# Not every login has the administrator's folders in its path.
QUIET = {
    **os.environ,
    "PATH": f"{os.environ.get('PATH', '/usr/bin:/bin')}:/usr/sbin:/sbin",
    "LC_ALL": "C.UTF-8",
    "DEBIAN_FRONTEND": "noninteractive",
}


class Failed(Problem):
    """A command of the host did not do its work."""

    def __init__(self, command: str, output: str) -> None:
        super().__init__(f"{command} failed: {complaint(output)}", where="lab", remedy="see its log, or `make lab`")
        self.output = output


def run(*command: str | Path, stdin: str = "", env: Mapping[str, str] = QUIET) -> str:
    """What the command printed on stdout. Raises Failed with its most telling line where it fails or is missing."""
    status, out, err = tried(*command, stdin=stdin, env=env)
    if status != 0:
        raise Failed(Path(command[0]).name, err + out)
    return out


def tried(*command: str | Path, stdin: str = "", env: Mapping[str, str] = QUIET) -> tuple[int, str, str]:
    """Exit status, stdout and stderr; a missing program has status 127."""
    try:
        done = subprocess.run(
            command, input=stdin, env=env, capture_output=True, encoding="utf-8", errors="replace", check=False
        )
    except FileNotFoundError:
        return 127, "", f"{command[0]}: not found"
    return done.returncode, done.stdout, done.stderr
