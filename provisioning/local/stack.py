"""The embedded lakehouse as a whole: up, status, down, destroy, and one service at a time."""

import hashlib
import json
import shutil
import sys
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from provisioning import artifacts, connection, secrets
from provisioning.connection import Connection
from provisioning.files import make_folder, write_private
from provisioning.health import Health, examine
from provisioning.inventory import Inventory, find
from provisioning.java import find_java
from provisioning.local import ports
from provisioning.local.supervision import Process, Supervisor
from provisioning.problem import Exit, Problem
from provisioning.services import SERVICES, Command, Placement, ProbeFailed
from provisioning.sizes import show_size
from provisioning.state import State
from provisioning.waiting import Hopeless, wait_until

Report = Callable[[str], None]
FOLDERS = ("conf", "data", "log")


@dataclass(frozen=True)
class Status:
    """One service: its process, and what it answered."""

    process: Process | None
    health: Health


class Stack:
    """The lakehouse of one inventory with target `local`, in one folder."""

    def __init__(self, inventory: Inventory, choice: str) -> None:
        self.inventory, self.source = inventory, find(choice)
        self.state = State.of(inventory.name)
        self.supervisor = Supervisor(self.state.folder)

    def plan(self) -> list[str]:
        """What `up` would do, a line each; empty where it would change nothing."""
        wanted = sorted({name for service in self.inventory.services for name in SERVICES[service].ARTIFACTS})
        known = artifacts.pinned()
        lines = [
            f"artifact {name}: {known[name].long or 'fetch'}"
            for name in wanted
            if artifacts.check(known[name], artifacts.cache() / known[name].file) != "good"
        ]
        processes = self.supervisor.processes()
        idle = [name for name in self.inventory.services if name not in processes or not processes[name].runs]
        return lines + [f"service {name}: start" for name in idle]

    def up(self, report: Report, timeout: float = 180) -> tuple[Connection, list[str]]:
        """Make it run and answer. Returns how to reach it and which services were started (none: nothing changed).

        Safe to repeat and to interrupt. What this call started is stopped again where not all of it comes up.
        """
        with self.state.alone():
            self._check_room()
            processes = self.supervisor.processes()
            running = [name for name, process in processes.items() if process.runs]
            places = self._places(running, report)
            try:
                started = self._start(places)
                if started:
                    report(f"starting {', '.join(started)} …")
                self._wait_healthy(places, report, timeout)
            except BaseException as error:
                if not processes and not isinstance(error, KeyboardInterrupt):
                    self.supervisor.shutdown()
                raise
            profile = next(iter(places.values())).connection
            connection.write(profile, self.state.connection)
            self.state.make_current()
            return profile, started

    def _check_room(self) -> None:
        folder = make_folder(self.state.folder)
        free, floor = shutil.disk_usage(folder).free, self.inventory.budget.free_disk
        if free < floor:
            raise Problem(
                f"{show_size(free)} free, the inventory wants at least {show_size(floor)}",
                where=str(folder),
                remedy="make room, or lower budget.free_disk in the inventory",
            )

    def _places(self, running: list[str], report: Report) -> dict[str, Placement]:
        services = {name: SERVICES[name] for name in self.inventory.services}
        if not services:
            raise Problem("declares no service", where=str(self.source), remedy="add [services.minio]", code=Exit.USAGE)
        names = {artifact for service in services.values() for artifact in service.ARTIFACTS}
        files = artifacts.provide(names, report)
        values = secrets.generated(
            sorted({*connection.CLIENT_SECRETS, *(name for service in services.values() for name in service.SECRETS)}),
            self.state.secrets,
        )
        chosen = ports.choose(self.inventory.services, self.state.ports, running)
        profile = connection.profile(self.inventory, self.source, chosen, values)
        return {
            name: Placement(
                home=self.state.folder / name,
                host=self.inventory.services[name].host,
                port=chosen[name],
                memory=self.inventory.services[name].memory or 2**30,
                java=find_java(),
                python=Path(sys.executable),
                artifacts=files,
                connection=profile,
                secrets={secret: values[secret] for secret in service.SECRETS},
            )
            for name, service in services.items()
        }

    def _start(self, places: Mapping[str, Placement]) -> list[str]:
        commands: dict[str, Command] = {}
        fingerprints: dict[str, str] = {}
        for name, place in places.items():
            for folder in FOLDERS:
                make_folder(place.home / folder)
            rendered = SERVICES[name].files(place)
            for file, text in rendered.items():
                write_private(place.conf / file, text)
            SERVICES[name].before_start(place)
            commands[name] = SERVICES[name].command(place)
            fingerprints[name] = hashlib.sha256(json.dumps(rendered, sort_keys=True).encode()).hexdigest()[:16]
        self.supervisor.configure(commands, fingerprints)
        return self.supervisor.apply()

    def _wait_healthy(self, places: Mapping[str, Placement], report: Report, timeout: float) -> None:
        with ThreadPoolExecutor(max_workers=len(places)) as pool:
            waiting = {
                name: pool.submit(self._wait_one, name, place, timeout, report) for name, place in places.items()
            }
        for future in waiting.values():
            future.result()

    def _wait_one(self, name: str, place: Placement, timeout: float, report: Report) -> None:
        service = SERVICES[name]
        settle = partial(service.after_start, place)
        try:
            health = wait_until(lambda: self._look(name, place, settle), timeout, name, transient=(NotYet,), interval=0.3)
        except (TimeoutError, Hopeless) as error:
            log = place.home / "log" / f"{name}.log"
            raise Problem(f"did not come up: {error}; {_last_line(log)}", where=name, remedy=f"see {log}") from None
        report(f"{name}: {health.version} at {health.address}")

    def _look(self, name: str, place: Placement, settle: Callable[[], None]) -> Health:
        process = self.supervisor.processes().get(name)
        if process is None or not process.runs:
            raise Hopeless(f"its process ended ({process.note or process.state if process else 'not started'})")
        try:
            settle()
        except ProbeFailed as failure:
            raise NotYet(str(failure)) from None
        health = examine(name, place.connection, timeout=15)
        if not health.answers:
            raise NotYet(str(health.error))
        return health

    def status(self) -> dict[str, Status]:
        """Each declared service: its process and its answer."""
        processes = self.supervisor.processes()
        profile = self.profile()
        return {
            name: Status(processes.get(name), examine(name, profile, timeout=5) if profile else Health.absent(name))
            for name in self.inventory.services
        }

    def profile(self) -> Connection | None:
        """How to reach it, None before the first `up`."""
        if not self.state.connection.is_file():
            return None
        values = secrets.generated(connection.CLIENT_SECRETS, self.state.secrets)
        chosen = ports.read(self.state.ports)
        return connection.profile(self.inventory, self.source, chosen, values)

    def down(self) -> bool:
        """Stop everything and keep the data. False where nothing ran."""
        with self.state.alone():
            ran = self.supervisor.answers()
            self.supervisor.shutdown()
            return ran

    def destroy(self) -> bool:
        """Stop everything and remove the data. False where there was none."""
        with self.state.alone():
            self.supervisor.shutdown()
            if not self.state.folder.exists():
                return False
            if not self.state.secrets.exists() and any(self.state.folder.iterdir()):
                raise Problem("was not made by `up`", where=str(self.state.folder), remedy="look at it, remove it by hand")
            self.state.remove()
            return True

    def start(self, name: str, timeout: float = 120) -> None:
        """Start one service of a stack that is up, and wait for its answer."""
        with self.state.alone():
            process, profile = self._process(name), self.profile()
            if not process.runs:
                self.supervisor.start(name)
            if profile is not None:
                try:
                    wait_until(lambda: examine(name, profile, timeout=5).answers, timeout, name)
                except TimeoutError as error:
                    log = self.state.folder / name / "log" / f"{name}.log"
                    raise Problem(f"does not answer: {error}", where=name, remedy=f"see {log}") from None

    def stop(self, name: str) -> None:
        """Stop one service of a stack that is up."""
        with self.state.alone():
            if self._process(name).runs:
                self.supervisor.stop(name)

    def _process(self, name: str) -> Process:
        processes = self.supervisor.processes()
        if name not in self.inventory.services:
            declared = ", ".join(self.inventory.services)
            raise Problem("is not declared", where=f"service {name}", remedy=f"one of: {declared}", code=Exit.USAGE)
        if name not in processes:
            raise Problem("the lakehouse is down", where=self.inventory.name, remedy="run `python -m provisioning up`")
        return processes[name]


class NotYet(Exception):
    """The service does not answer as it should, and may soon."""


def _last_line(log: Path) -> str:
    try:
        lines = log.read_text(encoding="utf-8", errors="replace")[-20_000:].splitlines()
    except OSError:
        return "no log"
    telling = [line for line in lines if " ERROR " in line or "FATAL" in line or "Exception" in line] or lines or ["empty log"]
    return f"its log says: {telling[-1].strip()[:200]}"
