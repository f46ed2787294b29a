"""The promises of the lakehouse, as `promises.toml` lists them."""

import tomllib
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Literal

REGISTRY = Path(__file__).with_name("promises.toml")


@dataclass(frozen=True)
class Promise:
    """One promise: its sentence, the line of the plan that it stands for, and where it is expected to be judged.

    `faults` name what was seen to turn it red: deviations of suites/provisioning/deviations.toml, or tests that break
    something themselves.
    """

    id: str
    sentence: str
    plan: str
    status: Literal["proved-by-suite", "planned"]
    targets: tuple[str, ...] = ()
    faults: tuple[str, ...] = ()


@cache
def registry() -> dict[str, Promise]:
    """All promises by id, in the order of the file."""
    data = tomllib.loads(REGISTRY.read_text(encoding="utf-8"))
    return {key: _promise(key, entry) for key, entry in data["promise"].items()}


def _promise(key: str, entry: dict[str, Any]) -> Promise:
    lists = {name: tuple(entry.get(name, ())) for name in ("targets", "faults")}
    return Promise(key, **{**entry, **lists})
