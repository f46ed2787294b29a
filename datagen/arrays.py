"""Arrow arrays from numpy integers, without a Python object per row."""

from functools import lru_cache

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from datagen.streams import Integers, Mask

MICROS = 1_000_000
"""Microseconds in a second."""

MONEY = pa.decimal128(12, 2)
INSTANT = pa.timestamp("us", tz="UTC")


@lru_cache(maxsize=64)
def _pool(choices: tuple[str, ...]) -> pa.Array:
    """Return the choices as an array, made once in a process."""
    return pa.array(choices, pa.string())


def pick(choices: tuple[str, ...], index: npt.NDArray[np.integer], missing: Mask | None = None) -> pa.Array:
    """Return choices[i] for each i, and null where `missing`."""
    return _pool(choices).take(pa.array(index, mask=missing))


def joined(*parts: pa.Array | str) -> pa.Array:
    """Return the parts of each row, one after the other."""
    return pc.binary_join_element_wise(*parts, "")


def blank(values: pa.Array, missing: Mask) -> pa.Array:
    """Return the values with null where `missing`."""
    return pc.if_else(pa.array(missing), pa.scalar(None, values.type), values) if missing.any() else values


def strings(values: Integers) -> pa.Array:
    """Return the integers as decimal text."""
    return pa.array(values).cast(pa.string())


def digits(values: Integers, pattern: str) -> pa.Array:
    """Return a text of one length per row: the pattern with each '#' replaced by a digit of the value."""
    text = np.empty((len(values), len(pattern)), np.uint8)
    rest = values
    for position in reversed(range(len(pattern))):
        if pattern[position] == "#":
            rest, digit = np.divmod(rest, 10)
            text[:, position] = digit + ord("0")
        else:
            text[:, position] = ord(pattern[position])
    offsets = np.arange(len(values) + 1, dtype=np.int32) * len(pattern)
    return pa.StringArray.from_buffers(len(values), pa.py_buffer(offsets), pa.py_buffer(text))


def money(cents: Integers) -> pa.Array:
    """Return decimal(12, 2) from hundredths."""
    limbs = np.stack([cents, cents >> 63], axis=1)  # the low and the high half of 128 bits; >> 63 extends the sign
    return pa.Array.from_buffers(MONEY, len(cents), [None, pa.py_buffer(limbs)])


def instants(seconds: Integers) -> pa.Array:
    """Return UTC timestamps of microseconds from seconds since 1970."""
    return pa.Array.from_buffers(INSTANT, len(seconds), [None, pa.py_buffer(seconds * MICROS)])


def dates(days: Integers) -> pa.Array:
    """Return dates from days since 1970."""
    return pa.array(days.astype(np.int32)).view(pa.date32())


def small(values: Integers) -> pa.Array:
    """Return 32-bit integers."""
    return pa.array(values.astype(np.int32))
