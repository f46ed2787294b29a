"""One command line for every job: options from its arguments' fields, progress on stderr, the result on stdout."""

import argparse
import contextlib
import dataclasses
import json
import logging
import re
import signal
import socket
import sys
import threading
import types
import typing
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, TypeVar

import grpc
import urllib3
from minio.error import MinioException
from pyarrow.lib import ArrowException
from pyiceberg.exceptions import CommitFailedException, NoSuchNamespaceError, RESTError, WaitingForLockException
from pyspark.errors import PySparkException
from thrift.Thrift import TException

from datagen import Fingerprint
from spark_jobs import profile as profiles
from spark_jobs.errors import JobError, Unreachable
from spark_jobs.lake import Lake
from spark_jobs.profile import Profile

Arguments = TypeVar("Arguments")
INTERRUPTED = 130
SERVICE_ERRORS = (
    grpc.RpcError,
    PySparkException,
    MinioException,
    urllib3.exceptions.HTTPError,
    TException,
    CommitFailedException,
    NoSuchNamespaceError,
    RESTError,
    WaitingForLockException,
    ArrowException,
    OSError,
)


def option(text: str, **default: Any) -> Any:
    """A field of a job's arguments: its help, and its default where it has one."""
    return dataclasses.field(metadata={"help": text}, **default)


def command(
    run: Callable[[Lake, Arguments], Any],
    arguments: type[Arguments],
    doc: str | None,
    argv: Sequence[str] | None = None,
) -> int:
    """Run a job from a command line. Returns 0 done, 1 damage found, 2 refused, 3 unreachable, 130 interrupted."""
    parsed = parser(arguments, doc).parse_args(argv)
    fields = {field.name: getattr(parsed, field.name) for field in dataclasses.fields(arguments)}  # type: ignore[arg-type]
    logging.getLogger("thrift").setLevel(logging.CRITICAL)  # it repeats what is said below
    try:
        with (
            _interruptible(),
            Lake.open(parsed.connection, lambda line: print(line, file=sys.stderr, flush=True)) as lake,
        ):
            result = run(lake, arguments(**fields))
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return INTERRUPTED
    except JobError as error:
        print(error, file=sys.stderr)
        return error.code
    except SERVICE_ERRORS as error:
        failure = failed(error, lake_profile(parsed.connection))
        print(failure, file=sys.stderr)
        return failure.code
    print(json.dumps(as_json(result), indent=1) if parsed.json else result)
    return int(getattr(result, "exit_code", 0))


@contextlib.contextmanager
def _interruptible() -> Iterator[None]:
    """Let cron, a supervisor or a closed terminal end a job as Ctrl-C does: it cleans up after itself."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.signal(number, signal.default_int_handler) for number in (signal.SIGTERM, signal.SIGHUP)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def lake_profile(path: Path | None) -> Profile | None:
    """The connection profile, None where there is none to be read."""
    try:
        return profiles.read(path)
    except JobError:
        return None


def failed(error: Exception, profile: Profile | None = None) -> JobError:
    """A service's complaint, in one line; a service that does not even take a connection is named."""
    for service, address in profile.addresses().items() if profile else ():
        host, _, port = address.rpartition(":")
        try:
            socket.create_connection((host, int(port)), timeout=3).close()
        except OSError as refusal:
            remedy = f"bring it up (python -m provisioning start {service}, or up)"
            return Unreachable(f"{service} does not answer ({refusal})", where=address, remedy=remedy)
    return Unreachable(
        f"{type(error).__name__}: {first_line(str(error))}",
        where="the lakehouse",
        remedy="see `python -m provisioning status` and the services' logs",
    )


def first_line(text: str) -> str:
    """What a service said, without the wrapping of gRPC and without a stack trace."""
    details = re.search(r'details = "(.*?)"$', text, re.MULTILINE)
    lines = [line.strip() for line in (details[1] if details else text).splitlines() if line.strip()]
    return lines[0][:300] if lines else "no word of why"


def parser(arguments: type[Any], doc: str | None) -> argparse.ArgumentParser:
    """Fields without a default are positional; the others are options. Both tell what they are for."""
    program = f"python -m spark_jobs.{Path(sys.argv[0]).stem}"
    made = argparse.ArgumentParser(program, description=doc, formatter_class=argparse.RawDescriptionHelpFormatter)
    hints = typing.get_type_hints(arguments)
    for field in dataclasses.fields(arguments):
        kind, help_text = _plain(hints[field.name]), field.metadata["help"]
        if field.default is dataclasses.MISSING:
            made.add_argument(field.name, type=kind, metavar=field.name.upper(), help=help_text)
        elif kind is bool:
            made.add_argument(f"--{field.name.replace('_', '-')}", action="store_true", help=help_text)
        else:
            shown = "" if field.default is None else f" (default: {field.default})"
            flag = f"--{field.name.replace('_', '-')}"
            made.add_argument(
                flag, type=kind, default=field.default, metavar=kind.__name__.upper(), help=help_text + shown
            )
    made.add_argument("--connection", type=Path, metavar="FILE", help="connection profile (default: the last `up`'s)")
    made.add_argument("--json", action="store_true", help="print the result as JSON")
    return made


def _plain(hint: Any) -> Any:
    """`int | None` -> int."""
    if isinstance(hint, types.UnionType):
        return next(kind for kind in typing.get_args(hint) if kind is not type(None))
    return hint


def as_json(value: Any) -> Any:
    """A result as JSON: dataclasses as objects, fingerprints as they write themselves, the unknown as text."""
    if isinstance(value, Fingerprint):
        return value.to_json()
    if dataclasses.is_dataclass(value):
        return {field.name: as_json(getattr(value, field.name)) for field in dataclasses.fields(value)}
    if isinstance(value, tuple):
        return [as_json(item) for item in value]
    return json.loads(json.dumps(value, default=str))
