"""Expected values agree with the rows, however they are cut, and with those of earlier releases."""

import dataclasses
from decimal import Decimal

import pytest

from datagen import DEFECTS, TABLES, Dataset, Vocabulary, batch, expected, expected_range, fingerprint, schema

WORDS = Vocabulary(*(tuple(f"{kind}{i}" for i in range(8)) for kind in "abcdefg"))
DATASET = Dataset(WORDS, customers=200, null_rate=0.1, bad_rate=0.05)

PINNED = {
    "customers": "50 rows, sum e78f7d272112e6d1, xor 7ec7c1bb8fead9eb",
    "products": "5 rows, sum 6851871325962332, xor a0f46ed9dde59e50",
    "orders": "250 rows, sum d52cfbae3183b30d, xor 7053d8691f382b15",
    "order_items": "623 rows, sum d2b820645dee9f57, xor 21e869a8af47bf67",
}


@pytest.mark.parametrize("table", TABLES)
def test_expected_facts_are_those_of_the_rows(table: str) -> None:
    rows = batch(DATASET, table, 0, DATASET.rows(table)).to_pylist()
    facts = expected(DATASET, table)
    labels = [row["defect"] for row in rows]
    assert facts.rows == len(rows)
    assert facts.nulls == {name: sum(row[name] is None for row in rows) for name in schema(table).names}
    assert facts.defects == {defect: labels.count(defect) for defect in DEFECTS[table]}
    assert facts.sums == {name: sum(row[name] for row in rows) for name in facts.sums}


def test_sums_are_of_exact_columns_only() -> None:
    sums = expected(DATASET, "order_items").sums
    assert list(sums) == ["order_id", "line_no", "product_id", "quantity", "unit_price", "amount"]
    assert (type(sums["quantity"]), type(sums["amount"])) == (int, Decimal)


@pytest.mark.parametrize("table", TABLES)
def test_the_facts_of_the_parts_add_up(table: str) -> None:
    rows, cut = DATASET.rows(table), 7
    head, tail = expected_range(DATASET, table, 0, cut), expected_range(DATASET, table, cut, rows - cut)
    facts = expected(DATASET, table)
    assert head.fingerprint + tail.fingerprint == facts.fingerprint
    assert {name: head.sums[name] + tail.sums[name] for name in facts.sums} == facts.sums


def test_no_rows_have_facts_too() -> None:
    facts = expected_range(DATASET, "orders", 3, 0)
    assert (facts.rows, facts.sums["amount"], facts.defects["future-date"], facts.nulls["comment"]) == (0, 0, 0, 0)


@pytest.mark.parametrize("table", TABLES)
def test_the_rows_are_those_of_earlier_releases(table: str) -> None:
    facts = expected(Dataset(WORDS, seed=42, customers=50), table)
    assert str(facts.fingerprint) == PINNED[table], f"{table} changed: data made by an earlier release no longer agrees"


def test_a_bad_row_is_seen_in_the_fingerprint() -> None:
    clean = dataclasses.replace(DATASET, bad_rate=0)
    rows = DATASET.rows("orders")
    mixed = fingerprint(batch(DATASET, "orders", 0, rows).select(["ordered_at"]))
    assert mixed != fingerprint(batch(clean, "orders", 0, rows).select(["ordered_at"]))
