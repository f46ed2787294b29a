"""Which versions work together: each rule with its source and what to do."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from provisioning.inventory import Product


@dataclass(frozen=True)
class Rule:
    """A condition that planned versions must meet; `holds` gets version tuples by product."""

    name: str
    holds: Callable[[Mapping[str, tuple[int, ...]]], bool]
    source: str
    remedy: str


@dataclass(frozen=True)
class Conflict:
    """A rule that does not hold."""

    rule: Rule
    versions: Mapping[Product, str]

    def __str__(self) -> str:
        return f"{self.rule.name} ({self.rule.source}): have {dict(self.versions)}; {self.rule.remedy}"


RULES = (
    Rule(
        "the metastore still has the thrift call get_table that Spark's and Iceberg's client makes",
        lambda v: v["hive"] < (4, 0, 1),
        "HIVE-26537",
        "take Hive 2.3.10",
    ),
    Rule(
        "the metastore has both fixes that commits need on MariaDB",
        lambda v: v["hive"] >= (2, 3, 10) and not (3,) <= v["hive"] < (4, 0, 1),
        "HIVE-26882, HIVE-28121",
        "take Hive 2.3.10",
    ),
    Rule(
        "Iceberg has a runtime for this Spark",
        lambda v: v["spark"][:2] == (4, 0) and v["iceberg"] >= (1, 10),
        "iceberg-spark-runtime-4.0_2.13 exists from 1.10.0 on",
        "take Spark 4.0.x with Iceberg 1.10.0 or newer",
    ),
    Rule(
        "Spark runs on this Python",
        lambda v: (3, 9) <= v["python"] < (3, 14),
        "PySpark 4.0 documentation, installation",
        "take Python 3.11 to 3.13",
    ),
)


def check(versions: Mapping[Product, str]) -> list[Conflict]:
    """The rules that these versions break. `versions` has spark, iceberg, hive and python."""
    parsed: dict[str, tuple[int, ...]] = {
        name: tuple(int(part) for part in text.split(".")) for name, text in versions.items()
    }
    return [Conflict(rule, versions) for rule in RULES if not rule.holds(parsed)]
