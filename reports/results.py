"""A run's folder: what pytest passes record and what reports read, strict in both directions.

* run.json: the run: machine, versions, services, what the inventory accepts
* promises.json: every promise of the plan, as it stood at the time of the run
* results.jsonl: one row a test and pass; appended line by line, so that a killed run loses one line at most
"""

import json
import os
import tempfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal, NoReturn, TypeVar, get_args

from reports.decode import DecodeError, decode, encode

Verdict = Literal["passed", "failed", "error", "not-judged"]
Reason = Literal["not-declared", "over-impact", "not-comparable", "blocked", "known-failure"]
Impact = Literal["observe", "write", "disrupt"]
Direction = Literal["higher", "lower"]

VERDICTS: tuple[Verdict, ...] = get_args(Verdict)
REASONS: tuple[Reason, ...] = get_args(Reason)

FORMAT = 1
RUN, PROMISES, RESULTS = "run.json", "promises.json", "results.jsonl"

T = TypeVar("T")


class ResultsError(Exception):
    """A run that cannot be read or written; the message names the file, the line and the key."""


@dataclass(frozen=True)
class Measurement:
    """One measured number; `direction` says which way is better, None where neither is."""

    name: str
    value: float
    unit: str
    direction: Direction | None


@dataclass(frozen=True)
class Durations:
    """Seconds a test spent in each of its phases."""

    setup: float
    call: float
    teardown: float

    @property
    def total(self) -> float:
        """All phases together."""
        return self.setup + self.call + self.teardown


@dataclass(frozen=True)
class Row:
    """What one test came to in one pass."""

    test: str
    pass_: str
    verdict: Verdict
    reason: Reason | None
    message: str | None
    promises: tuple[str, ...]
    capabilities: tuple[str, ...]
    impact: Impact
    started: str
    durations: Durations
    measurements: tuple[Measurement, ...]
    seed: int | None
    replay: str

    def __post_init__(self) -> None:
        if (self.verdict == "not-judged") != (self.reason is not None):
            raise DecodeError("reason", f"{self.reason!r} does not go with verdict {self.verdict!r}")
        _check_time("started", self.started)

    @property
    def executed(self) -> bool:
        """The row carries a verdict of its own; a known failure ran as well, but judges nothing."""
        return self.verdict != "not-judged"


@dataclass(frozen=True)
class Promise:
    """One promise of the plan; `targets` are those on which the suites are expected to judge it."""

    id: str
    sentence: str
    plan: str
    status: Literal["proved-by-suite", "planned"]
    targets: tuple[str, ...]


@dataclass(frozen=True)
class ServiceState:
    """What the probe of a declared service found before the tests started."""

    address: str
    state: Literal["healthy", "failed"]
    version: str | None
    error: str | None


@dataclass(frozen=True)
class Machine:
    """Where the tests ran."""

    cores: int
    memory_bytes: int
    system: str
    kernel: str
    python: str


@dataclass(frozen=True)
class Header:
    """run.json: everything about the run that is not about one test."""

    format: Literal[1]
    run: str
    started: str
    finished: str | None
    complete: bool
    inventory: str
    target: str
    accepts: tuple[Reason, ...]
    machine: Machine
    versions: Mapping[str, str]
    artifacts: Mapping[str, str]
    services: Mapping[str, ServiceState]
    seed: int | None

    def __post_init__(self) -> None:
        # A blocked test waits for something that was declared and did not answer: no inventory may call that fine.
        if "blocked" in self.accepts:
            raise DecodeError("accepts", "'blocked' cannot be accepted")
        _check_time("started", self.started)
        if self.finished is not None:
            _check_time("finished", self.finished)


@dataclass(frozen=True)
class Run:
    """A whole run. `torn` says that the last line of its results was cut off."""

    header: Header
    promises: tuple[Promise, ...]
    rows: tuple[Row, ...]
    torn: bool = False

    @property
    def complete(self) -> bool:
        """It ended, says that it ended whole, and no line is missing."""
        return self.header.complete and self.header.finished is not None and not self.torn


def moment(text: str) -> datetime:
    """An ISO 8601 time; one without an offset is taken as UTC."""
    time = datetime.fromisoformat(text)
    return time if time.tzinfo else time.replace(tzinfo=UTC)


def append(folder: Path, row: Row) -> None:
    """Add one row to the run's results; refuses what `load` would refuse, and a run that was killed while writing."""
    path = folder / RESULTS
    line = json.dumps(_readable(Row, row, path))
    if _is_torn(path):
        _refuse(path, "its last line is cut off, so this run was killed while writing; start a new run")
    with path.open("a", encoding="utf-8") as file:
        file.write(line + "\n")
        file.flush()


def write_run(folder: Path, header: Header) -> None:
    """Write run.json, or replace it."""
    path = folder / RUN
    write_atomically(path, json.dumps(_readable(Header, header, path), indent=2) + "\n")


def write_promises(folder: Path, promises: Iterable[Promise]) -> None:
    """Write promises.json, or replace it."""
    path = folder / PROMISES
    write_atomically(path, json.dumps([_readable(Promise, promise, path) for promise in promises], indent=2) + "\n")


def write_atomically(path: Path, text: str) -> None:
    """Whoever reads `path` sees the old text or the new one, never a part of it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(descriptor, "wb") as file:
            # Messages quote foreign output: a lone surrogate in it must not cost the report.
            file.write(text.encode("utf-8", "backslashreplace"))
        os.chmod(temporary, 0o644)
        os.replace(temporary, path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


def load(folder: Path) -> Run:
    """Read a run's folder; a cut-off last line is dropped and remembered, anything else malformed is an error."""
    header = _header(folder / RUN)
    promises = _promises(folder / PROMISES)
    rows, torn = _rows(folder / RESULTS, known={promise.id for promise in promises})
    return Run(header, promises, rows, torn)


def _header(path: Path) -> Header:
    value = _json(path, _bytes(path))
    version = value.get("format") if isinstance(value, dict) else None
    if type(version) is not int or version != FORMAT:
        _refuse(path, f"format: {version!r}, and these reports read format {FORMAT}")
    return _decoded(Header, value, path)


def _promises(path: Path) -> tuple[Promise, ...]:
    value = _json(path, _bytes(path))
    if not isinstance(value, list):
        _refuse(path, "expected a list of promises")
    promises = tuple(_decoded(Promise, item, path, f"[{at}]") for at, item in enumerate(value))
    ids = [promise.id for promise in promises]
    for twice in sorted({name for name in ids if ids.count(name) > 1}):
        _refuse(path, f"id: {twice!r} is there twice")
    return promises


def _rows(path: Path, known: set[str]) -> tuple[tuple[Row, ...], bool]:
    # No file yet is a run in which no test has ended: readable, and judged as "nothing executed".
    *lines, rest = _bytes(path).split(b"\n") if path.exists() else [b""]
    rows = tuple(_row(path, number, line, known) for number, line in enumerate(lines, start=1))
    return rows, rest != b""


def _row(path: Path, number: int, line: bytes, known: set[str]) -> Row:
    where = f"line {number}"
    row = _decoded(Row, _json(path, line, where), path, where)
    for unknown in sorted(set(row.promises) - known):
        _refuse(path, f"{where}: promises: {unknown!r} is not in {PROMISES}")
    return row


def _decoded(kind: type[T], value: object, path: Path, where: str = "") -> T:
    try:
        return decode(kind, value)
    except DecodeError as error:
        _refuse(path, f"{where}: {error}" if where else str(error))


def _readable(kind: type[T], instance: T, path: Path) -> Any:
    """The JSON value of `instance`, if it can be read back: what is refused later is refused now."""
    value = encode(instance)
    _decoded(kind, value, path)
    return value


def _json(path: Path, text: bytes, where: str = "") -> Any:
    try:
        return json.loads(text)
    except ValueError as error:
        _refuse(path, f"{where}: not JSON: {error}" if where else f"not JSON: {error}")


def _bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        _refuse(path, error.strerror or str(error))


def _is_torn(path: Path) -> bool:
    if not path.exists() or path.stat().st_size == 0:
        return False
    with path.open("rb") as file:
        file.seek(-1, os.SEEK_END)
        return file.read() != b"\n"


def _check_time(key: str, text: str) -> None:
    try:
        moment(text)
    except ValueError:
        raise DecodeError(key, f"{text!r} is not an ISO 8601 time") from None


def _refuse(path: Path, problem: str) -> NoReturn:
    raise ResultsError(f"{path}: {problem}")
