"""What is wrong with a backup: each kind of damage is named, and a whole one has none."""

import pytest

from datagen import Fingerprint
from spark_jobs import verify
from spark_jobs.tables.manifest import NAME, Manifest, SavedFile
from spark_jobs.tables.verification import Damage, Found, Read, deep, quick

ONE = SavedFile("data/one.parquet", 60, 6000, "sha-one", "md5-one")
TWO = SavedFile("data/two.parquet", 40, 4000, "sha-two", "md5-two")
MANIFEST = Manifest("shop.orders", "uuid", 1, 1, "now", {}, Fingerprint(100, 1, 2), (ONE, TWO))
SEAL = Found(NAME, 999, None)
FOUND = {"one": Found(ONE.key, 6000, "md5-one"), "two": Found(TWO.key, 4000, "md5-two")}
READ = {ONE.key: Read(6000, "sha-one", 60), TWO.key: Read(4000, "sha-two", 40)}

QUICK: dict[str, tuple[list[Found], list[str]]] = {
    "whole": ([*FOUND.values(), SEAL], []),
    "whole-in-another-order": ([SEAL, FOUND["two"], FOUND["one"]], []),
    "tag-of-several-parts": ([Found(ONE.key, 6000, None), FOUND["two"]], []),
    "missing": ([FOUND["two"]], ["missing data/one.parquet: nothing there, expected 6000 bytes"]),
    "truncated": (
        [Found(ONE.key, 5999, "md5-one"), FOUND["two"]],
        ["truncated data/one.parquet: 5999 bytes, expected 6000 bytes"],
    ),
    "emptied": ([Found(ONE.key, 0, "x"), FOUND["two"]], ["truncated data/one.parquet: 0 bytes, expected 6000 bytes"]),
    "truncated-and-no-tag": (
        [Found(ONE.key, 1, None), FOUND["two"]],
        ["truncated data/one.parquet: 1 bytes, expected 6000 bytes"],
    ),
    "longer": (
        [Found(ONE.key, 6001, "md5-one"), FOUND["two"]],
        ["changed data/one.parquet: 6001 bytes, expected 6000 bytes"],
    ),
    "same-size": (
        [Found(ONE.key, 6000, "other"), FOUND["two"]],
        ["changed data/one.parquet: stored MD5 other, expected md5-one"],
    ),
    "swapped": (
        [Found(ONE.key, 4000, "md5-two"), Found(TWO.key, 6000, "md5-one")],
        [
            "truncated data/one.parquet: 4000 bytes, expected 6000 bytes",
            "changed data/two.parquet: 6000 bytes, expected 4000 bytes",
        ],
    ),
    "surplus": (
        [*FOUND.values(), Found("data/x", 1, "m"), Found("data/a", 2, None)],
        [
            "surplus data/a: 2 bytes, expected no such object",
            "surplus data/x: 1 bytes, expected no such object",
        ],
    ),
    "renamed": (
        [Found("data/eno.parquet", 6000, "md5-one"), FOUND["two"]],
        [
            "missing data/one.parquet: nothing there, expected 6000 bytes",
            "surplus data/eno.parquet: 6000 bytes, expected no such object",
        ],
    ),
    "a-manifest-elsewhere": (
        [*FOUND.values(), Found(f"data/{NAME}", 9, None)],
        [f"surplus data/{NAME}: 9 bytes, expected no such object"],
    ),
    "all-gone": (
        [],
        [
            "missing data/one.parquet: nothing there, expected 6000 bytes",
            "missing data/two.parquet: nothing there, expected 4000 bytes",
        ],
    ),
}

DEEP: dict[str, tuple[dict[str, Read], list[str]]] = {
    "whole": (READ, []),
    "one-bit": (
        {**READ, ONE.key: Read(6000, "other", 60)},
        ["changed data/one.parquet: SHA-256 other, expected sha-one"],
    ),
    "no-parquet": (
        {**READ, ONE.key: Read(9, "other", None)},
        ["changed data/one.parquet: SHA-256 other, expected sha-one"],
    ),
    "rows": ({**READ, TWO.key: Read(4000, "sha-two", 39)}, ["changed data/two.parquet: 39 rows, expected 40 rows"]),
    "unreadable-with-the-right-hash": (
        {**READ, TWO.key: Read(4000, "sha-two", None)},
        ["changed data/two.parquet: None rows, expected 40 rows"],
    ),
    "not-read": ({ONE.key: READ[ONE.key]}, []),
    "both": (
        {ONE.key: Read(6000, "x", 60), TWO.key: Read(4000, "sha-two", 41)},
        [
            "changed data/one.parquet: SHA-256 x, expected sha-one",
            "changed data/two.parquet: 41 rows, expected 40 rows",
        ],
    ),
}


@pytest.mark.parametrize("case", QUICK)
def test_a_listing_tells_what_is_wrong(case: str) -> None:
    listing, expected = QUICK[case]
    assert [str(damage) for damage in quick(MANIFEST, listing)] == expected


@pytest.mark.parametrize("case", DEEP)
def test_reading_every_byte_tells_what_is_wrong(case: str) -> None:
    contents, expected = DEEP[case]
    assert [str(damage) for damage in deep(MANIFEST, contents)] == expected


def test_a_backup_of_no_rows_is_whole_with_its_manifest_alone() -> None:
    empty = Manifest("shop.orders", "uuid", None, None, "now", {}, Fingerprint(0, 0, 0), ())
    assert (quick(empty, [SEAL]), list(deep(empty, {}))) == ([], [])


def test_damage_says_kind_object_what_was_seen_and_what_was_expected() -> None:
    (damage,) = quick(MANIFEST, [FOUND["one"]])
    assert damage == Damage("data/two.parquet", "missing", "nothing there", "4000 bytes")


def test_a_damaged_backup_is_exit_code_1_and_a_whole_one_is_0() -> None:
    broken = Damage("data/x", "missing", "nothing there", "3 bytes")
    assert verify.Result("s3://b/x", False, 1, 3, (broken,)).exit_code == 1
    assert verify.Result("s3://b/x", False, 1, 3, ()).exit_code == 0
