"""Getting into a container by ssh, as a person does: as `datalake`, with the one key, against the pinned host key."""

import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

USER = "datalake"


@dataclass(frozen=True)
class Login:
    """A way to one machine. Nothing of the caller's own ssh configuration takes part."""

    address: str
    key: Path
    known_hosts: Path
    user: str = USER

    def command(self, *words: str, options: Sequence[str] = ()) -> list[str]:
        """`ssh …` with these words as the remote command; `options` stand before ours and so win."""
        ours = (
            "BatchMode=yes", "IdentitiesOnly=yes", "StrictHostKeyChecking=yes", "ConnectTimeout=5",
            "GlobalKnownHostsFile=/dev/null", f"UserKnownHostsFile={self.known_hosts}", "LogLevel=ERROR",
        )  # fmt: skip
        spelled = [word for option in (*options, *ours) for word in ("-o", option)]
        return ["ssh", "-F", "none", "-i", str(self.key), *spelled, f"{self.user}@{self.address}", *words]

    def run(self, *words: str, options: Sequence[str] = (), timeout: float = 30) -> "subprocess.CompletedProcess[str]":
        """Log in, run the words, come back with what was said."""
        return subprocess.run(
            self.command(*words, options=options), capture_output=True, text=True, timeout=timeout, check=False,
            stdin=subprocess.DEVNULL,
        )  # fmt: skip
