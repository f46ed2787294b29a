"""Who may import whom, as section 4 of the design says; how long a file may be; and that nobody sleeps.

The rules are data, and the functions that apply them are pure: each rule is shown to reject a planted violation.
"""

import ast
import sys
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGES = ("provisioning", "datagen", "spark_jobs", "fixtures", "reports", "suites")
LINES, GOAL = 400, 300  # a file splits by noun at about 300 lines; 400 is where this test ends the discussion
NETWORK = (
    "socket", "ssl", "http", "urllib.request", "urllib3", "requests", "httpx", "aiohttp", "xmlrpc", "ftplib", "smtplib",
    "grpc", "thrift", "minio", "boto3", "botocore", "s3fs", "pyiceberg", "pyspark",
)  # fmt: skip

Pair = tuple[str, str]  # (module, what it imports), both dotted


@dataclass(frozen=True)
class May:
    """Modules under `who` import of ours only what is under `whom`, and each other."""

    who: str
    whom: tuple[str, ...]


@dataclass(frozen=True)
class Never:
    """Modules under `who` never import anything under `whom`; `but` are excepted."""

    who: str
    whom: tuple[str, ...]
    but: tuple[str, ...] = ()


# Of the rules for a module, the one with the longest name decides; `suites.*` is each suite by itself.
MAY = (
    May("suites.*", ("fixtures", "datagen", "provisioning")),
    May("suites.selftest", ("fixtures", "datagen", "provisioning", "spark_jobs", "reports")),
    May("suites.provisioning", ("fixtures", "datagen", "provisioning", "spark_jobs", "reports")),
    May("fixtures", ("provisioning", "datagen", "spark_jobs", "reports")),
    May("fixtures.oracles", ("datagen",)),
    May("spark_jobs", ("datagen",)),
    May("datagen", ()),
    May("provisioning", ()),
    May("reports", ()),
)
NEVER = (
    *(Never(package, ("conftest",)) for package in PACKAGES),
    *(Never(package, ("pytest", "_pytest")) for package in ("provisioning", "datagen", "spark_jobs", "reports")),
    Never("provisioning.hypervisor", ("provisioning.lab",)),
    Never("provisioning.lab", ("provisioning.hypervisor",)),
    Never("reports", NETWORK),
    Never("datagen", NETWORK),
    Never("spark_jobs.tables", ("pyspark",)),
)
# What executors have: they import these modules from a zip.
ON_EXECUTORS = ("spark_jobs.parts",)
EXECUTORS_HAVE = (*sorted(sys.stdlib_module_names), "pyarrow", "numpy", "datagen")


def under(module: str, prefix: str) -> bool:
    return module == prefix or module.startswith(f"{prefix}.")


def any_under(module: str, prefixes: Iterable[str]) -> bool:
    return any(under(module, prefix) for prefix in prefixes)


def place(module: str, rule: May) -> str | None:
    """The part of the tree that `rule` speaks of and `module` is in: for `suites.*` its own suite."""
    prefix, star, _ = rule.who.partition(".*")
    if not under(module, prefix):
        return None
    return ".".join(module.split(".")[: prefix.count(".") + 2]) if star else prefix


def wrong_direction(pairs: Iterable[Pair], rules: Collection[May] = MAY) -> list[Pair]:
    """Imports of ours that the rule for their module does not name."""
    return [
        (module, imported)
        for module, imported in pairs
        if any_under(imported, PACKAGES) and not _may(module, imported, rules)
    ]


def _may(module: str, imported: str, rules: Collection[May]) -> bool:
    places = [(found, rule) for rule in rules if (found := place(module, rule))]
    if not places:
        return False
    own, rule = max(places, key=lambda pair: (len(pair[0]), "*" not in pair[1].who))
    return under(imported, own) or any_under(imported, rule.whom)


def forbidden(pairs: Iterable[Pair], rule: Never) -> list[Pair]:
    return [
        (module, imported)
        for module, imported in pairs
        if under(module, rule.who) and any_under(imported, rule.whom) and not any_under(module, rule.but)
    ]


def beyond(pairs: Iterable[Pair], modules: Collection[str], have: Collection[str]) -> list[Pair]:
    """What these modules, and all of ours that they lead to, import beyond what is there."""
    pairs = set(pairs)
    reached, todo = set[str](), list(modules)
    while todo:
        module = todo.pop()
        reached.add(module)
        todo += [
            other for here, other in pairs if here == module and any_under(other, PACKAGES) and other not in reached
        ]
    return sorted((module, other) for module, other in pairs if module in reached and not any_under(other, have))


def imports(source: str, module: str, package: bool = False, late: bool = True) -> set[str]:
    """What a module imports, wherever in it: `from a import b` may mean the module a.b, so both count.

    Without `late`, only what importing the module imports: not what its functions do when they are called.
    """
    found: set[str] = set()
    for node in statements(ast.parse(source), late):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            parts = module.split(".")[: None if package else -1]
            above = parts[: len(parts) - node.level + 1] if node.level else []
            base = ".".join([*above, *([node.module] if node.module else [])])
            found |= {base, *(f"{base}.{alias.name}" for alias in node.names if alias.name != "*")} - {""}
    return found


def statements(node: ast.AST, late: bool) -> Iterator[ast.AST]:
    for child in ast.iter_child_nodes(node):
        if late or not isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            yield child
            yield from statements(child, late)


def sleeps(source: str) -> list[int]:
    """Lines that call something named sleep."""
    calls = (node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Call))
    names = ((call.lineno, getattr(call.func, "attr", getattr(call.func, "id", ""))) for call in calls)
    return [line for line, name in names if name == "sleep"]


@cache
def files() -> dict[str, Path]:
    """Our modules by dotted name."""
    found = sorted(path for package in PACKAGES for path in (ROOT / package).rglob("*.py"))
    named = {".".join(path.relative_to(ROOT).with_suffix("").parts): path for path in found}
    return {name.removesuffix(".__init__"): path for name, path in named.items()}


@cache
def all_pairs(late: bool = True) -> frozenset[Pair]:
    """(module, imported) of all our code."""
    return frozenset(
        (module, imported)
        for module, path in files().items()
        for imported in imports(path.read_text(encoding="utf-8"), module, path.name == "__init__.py", late)
    )


def shown(pairs: Collection[Pair]) -> str:
    """A line an import; `a.b.name` is left out where `a.b` is there."""
    told = sorted(pair for pair in pairs if (pair[0], pair[1].rpartition(".")[0]) not in pairs)
    return "\n".join(f"{module} imports {imported}" for module, imported in told)


def test_there_is_code_of_each_package_to_judge() -> None:
    seen = {module.partition(".")[0] for module in files()}
    assert seen == {*PACKAGES}
    assert ("provisioning.audit", "provisioning.inventory") in all_pairs(), "imports are not found"


def test_imports_go_in_the_direction_of_the_design() -> None:
    wrong = wrong_direction(all_pairs())
    assert not wrong, f"{shown(wrong)}\nwho may import whom stands in MAY"


@pytest.mark.parametrize("rule", NEVER, ids=lambda rule: f"{rule.who}-{rule.whom[0]}")
def test_what_is_never_to_be_imported_is_not(rule: Never) -> None:
    wrong = forbidden(all_pairs(), rule)
    assert not wrong, shown(wrong)


def test_what_executors_import_is_what_they_have() -> None:
    wrong = beyond(all_pairs(late=False), ON_EXECUTORS, EXECUTORS_HAVE)
    assert not wrong, shown(wrong)


def test_no_file_is_longer_than_a_reader_can_hold() -> None:
    ours = [*files().values(), ROOT / "conftest.py", *(ROOT / ".ci").glob("*.py")]
    lengths = {str(path.relative_to(ROOT)): len(path.read_text(encoding="utf-8").splitlines()) for path in ours}
    long = {name: lines for name, lines in lengths.items() if lines > LINES}
    assert not long, f"more than {LINES} lines ({GOAL} is the goal), to be split by noun: {long}"


def test_nobody_sleeps_in_tests_and_fixtures() -> None:
    modules = {name: path for name, path in files().items() if any_under(name, ("suites", "fixtures"))}
    found = {name: lines for name, path in modules.items() if (lines := sleeps(path.read_text(encoding="utf-8")))}
    assert not found, f"sleep called at {found}; wait by provisioning.waiting.wait_until"


@pytest.mark.parametrize(
    ("module", "imported"),
    [
        ("suites.lakehouse.test_tables", "fixtures.lake"),
        ("suites.lakehouse.test_tables", "datagen.expected"),
        ("suites.lakehouse.test_tables", "provisioning.inventory"),
        ("suites.lakehouse.test_tables", "suites.lakehouse.conftable"),
        ("suites.lakehouse.test_tables", "pyspark"),
        ("suites.selftest.test_x", "spark_jobs.parts"),
        ("suites.selftest.test_x", "reports.html"),
        ("suites.provisioning.test_up", "spark_jobs"),
        ("fixtures.lake", "spark_jobs.lake"),
        ("fixtures.lake", "reports.results"),
        ("fixtures.lake", "fixtures.oracles.rows"),
        ("fixtures.oracles.rows", "datagen"),
        ("fixtures.oracles.rows", "fixtures.oracles.listing"),
        ("spark_jobs.tables.manifest", "spark_jobs.errors"),
        ("spark_jobs.backup", "datagen"),
        ("provisioning.lab.node", "provisioning.inventory"),
    ],
    ids="->".join,
)
def test_the_rules_accept_what_the_design_allows(module: str, imported: str) -> None:
    assert wrong_direction([(module, imported)]) == []


@pytest.mark.parametrize(
    ("module", "imported"),
    [
        ("suites.lakehouse.test_tables", "spark_jobs.lake"),
        ("suites.lakehouse.test_tables", "reports"),
        ("suites.lakehouse.test_tables", "suites.services.test_minio"),
        ("suites.selftest.test_x", "suites.lakehouse.test_tables"),
        ("fixtures.lake", "suites.lakehouse.test_tables"),
        ("fixtures.oracles.rows", "spark_jobs.parts"),
        ("fixtures.oracles.rows", "provisioning.connection"),
        ("fixtures.oracles.rows", "fixtures.lake"),
        ("spark_jobs.lake", "provisioning.connection"),
        ("spark_jobs.lake", "fixtures.lake"),
        ("spark_jobs.lake", "reports.results"),
        ("datagen.tables.orders", "spark_jobs.parts"),
        ("datagen", "provisioning"),
        ("provisioning.audit", "datagen"),
        ("provisioning.audit", "spark_jobs.errors"),
        ("provisioning.audit", "fixtures"),
        ("reports.html", "provisioning.promises"),
        ("reports.html", "datagen"),
        ("tools.new", "datagen"),
    ],
    ids="->".join,
)
def test_the_rules_reject_what_the_design_forbids(module: str, imported: str) -> None:
    assert wrong_direction([(module, imported)]) == [(module, imported)]


@pytest.mark.parametrize("rule", NEVER, ids=lambda rule: f"{rule.who}-{rule.whom[0]}")
def test_each_ban_rejects_a_planted_import_and_nothing_else(rule: Never) -> None:
    planted = [(f"{rule.who}.deep.planted", f"{name}.part") for name in rule.whom]
    harmless = [(f"{rule.who}.deep.planted", "json"), ("elsewhere", rule.whom[0]), (f"{rule.who}_too", rule.whom[0])]
    assert forbidden([*planted, *harmless], rule) == planted


def test_what_executors_lack_is_found_where_it_is_reached_and_only_there() -> None:
    planted = [
        ("spark_jobs.parts", "json"),
        ("spark_jobs.parts", "datagen"),
        ("datagen", "datagen.deep"),
        ("datagen.deep", "pyiceberg"),
        ("spark_jobs.lake", "minio"),
    ]
    assert beyond(planted, ON_EXECUTORS, EXECUTORS_HAVE) == [("datagen.deep", "pyiceberg")]
    assert beyond([("spark_jobs.parts", "spark_jobs.errors")], ON_EXECUTORS, EXECUTORS_HAVE), "spark_jobs.errors passed"


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ("import a.b, c as d", {"a.b", "c"}),
        ("from a import b", {"a", "a.b"}),
        ("from a.b import *", {"a.b"}),
        ("def late():\n    from a import b", {"a", "a.b"}),
        ("if TYPE_CHECKING:\n    import a", {"a"}),
        ("from . import x", {"ours.part", "ours.part.x"}),
        ("from .x import y", {"ours.part.x", "ours.part.x.y"}),
        ("from .. import x", {"ours", "ours.x"}),
        ("'import a'  # import b", set()),
    ],
)
def test_imports_are_found_wherever_and_however_they_are_written(source: str, found: set[str]) -> None:
    assert imports(source, "ours.part.module") == found


def test_what_only_a_call_imports_is_told_apart() -> None:
    source = "import a\nclass X:\n    import b\n    def late(self):\n        import c\nif a:\n    import d"
    assert imports(source, "ours.part", late=False) == {"a", "b", "d"}


def test_a_package_is_the_base_of_its_own_relative_imports() -> None:
    assert imports("from .x import y", "ours.part", package=True) == {"ours.part.x", "ours.part.x.y"}


@pytest.mark.parametrize(
    ("source", "lines"),
    [
        ("import time\ntime.sleep(1)", [2]),
        ("sleep(1)", [1]),
        ("await asyncio.sleep(0)", [1]),
        ("wait_until(ready, pause=time.sleep)", []),
        ("'sleep(1)'  # sleep(1)", []),
    ],
)
def test_a_call_of_sleep_is_found_and_a_word_is_not(source: str, lines: list[int]) -> None:
    assert sleeps(source) == lines
