"""Values of container options: each kind checks a text and returns its canonical form, or raises ValueError.

Kinds, bounds and wording follow Proxmox's schema (facts: Proxmox, §1.1 and §1.2; pve-common JSONSchema.pm).
"""

import ipaddress
import re
from collections.abc import Callable, Mapping

Kind = Callable[[str], str]
UNITS = {"K": 1 << 10, "M": 1 << 20, "G": 1 << 30, "T": 1 << 40}
TRUE, FALSE = ("1", "on", "yes", "true"), ("0", "off", "no", "false")
VMID = re.compile(r"[1-9][0-9]{2,8}")
LABEL = "[a-zA-Z0-9]([a-zA-Z0-9-]*[a-zA-Z0-9])?"
NAME = re.compile(rf"{LABEL}(\.{LABEL})*")
TAG = re.compile(r"[a-z0-9_][a-z0-9_+.-]*")
SIZE = re.compile(r"(\d+(?:\.\d+)?)([KMGT])?(?:iB)?")


def boolean(text: str) -> str:
    """1 or 0, from each of Proxmox's words for them."""
    if text.lower() in TRUE:
        return "1"
    if text.lower() in FALSE:
        return "0"
    raise ValueError(f"type check ('boolean') failed - got '{text}'")


def integer(least: int, most: int | None = None) -> Kind:
    """A whole number between bounds, both included."""
    return lambda text: _bounded(text, r"-?\d+", "integer", least, most)


def number(least: float, most: float) -> Kind:
    """A number with or without a fraction, between bounds."""
    return lambda text: _bounded(text, r"\d+(\.\d+)?", "number", least, most)


def _bounded(text: str, pattern: str, kind: str, least: float, most: float | None) -> str:
    if not re.fullmatch(pattern, text):
        raise ValueError(f"type check ('{kind}') failed - got '{text}'")
    if float(text) < least:
        raise ValueError(f"value must have a minimum value of {least:g}")
    if most is not None and float(text) > most:
        raise ValueError(f"value must have a maximum value of {most:g}")
    return text


def text(longest: int, shortest: int = 0) -> Kind:
    """Any text of a length between these."""

    def check(value: str) -> str:
        if len(value) > longest:
            raise ValueError(f"value may only be {longest} characters long")
        if len(value) < shortest:
            raise ValueError(f"value must be at least {shortest} characters long")
        return value

    return check


def matching(pattern: str, what: str) -> Kind:
    """A text of this pattern, whole."""

    def check(value: str) -> str:
        if not re.fullmatch(pattern, value):
            raise ValueError(f"invalid format - {what}: '{value}'")
        return value

    return check


def one_of(*words: str) -> Kind:
    """One of these words."""

    def check(value: str) -> str:
        if value not in words:
            raise ValueError(f"value '{value}' does not have a value in the enumeration '{', '.join(words)}'")
        return value

    return check


def dns_name(value: str) -> str:
    """A host or domain name; underscores are none of its letters."""
    if not NAME.fullmatch(value):
        raise ValueError(f"invalid format - value '{value}' does not look like a valid DNS name")
    return text(255)(value)


def listed(kind: Kind, separator: str = " ") -> Kind:
    """A list in any of Proxmox's spellings: comma, semicolon or space."""
    return lambda value: separator.join(map(kind, words(value)))


def words(value: str) -> list[str]:
    """The items of a list."""
    return [word for word in re.split(r"[\s,;]+", value) if word]


def address(value: str) -> str:
    """An IPv4 or IPv6 address without prefix."""
    try:
        ipaddress.ip_address(value)
    except ValueError:
        raise ValueError(f"invalid format - value does not look like a valid IP address: '{value}'") from None
    return value


def interface(value: str) -> str:
    """dhcp, manual, or an IPv4 address with its prefix: without one it is rejected."""
    if value in ("dhcp", "manual"):
        return value
    given, slash, prefix = value.partition("/")
    try:
        ipaddress.IPv4Address(given)
        if not slash or not 8 <= int(prefix) <= 32:
            raise ValueError
    except ValueError:
        raise ValueError(
            f"invalid format - value does not look like a valid ipv4 network configuration: '{value}'"
        ) from None
    return value


def unicast(value: str) -> str:
    """A hardware address that one interface may have."""
    if not re.fullmatch(r"[0-9a-fA-F]{2}(:[0-9a-fA-F]{2}){5}", value) or int(value[:2], 16) & 1:
        raise ValueError(f"invalid format - value does not look like a valid unicast MAC address: '{value}'")
    return value.upper()


def tags(value: str) -> str:
    """A set of tags: lower-case, sorted, each once, joined by `;`."""
    given = sorted({word.lower() for word in words(value)})
    if bad := [tag for tag in given if not TAG.fullmatch(tag)]:
        raise ValueError(f"invalid format - invalid characters in tag '{bad[0]}'")
    return ";".join(given)


def size(value: str) -> int:
    """Bytes of a disk size; units are powers of 1024, no unit means bytes."""
    if not (found := SIZE.fullmatch(value)):
        raise ValueError(f"invalid format - value does not look like a valid disk size: '{value}'")
    return int(float(found[1]) * UNITS.get(found[2], 1))


def disk_size(value: str) -> str:
    """A disk size as it is written."""
    size(value)
    return value


def parse(value: str, default: str | None = None) -> dict[str, str]:
    """The parts of a property string; what has no key has the default one."""
    found: dict[str, str] = {}
    for part in value.split(","):
        key, equals, rest = part.partition("=")
        if not equals:
            if default is None or default in found:
                raise ValueError(f"invalid format - missing key in comma-separated list property: '{part}'")
            key, rest = default, part
        if key in found:
            raise ValueError(f"invalid format - duplicate key in comma-separated list property: {key}")
        found[key] = rest
    return found


def render(parts: Mapping[str, str], first: str, bare: bool = False) -> str:
    """A property string in canonical order: its first key (bare where it is the default one), the rest by name."""
    head = [parts[first] if bare else f"{first}={parts[first]}"] if first in parts else []
    return ",".join([*head, *(f"{key}={parts[key]}" for key in sorted(parts) if key != first)])


def properties(kinds: Mapping[str, Kind], required: str, bare: bool = False) -> Kind:
    """A property string whose parts are of these kinds; `required` comes first, and needs no key where it is `bare`."""

    def check(value: str) -> str:
        parts = parse(value, required if bare else None)
        for key in parts:
            if key not in kinds:
                raise ValueError(
                    f"invalid format - format error\n{key}: property is not defined in schema and the schema"
                    " does not allow additional properties"
                )
        if required and required not in parts:
            raise ValueError(f"invalid format - format error\n{required}: property is missing and it is not optional")
        return render({key: _part(key, kinds[key], part) for key, part in parts.items()}, required, bare)

    return check


def _part(key: str, kind: Kind, value: str) -> str:
    try:
        return kind(value)
    except ValueError as error:
        raise ValueError(f"invalid format - format error\n{key}: {error}") from None
