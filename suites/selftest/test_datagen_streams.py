"""Words are a pure function of (seed, table, column, row); choices have the distributions that they promise."""

import math
from statistics import NormalDist

import numpy as np
import pytest

from datagen import streams

N = 20_000


def words(n: int = N) -> streams.Words:
    return streams.raw(42, "orders", "amount", 0, n)


@pytest.mark.parametrize(("start", "n"), [(0, 1), (1, 7), (3, 5), (4, 4), (997, 3), (12, 0)])
def test_a_row_has_the_same_word_in_any_batch(start: int, n: int) -> None:
    part = streams.raw(42, "orders", "amount", start, n)
    assert part.tolist() == words(1000)[start : start + n].tolist(), f"rows {start} to {start + n}"


def test_words_of_scattered_rows_are_the_words_of_the_stream() -> None:
    rows = np.array([999, 0, 3, 3, 4, 500], np.int64)
    assert streams.raw_at(42, "orders", "amount", rows).tolist() == words(1000)[rows].tolist()


def test_words_far_out_agree_between_both_ways() -> None:
    far = 2**45 + 3
    rows = np.arange(far, far + 6)
    assert streams.raw_at(2**64 - 1, "t", "c", rows).tolist() == streams.raw(2**64 - 1, "t", "c", far, 6).tolist()


@pytest.mark.parametrize(
    ("seed", "table", "column"), [(43, "orders", "amount"), (42, "items", "amount"), (42, "orders", "amounts")]
)
def test_another_seed_table_or_column_has_other_words(seed: int, table: str, column: str) -> None:
    same = np.count_nonzero(streams.raw(seed, table, column, 0, N) == words())
    assert same == 0, f"{same} of {N} words are those of (42, orders, amount)"


def test_the_stream_is_the_one_of_earlier_releases() -> None:
    seen = [f"{word:016x}" for word in words(3).tolist()]
    assert seen == ["1c2bf93264da89d2", "e5f689e6b5a130b4", "15b7a8e93d2adfa4"], (
        "the words changed: every data set changes with them"
    )


def test_below_and_between_reach_all_values_evenly() -> None:
    counts = np.bincount(streams.below(words(), 10), minlength=10)
    ends = streams.between(words(), 5, 7)
    assert len(counts) == 10
    assert counts.min() > 0.9 * N / 10, f"counts of 0 to 9: {counts.tolist()}"
    assert (ends.min(), ends.max()) == (5, 7)


def test_lanes_of_a_word_choose_independently() -> None:
    first, second = (streams.index(words(), 4, lane) for lane in (0, 1))
    pairs = np.bincount(first * 4 + second, minlength=16)
    assert pairs.min() > 0.8 * N / 16, f"counts of the 16 pairs: {pairs.tolist()}"


@pytest.mark.parametrize("probability", [0.0, 0.02, 0.5, 1.0])
def test_chance_comes_true_as_often_as_it_says(probability: float) -> None:
    share = streams.chance(words(), probability).mean()
    assert share == pytest.approx(probability, abs=0.01 if 0 < probability < 1 else 0)


def test_a_higher_chance_keeps_what_a_lower_one_hit() -> None:
    low, high = streams.chance(words(), 0.1), streams.chance(words(), 0.2)
    assert low.any()
    assert not (low & ~high).any(), "a row hit at 10% is not hit at 20%"


def test_skewed_prefers_low_numbers_and_stays_below_the_bound() -> None:
    numbers = streams.skewed(words(), 1000)
    first = np.mean(numbers < 10)
    assert numbers.min() == 0
    assert 900 < numbers.max() < 1000, f"the highest is {numbers.max()}"
    assert first == pytest.approx(0.01 ** (1 / 3), abs=0.02), f"the first 1% have {first:.0%}; a cube root gives 22%"


def test_weighted_choices_follow_their_weights() -> None:
    chosen = streams.lookup(words(), streams.weighted([5, 0, 3]))
    shares = np.bincount(chosen, minlength=3) / N
    assert shares.tolist() == pytest.approx([5 / 8, 0, 3 / 8], abs=0.02)


def test_lognormal_amounts_have_their_median_and_a_long_tail() -> None:
    amounts = streams.lookup(words(), streams.lognormal(median=5500, sigma=1.0))
    median, mean = float(np.median(amounts)), float(np.mean(amounts))
    assert median == pytest.approx(5500, rel=0.05)
    assert mean / median == pytest.approx(math.exp(0.5), rel=0.1), f"mean {mean:.0f}, median {median:.0f}"


@pytest.mark.parametrize(("median", "sigma"), [(55_00, 1.0), (19_99, 1.0), (600, 1.2), (20, 0.8)])
def test_no_entry_of_a_table_depends_on_the_last_bits_of_the_math_library(median: int, sigma: float) -> None:
    quantile = NormalDist(0.0, sigma).inv_cdf
    exact = [median * math.exp(quantile((i + 0.5) / streams.TABLE_SIZE)) for i in range(streams.TABLE_SIZE)]
    nearest = min(abs(value % 1 - 0.5) / value for value in exact)
    assert nearest > 1e-12, f"an entry is within {nearest:.1e} of being rounded the other way"
