"""The commands of `python -m provisioning`: what each does, what it prints, with which code it exits."""

import argparse
import os
import signal
import sys
import threading
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from provisioning import audit, connection, secrets
from provisioning.arguments import inventory_meant, parser
from provisioning.containers.stack import Stack as ContainerStack
from provisioning.health import examine
from provisioning.inventory import Inventory, find, load
from provisioning.local.stack import Stack
from provisioning.problem import Exit, Problem
from provisioning.services import client_secrets
from provisioning.state import State, give_back
from provisioning.status import table
from provisioning.sweep import Decision, Leftover, Sweeper
from provisioning.temporary import old_folders, old_labs, remove_folder, remove_lab


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command. Returns its exit code: 0 done, 1 findings, 2 usage, 3 unreachable, 130 interrupted."""
    arguments = parser().parse_args(argv)
    try:
        arguments.inventory = arguments.inventory or inventory_meant(arguments.command)
        with _interruptible():
            return int(COMMANDS[arguments.command](load(arguments.inventory), arguments))
    except Problem as problem:
        print(f"provisioning {arguments.command}: {problem}", file=sys.stderr)
        return int(problem.code)
    except BrokenPipeError:  # who read our output has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return int(Exit.DONE)
    except OSError as error:  # a disk that is full, a folder that may not be written, wherever it was met
        where = error.filename or "this machine"
        print(f"provisioning {arguments.command}: {where}: {error.strerror or error}", file=sys.stderr)
        return int(Exit.UNREACHABLE)
    except KeyboardInterrupt:
        print("interrupted; what runs goes on: `up` again, or `down`", file=sys.stderr)
        return int(Exit.INTERRUPTED)
    finally:
        give_back()


@contextmanager
def _interruptible() -> Iterator[None]:
    """A polite request to end, or a terminal that closes, is Ctrl-C: tools end with us, nothing is left half made."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    # What is ignored already (nohup) stays ignored.
    taken = [number for number in (signal.SIGTERM, signal.SIGHUP) if signal.getsignal(number) is signal.SIG_DFL]
    for number in taken:
        signal.signal(number, signal.default_int_handler)
    try:
        yield
    finally:
        for number in taken:
            signal.signal(number, signal.SIG_DFL)


def _plan(inventory: Inventory, arguments: argparse.Namespace) -> Exit:
    stack = _stack(inventory, arguments)
    lines = stack.commands() if arguments.show_commands else stack.plan()
    print("\n".join(lines) if lines else "nothing to do: it runs")
    return Exit.DONE


def _complain(line: str) -> None:
    print(f"  {line}", file=sys.stderr, flush=True)


def _up(inventory: Inventory, arguments: argparse.Namespace) -> Exit:
    began = time.monotonic()
    stack = _stack(inventory, arguments)
    done = stack.up(_complain, arguments.timeout) or "nothing changed"
    took = f"{time.monotonic() - began:.1f} s"
    print(f"{inventory.name} is up: {done} ({took}); connection profile: {stack.state.connection}")
    return Exit.DONE


def _status(inventory: Inventory, arguments: argparse.Namespace) -> Exit:
    if inventory.target == "site":
        profile = _site_profile(inventory, arguments)
        healths = [examine(name, profile, timeout=10) for name in inventory.services]
        for health in healths:
            print(f"{health.service:8} {health.address:32} {health.version or health.error}")
        return Exit.DONE if all(health.answers for health in healths) else Exit.UNREACHABLE
    rows = _stack(inventory, arguments).status()
    print("\n".join(table(rows)))
    return Exit.DONE if all(row.answers for row in rows) else Exit.UNREACHABLE


def _down(inventory: Inventory, arguments: argparse.Namespace) -> Exit:
    print("stopped; data kept" if _stack(inventory, arguments).down() else "nothing ran")
    return Exit.DONE


def _destroy(inventory: Inventory, arguments: argparse.Namespace) -> Exit:
    stack = _stack(inventory, arguments)
    if not arguments.yes and not _confirmed("destroy", f"Remove {stack.belongings} with all data?"):
        print("kept", file=sys.stderr)
        return Exit.USAGE
    print("removed" if stack.destroy() else "there was nothing")
    return Exit.DONE


def _confirmed(command: str, question: str) -> bool:
    if not sys.stdin.isatty():
        print(f"{command}: not asked on a terminal: say --yes", file=sys.stderr)
        return False
    return input(f"{question} [y/N] ").strip().lower() in ("y", "yes")


def _reset(inventory: Inventory, arguments: argparse.Namespace) -> Exit:
    began = time.monotonic()
    if not inventory.makes_containers:
        raise Problem(
            f"has target {inventory.target!r}: it has no containers", where=inventory.name,
            remedy="give --inventory lab or proxmox", code=Exit.USAGE,
        )  # fmt: skip
    stack = ContainerStack(inventory, arguments.inventory)
    stack.require(arguments.name)
    if not arguments.yes and not _confirmed("reset", f"Make {arguments.name} anew, with all that it holds gone?"):
        print("kept", file=sys.stderr)
        return Exit.USAGE
    stack.reset(arguments.name, _complain)
    print(f"{arguments.name} is as it was after provisioning ({time.monotonic() - began:.1f} s)")
    return Exit.DONE


def _start(inventory: Inventory, arguments: argparse.Namespace) -> Exit:
    _stack(inventory, arguments).start(arguments.name)
    print(f"{arguments.name} answers")
    return Exit.DONE


def _stop(inventory: Inventory, arguments: argparse.Namespace) -> Exit:
    _stack(inventory, arguments).stop(arguments.name)
    print(f"{arguments.name} is stopped")
    return Exit.DONE


def _env(inventory: Inventory, arguments: argparse.Namespace) -> Exit:
    state = State.of(inventory.name, inventory.target)
    profile = _profile(inventory, arguments)
    if inventory.target == "site":
        connection.write(profile, state.connection)
        state.make_current()
    print(connection.shell(profile, state.connection) if arguments.shell else state.connection)
    return Exit.DONE


def _profile(inventory: Inventory, arguments: argparse.Namespace) -> connection.Connection:
    if inventory.target == "site":
        return _site_profile(inventory, arguments)
    profile = _stack(inventory, arguments).profile()
    if profile is None:
        raise Problem("never brought up", where=inventory.name, remedy="run `python -m provisioning up`")
    return profile


def _site_profile(inventory: Inventory, arguments: argparse.Namespace) -> connection.Connection:
    _runnable(inventory)
    values = secrets.required(client_secrets(inventory.services))
    ports = {name: service.port for name, service in inventory.services.items()}
    return connection.profile(inventory, find(arguments.inventory), ports, values)


def _audit(inventory: Inventory, arguments: argparse.Namespace) -> Exit:
    findings = audit.audit(inventory)
    for finding in findings:
        print(finding)
    return Exit.FINDINGS if any(finding.level == "defect" for finding in findings) else Exit.DONE


def _sweep(inventory: Inventory, arguments: argparse.Namespace) -> Exit:
    _runnable(inventory)
    if inventory.impact == "observe" and not arguments.dry_run:
        raise Problem(
            "has impact 'observe': nothing may be removed", where=inventory.name, remedy="--dry-run", code=Exit.USAGE
        )
    sweeper = Sweeper(_profile(inventory, arguments)) if inventory.services else None
    if not arguments.dry_run and not arguments.yes and not sys.stdin.isatty():
        print("sweep: not asked on a terminal: say --yes", file=sys.stderr)
        return Exit.USAGE
    decision, (folders, used) = sweeper.survey() if sweeper else Decision(), old_folders()
    for line in (*decision.kept, *used):
        print(f"kept {line}", file=sys.stderr)
    if arguments.dry_run or not arguments.yes:
        count = _say("would remove", _described(sweeper, decision.leftovers, folders))
        if arguments.dry_run or not count:
            print(f"{count} to sweep" if count else "nothing to sweep")
            return Exit.DONE
        if not _confirmed("sweep", "Remove these, and with them the tables of test runs that are still going?"):
            print("kept", file=sys.stderr)
            return Exit.USAGE
    with State.of(inventory.name, inventory.target).alone():
        count = _say("removed", _removed(sweeper, decision.leftovers, folders))
    print(f"{count} swept" if count else "nothing to sweep")
    return Exit.DONE


def _described(sweeper: Sweeper | None, leftovers: Iterable[Leftover], folders: Iterable[Path]) -> Iterator[str]:
    if sweeper is not None:
        for leftover in leftovers:
            yield from sweeper.describe(leftover)
    yield from (f"folder {folder}" for folder in folders)
    yield from (f"lab {lab}" for lab in old_labs())


def _removed(sweeper: Sweeper | None, leftovers: Iterable[Leftover], folders: Iterable[Path]) -> Iterator[str]:
    if sweeper is not None:
        for leftover in leftovers:
            yield from sweeper.remove(leftover)
    yield from (remove_folder(folder) for folder in folders)
    yield from (remove_lab(lab) for lab in old_labs())


def _say(verb: str, things: Iterable[str]) -> int:
    """Print a line a thing as it comes. Returns how many there were."""
    count = 0
    for thing in things:
        print(f"{verb} {thing}", flush=True)
        count += 1
    return count


def _stack(inventory: Inventory, arguments: argparse.Namespace) -> Stack | ContainerStack:
    _runnable(inventory)
    if inventory.makes_containers:
        return ContainerStack(inventory, arguments.inventory)
    if inventory.target == "local":
        return Stack(inventory, arguments.inventory)
    raise Problem(
        f"has target {inventory.target!r}: it is not ours to build or stop",
        where=str(Path(find(arguments.inventory))),
        remedy="use `env` and `status` with it, and pytest --inventory",
        code=Exit.USAGE,
    )


def _runnable(inventory: Inventory) -> None:
    if inventory.target == "paper":
        raise Problem(
            "is the plan on paper and runs nowhere", where=inventory.name, remedy="take `local`", code=Exit.USAGE
        )


COMMANDS = {
    "plan": _plan,
    "up": _up,
    "status": _status,
    "down": _down,
    "destroy": _destroy,
    "reset": _reset,
    "start": _start,
    "stop": _stop,
    "env": _env,
    "audit": _audit,
    "sweep": _sweep,
}
