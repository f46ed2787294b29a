"""Command lines as Proxmox reads them: `--key value`, `--key=value`, and booleans whose value may be left out."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from provisioning.lab.refused import Invalid, Refused, UnknownOption
from provisioning.lab.values import VMID, Kind, boolean


@dataclass(frozen=True)
class Arguments:
    """What stands in front of and between options, and the options as they were given."""

    words: tuple[str, ...]
    options: Mapping[str, str]


def parse(arguments: Sequence[str], kinds: Mapping[str, Kind], known: object = None) -> Arguments:
    """Split a command line. `known(name)` says the kind of an option that `kinds` lacks.

    Raises UnknownOption, and Refused for an option without its value.
    """
    words, found, rest = list[str](), dict[str, str](), list(arguments)
    while rest:
        word = rest.pop(0)
        if not word.startswith("-") or word == "-":
            words.append(word)
            continue
        name, equals, value = word.lstrip("-").partition("=")
        kind = kinds.get(name) or (known(name) if callable(known) else None)
        if kind is None:
            raise UnknownOption(name)
        if not equals:
            if kind is boolean and (not rest or rest[0].startswith("-")):
                value = "1"
            elif not rest:
                raise Refused(f"Option {name} requires an argument\n400 unable to parse option")
            else:
                value = rest.pop(0)
        found[name] = value
    return Arguments(tuple(words), found)


def vmid(words: Sequence[str], count: int) -> int:
    """The container's number, the first of so many words. Raises Refused, and Invalid for another form."""
    if len(words) != count:
        raise Refused("400 not enough arguments" if len(words) < count else "400 too many arguments")
    if not VMID.fullmatch(words[0]):
        raise Invalid({"vmid": f"invalid format - value does not look like a valid VM ID: '{words[0]}'"})
    return int(words[0])
