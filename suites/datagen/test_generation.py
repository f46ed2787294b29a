"""Faker data through Spark, against the same functions run without a cluster."""

from collections.abc import Callable

import pytest
from pyspark.sql import functions as F

from datagen import DEFECTS, TABLES, expected
from fixtures.jobs import Jobs, Lake, Refused
from fixtures.states import state_of
from fixtures.tables import Shop

pytestmark = [pytest.mark.requires("minio", "hive", "spark"), pytest.mark.verifies("data.generation")]


@pytest.mark.parametrize("table", TABLES)
def test_every_row_is_what_its_seed_says(jobs: Jobs, shop: Shop, table: str) -> None:
    seen = jobs.fingerprint(shop.table(table))
    wanted = expected(shop.dataset, table).fingerprint
    assert wanted.rows > 0, f"{table}: nothing is expected, so nothing is shown"
    assert seen == wanted, f"{shop.table(table)}: {seen}, expected {wanted}"


@pytest.mark.parametrize("table", TABLES)
def test_sums_nulls_and_bad_rows_are_the_expected_ones_in_sparks_own_arithmetic(
    lake: Lake, shop: Shop, table: str
) -> None:
    wanted = expected(shop.dataset, table)
    rows = lake.spark.table(lake.sql_name(shop.table(table)))
    sums = rows.agg(*(F.sum(name).alias(name) for name in wanted.sums)).collect()[0].asDict()
    nulls = rows.agg(*(F.count_if(F.col(name).isNull()).alias(name) for name in wanted.nulls)).collect()[0].asDict()
    bad = {row["defect"]: row["count"] for row in rows.groupBy("defect").count().collect() if row["defect"]}
    assert sums == dict(wanted.sums), f"{table}: sums {sums}, expected {wanted.sums}"
    assert nulls == dict(wanted.nulls), f"{table}: nulls {nulls}, expected {wanted.nulls}"
    assert bad == {name: count for name, count in wanted.defects.items() if count}, f"{table}: bad rows {bad}"


def test_the_data_set_has_bad_rows_of_every_kind_to_be_found(shop: Shop) -> None:
    kinds = {name for table in TABLES for name, count in expected(shop.dataset, table).defects.items() if count}
    assert kinds == {name for names in DEFECTS.values() for name in names}, f"only {sorted(kinds)}"


@pytest.mark.parametrize(
    ("child", "key", "parent", "defect"),
    [
        ("orders", "customer_id", "customers", "unknown-customer"),
        ("order_items", "product_id", "products", "unknown-product"),
        ("order_items", "order_id", "orders", None),
    ],
    ids=["orders-customers", "items-products", "items-orders"],
)
def test_references_resolve_except_in_rows_labelled_so(
    lake: Lake, shop: Shop, child: str, key: str, parent: str, defect: str | None
) -> None:
    rows, parents = (lake.spark.table(lake.sql_name(shop.table(name))) for name in (child, parent))
    orphans = rows.join(parents.select(key), key, "left_anti")
    seen = {row["defect"]: row["count"] for row in orphans.groupBy("defect").count().collect()}
    wanted = {defect: expected(shop.dataset, child).defects[defect]} if defect else {}
    assert seen == wanted, f"{child}.{key}: orphans by label {seen}, expected {wanted}"


def test_a_few_customers_make_most_orders(lake: Lake, shop: Shop) -> None:
    orders = lake.spark.table(lake.sql_name(shop.table("orders"))).where("defect IS NULL")
    counts = sorted((row["count"] for row in orders.groupBy("customer_id").count().collect()), reverse=True)
    share = sum(counts[: shop.dataset.customers // 10]) / sum(counts)
    assert share > 0.3, f"the busiest tenth of customers makes {share:.0%} of the orders; even spread would be 10 %"


def test_the_number_of_files_changes_no_row(lake: Lake, jobs: Jobs, make_shop: Callable[..., Shop]) -> None:
    few, many = make_shop(customers=60, files=1), make_shop(customers=60, files=7)
    for table in TABLES:
        one, seven = (jobs.fingerprint(s.table(table)) for s in (few, many))
        assert one == seven, f"{table}: {one} in one file, {seven} in seven"
    files = [len(state_of(lake, shop.table("orders")).data_files) for shop in (few, many)]
    assert files == [1, 7], f"orders lie in {files} files: the two were to differ in nothing else"


def test_another_seed_is_other_data(jobs: Jobs, make_shop: Callable[..., Shop], seed: int) -> None:
    ours, other = make_shop(customers=60), make_shop(customers=60, seed=seed + 1)
    one, two = (jobs.fingerprint(s.table("orders")) for s in (ours, other))
    assert one.rows == two.rows, "the numbers of rows do not depend on the seed"
    assert one != two, f"seeds {seed} and {seed + 1} give the same orders"


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ({"locale": "xx_XX"}, "xx_XX"),
        ({"customers": 0}, "customers"),
        ({"null_rate": 1.5}, "null_rate"),
        ({"customers": 1_000_000_000}, "the inventory allows"),
        ({"files": 0}, "--files"),
    ],
    ids=["locale", "no-customers", "rate", "budget", "files"],
)
def test_senseless_arguments_are_refused_and_make_nothing(
    lake: Lake, jobs: Jobs, make_namespace: Callable[[], str], arguments: dict[str, object], says: str
) -> None:
    namespace = make_namespace()
    with pytest.raises(Refused, match=says):
        jobs.generate(namespace, **arguments)
    assert not lake.catalog.list_tables(namespace), f"{namespace} has tables after a refusal"


def test_generating_over_existing_tables_is_refused(lake: Lake, jobs: Jobs, shop: Shop) -> None:
    with pytest.raises(Refused, match="exist already"):
        jobs.generate(shop.namespace, customers=10)
    assert lake.spark.table(lake.sql_name(shop.table("customers"))).count() == shop.dataset.customers, "rows were added"
