"""The one key pair that opens every container, and the host keys that we saw when we made them."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from provisioning.files import PRIVATE, write_private
from provisioning.inventory import Inventory
from provisioning.problem import Problem
from provisioning.state import CHECKOUT

OPENSSH, PEM = serialization.Encoding.OpenSSH, serialization.Encoding.PEM


def key_file(inventory: Inventory) -> Path:
    """Where the inventory's private key lies; a relative path counts from the checkout."""
    return CHECKOUT / Path(inventory.ssh_key).expanduser()


@dataclass(frozen=True)
class KeyPair:
    """A private key's file; the public half follows from it."""

    private: Path

    def public(self) -> str:
        """`ssh-ed25519 AAAA…`, as the private key gives it. Raises Problem where that is missing, open or broken."""
        self._check()
        try:
            key = serialization.load_ssh_private_key(self.private.read_bytes(), password=None)
        except (ValueError, TypeError, UnsupportedAlgorithm) as error:
            raise self._bad(f"is no private key without a passphrase ({error})") from None
        return key.public_key().public_bytes(OPENSSH, serialization.PublicFormat.OpenSSH).decode()

    def ensure(self) -> str:
        """The public half; the pair is made where there is none yet, the private part 0600."""
        if not self.private.exists():
            self._make()
        return self.public()

    def _make(self) -> None:
        key = Ed25519PrivateKey.generate()
        public = key.public_key().public_bytes(OPENSSH, serialization.PublicFormat.OpenSSH).decode()
        private = key.private_bytes(PEM, serialization.PrivateFormat.OpenSSH, serialization.NoEncryption()).decode()
        write_private(self.private.with_name(f"{self.private.name}.pub"), f"{public} datalake\n")
        write_private(self.private, private)

    def _check(self) -> None:
        try:
            mode, owner = self.private.stat().st_mode & 0o777, self.private.stat().st_uid
        except FileNotFoundError:
            raise self._bad("is not there") from None
        except OSError as error:
            raise self._bad(f"cannot be read ({error.strerror})") from None
        if mode != PRIVATE or owner != os.geteuid():
            raise Problem(
                f"has mode {mode:04o} and owner {owner}, ssh will not take it",
                where=str(self.private),
                remedy=f"chmod 600 it, and let user {os.geteuid()} own it",
            )

    def _bad(self, what: str) -> Problem:
        return Problem(
            what,
            where=str(self.private),
            remedy="restore it, or remove it: `up` makes another and puts it into each container",
        )


@dataclass(frozen=True)
class HostKeys:
    """Our own known_hosts: what each container showed when it was made."""

    file: Path

    def read(self) -> dict[str, str]:
        """Container's name -> its pinned key."""
        if not self.file.exists():
            return {}
        text = self.file.read_text(encoding="ascii", errors="replace")  # what is no key is pinned anew by the next `up`
        lines = (line.split(maxsplit=1) for line in text.splitlines())
        return {words[0].split(",")[0]: words[1] for words in lines if len(words) == 2}

    def update(self, keys: Mapping[str, str | None], addresses: Mapping[str, str], domain: str) -> None:
        """Pin these, forget those that are None, and keep the rest, each at its present name and address.

        A container without an address is not planned any more, and its key is nobody's.
        """
        kept = {name: key for name, key in {**self.read(), **keys}.items() if key and name in addresses}
        lines = (f"{name},{name}.{domain},{addresses[name]} {key}\n" for name, key in sorted(kept.items()))
        write_private(self.file, "".join(lines))
