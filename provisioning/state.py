"""Where a checkout keeps what it brought up: one folder an inventory, and which one is current."""

import fcntl
import hashlib
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from provisioning.files import make_folder, unwritable
from provisioning.problem import Problem

CHECKOUT = Path(__file__).resolve().parent.parent
SYSTEM = Path("/var/lib/datalake")  # what only root makes lies here, and no other user's checkout gets files of root's


def foreign() -> bool:
    """Whether root is at work in somebody else's checkout."""
    return os.geteuid() == 0 and CHECKOUT.stat().st_uid != 0


def give_back(checkout: Path = CHECKOUT) -> None:
    """What root wrote into somebody else's checkout (reports, bytecode, caches) belongs to its owner."""
    if not foreign():
        return
    owner = checkout.stat()
    for folder, folders, files in os.walk(checkout):
        folders[:] = [name for name in folders if name not in (".git", ".venv")]
        for name in (*folders, *files):
            entry = os.lstat(os.path.join(folder, name))
            if entry.st_uid == 0:
                os.chown(os.path.join(folder, name), owner.st_uid, owner.st_gid, follow_symlinks=False)


def root() -> Path:
    """DATALAKE_STATE, or `.datalake` in the checkout; for root in somebody else's checkout, a folder of SYSTEM."""
    given = os.environ.get("DATALAKE_STATE")
    if not given and foreign():
        return SYSTEM / "checkouts" / hashlib.sha256(str(CHECKOUT).encode()).hexdigest()[:12]
    return Path(given or CHECKOUT / ".datalake").absolute()


@dataclass(frozen=True)
class State:
    """The folder of one inventory's lakehouse."""

    folder: Path

    @classmethod
    def of(cls, inventory: str, target: str = "local") -> "State":
        """The state of the inventory of that name: in this checkout, but for a lab, of which a machine has one."""
        shared = target == "lab" and not os.environ.get("DATALAKE_STATE")
        return cls((SYSTEM if shared else root()) / inventory)

    @property
    def connection(self) -> Path:
        """The connection profile."""
        return self.folder / "connection.json"

    @property
    def secrets(self) -> Path:
        """Generated secrets."""
        return self.folder / "secrets.json"

    @property
    def ports(self) -> Path:
        """Ports that were chosen once."""
        return self.folder / "ports.json"

    def make_current(self) -> None:
        """Let pytest and the jobs find this lakehouse without being told."""
        link = make_folder(root()) / "current"
        draft = link.with_name(f".current-{os.getpid()}")
        try:
            draft.symlink_to(self.folder if self.folder.parent != root() else self.folder.name)
            os.replace(draft, link)
        except OSError as error:
            raise unwritable(link, error) from None

    def remove(self) -> None:
        """Remove the folder with all data."""
        link = root() / "current"
        if link.is_symlink() and link.parent / os.readlink(link) == self.folder:
            link.unlink()
        shutil.rmtree(self.folder, ignore_errors=False)

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Let one command at a time change this lakehouse; the kernel lets go of the lock of a killed one."""
        path = make_folder(self.folder.parent) / f".{self.folder.name}.lock"
        try:
            lock = path.open("a+", encoding="ascii")
        except OSError as error:
            raise unwritable(path, error) from None
        with lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                lock.seek(0)
                raise Problem(
                    f"another command is changing it (process {lock.read().strip() or 'unknown'})",
                    where=str(self.folder),
                    remedy="let that one finish, then try again",
                ) from None
            lock.truncate(0)
            lock.write(str(os.getpid()))
            lock.flush()
            yield


def current() -> State | None:
    """The lakehouse last brought up in this checkout, None where there is none."""
    link = root() / "current"
    return State(link.resolve()) if (link / "connection.json").is_file() else None
