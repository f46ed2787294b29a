"""The fingerprint of rows is the same for the same rows, and another one for a row lost, doubled or changed."""

import pyarrow as pa
import pyarrow.compute as pc
import pytest

from datagen import EMPTY, Dataset, Fingerprint, Vocabulary, batch, fingerprint, row_hashes

ROWS = pa.record_batch({"id": [1, 2, 3], "name": ["a", None, "c"], "twin": ["x", "y", "z"]})


def test_rows_in_another_order_or_in_chunks_are_the_same_rows() -> None:
    chunks = pa.Table.from_batches([ROWS.slice(2, 1), ROWS.slice(0, 0), ROWS.slice(0, 2)])
    assert fingerprint(chunks) == fingerprint(ROWS)


def test_columns_in_another_order_are_the_same_rows() -> None:
    assert fingerprint(ROWS.select(["twin", "id", "name"])) == fingerprint(ROWS)


def test_fingerprints_of_parts_add_up_in_any_order() -> None:
    head, tail = fingerprint(ROWS.slice(0, 1)), fingerprint(ROWS.slice(1))
    assert head + tail == tail + head == fingerprint(ROWS)
    assert EMPTY + head == head


@pytest.mark.parametrize(
    ("name", "rows"),
    {
        "a row lost": ROWS.take(pa.array([0, 1])),
        "a row doubled": ROWS.take(pa.array([0, 1, 2, 2])),
        "a row doubled in another's place": ROWS.take(pa.array([0, 1, 1])),
        "two rows doubled": ROWS.take(pa.array([0, 0, 1, 1, 2])),
        "a column renamed": ROWS.rename_columns(["id", "name", "other"]),
        "a column lost": ROWS.select(["id", "name"]),
        "a column of nulls more": pa.RecordBatch.from_arrays([*ROWS.columns, pa.nulls(3)], [*ROWS.schema.names, "new"]),
        "columns swapped": ROWS.rename_columns(["id", "twin", "name"]),
        "two values swapped between columns": ROWS.set_column(1, "name", pa.array(["x", None, "c"])).set_column(
            2, "twin", pa.array(["a", "y", "z"])
        ),
        "two values swapped between rows": ROWS.set_column(2, "twin", pa.array(["y", "x", "z"])),
    }.items(),
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_changed_rows_are_noticed(name: str, rows: pa.RecordBatch) -> None:
    assert fingerprint(rows) != fingerprint(ROWS), f"{name}: {fingerprint(rows)}"


@pytest.mark.parametrize("field", ["sum", "xor"])
@pytest.mark.parametrize("twin", [["x", "y", "?"], ["y", "x", "z"]], ids=["a value", "two values swapped"])
def test_sum_and_xor_notice_a_change_each_by_itself(field: str, twin: list[str]) -> None:
    changed = ROWS.set_column(2, "twin", pa.array(twin))
    assert getattr(fingerprint(changed), field) != getattr(fingerprint(ROWS), field)


def test_long_batches_are_counted_to_their_end() -> None:
    rows = pa.record_batch({"id": range(150_000)})
    parts = [fingerprint(rows.slice(start, 30_000)) for start in range(0, 150_000, 30_000)]
    assert fingerprint(rows) == sum(parts, EMPTY)
    assert fingerprint(rows).rows == 150_000


def test_row_hashes_find_the_row_that_changed() -> None:
    changed = ROWS.set_column(1, "name", pc.fill_null(ROWS.column("name"), ""))
    assert (row_hashes(changed) != row_hashes(ROWS)).tolist() == [False, True, False]


def test_no_rows_have_the_empty_fingerprint() -> None:
    assert (
        fingerprint(ROWS.slice(0, 0))
        == fingerprint(pa.table({"v": pa.array([], pa.map_(pa.string(), pa.int64()))}))
        == EMPTY
    )


def test_two_columns_of_one_name_are_refused() -> None:
    with pytest.raises(ValueError, match="column names are not unique: v, v"):
        fingerprint(pa.RecordBatch.from_arrays([pa.array([1]), pa.array([2])], ["v", "v"]))


# ---------------------------------------------------------------- the format


def test_a_fingerprint_survives_json() -> None:
    value = Fingerprint(3, 2**64 - 1, 7)
    assert value.to_json() == {"rows": 3, "sum": "ffffffffffffffff", "xor": "0000000000000007"}
    assert Fingerprint.from_json(value.to_json()) == value


@pytest.mark.parametrize(
    "value",
    [{}, {"rows": 1, "sum": "zz", "xor": "0"}, {"rows": 1, "sum": "0" * 15, "xor": "0" * 16},
     {"rows": 1, "sum": "0" * 16, "xor": "0" * 16, "more": 1}, {"rows": "1", "sum": "0" * 16, "xor": "0" * 16}],
    ids=["empty", "no number", "too short", "one more key", "rows as text"],
)  # fmt: skip
def test_json_that_is_no_fingerprint_is_refused(value: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="not a fingerprint"):
        Fingerprint.from_json(value)


def test_the_fingerprint_is_the_one_of_earlier_releases() -> None:
    assert str(fingerprint(ROWS)) == "3 rows, sum 6e06fcb7452ef9de, xor 7679863086cec498", (
        "the format changed: fingerprints kept in backups no longer agree"
    )


def test_many_similar_rows_have_all_different_hashes() -> None:
    dataset = Dataset(Vocabulary(*[("a", "b")] * 7), customers=60_000)
    hashes = row_hashes(batch(dataset, "customers", 0, 60_000).select(["email"])).tolist()
    assert len(set(hashes)) == 60_000, f"{60_000 - len(set(hashes))} collisions among 60000 emails"
