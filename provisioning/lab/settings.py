"""What a lab is called, where it keeps its things, and the network that it plays."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path

from provisioning.lab import namespace
from provisioning.problem import Problem

FILE = "node.json"


@dataclass(frozen=True)
class Settings:
    """One lab. Everything that it makes outside `state` carries `datalake-NAME`, so that labs live side by side."""

    name: str
    state: Path  # node.json, bin/, lxc/ID.conf, images/, ct/, named/, log/
    cache: Path  # base images by the hash of their recipe; shared by labs, survives their destruction
    address: str  # the host's
    prefix: int
    gateway: str  # lies on the bridge too, so that it is reachable
    bridge: str
    node: str = "pve"
    storage: str = "local"

    @property
    def netns(self) -> str:
        """The network namespace that containers, named and every command of the node live in."""
        return namespace.of_lab(self.name)

    @property
    def cgroup(self) -> str:
        """Where the containers' control groups lie; those of their monitors in `CGROUP.monitor`."""
        return namespace.of_lab(self.name)

    @property
    def containers(self) -> Path:
        """The folder that LXC knows containers by (lxc-* -P)."""
        return self.state / "ct"

    @property
    def lxcfs(self) -> Path:
        """Where the lab's own lxcfs is mounted."""
        return self.state / "lxcfs"

    def image(self, vmid: int) -> Path:
        """The container's root file system, a raw sparse image."""
        return self.state / "images" / f"vm-{vmid}-disk-0.raw"

    def log(self, name: str) -> Path:
        """Where the process or container of this name writes."""
        return self.state / "log" / f"{name}.log"

    def write(self) -> bool:
        """Keep it in the state folder; True where that changed something."""
        text = json.dumps(
            {key: str(value) if isinstance(value, Path) else value for key, value in asdict(self).items()}
        )
        file = self.state / FILE
        if file.exists() and file.read_text(encoding="utf-8") == text:
            return False
        file.write_text(text, encoding="utf-8")
        return True

    @classmethod
    def read(cls, state: Path) -> "Settings":
        """The lab that lives in this folder. Raises Problem where there is none."""
        try:
            kept = json.loads((state / FILE).read_text(encoding="utf-8"))
            return cls(**{**kept, "state": Path(kept["state"]), "cache": Path(kept["cache"])})
        except (OSError, ValueError, TypeError, KeyError) as error:
            raise Problem(
                f"holds no lab ({type(error).__name__})", where=str(state), remedy="bring the lab up first"
            ) from None
