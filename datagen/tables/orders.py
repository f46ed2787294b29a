"""Orders: a customer buys. The children of customers and the parents of order items."""

from functools import cache

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from datagen import arrays, periods, streams
from datagen.span import Span

COLUMNS = (
    ("order_id", pa.int64()),
    ("customer_id", pa.int64()),
    ("ordered_at", arrays.INSTANT),
    ("due_on", pa.date32()),
    ("status", pa.string()),
    ("priority", pa.int32()),
    ("amount", arrays.MONEY),
    ("gift", pa.bool_()),
    ("comment", pa.string()),
)
DEFECTS = ("unknown-customer", "future-date")
NULLABLE = ("comment",)

UNKNOWN = 1 << 40
"""Added to an id, this gives one that no data set of any size has."""

_STATUS = {"delivered": 160, "shipped": 48, "pending": 24, "cancelled": 16, "returned": 8}


def columns(span: Span) -> dict[str, pa.Array]:
    """Return the columns of these orders; ids grow with time, give or take a day.

    `amount` is drawn by itself and is not the sum of the items.
    """
    customers = streams.skewed(span.words("customer_id"), span.dataset.rows("customers"))
    customers[span.defect("unknown-customer")] += UNKNOWN
    ordered = _ordered(span)
    due = ordered // periods.DAY + streams.between(span.words("due_on"), 1, 14)
    ordered[span.defect("future-date")] += periods.FUTURE
    return {
        "order_id": pa.array(span.ids),
        "customer_id": pa.array(customers),
        "ordered_at": arrays.instants(ordered),
        "due_on": arrays.dates(due),
        "status": arrays.pick(tuple(_STATUS), streams.lookup(span.words("status"), _status_table())),
        "priority": arrays.small(streams.between(span.words("priority"), 1, 5)),
        "amount": arrays.money(streams.lookup(span.words("amount"), _amounts())),
        "gift": pa.array(streams.chance(span.words("gift"), 0.1)),
        "comment": span.nullable("comment", _comments(span)),
    }


def _ordered(span: Span) -> streams.Integers:
    """Return seconds: evenly over the time of orders, each up to a day late, so that a batch falls into few days."""
    time = periods.ORDERS
    even = span.ids * (time.seconds - periods.DAY) // span.dataset.rows("orders")
    return time.start + even + streams.below(span.words("ordered_at"), periods.DAY)


def _comments(span: Span) -> pa.Array:
    words, phrases = span.words("comment"), span.dataset.vocabulary.phrases
    first, second = (arrays.pick(phrases, streams.index(words, len(phrases), lane)) for lane in (0, 1))
    return arrays.joined(first, " ", second)


@cache
def _status_table() -> npt.NDArray[np.int8]:
    return streams.weighted(tuple(_STATUS.values()))


@cache
def _amounts() -> streams.Integers:
    return streams.lognormal(median=55_00, sigma=1.0)
