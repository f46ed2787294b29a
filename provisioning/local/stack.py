"""The embedded lakehouse as a whole: up, status, down, destroy, and one service at a time."""

import contextlib
import hashlib
import json
import sys
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from provisioning import artifacts, connection, secrets
from provisioning.connection import Connection
from provisioning.files import make_folder, require_room, unwritable, write_private
from provisioning.health import Health, examine
from provisioning.inventory import Inventory, find
from provisioning.java import find_java
from provisioning.local import ports
from provisioning.local.readiness import wait_ready
from provisioning.local.supervision import Process, Supervisor
from provisioning.problem import Exit, Problem
from provisioning.services import SERVICES, Command, Placement, client_secrets
from provisioning.state import State
from provisioning.status import Row
from provisioning.waiting import wait_until

Report = Callable[[str], None]
FOLDERS = ("conf", "data", "log")


@dataclass(frozen=True)
class Setup:
    """What a service is started with: rendered settings and command."""

    files: Mapping[str, str] = field(repr=False)
    command: Command

    @classmethod
    def of(cls, name: str, place: Placement) -> "Setup":
        """As the service renders it for its place; nothing is written."""
        return cls(SERVICES[name].files(place), SERVICES[name].command(place))

    @property
    def fingerprint(self) -> str:
        """The same for the same settings, and tells none of them."""
        everything = [dict(self.files), self.command.argv, dict(self.command.env)]
        return hashlib.sha256(json.dumps(everything, sort_keys=True).encode()).hexdigest()[:16]


class Stack:
    """The lakehouse of one inventory with target `local`, in one folder."""

    def __init__(self, inventory: Inventory, choice: str) -> None:
        self.inventory, self.source = inventory, find(choice)
        self.services = {name: SERVICES[name] for name in inventory.services}
        self.state = State.of(inventory.name)
        self.supervisor = Supervisor(self.state.folder)

    def plan(self) -> list[str]:
        """What `up` would do, a line each; empty where it would change nothing."""
        lines = [
            f"artifact {artifact.name}: {artifact.long or artifact.verb}"
            for artifact in artifacts.missing(self._artifact_names())
        ]
        processes = self.supervisor.processes()
        running = {name: process for name, process in processes.items() if process.runs}
        changed = self._changed(running)
        lines += [f"service {name}: start" for name in self.inventory.services if name not in running]
        lines += [f"service {name}: restart, its settings have changed" for name in changed]
        return lines + [f"service {name}: stop, no longer declared" for name in running if name not in self.services]

    def _changed(self, running: Mapping[str, Process]) -> list[str]:
        """Those that run with other settings than they would be started with now."""
        if not running:
            return []
        names = self._secret_names()
        values = dict.fromkeys(names, "") | secrets.known(names, self.state.secrets)
        places = self._places(artifacts.where(self._artifact_names()), values, self._ports(running))
        setups = {name: Setup.of(name, place) for name, place in places.items() if name in running}
        return [name for name, setup in setups.items() if running[name].settings() != setup.fingerprint]

    def commands(self) -> list[str]:
        """There are none to type: raises Problem."""
        raise Problem(
            "starts processes, no containers: there are no commands to show", where=self.inventory.name,
            remedy="plan --show-commands --inventory proxmox", code=Exit.USAGE,
        )  # fmt: skip

    def up(self, report: Report, timeout: float = 180) -> str:
        """Make it run and answer. Returns which services were started; empty where nothing changed.

        Safe to repeat and to interrupt. What this call started is stopped again where not all of it comes up.
        """
        with self.state.alone():
            self._check_room()
            processes = self.supervisor.processes()
            running = [name for name, process in processes.items() if process.runs]
            places = self._make_places(running, report)
            try:
                started = self._start(places)
                if started:
                    report(f"starting {', '.join(started)} …")
                wait_ready(places, self.supervisor.processes, report, timeout)
            except BaseException as error:
                if not processes and not isinstance(error, KeyboardInterrupt):
                    with contextlib.suppress(Problem):  # what went wrong first is what counts
                        self.supervisor.shutdown()
                raise
            profile = next(iter(places.values())).connection
            connection.write(profile, self.state.connection)
            self.state.make_current()
            return f"started {', '.join(started)}" if started else ""

    def _check_room(self) -> None:
        if not self.services:
            raise Problem("declares no service", where=str(self.source), remedy="add [services.minio]", code=Exit.USAGE)
        require_room(make_folder(self.state.folder), self.inventory.budget.free_disk)

    def _make_places(self, running: Collection[str], report: Report) -> dict[str, Placement]:
        self._ports(running)  # a clash is said before MinIO is built for minutes; by then others may have taken some
        files = artifacts.provide(self._artifact_names(), report)
        values = secrets.generated(self._secret_names(), self.state.secrets)
        chosen = self._ports(running)
        ports.keep(chosen, self.state.ports)
        return self._places(files, values, chosen)

    def _ports(self, running: Collection[str]) -> dict[str, int]:
        return ports.choose(self.inventory.services, ports.read(self.state.ports), running)

    def _artifact_names(self) -> set[str]:
        return {artifact for service in self.services.values() for artifact in service.ARTIFACTS}

    def _secret_names(self) -> list[str]:
        own = {name for service in self.services.values() for name in service.SECRETS}
        return sorted(own | {*client_secrets(self.services)})

    def _places(
        self, files: Mapping[str, Path], values: Mapping[str, str], chosen: Mapping[str, int]
    ) -> dict[str, Placement]:
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
            for name, service in self.services.items()
        }

    def _start(self, places: Mapping[str, Placement]) -> list[str]:
        setups = {name: Setup.of(name, place) for name, place in places.items()}
        for name, place in places.items():
            for folder in FOLDERS:
                make_folder(place.home / folder)
            for file, text in setups[name].files.items():
                write_private(place.conf / file, text)
            self._prepare(name, place)
        self.supervisor.configure(
            {name: setup.command for name, setup in setups.items()},
            {name: setup.fingerprint for name, setup in setups.items()},
        )
        return self.supervisor.apply()

    def _prepare(self, name: str, place: Placement) -> None:
        try:
            SERVICES[name].before_start(place)
        except OSError as error:
            raise unwritable(place.home, error) from None

    def status(self) -> list[Row]:
        """Each declared service: its process and its answer."""
        processes = self.supervisor.processes()
        profile = self.profile()
        return [
            self._row(processes.get(name), examine(name, profile, timeout=5) if profile else Health.absent(name))
            for name in self.inventory.services
        ]

    def _row(self, process: Process | None, health: Health) -> Row:
        name, runs = health.service, process is not None and process.runs
        if health.answers:
            advice = None
        elif runs:
            advice = f"{health.error}; see {self.state.folder}/{name}/log"
        else:
            advice = f"bring it up: python -m provisioning {f'start {name}' if process else 'up'}"
        return Row(
            name=name,
            state=process.state.lower() if process else "down",
            version=health.version,
            memory=process.memory() if process and runs else None,
            uptime=process.uptime if process and runs else None,
            address=health.address,
            advice=advice,
        )

    def profile(self) -> Connection | None:
        """How to reach it, None before the first `up`."""
        if not self.state.connection.is_file():
            return None
        values = secrets.generated(client_secrets(self.services), self.state.secrets)
        chosen = ports.read(self.state.ports)
        return connection.profile(self.inventory, self.source, chosen, values)

    def down(self) -> bool:
        """Stop everything and keep the data. False where nothing ran."""
        with self.state.alone():
            ran = self.supervisor.answers()
            self.supervisor.shutdown()
            return ran

    @property
    def belongings(self) -> str:
        """What `destroy` removes."""
        return str(self.state.folder)

    def destroy(self) -> bool:
        """Stop everything and remove the data. False where there was none."""
        with self.state.alone():
            self.supervisor.shutdown()
            if not self.state.folder.exists():
                return False
            if not self.state.secrets.exists() and any(self.state.folder.iterdir()):
                raise Problem(
                    "was not made by `up`", where=str(self.state.folder), remedy="look at it, remove it by hand"
                )
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
