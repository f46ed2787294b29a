"""Which inventory is meant where none is named: the one last brought up in this checkout."""

from provisioning import connection, state
from provisioning.inventory import Inventory, load


def last() -> str | None:
    """Name or file of the inventory last brought up here; None before the first. Problem for a broken profile."""
    place = state.current()
    return connection.read(place.connection).inventory_file if place else None


def chosen(name: str | None) -> Inventory | None:
    """The inventory of that name or file, else the last one; None where there is neither."""
    choice = name or last()
    return load(choice) if choice else None
