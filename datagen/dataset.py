"""A data set as a description: how many rows, of which words, from which seed, with how many nulls and bad rows."""

from dataclasses import dataclass

from datagen.vocabulary import Vocabulary

TABLES = ("customers", "products", "orders", "order_items")
"""The tables, parents before children."""

MAX_CUSTOMERS = 2**31

ITEMS_OF_ORDERS = (1, 2, 3, 4)
"""The numbers of items of any four orders in a row; the pattern repeats, so that a row says its order and line."""


@dataclass(frozen=True)
class Dataset:
    """Everything that decides the rows. Small and picklable: executors get it and make their own rows.

    `null_rate` and `bad_rate` are probabilities. Changing them changes only the rows and cells that they concern.
    Changing `customers` makes another data set: references and the times of orders spread over all the rows.
    """

    vocabulary: Vocabulary
    seed: int = 42
    customers: int = 1_000
    null_rate: float = 0.02
    bad_rate: float = 0.01

    def __post_init__(self) -> None:
        """Refuse what no rows can be made from."""
        if not 0 <= self.seed < 2**64:
            raise ValueError(f"seed is {self.seed}; 0 to 2**64 - 1 is allowed")
        if not 1 <= self.customers <= MAX_CUSTOMERS:
            raise ValueError(f"customers is {self.customers}; 1 to {MAX_CUSTOMERS} is allowed")
        for name in ("null_rate", "bad_rate"):
            if not 0 <= getattr(self, name) <= 1:
                raise ValueError(f"{name} is {getattr(self, name)}; 0 to 1 is allowed")

    def rows(self, table: str) -> int:
        """Return the number of rows of a table; all follow from the number of customers."""
        check_table(table)
        orders = 5 * self.customers
        blocks, rest = divmod(orders, len(ITEMS_OF_ORDERS))
        return {
            "customers": self.customers,
            "products": max(1, self.customers // 10),
            "orders": orders,
            "order_items": blocks * sum(ITEMS_OF_ORDERS) + sum(ITEMS_OF_ORDERS[:rest]),
        }[table]


def check_table(table: str) -> None:
    """Raise ValueError for a name that is no table."""
    if table not in TABLES:
        raise ValueError(f"unknown table {table!r}; there are {', '.join(TABLES)}")
