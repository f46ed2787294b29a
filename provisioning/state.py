"""Where a checkout keeps what it brought up: one folder an inventory, and which one is current."""

import fcntl
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from provisioning.files import make_folder, unwritable
from provisioning.problem import Problem

CHECKOUT = Path(__file__).resolve().parent.parent


def root() -> Path:
    """DATALAKE_STATE, or `.datalake` in the checkout."""
    return Path(os.environ.get("DATALAKE_STATE") or CHECKOUT / ".datalake").absolute()


@dataclass(frozen=True)
class State:
    """The folder of one inventory's lakehouse."""

    folder: Path

    @classmethod
    def of(cls, inventory: str) -> "State":
        """The state of the inventory of that name in this checkout."""
        return cls(root() / inventory)

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
        link = self.folder.parent / "current"
        draft = link.with_name(f".current-{os.getpid()}")
        try:
            draft.symlink_to(self.folder.name)
            os.replace(draft, link)
        except OSError as error:
            raise unwritable(link, error) from None

    def remove(self) -> None:
        """Remove the folder with all data."""
        link = self.folder.parent / "current"
        if link.is_symlink() and os.readlink(link) == self.folder.name:
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
