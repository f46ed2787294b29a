"""Products: what is bought. The parents of order items."""

from functools import cache

import pyarrow as pa

from datagen import arrays, periods, streams
from datagen.dataset import Dataset
from datagen.span import Span

COLUMNS = (
    ("product_id", pa.int64()),
    ("name", pa.string()),
    ("category", pa.string()),
    ("price", arrays.MONEY),
    ("weight_kg", pa.float64()),
    ("in_stock", pa.int32()),
    ("introduced_on", pa.date32()),
    ("discontinued", pa.bool_()),
)
DEFECTS = ("negative-price",)
NULLABLE = ("weight_kg",)

_CATEGORIES = ("books", "clothing", "electronics", "food", "garden", "home", "sports", "toys")


def columns(span: Span) -> dict[str, pa.Array]:
    """Return the columns of these products."""
    words = span.words("name")
    choices = span.dataset.vocabulary.product_words
    name = arrays.joined(
        arrays.pick(choices, streams.index(words, len(choices))),
        " ",
        arrays.pick(choices, streams.index(words, len(choices), lane=1)),
    )
    price = streams.lookup(span.words("price"), _prices())
    price[span.defect("negative-price")] *= -1
    grams = streams.lookup(span.words("weight_kg"), _grams())
    return {
        "product_id": pa.array(span.ids),
        "name": name,
        "category": span.pick("category", _CATEGORIES),
        "price": arrays.money(price),
        "weight_kg": span.nullable("weight_kg", pa.array(grams / 1000)),
        "in_stock": arrays.small(streams.below(span.words("in_stock"), 1000)),
        "introduced_on": arrays.dates(periods.REGISTRATIONS.spread(span.words("introduced_on")) // periods.DAY),
        "discontinued": pa.array(streams.chance(span.words("discontinued"), 0.05)),
    }


def prices_at(dataset: Dataset, products: streams.Integers) -> streams.Integers:
    """Return the prices of any products in hundredths, as they are without a defect."""
    return streams.lookup(streams.raw_at(dataset.seed, "products", "price", products), _prices())


@cache
def _prices() -> streams.Integers:
    return streams.lognormal(median=19_99, sigma=1.0)


@cache
def _grams() -> streams.Integers:
    return streams.lognormal(median=600, sigma=1.2)
