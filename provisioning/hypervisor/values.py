"""Values as Proxmox writes them, read into what can be compared (facts: Proxmox, 1.2). Pure."""

import re
from collections.abc import Mapping

UNITS = {"": 1, "K": 2**10, "M": 2**20, "G": 2**30, "T": 2**40}


def properties(text: str, default: str = "volume") -> dict[str, str]:
    """`name=eth0,ip=…` -> its parts; a part without a key is the value of `default`. The order means nothing."""
    parts = (part.partition("=") for part in text.split(",") if part)
    return {key if equals else default: value if equals else key for key, equals, value in parts}


def property_string(parts: Mapping[str, str]) -> str:
    """The other way round."""
    return ",".join(f"{key}={value}" for key, value in parts.items())


def boolean(value: object) -> bool:
    """Proxmox takes 1, on, yes, true in any case, and gives back a number or a string."""
    return str(value).lower() in ("1", "on", "yes", "true")


def size(text: str) -> int:
    """`20G` -> bytes; powers of 1024. Raises ValueError for what is no size."""
    match = re.fullmatch(r"(\d+(?:\.\d+)?)([KMGT]?)(?:iB)?", text)
    if match is None:
        raise ValueError(f"{text!r} is no disk size of Proxmox")
    return int(float(match[1]) * UNITS[match[2]])


def words(text: str) -> frozenset[str]:
    """A list of tags, nameservers or domains: parted by `;`, `,` or spaces, in an order that means nothing."""
    return frozenset(part for part in re.split(r"[;,\s]+", text.lower()) if part)
