"""Room for inotify: systemd takes six instances in each container, and all of them count for one user of the host.

The kernel's 128 are used up by some twenty containers; then they boot degraded, or stop by themselves. Proxmox raises
the same limit on its hosts.
"""

from pathlib import Path

from provisioning.lab import namespace

LIMIT = Path("/proc/sys/fs/inotify/max_user_instances")
RECORD = Path("/run/datalake-inotify")  # the host's own value, while a lab has raised it
WANTED = 1024


def raise_limit(limit: Path = LIMIT, record: Path = RECORD) -> bool:
    """Raise the host's limit where it is lower, and write down what it was; True where it did."""
    own = int(limit.read_text(encoding="ascii"))
    if own >= WANTED:
        return False
    record.write_text(f"{own}\n", encoding="ascii")
    limit.write_text(f"{WANTED}\n", encoding="ascii")
    return True


def take_back(limit: Path = LIMIT, record: Path = RECORD, folder: Path = namespace.FOLDER) -> bool:
    """Give the host its own limit back once no lab is left; True where that was done."""
    if not record.exists() or any(folder.glob("datalake-*")):
        return False
    limit.write_text(record.read_text(encoding="ascii"), encoding="ascii")
    record.unlink()
    return True
