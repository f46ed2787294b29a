"""Generating: rows are cut into files without losing one, and what makes no sense is refused first."""

from types import SimpleNamespace
from typing import Any

import pytest

from spark_jobs.errors import Refused
from spark_jobs.generate import Arguments, Result, _check, split


@pytest.mark.parametrize("rows", [0, 1, 3, 4, 5, 99, 100, 101, 12_345_678_901])
@pytest.mark.parametrize("files", [1, 2, 3, 4, 7, 100])
def test_files_cover_all_rows_in_order_and_none_is_empty(rows: int, files: int) -> None:
    spans = split(rows, files)
    ends = [start + count for start, count in spans]
    assert [start for start, _ in spans] == [0, *ends][: len(spans)], f"a gap or an overlap in {spans}"
    assert (ends or [0])[-1] == rows, f"{spans} end before {rows}"
    assert len(spans) == min(rows, files), f"{len(spans)} files"
    assert all(count > 0 for _, count in spans), spans


@pytest.mark.parametrize(("rows", "files"), [(10, 4), (101, 7), (3, 8)])
def test_files_are_as_even_as_can_be(rows: int, files: int) -> None:
    counts = [count for _, count in split(rows, files)]
    assert max(counts) - min(counts) <= 1, counts


@pytest.mark.parametrize(
    ("change", "hint"),
    [
        ({"customers": 0}, "customers is 0"),
        ({"seed": -1}, "seed is -1"),
        ({"null_rate": 1.5}, "null_rate is 1.5"),
        ({"bad_rate": -0.1}, "bad_rate is -0.1"),
        ({"locale": "xx_XX"}, "xx_XX"),
    ],
    ids=["customers", "seed", "null-rate", "bad-rate", "locale"],
)
def test_arguments_that_make_no_data_are_refused(change: dict[str, Any], hint: str) -> None:
    with pytest.raises(Refused) as caught:
        Arguments("shop", **change).dataset()
    assert hint in caught.value.what, caught.value
    assert "--help" in caught.value.remedy, caught.value


def test_more_rows_than_the_inventory_allows_are_refused_before_anything_is_made() -> None:
    arguments = Arguments("shop", customers=1000)
    lake: Any = SimpleNamespace(profile=SimpleNamespace(row_budget=18_599))
    with pytest.raises(Refused) as caught:
        _check(lake, arguments, arguments.dataset())
    assert str(caught.value).startswith("--customers: 18600 rows, the inventory allows 18599; "), caught.value


def test_fewer_than_one_file_is_refused_before_anything_is_made() -> None:
    arguments = Arguments("shop", files=0)
    with pytest.raises(Refused, match="--files: must be at least 1"):
        _check(SimpleNamespace(), arguments, arguments.dataset())  # type: ignore[arg-type]


def test_the_result_reads_as_a_line_a_table() -> None:
    assert str(Result({"shop.customers": 5, "shop.orders": 25}, 99)) == "shop.customers: 5 rows\nshop.orders: 25 rows"
