"""The hash of a value: equal where values are equal, other where they differ; each rule in both directions."""

import datetime as dt
import itertools
from decimal import Decimal as D
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from datagen import Fingerprint, fingerprint, row_hashes
from datagen.hashing import column_hashes, polynomials

NAN = float("nan")
OTHER_NAN = np.array([0x7FF8000000000001, 0xFFF8000000000000], np.uint64).view(np.float64)
UTC = pa.timestamp("us", tz="UTC")
NOON = dt.datetime(2024, 2, 29, 12, 0, 0, 250_000)
PAIR = pa.struct([("a", pa.int64()), ("b", pa.int64())])
TEXTS = pa.map_(pa.string(), pa.int64())


def of(values: Any, kind: pa.DataType | None = None) -> Fingerprint:
    """Return the fingerprint of one column."""
    return fingerprint(pa.record_batch({"v": values if isinstance(values, pa.Array) else pa.array(values, kind)}))


def array(values: Any, kind: pa.DataType) -> pa.Array:
    return pa.array(values, kind)


SAME = {
    "integers of any width": (array([5, None, -1], pa.int8()), array([5, None, -1], pa.int64())),
    "unsigned and signed integers": (array([5, 200], pa.uint8()), array([5, 200], pa.int16())),
    "uint64 within int64": (array([2**63 - 1], pa.uint64()), array([2**63 - 1], pa.int64())),
    "float32 and float64": (array([0.5, None], pa.float32()), array([0.5, None], pa.float64())),
    "float16 and float64": (pa.array(np.array([0.5], np.float16)), array([0.5], pa.float64())),
    "negative zero": (array([-0.0], pa.float64()), array([0.0], pa.float64())),
    "any NaN": (pa.array(OTHER_NAN), array([NAN, NAN], pa.float64())),
    "NaN of float32": (array([NAN], pa.float32()), array([NAN], pa.float64())),
    "decimals of any scale": (
        array([D("1.50"), None], pa.decimal128(12, 2)),
        array([D("1.500"), None], pa.decimal128(14, 3)),
    ),
    "negative decimals": (array([D("-1.50")], pa.decimal128(12, 2)), array([D("-1.5")], pa.decimal128(3, 1))),
    "decimals of any storage": (array([D("-7.25")], pa.decimal128(12, 2)), array([D("-7.25")], pa.decimal256(60, 9))),
    "narrow decimals": (array([D("-7.25")], pa.decimal32(7, 2)), array([D("-7.250")], pa.decimal64(15, 3))),
    "decimals wider than 64 bits": (
        array([D(-(10**30))], pa.decimal128(38, 2)),
        array([D(-(10**30))], pa.decimal256(70, 9)),
    ),
    "decimal with negative scale": (
        array([D("1200")], pa.decimal128(10, -2)),
        array([D("1200")], pa.decimal128(10, 0)),
    ),
    "zones by instant": (array([NOON], UTC), array([NOON], pa.timestamp("us", tz="Europe/Berlin"))),
    "units of a timestamp": (array([NOON], pa.timestamp("ms")), array([NOON], pa.timestamp("us"))),
    "whole microseconds in nanoseconds": (array([NOON], pa.timestamp("ns")), array([NOON], pa.timestamp("us"))),
    "timestamps before 1970": (array([-1_500_000], pa.timestamp("us")), array([-1_500_000_000], pa.timestamp("ns"))),
    "dates": (array([dt.date(1969, 12, 31)], pa.date32()), array([dt.date(1969, 12, 31)], pa.date64())),
    "times": (array([dt.time(1, 2, 3)], pa.time32("s")), array([dt.time(1, 2, 3)], pa.time64("ns"))),
    "large strings": (array(["ä", None, ""], pa.string()), array(["ä", None, ""], pa.large_string())),
    "string views": (array(["ä", None, "x" * 40], pa.string()), array(["ä", None, "x" * 40], pa.string_view())),
    "dictionaries": (pa.array(["b", None, "a", "b"]), pa.array(["b", None, "a", "b"]).dictionary_encode()),
    "null inside a dictionary": (
        pa.array(["b", None, None]),
        pa.DictionaryArray.from_arrays(pa.array([0, 1, None]), pa.array(["b", None])),
    ),
    "an empty dictionary": (
        array([None], pa.string()),
        pa.DictionaryArray.from_arrays(array([None], pa.int8()), array([], pa.string())),
    ),
    "fixed binary": (array([b"abcd"], pa.binary()), array([b"abcd"], pa.binary(4))),
    "large binary and view": (array([b"abcd"], pa.large_binary()), array([b"abcd"], pa.binary_view())),
    "nulls of any type": (pa.nulls(2), array([None, None], pa.string())),
    "struct fields in any order": (
        array([{"a": 1, "b": 2}], PAIR),
        array([{"b": 2, "a": 1}], pa.struct([("b", pa.int32()), ("a", pa.int64())])),
    ),
    "null struct whatever it hides": (
        pa.StructArray.from_arrays([pa.array([7])], ["a"], mask=pa.array([True])),
        array([None], pa.struct([("a", pa.int64())])),
    ),
    "null list whatever it hides": (
        pa.ListArray.from_arrays(pa.array([0, 2, 3]), pa.array([7, 8, 9]), mask=pa.array([True, False])),
        array([None, [9]], pa.list_(pa.int64())),
    ),
    "lists of any storage": (
        array([[1, 2], None, []], pa.list_(pa.int64())),
        array([[1, 2], None, []], pa.large_list(pa.int8())),
    ),
    "list views": (
        array([[1, 2], None, []], pa.list_(pa.int64())),
        array([[1, 2], None, []], pa.list_view(pa.int64())),
    ),
    "lists of fixed size": (
        array([[1, 2], None], pa.list_(pa.int64())),
        array([[1, 2], None], pa.list_(pa.int64(), 2)),
    ),
    "map entries in any order": (array([[("a", 1), ("b", 2)]], TEXTS), array([[("b", 2), ("a", 1)]], TEXTS)),
    "an extension and its storage": (
        pa.ExtensionArray.from_storage(pa.uuid(), array([b"0123456789abcdef"], pa.binary(16))),
        array([b"0123456789abcdef"], pa.binary(16)),
    ),
}

DIFFERENT = {
    "null and empty string": ([None], [""], pa.string()),
    "null and zero": ([None], [0], pa.int64()),
    "null and NaN": ([None], [NAN], pa.float64()),
    "null and an empty list": ([None], [[]], pa.list_(pa.int64())),
    "null and an empty map": ([None], [[]], TEXTS),
    "null and a struct of nulls": ([None], [{"a": None, "b": None}], PAIR),
    "null and a list of null": ([None], [[None]], pa.list_(pa.int64())),
    "list of null and empty list": ([[None]], [[]], pa.list_(pa.int64())),
    "integers": ([1], [2], pa.int64()),
    "signs": ([1], [-1], pa.int64()),
    "floats by their last bit": ([1.0], [1.0 + 2**-52], pa.float64()),
    "infinity and NaN": ([float("inf")], [NAN], pa.float64()),
    "decimals": ([D("1.50")], [D("1.51")], pa.decimal128(12, 2)),
    "decimal signs": ([D("1.50")], [D("-1.50")], pa.decimal128(12, 2)),
    "decimals ten times larger": ([D("1.50")], [D("15.00")], pa.decimal128(12, 2)),
    "decimals wider than 64 bits": ([D(10**30)], [D(10**30 + 1)], pa.decimal128(38, 0)),
    "strings by a zero byte": (["a"], ["a\0"], pa.string()),
    "strings by order": (["ab"], ["ba"], pa.string()),
    "strings by case": (["A"], ["a"], pa.string()),
    "strings by normal form": (["\u00e4"], ["a\u0308"], pa.string()),
    "borders between strings": (["ab", "c"], ["a", "bc"], pa.string()),
    "microseconds": ([NOON], [NOON + dt.timedelta(microseconds=1)], UTC),
    "nanoseconds": ([1_000_000_001], [1_000_000_002], pa.timestamp("ns")),
    "days": ([dt.date(2024, 1, 1)], [dt.date(2024, 1, 2)], pa.date32()),
    "booleans": ([True], [False], pa.bool_()),
    "list order": ([[1, 2]], [[2, 1]], pa.list_(pa.int64())),
    "borders between lists": ([[1, 2], [3]], [[1], [2, 3]], pa.list_(pa.int64())),
    "nesting of lists": ([[[1], [2]]], [[[1, 2], []]], pa.list_(pa.list_(pa.int64()))),
    "struct fields swapped": ([{"a": 1, "b": 2}], [{"a": 2, "b": 1}], PAIR),
    "map values swapped": ([[("a", 1), ("b", 2)]], [[("a", 2), ("b", 1)]], TEXTS),
    "map entry missing": ([[("a", 1)]], [[("a", 1), ("b", None)]], TEXTS),
}

DIFFERENT_KINDS = {
    "integer and float": (array([5], pa.int64()), array([5.0], pa.float64())),
    "integer and boolean": (array([1], pa.int64()), array([True], pa.bool_())),
    "integer and text": (array([5], pa.int64()), array(["5"], pa.string())),
    "integer and date": (array([5], pa.int32()), array([5], pa.int32()).view(pa.date32())),
    "integer and decimal": (array([5], pa.int64()), array([D(5)], pa.decimal128(5, 0))),
    "text and binary": (array(["a"], pa.string()), array([b"a"], pa.binary())),
    "zoned and unzoned": (array([NOON], UTC), array([NOON], pa.timestamp("us"))),
    "minus one and the largest uint64": (array([-1], pa.int64()), array([2**64 - 1], pa.uint64())),
    "struct field names": (
        array([{"a": 1}], pa.struct([("a", pa.int64())])),
        array([{"c": 1}], pa.struct([("c", pa.int64())])),
    ),
    "empty list and empty map": (array([[]], pa.list_(pa.int64())), array([[]], TEXTS)),
    "value and list of it": (array([1], pa.int64()), array([[1]], pa.list_(pa.int64()))),
}


@pytest.mark.parametrize(("left", "right"), SAME.values(), ids=SAME)
def test_the_same_values_have_one_fingerprint(left: pa.Array, right: pa.Array) -> None:
    assert of(left) == of(right), f"{left.type} {left.to_pylist()} and {right.type} {right.to_pylist()}"


@pytest.mark.parametrize(("left", "right", "kind"), DIFFERENT.values(), ids=DIFFERENT)
def test_different_values_have_different_fingerprints(left: Any, right: Any, kind: pa.DataType) -> None:
    assert of(left, kind) != of(right, kind), f"{kind}: {left} and {right} look the same"


@pytest.mark.parametrize(("left", "right"), DIFFERENT_KINDS.values(), ids=DIFFERENT_KINDS)
def test_different_kinds_have_different_fingerprints(left: pa.Array, right: pa.Array) -> None:
    assert of(left) != of(right), f"{left.type} {left.to_pylist()} and {right.type} {right.to_pylist()} look the same"


NESTED = {
    "integers": array([1, None, 3, 4, None, 6], pa.int32()),
    "booleans": array([True, None, False, True, None, True], pa.bool_()),
    "decimals": array([D("1.5"), None, D("-3.5"), D(4), None, D(6)], pa.decimal128(9, 1)),
    "strings": array(["one", None, "", "four", None, "sechs"], pa.string()),
    "fixed binary": array([b"ab", None, b"cd", b"ef", None, b"gh"], pa.binary(2)),
    "views": array(["one", None, "", "four" * 9, None, "sechs"], pa.string_view()),
    "dictionary": pa.array(["a", None, "b", "a", None, "c"]).dictionary_encode(),
    "lists": array([[1], None, [], [2, None, 3], None, [4]], pa.list_(pa.int64())),
    "list views": array([[1], None, [], [2, None, 3], None, [4]], pa.list_view(pa.int64())),
    "fixed lists": array([[1, 2], None, [3, 4], [None, 6], None, [7, 8]], pa.list_(pa.int64(), 2)),
    "lists of strings": array([["a"], None, [], ["bb", None, ""], None, ["c"]], pa.list_(pa.string())),
    "structs": array([{"a": 1, "b": None}, None, {"a": 3, "b": 4}, {"a": 5, "b": 6}, None, {"a": 7, "b": 8}], PAIR),
    "maps": array([[("a", 1)], None, [], [("b", None), ("c", 3)], None, [("d", 4)]], TEXTS),
    "lists of structs": array([[{"a": 1}], None, [], [{"a": 2}, None], None, [{"a": 3}]], pa.list_(PAIR)),
}


@pytest.mark.parametrize("values", NESTED.values(), ids=NESTED)
def test_a_slice_has_the_fingerprint_of_its_values(values: pa.Array) -> None:
    for start, length in [(0, 6), (1, 4), (2, 2), (3, 3), (4, 1), (2, 0)]:
        rebuilt = pa.array(values.to_pylist()[start : start + length], values.type)
        assert of(values.slice(start, length)) == of(rebuilt), f"{values.type}, {length} from {start}"


@pytest.mark.parametrize("values", NESTED.values(), ids=NESTED)
def test_a_slice_of_a_list_or_struct_of_it_is_right_too(values: pa.Array) -> None:
    lists = pa.ListArray.from_arrays(pa.array([0, 1, 4, 4, 6]), values)
    for outer in (lists, pa.StructArray.from_arrays([values], ["f"])):
        rebuilt = pa.array(outer.to_pylist()[1:4], outer.type)
        assert of(outer.slice(1, 3)) == of(rebuilt), f"{outer.type}"


@pytest.mark.parametrize("values", NESTED.values(), ids=NESTED)
def test_each_row_is_hashed_by_its_own_value_alone(values: pa.Array) -> None:
    together = row_hashes(pa.record_batch({"v": values})).tolist()
    alone = [row_hashes(pa.record_batch({"v": values.slice(i, 1)}))[0] for i in range(len(values))]
    assert together == alone
    assert len(set(together)) == len({repr(value) for value in values.to_pylist()})


def test_a_type_without_a_rule_is_refused_by_column_and_type() -> None:
    intervals = pa.array([(1, 2, 3)], pa.month_day_nano_interval())
    lists = pa.ListArray.from_arrays(pa.array([0, 1]), intervals)
    rows = pa.record_batch({"outer": pa.StructArray.from_arrays([lists], ["span"])})
    with pytest.raises(TypeError, match=r"column outer.span\[\]: no fingerprint rule for type month_day_nano_interval"):
        fingerprint(rows)


def test_runs_are_hashed_as_the_polynomial_that_is_documented() -> None:
    lengths = [3, 0, 300_000, 1, 70_000, 70_000, 0]
    offsets = np.concatenate([[5], 5 + np.cumsum(lengths)])
    values = (np.arange(offsets[-1] + 9) * 37 % 256).astype(np.uint8)
    base, runs = 0x9E3779B97F4A7C15, []
    for start, end in itertools.pairwise(offsets):
        run = 0
        for value in reversed(values[start:end].tolist()):
            run = (run * base + value) % 2**64
        runs.append(run)
    assert polynomials(values, offsets).tolist() == runs


PINNED = {
    "null": (array([None], pa.int64()), "ad15a3d4d02a4f2b"),
    "boolean": (array([True], pa.bool_()), "0334751d827b15cb"),
    "integer": (array([-1], pa.int64()), "9a8feff8ae1d1a69"),
    "float": (array([0.25], pa.float64()), "d64270a0fd028a77"),
    "NaN": (array([NAN], pa.float64()), "c2c11f1b16c1fd24"),
    "decimal": (array([D("-12.50")], pa.decimal128(12, 2)), "80d2c036767fa2c0"),
    "date": (array([dt.date(2024, 2, 29)], pa.date32()), "70738f359c9489c8"),
    "time": (array([dt.time(1, 2, 3)], pa.time64("us")), "3a179ab2d169c249"),
    "duration": (array([dt.timedelta(hours=1)], pa.duration("us")), "f86fca361593eb5c"),
    "timestamp": (array([NOON], pa.timestamp("us")), "297817e0dec28443"),
    "instant": (array([NOON], UTC), "1fd06fb830257604"),
    "nanoseconds": (array([1001], pa.timestamp("ns")), "663974a67d30e1b5"),
    "string": (array(["Grüße"], pa.string()), "d5ef4cf77ba06b99"),
    "binary": (array([b"\x00\xff"], pa.binary()), "3dab9374f3b80549"),
    "struct": (array([{"a": 1, "b": None}], PAIR), "296febe98cbeca6b"),
    "list": (array([[1, None]], pa.list_(pa.int64())), "ae984d421e783a38"),
    "map": (array([[("k", 1), ("l", None)]], TEXTS), "3c4cc385af6b26bf"),
}


@pytest.mark.parametrize(("values", "pinned"), PINNED.values(), ids=PINNED)
def test_the_hash_is_the_one_of_earlier_releases(values: pa.Array, pinned: str) -> None:
    seen = f"{column_hashes(values, 'v')[0]:016x}"
    assert seen == pinned, f"{values.type}: the format changed, fingerprints kept in backups no longer agree"
