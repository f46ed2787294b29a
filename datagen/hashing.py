"""A 64-bit hash for each value of an Arrow array, by fixed rules, in numpy.

Two values have the same hash when they are the same value of the same kind, however they are stored:

* null       one hash of its own in every kind: not "", not 0, not an empty list
* integer    by value, whatever the width and sign: int32 5 is int64 5 is uint8 5
* float      widened to 64 bits; all NaN are one; -0.0 is 0.0; a float is never an integer
* decimal    by numeric value, whatever precision and scale: 1.50 is 1.500
* boolean    true and false, which are not 1 and 0
* string     by UTF-8 bytes: string, large, view and dictionary-encoded are one kind; binary is another
* date       by day
* time, duration, timestamp   by microsecond, and the nanoseconds left over; a zoned timestamp by its instant,
  whatever its zone is called; one without a zone is another kind
* struct     by its fields' names and values, whatever their order
* list       by its elements in their order: list, large, view and of fixed size are one kind
* map        by its entries, whatever their order
* extension  as its storage

Arithmetic is modulo 2**64, and these numbers are a format: fingerprints are kept in backups' manifests. A decimal is
taken modulo 2**61 - 1. The hash finds accidents; it doesn't resist somebody who looks for collisions.
"""

from collections.abc import Callable, Iterator
from functools import cache
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from datagen.streams import Integers, Words, name_key

_BLOCK: Final = 1 << 17  # elements hashed at a time: their tables of powers fit into a processor's cache
_BASE: Final = 0x9E3779B97F4A7C15  # 5 modulo 8: its powers repeat as late as any number's modulo 2**64
_BASE_INVERSE: Final = pow(_BASE, -1, 2**64)
_PRIME: Final = 2**61 - 1
_LOW31: Final = 2**31 - 1
_NAN: Final = 0x7FF8000000000000
_PER_MICRO: Final = {"s": 1_000_000, "ms": 1_000, "us": 1}


def mix(words: Words) -> Words:
    """Return each word scrambled by the finaliser of splitmix64, a bijection."""
    words = words ^ (words >> np.uint64(30))
    words *= 0xBF58476D1CE4E5B9
    words ^= words >> 27
    words *= 0x94D049BB133111EB
    words ^= words >> 31
    return words


def column_hashes(array: pa.Array, column: str) -> Words:
    """Return the hash of each value; `column` is the name that an error gives."""
    rule = next((rule for holds, rule in _RULES if holds(array.type)), None)
    if rule is None:
        raise TypeError(f"column {column}: no fingerprint rule for type {array.type}")
    hashes = rule(array, column)
    if array.null_count:
        hashes[pc.is_null(array).to_numpy(zero_copy_only=False)] = _tag("null")
    return hashes


def fields_hashes(arrays: list[pa.Array], names: list[str], length: int, column: str = "") -> Words:
    """Return the hash of each row of these columns: it depends on names and values, and not on the columns' order."""
    if len(set(names)) < len(names):
        raise ValueError(f"{column or 'fingerprint'}: column names are not unique: {', '.join(names)}")
    total = np.zeros(length, np.uint64)
    for array, name in zip(arrays, names, strict=True):
        total += mix(column_hashes(array, f"{column}.{name}" if column else name) + name_key("field", name))
    return mix(total + _tag("row"))


def _tag(kind: str) -> int:
    return name_key("kind", kind)


def _values(array: pa.Array, dtype: npt.DTypeLike) -> npt.NDArray[Any]:
    """Return the array's own slice of its data buffer; what a null's place holds is undefined."""
    buffer = array.buffers()[1]
    if buffer is None or not len(array):
        return np.zeros(len(array), dtype)
    item = np.dtype(dtype).itemsize
    return np.frombuffer(buffer, dtype, count=len(array), offset=array.offset * item)


def _of_integers(numbers: npt.NDArray[Any], kind: str) -> Words:
    return mix(numbers.astype(np.int64).view(np.uint64) + _tag(kind))


# ---------------------------------------------------------------- flat kinds


def _null(array: pa.Array, column: str) -> Words:
    return np.full(len(array), _tag("null"), np.uint64)


def _boolean(array: pa.Array, column: str) -> Words:
    return _of_integers(_values(array.cast(pa.uint8()), np.uint8), "boolean")


def _integer(array: pa.Array, column: str) -> Words:
    numbers = _values(array, array.type.to_pandas_dtype())
    hashes = _of_integers(numbers, "integer")
    if pa.types.is_uint64(array.type):
        # Else 2**64 - 1 would be -1.
        beyond = numbers > np.iinfo(np.int64).max
        hashes[beyond] = _of_integers(numbers[beyond], "integer beyond int64")
    return hashes


def _float(array: pa.Array, column: str) -> Words:
    numbers = _values(array, array.type.to_pandas_dtype()).astype(np.float64) + 0.0  # -0.0 + 0.0 is 0.0
    bits = numbers.view(np.uint64)
    bits[np.isnan(numbers)] = _NAN
    return mix(bits + _tag("float"))


def _decimal(array: pa.Array, column: str) -> Words:
    """Hash unscaled * 10**-scale in the field of the prime: equal numbers are equal there, whatever their scale."""
    width = array.type.bit_width
    if width <= 64:
        residues = (_values(array, f"i{width // 8}").astype(np.int64) % _PRIME).astype(np.uint64)
    else:
        limbs = width // 64
        values = _values(array, np.dtype((np.uint64, (limbs,)))).reshape(len(array), limbs)
        residues = (values[:, -1].view(np.int64) % _PRIME).astype(np.uint64)
        for limb in range(limbs - 2, -1, -1):
            # 2**64 is 8 modulo the prime.
            residues = (residues * 8 % _PRIME + values[:, limb] % _PRIME) % _PRIME
    return mix(_times(residues, pow(10, -array.type.scale, _PRIME)) + _tag("decimal"))


def _times(a: Words, b: int) -> Words:
    """Return a * b modulo 2**61 - 1, in parts that fit into 64 bits."""
    a_high, a_low, b_high, b_low = a >> 31, a & _LOW31, b >> 31, b & _LOW31
    middle = a_high * b_low + a_low * b_high
    low30 = 2**30 - 1  # middle * 2**31 is its upper part * 2**61, which is 1, and its lower part * 2**31
    total: Words = a_high * b_high * 2 + (middle >> 30) + ((middle & low30) << 31) + a_low * b_low
    return total % _PRIME


def _date(array: pa.Array, column: str) -> Words:
    if pa.types.is_date32(array.type):
        return _of_integers(_values(array, np.int32), "date")
    return _of_integers(_values(array, np.int64) // 86_400_000, "date")


def _temporal(array: pa.Array, column: str) -> Words:
    of_type, numbers = array.type, _values(array, f"i{array.type.bit_width // 8}").astype(np.int64)
    if pa.types.is_timestamp(of_type):
        kind = "timestamp" if of_type.tz is None else "instant"
    else:
        kind = "duration" if pa.types.is_duration(of_type) else "time"
    if of_type.unit != "ns":
        return _of_integers(numbers * _PER_MICRO[of_type.unit], kind)
    micros, left = np.divmod(numbers, 1_000)
    hashes = _of_integers(micros, kind)
    finer = left != 0
    hashes[finer] = mix(hashes[finer] + left[finer].view(np.uint64))
    return hashes


def _string(array: pa.Array, column: str) -> Words:
    return _bytes(array.cast(pa.large_string()), "string")


def _binary(array: pa.Array, column: str) -> Words:
    return _bytes(array.cast(pa.large_binary()), "binary")


def _bytes(array: pa.Array, kind: str) -> Words:
    _, offsets_buffer, data = array.buffers()
    if offsets_buffer is None or not len(array):
        return _of_segments(np.zeros(0, np.uint8), np.zeros(len(array) + 1, np.int64), kind)
    offsets = np.frombuffer(offsets_buffer, np.int64, count=len(array) + 1, offset=array.offset * 8)
    octets = np.zeros(0, np.uint8) if data is None else np.frombuffer(data, np.uint8)
    return _of_segments(octets, offsets, kind)


def _dictionary(array: pa.Array, column: str) -> Words:
    of_dictionary = column_hashes(array.dictionary, column)
    if not len(of_dictionary):  # then every value is null
        return np.zeros(len(array), np.uint64)
    hashes: Words = of_dictionary[array.indices.fill_null(0).to_numpy(zero_copy_only=False)]
    return hashes


# ---------------------------------------------------------------- nested kinds


def _struct(array: pa.Array, column: str) -> Words:
    fields = range(array.type.num_fields)
    hashes = fields_hashes(
        [array.field(i) for i in fields], [array.type.field(i).name for i in fields], len(array), column
    )
    return mix(hashes + _tag("struct"))


def _list(array: pa.Array, column: str) -> Words:
    # flatten() knows slices, views and fixed sizes, and leaves out what a null list hides.
    lengths = pc.list_value_length(array).fill_null(0).to_numpy(zero_copy_only=False).astype(np.int64)
    return _of_segments(
        column_hashes(array.flatten(), f"{column}[]"), np.concatenate([[0], np.cumsum(lengths)]), "list"
    )


def _map(array: pa.Array, column: str) -> Words:
    """Hash a sum over the entries, which is the same in any order."""
    offsets: Integers = array.offsets.to_numpy().astype(np.int64)
    first, entries = offsets[0], offsets[-1] - offsets[0]
    keys = column_hashes(array.keys.slice(first, entries), f"{column}.key")
    values = column_hashes(array.items.slice(first, entries), f"{column}.value")
    sums = _prefix_sums(mix(mix(keys + _tag("key")) + values))
    starts, ends = offsets[:-1] - first, offsets[1:] - first
    return mix((sums[ends] - sums[starts]) ^ _of_integers(ends - starts, "map"))


# ---------------------------------------------------------------- sequences


def _of_segments(values: npt.NDArray[Any], offsets: Integers, kind: str) -> Words:
    """Hash each run values[offsets[i]:offsets[i + 1]] by its elements in order and its length."""
    return mix(polynomials(values, offsets) ^ _of_integers(np.diff(offsets), kind))


def polynomials(values: npt.NDArray[Any], offsets: Integers) -> Words:
    """Return for each run the sum of value[i] * BASE**i, i counted from the run's own start.

    The sums come from prefix sums over many runs at once: a run's share times the inverse of BASE**start. Odd numbers
    have an inverse modulo 2**64, so this is exact.
    """
    result = np.empty(len(offsets) - 1, np.uint64)
    for first, last in _parts(offsets):
        begin, end = int(offsets[first]), int(offsets[last])
        if end - begin > _BLOCK:
            result[first] = _long_polynomial(values[begin:end])
            continue
        powers, inverses = _powers()
        sums = _prefix_sums(values[begin:end] * powers[: end - begin])
        starts, ends = offsets[first:last] - begin, offsets[first + 1 : last + 1] - begin
        result[first:last] = (sums[ends] - sums[starts]) * inverses[starts]
    return result


def _parts(offsets: Integers) -> Iterator[tuple[int, int]]:
    """Yield ranges of runs that have at most a block of elements together, or are one longer run."""
    first, runs = 0, len(offsets) - 1
    while first < runs:
        last = int(np.searchsorted(offsets, offsets[first] + _BLOCK, side="right")) - 1
        last = max(last, first + 1)
        yield first, last
        first = last


def _long_polynomial(values: npt.NDArray[Any]) -> int:
    powers, _ = _powers()
    total = 0
    for start in range(0, len(values), _BLOCK):
        block = values[start : start + _BLOCK]
        share = int(np.sum(block * powers[: len(block)], dtype=np.uint64))
        total += share * pow(_BASE, start, 2**64)
    return total % 2**64


def _prefix_sums(words: Words) -> Words:
    sums = np.zeros(len(words) + 1, np.uint64)
    np.cumsum(words, out=sums[1:])
    return sums


@cache
def _powers() -> tuple[Words, Words]:
    """Return BASE**i and BASE**-i for the places of a block, its end included."""

    def of(base: int) -> Words:
        factors = np.full(_BLOCK + 1, base, np.uint64)
        factors[0] = 1
        return np.cumprod(factors)

    return of(_BASE), of(_BASE_INVERSE)


_is = pa.types
_Rule = Callable[[pa.Array, str], Words]
_RULES: Final[tuple[tuple[Callable[[pa.DataType], bool], _Rule], ...]] = (
    (_is.is_null, _null),
    (_is.is_boolean, _boolean),
    (_is.is_integer, _integer),
    (_is.is_floating, _float),
    (_is.is_decimal, _decimal),
    (_is.is_date, _date),
    (lambda t: _is.is_timestamp(t) or _is.is_time(t) or _is.is_duration(t), _temporal),
    (lambda t: _is.is_string(t) or _is.is_large_string(t) or _is.is_string_view(t), _string),
    (lambda t: _is.is_binary(t) or _is.is_large_binary(t) or _is.is_binary_view(t), _binary),
    (_is.is_fixed_size_binary, _binary),
    (_is.is_dictionary, _dictionary),
    (_is.is_struct, _struct),
    (_is.is_map, _map),
    (lambda t: _is.is_list(t) or _is.is_large_list(t) or _is.is_fixed_size_list(t), _list),
    (lambda t: _is.is_list_view(t) or _is.is_large_list_view(t), _list),
    (lambda t: isinstance(t, pa.BaseExtensionType), lambda array, column: column_hashes(array.storage, column)),
)
