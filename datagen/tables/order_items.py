"""Order items: what an order is made of. The children of orders and products.

Orders have 1, 2, 3, 4, 1, 2, ... items. So a row says its order and line by arithmetic, and no (order, line) is twice.
"""

import numpy as np
import pyarrow as pa

from datagen import arrays, streams
from datagen.dataset import ITEMS_OF_ORDERS
from datagen.span import Span
from datagen.tables.orders import UNKNOWN
from datagen.tables.products import prices_at

COLUMNS = (
    ("order_id", pa.int64()),
    ("line_no", pa.int32()),
    ("product_id", pa.int64()),
    ("quantity", pa.int32()),
    ("unit_price", arrays.MONEY),
    ("amount", arrays.MONEY),
    ("discount", pa.float64()),
)
DEFECTS = ("zero-quantity", "unknown-product")
NULLABLE = ("discount",)

_BLOCK = sum(ITEMS_OF_ORDERS)
_ORDER_IN_BLOCK = np.repeat(np.arange(len(ITEMS_OF_ORDERS)), ITEMS_OF_ORDERS)
_LINE_IN_BLOCK = np.concatenate([np.arange(1, items + 1) for items in ITEMS_OF_ORDERS])


def columns(span: Span) -> dict[str, pa.Array]:
    """Return the columns of these items; `unit_price` is the product's good price, `amount` is quantity times it."""
    block, position = np.divmod(span.ids, _BLOCK)
    products = streams.skewed(span.words("product_id"), span.dataset.rows("products"))
    prices = prices_at(span.dataset, products)
    products[span.defect("unknown-product")] += UNKNOWN
    quantities = 1 + streams.skewed(span.words("quantity"), 10)
    quantities[span.defect("zero-quantity")] = 0
    percents = 5 * streams.skewed(span.words("discount"), 7)
    return {
        "order_id": pa.array(block * len(ITEMS_OF_ORDERS) + _ORDER_IN_BLOCK[position]),
        "line_no": arrays.small(_LINE_IN_BLOCK[position]),
        "product_id": pa.array(products),
        "quantity": arrays.small(quantities),
        "unit_price": arrays.money(prices),
        "amount": arrays.money(quantities * prices),
        "discount": span.nullable("discount", pa.array(percents / 100)),
    }
