"""Faker makes the words once; everything after that works without it."""

import dataclasses
import pickle
import subprocess
import sys

import pytest

from datagen import Vocabulary, build_vocabulary

ROWS_WITHOUT_FAKER = """
import sys
sys.modules["faker"] = None
from datagen import TABLES, Dataset, Vocabulary, batch
dataset = Dataset(Vocabulary(*[("a", "b")] * 7), customers=10)
print(sum(batch(dataset, table, 0, dataset.rows(table)).num_rows for table in TABLES))
"""


def test_the_same_locale_and_seed_give_the_same_words() -> None:
    again = build_vocabulary.__wrapped__("de_DE", 7)
    assert again == build_vocabulary("de_DE", 7)


def test_another_locale_gives_other_words() -> None:
    english, german = build_vocabulary("en_US"), build_vocabulary("de_DE")
    shared = set(english.cities) & set(german.cities)
    assert not shared, f"cities of both locales: {sorted(shared)[:5]}"


def test_another_seed_gives_other_words() -> None:
    assert build_vocabulary("en_US", 1).streets != build_vocabulary("en_US", 2).streets


def test_an_unknown_locale_is_refused_with_the_known_ones() -> None:
    with pytest.raises(ValueError, match=r"^unknown locale 'xx_XX'; Faker [\d.]+ has .*de_DE.*en_US") as refusal:
        build_vocabulary("xx_XX")
    assert "\n" not in str(refusal.value)


def test_a_vocabulary_is_small_enough_to_travel_in_a_closure() -> None:
    size = len(pickle.dumps(build_vocabulary("en_US")))
    assert size < 400_000, f"{size} bytes pickled"


@pytest.mark.parametrize("size", [0, 3, 8192])
def test_a_list_that_cannot_be_chosen_from_evenly_is_refused(size: int) -> None:
    good = Vocabulary(*[("a", "b")] * 7)
    with pytest.raises(ValueError, match=rf"vocabulary.cities: {size} words; a power of two up to 4096"):
        dataclasses.replace(good, cities=("x",) * size)


def test_rows_are_made_without_faker() -> None:
    run = subprocess.run([sys.executable, "-c", ROWS_WITHOUT_FAKER], capture_output=True, text=True, check=False)
    assert (run.returncode, run.stdout.strip()) == (0, "184"), run.stderr
