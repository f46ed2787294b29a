"""The zones of an inventory as zone files: forward and reverse, whoever serves them. Pure."""

import hashlib
from ipaddress import ip_interface

from provisioning.inventory import Inventory

HOST = "pve"  # the host's own name in its zone
TTL = 300


def zones(inventory: Inventory) -> dict[str, str]:
    """Zone name -> text of its file, for every planned machine and the host.

    The serial follows from the content, so that it changes when, and only when, a name does.
    """
    machines = addresses(inventory)
    domain = inventory.domain.rstrip(".")
    forward = [f"{name} A {address}" for name, address in machines.items()]
    backward: dict[str, list[str]] = {}
    for name, address in machines.items():
        label, zone = _reverse(address)
        backward.setdefault(zone, []).append(f"{label} PTR {name}.{domain}.")
    return {
        domain: _zone(domain, forward),
        **{zone: _zone(domain, records) for zone, records in backward.items()},
    }


def addresses(inventory: Inventory) -> dict[str, str]:
    """Short name -> address, the host among them."""
    return {HOST: str(inventory.host.address)} | {
        name: str(container.address) for name, container in inventory.containers.items()
    }


def _reverse(address: str) -> tuple[str, str]:
    """192.168.4.34 -> ("34", "4.168.192.in-addr.arpa")."""
    label, _, zone = ip_interface(address).ip.reverse_pointer.partition(".")
    return label, zone


def _zone(domain: str, records: list[str]) -> str:
    serial = int(hashlib.sha256("\n".join(records).encode()).hexdigest()[:7], 16)
    return "\n".join(
        [
            f"$TTL {TTL}",
            f"@ IN SOA {HOST}.{domain}. root.{domain}. {serial} 3600 600 86400 {TTL}",
            f"@ NS {HOST}.{domain}.",
            *records,
            "",
        ]
    )
