"""Random 64-bit words as a pure function of (seed, table, column, row), and ways to turn a word into a choice.

Each column has a Philox counter stream of its own: the key comes from the seed and the names, the counter from the row.
A row's word is therefore the same in whatever batch, partition or order it is made, and a new column changes no other.
"""

import hashlib
import math
from collections.abc import Sequence
from functools import cache
from statistics import NormalDist
from typing import Final, TypeVar

import numpy as np
import numpy.typing as npt

Words = npt.NDArray[np.uint64]
Integers = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]
Entry = TypeVar("Entry", bound=np.generic)

TABLE_SIZE: Final = 1 << 16
"""Entries of an inverse CDF table: one for each value of a word's upper 16 bits."""

_LOW32: Final = 0xFFFFFFFF
_LANES: Final = 4  # one Philox block gives four words, hence counter = row // 4
_ROUNDS: Final = 10
_MULTIPLIERS: Final = (0xD2E7470EE14C6C93, 0xCA5A826395121157)
_KEY_STEPS: Final = (0x9E3779B97F4A7C15, 0xBB67AE8584CAA73B)


@cache
def name_key(*names: str) -> int:
    """Return a fixed 64-bit key for these names, the same on every machine and in every process."""
    return int.from_bytes(hashlib.blake2b("\x1f".join(names).encode(), digest_size=8).digest(), "little")


def raw(seed: int, table: str, column: str, start: int, n: int) -> Words:
    """Return the 64-bit words of rows start..start+n of a column's stream."""
    block, skipped = divmod(start, _LANES)
    key = np.array([seed, name_key(table, column)], np.uint64)
    generator = np.random.Philox(key=key, counter=np.array([block, 0, 0, 0], np.uint64))
    words: Words = generator.random_raw(n + skipped)
    return words[skipped:]


def raw_at(seed: int, table: str, column: str, rows: Integers) -> Words:
    """Return the same words as `raw` for any rows in any order, so that a child can recompute its parent's values."""
    # numpy steps its counter before it uses it, hence the 1.
    block, zero = (rows // _LANES + 1).astype(np.uint64), np.zeros(len(rows), np.uint64)
    counter: list[Words] = [block, zero, zero, zero]
    key = [seed, name_key(table, column)]
    for _ in range(_ROUNDS):
        high0, low0 = _multiply(counter[0], _MULTIPLIERS[0])
        high1, low1 = _multiply(counter[2], _MULTIPLIERS[1])
        counter = [high1 ^ counter[1] ^ np.uint64(key[0]), low1, high0 ^ counter[3] ^ np.uint64(key[1]), low0]
        key = [(k + step) % 2**64 for k, step in zip(key, _KEY_STEPS, strict=True)]
    return np.choose(rows % _LANES, counter)


def _multiply(a: Words, b: int) -> tuple[Words, Words]:
    """Return the upper and the lower 64 bits of a * b."""
    a_high, a_low, b_high, b_low = a >> 32, a & _LOW32, b >> 32, b & _LOW32
    middle = a_high * b_low + (a_low * b_low >> 32)
    cross = a_low * b_high + (middle & _LOW32)
    return a_high * b_high + (middle >> 32) + (cross >> 32), a * b


def below(words: Words, bound: int) -> Integers:
    """Return integers in 0..bound-1, all equally likely, from the upper 32 bits (bound at most 2**32)."""
    return ((words >> 32) * bound >> 32).astype(np.int64)


def between(words: Words, low: int, high: int) -> Integers:
    """Return integers in low..high, both included."""
    return below(words, high - low + 1) + low


def index(words: Words, size: int, lane: int = 0) -> npt.NDArray[np.uint16]:
    """Return indices in 0..size-1 from one of a word's four 16-bit lanes (size at most 2**16)."""
    return ((words >> (16 * lane) & 0xFFFF) * size >> 16).astype(np.uint16)


def chance(words: Words, probability: float) -> Mask:
    """Return True with this probability, decided by the upper 53 bits; a higher rate keeps all rows of a lower one."""
    return (words >> 11) < int(probability * 2**53)


def skewed(words: Words, bound: int) -> Integers:
    """Return integers in 0..bound-1 of which the low ones are frequent: the part below x is the cube root of x / bound.

    Near to a Zipf law (the density falls with the power 2/3), in integers only: the first of a thousand has a tenth.
    """
    upper = words >> 32
    cube = (upper * upper >> 32) * upper >> 32
    return (cube * bound >> 32).astype(np.int64)


def lookup(words: Words, table: npt.NDArray[Entry]) -> npt.NDArray[Entry]:
    """Return the entries of an inverse CDF table of `TABLE_SIZE`, chosen by the upper 16 bits."""
    chosen: npt.NDArray[Entry] = table[words >> 48]
    return chosen


def weighted(weights: Sequence[int]) -> npt.NDArray[np.int8]:
    """Return an inverse CDF table that gives index i with a probability of weights[i] / sum(weights)."""
    edges = np.cumsum(weights) * TABLE_SIZE // sum(weights)
    return np.searchsorted(edges, np.arange(TABLE_SIZE), side="right").astype(np.int8)


def lognormal(median: int, sigma: float) -> Integers:
    """Return an inverse CDF table of a lognormal distribution in whole units, at least 1."""
    # math.exp, one by one: numpy's vectorised exp gives other last bits on other processors.
    return np.array([max(1, round(median * math.exp(sigma * z))) for z in _normal_quantiles()], np.int64)


@cache
def _normal_quantiles() -> tuple[float, ...]:
    quantile = NormalDist().inv_cdf
    return tuple(quantile((i + 0.5) / TABLE_SIZE) for i in range(TABLE_SIZE))
