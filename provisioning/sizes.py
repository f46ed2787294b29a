"""Amounts of memory and disk as inventories write them."""

import re

UNITS = {"MiB": 2**20, "GiB": 2**30, "MB": 10**6, "GB": 10**9}


def parse_size(text: object) -> int:
    """`"2 GiB"` -> bytes. Raises ValueError that shows how to write it: a bare number has no unit to believe."""
    match = re.fullmatch(r"(\d+) ?([A-Za-z]+)", text) if isinstance(text, str) else None
    if match is None or match[2] not in UNITS or int(match[1]) == 0:
        raise ValueError(f'{text!r} is no size: write a whole number and one of {", ".join(UNITS)}, like "2 GiB"')
    return int(match[1]) * UNITS[match[2]]


def show_size(size: int) -> str:
    """Bytes -> binary units, for people."""
    return f"{size / 2**30:.1f} GiB" if size >= 2**30 else f"{size / 2**20:.0f} MiB"
