"""Rows depend on the description and their id, and on nothing else; references hold; bad rows are labelled."""

import dataclasses
import itertools
import pickle
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest

from datagen import DEFECTS, NULLABLE, TABLES, Dataset, Vocabulary, batch, batches, fingerprint, schema

WORDS = Vocabulary(*(tuple(f"{kind}{i}" for i in range(8)) for kind in "abcdefg"))
DATASET = Dataset(WORDS, customers=400, null_rate=0.1, bad_rate=0.05)

every_table = pytest.mark.parametrize("table", TABLES)


def whole(dataset: Dataset, table: str) -> pa.Table:
    return pa.Table.from_batches([batch(dataset, table, 0, dataset.rows(table))])


def good(table: str) -> pa.Table:
    return whole(DATASET, table).filter(pc.field("defect").is_null())


def bad(table: str, defect: str) -> pa.Table:
    rows = whole(DATASET, table).filter(pc.field("defect") == defect)
    assert rows.num_rows, f"no row of {table} has the defect {defect}, so nothing is judged"
    return rows


# ---------------------------------------------------------------- one value for one row


@every_table
@pytest.mark.parametrize("size", [1, 7, 40, 4096])
def test_rows_are_the_same_in_batches_of_any_size(table: str, size: int) -> None:
    parts = pa.Table.from_batches(batches(DATASET, table, 3, 37, size))
    assert parts.equals(whole(DATASET, table).slice(3, 37).combine_chunks()), f"{table} in batches of {size}"


@every_table
def test_rows_are_the_same_from_partitions_in_any_order(table: str) -> None:
    rows = DATASET.rows(table)
    edges = [rows * i // 3 for i in range(4)]
    backwards = [batch(DATASET, table, a, b - a) for a, b in reversed(list(itertools.pairwise(edges)))]
    assert fingerprint(pa.Table.from_batches(backwards)) == fingerprint(whole(DATASET, table))


@every_table
def test_a_pickled_description_makes_the_same_rows(table: str) -> None:
    assert whole(pickle.loads(pickle.dumps(DATASET)), table).equals(whole(DATASET, table))


@every_table
def test_another_seed_makes_other_rows(table: str) -> None:
    other = whole(dataclasses.replace(DATASET, seed=43), table)
    same = [name for name in schema(table).names if other[name].equals(whole(DATASET, table)[name])]
    keys = {"customer_id", "product_id"} if table in ("customers", "products") else {"order_id", "line_no"}
    assert set(same) <= keys, f"{table}: columns that the seed doesn't change: {same}"


def test_another_vocabulary_makes_other_words_and_the_same_numbers() -> None:
    other = dataclasses.replace(DATASET, vocabulary=dataclasses.replace(WORDS, cities=("x",) * 8))
    rows, changed = whole(DATASET, "customers"), whole(other, "customers")
    different = [name for name in rows.column_names if not rows[name].equals(changed[name])]
    assert different == ["city"]


@every_table
def test_batches_have_the_schema_and_the_number_of_rows(table: str) -> None:
    rows = batch(DATASET, table, 0, DATASET.rows(table))
    rows.validate(full=True)
    assert (rows.num_rows, rows.schema) == (DATASET.rows(table), schema(table))
    assert batch(DATASET, table, 5, 0).num_rows == 0


# ---------------------------------------------------------------- nulls and bad rows


@every_table
def test_nulls_switched_on_change_no_other_value(table: str) -> None:
    filled, holed = whole(dataclasses.replace(DATASET, null_rate=0), table), whole(DATASET, table)
    for name in schema(table).names:
        kept = pc.fill_null(holed[name], filled[name]) if name in NULLABLE[table] else holed[name]
        assert kept.equals(filled[name]), f"{table}.{name} changed beyond its nulls"


@every_table
def test_only_the_declared_columns_have_nulls_and_at_their_rate(table: str) -> None:
    rows = whole(dataclasses.replace(DATASET, customers=4000), table)
    shares = {name: rows[name].null_count / rows.num_rows for name in rows.column_names if name != "defect"}
    seen = {name for name, share in shares.items() if share}
    assert seen == set(NULLABLE[table]), f"{table}: nulls in {seen}"
    assert all(0.05 < shares[name] < 0.15 for name in seen), f"{table}: {shares}, expected 0.1"


def test_nulls_hide_values_of_every_kind() -> None:
    filled, holed = (whole(d, "order_items")["discount"] for d in (dataclasses.replace(DATASET, null_rate=0), DATASET))
    hidden = pc.mean(filled.filter(pc.is_null(holed))).as_py()
    assert hidden == pytest.approx(pc.mean(filled).as_py(), rel=0.2), "nulls depend on the value that they hide"


@every_table
def test_bad_rows_switched_off_change_only_the_bad_rows(table: str) -> None:
    mixed, clean = whole(DATASET, table), whole(dataclasses.replace(DATASET, bad_rate=0), table)
    is_good = pc.is_null(mixed["defect"])
    assert clean["defect"].null_count == clean.num_rows, f"{table}: labels without bad rows"
    assert mixed.filter(is_good).equals(clean.filter(is_good)), f"{table}: a good row changed"
    healed = clean.filter(pc.invert(is_good)).drop_columns("defect").to_pylist()
    ill = mixed.filter(pc.invert(is_good)).drop_columns("defect").to_pylist()
    assert ill, f"{table}: no bad row, so nothing is judged"
    assert all(a != b for a, b in zip(ill, healed, strict=True)), f"{table}: a labelled row is like a good one"


@every_table
def test_every_defect_occurs_and_together_at_the_rate(table: str) -> None:
    labels = whole(dataclasses.replace(DATASET, customers=4000), table)["defect"]
    share = 1 - labels.null_count / len(labels)
    assert set(labels.drop_null().unique().to_pylist()) == set(DEFECTS[table])
    assert 0.02 < share < 0.08, f"{table}: {share:.1%} bad rows, expected 5%"


def test_every_row_is_bad_at_a_rate_of_one() -> None:
    labels = batch(dataclasses.replace(DATASET, bad_rate=1), "orders", 0, 500).column("defect")
    assert labels.null_count == 0


# ---------------------------------------------------------------- what the values mean


@pytest.mark.parametrize(
    ("table", "key", "parent", "defect"),
    [
        ("orders", "customer_id", "customers", "unknown-customer"),
        ("order_items", "order_id", "orders", None),
        ("order_items", "product_id", "products", "unknown-product"),
    ],
)
def test_references_miss_exactly_in_the_rows_labelled_so(table: str, key: str, parent: str, defect: str | None) -> None:
    rows = whole(DATASET, table)
    ids = rows[key].to_numpy()
    missing = (ids < 0) | (ids >= DATASET.rows(parent))
    labelled = np.array([label == defect and defect is not None for label in rows["defect"].to_pylist()])
    assert missing.tolist() == labelled.tolist(), f"{missing.sum()} orphans, {labelled.sum()} labelled"


@pytest.mark.parametrize(("table", "key"), [("orders", "customer_id"), ("order_items", "product_id")])
def test_references_are_skewed(table: str, key: str) -> None:
    counts = np.sort(np.bincount(good(table)[key].to_numpy()))[::-1]
    tenth = max(1, len(counts) // 10)
    share = counts[:tenth].sum() / counts.sum()
    assert 0.35 < share < 0.65, f"the most frequent tenth of {key} has {share:.0%}; even would be 10%"


def test_an_item_has_the_price_of_its_product() -> None:
    prices = whole(dataclasses.replace(DATASET, bad_rate=0), "products")["price"].to_pylist()
    items = good("order_items").to_pylist()
    wrong = [item for item in items if item["unit_price"] != prices[item["product_id"]]]
    assert not wrong, f"{len(wrong)} of {len(items)} items, the first: {wrong[0]}"


def test_an_item_costs_its_quantity_times_its_price() -> None:
    items = whole(DATASET, "order_items").to_pylist()
    assert all(item["amount"] == item["quantity"] * item["unit_price"] for item in items)


@pytest.mark.parametrize("customers", [1, 2, 3, 4, 400])
def test_every_order_has_its_lines_from_one_on(customers: int) -> None:
    dataset = dataclasses.replace(DATASET, customers=customers)
    seen: dict[int, list[int]] = {}
    for item in whole(dataset, "order_items").select(["order_id", "line_no"]).to_pylist():
        seen.setdefault(item["order_id"], []).append(item["line_no"])
    expected = {order: list(range(1, order % 4 + 2)) for order in range(dataset.rows("orders"))}
    assert seen == expected


def test_emails_are_unique_and_match_the_name() -> None:
    rows = good("customers").to_pylist()
    start = [f"{row['first_name'][0]}.{row['last_name'][0]}.{row['customer_id']}@" for row in rows]
    assert all(row["email"].startswith(name) for row, name in zip(rows, start, strict=True)), rows[0]["email"]
    assert len({row["email"] for row in rows}) == len(rows)


def test_good_orders_come_after_registration_and_before_the_end() -> None:
    orders, registered = good("orders")["ordered_at"], whole(DATASET, "customers")["registered_at"]
    assert pc.max(registered).as_py() < pc.min(orders).as_py()
    assert pc.max(orders).as_py().year == 2025, f"the last order is of {pc.max(orders)}"


def test_order_ids_grow_with_time_give_or_take_a_day() -> None:
    seconds = good("orders")["ordered_at"].cast(pa.int64()).to_numpy() // 1_000_000
    back = np.min(np.diff(seconds))
    assert back > -86_400, f"an order is {-back} seconds before the one with the id before"


def test_good_orders_are_due_one_to_fourteen_days_later() -> None:
    rows = good("orders").select(["ordered_at", "due_on"]).to_pylist()
    days = {(row["due_on"] - row["ordered_at"].date()).days for row in rows}
    assert days == set(range(1, 15))


def test_bad_rows_have_the_defect_that_they_name() -> None:
    assert not any("@" in email for email in bad("customers", "malformed-email")["email"].to_pylist())
    assert pc.max(bad("products", "negative-price")["price"]).as_py() < 0
    assert pc.min(bad("orders", "future-date")["ordered_at"]).as_py().year > 2100
    assert set(bad("order_items", "zero-quantity")["quantity"].to_pylist()) == {0}


@every_table
def test_good_rows_have_no_defect(table: str) -> None:
    rows = good(table)
    if "email" in rows.column_names:
        assert all(email.count("@") == 1 for email in rows["email"].to_pylist())
    lowest = {name: pc.min(rows[name]).as_py() for name in ("price", "amount", "quantity") if name in rows.column_names}
    assert all(value > 0 for value in lowest.values()), f"{table}: {lowest}"


# ---------------------------------------------------------------- refusals


@pytest.mark.parametrize(
    ("field", "value"),
    [("customers", 0), ("customers", 2**31 + 1), ("null_rate", -0.1), ("bad_rate", 1.1), ("bad_rate", float("nan")),
     ("seed", -1), ("seed", 2**64)],
)  # fmt: skip
def test_a_description_that_makes_no_sense_is_refused(field: str, value: Any) -> None:
    with pytest.raises(ValueError, match=rf"^{field} is {value}; .* is allowed"):
        dataclasses.replace(DATASET, **{field: value})


@pytest.mark.parametrize(("start", "n"), [(-1, 2), (0, 401), (400, 1), (5, -1)])
def test_rows_that_a_table_does_not_have_are_refused(start: int, n: int) -> None:
    with pytest.raises(ValueError, match="of customers; it has rows 0 to 400"):
        batch(DATASET, "customers", start, n)


def test_an_unknown_table_is_refused_with_the_known_ones() -> None:
    with pytest.raises(ValueError, match="unknown table 'nope'; there are customers, products, orders, order_items"):
        batch(DATASET, "nope", 0, 1)


def test_batches_of_no_rows_are_refused() -> None:
    with pytest.raises(ValueError, match="size is 0; at least 1"):
        batches(DATASET, "orders", 0, 10, size=0)


def test_the_smallest_data_set_has_all_tables() -> None:
    smallest = Dataset(WORDS, customers=1)
    assert {table: whole(smallest, table).num_rows for table in TABLES} == {
        "customers": 1, "products": 1, "orders": 5, "order_items": 11,
    }  # fmt: skip
