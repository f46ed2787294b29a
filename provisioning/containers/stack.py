"""The planned machines as a whole: plan, up, status, down, destroy, reset, and one container at a time."""

import shlex
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

from provisioning import artifacts, connection
from provisioning.connection import Connection
from provisioning.containers import preflight
from provisioning.containers.bootstrap import Bootstrap, certificates
from provisioning.containers.keys import HostKeys, KeyPair, key_file
from provisioning.containers.login import Login
from provisioning.containers.machine import BOOT, HALF_MADE, Machine, half_made, removal
from provisioning.containers.places import place_of
from provisioning.containers.rows import absent, ailing, row
from provisioning.hypervisor.desired import Desired, desired
from provisioning.hypervisor.differences import Actual
from provisioning.inventory import Inventory, find
from provisioning.problem import Exit, Problem
from provisioning.state import State
from provisioning.status import Row
from provisioning.waiting import wait_until

Report = Callable[[str], None]
PACKAGES = ("sudo",)  # what a minimal image lacks; pinned in artifacts.toml
AT_ONCE = 3  # containers in the making: more only wait for the disk
SSHD = 30.0  # seconds until sshd answers after its container booted
UNKNOWN_KEY = "ssh-ed25519 (made at the first up)"


class Stack:
    """The containers of one inventory with target `lab` or `proxmox`."""

    def __init__(self, inventory: Inventory, choice: str) -> None:
        self.inventory, self.source = inventory, find(choice)
        self.state = State.of(inventory.name, inventory.target)
        self.place = place_of(inventory, self.state)
        self.node = self.place.node
        self.wanted = desired(inventory)
        self.addresses = {name: str(container.address) for name, container in inventory.containers.items()}
        self.key = KeyPair(key_file(inventory))
        self.host_keys = HostKeys(self.state.folder / "known_hosts")

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """Let one command at a time change these containers, and only one that may."""
        self.place.require()
        with self.state.alone():
            yield

    def plan(self) -> list[str]:
        """What `up` would change, container by container; empty where it would change nothing."""
        preflight.check_inventory(self.inventory)
        unasked = self.place.unasked()
        actual = {} if unasked else self._actual()
        lines = [nothing_there(unasked)] if unasked else [f"node: {name} started" for name in self.place.ailing()]
        for machine in self._machines(self._public_key()).values():
            kept = unasked and machine.wanted.vmid in self.place.kept()
            told = ["started"] if kept else machine.plan(actual.get(machine.wanted.vmid))
            lines += [f"{machine}: {what}" for what in told]
        return lines

    def commands(self) -> list[str]:
        """The same, as one would type it on the node; where that cannot be asked, as for one that has nothing."""
        preflight.check_inventory(self.inventory)
        actual: dict[int, Actual] = {}
        unasked = self.place.unasked()
        if not unasked:
            try:
                actual = self._actual()
            except Problem as problem:
                unasked = str(problem)
        lines = [nothing_there(unasked)] if unasked else []
        for machine in self._machines(UNKNOWN_KEY).values():
            seen = actual.get(machine.wanted.vmid)
            refusal = machine.refusal(seen) if seen else None
            lines += [f"# {refusal}"] if refusal else map(shlex.join, machine.steps(seen))
        inside = f"the user datalake with the one key, sshd's and sudo's rules, {', '.join(PACKAGES)}"
        return [*lines, f"# up then sets inside each, by pct exec: {inside}"] if lines else []

    def _actual(self) -> dict[int, Actual]:
        """Every planned container that is there."""
        there = self.node.containers()
        return {wanted.vmid: self.node.actual(wanted.vmid) for wanted in self.wanted.values() if wanted.vmid in there}

    def up(self, report: Report, timeout: float) -> str:
        """Make every container what it should be. Returns what was changed, in a word; empty where nothing was.

        `timeout` is for each container to boot. Safe to repeat and to interrupt: each step is taken only where it
        lacks.
        """
        preflight.check_inventory(self.inventory)
        with self._alone():
            self.place.check()
            asked = self.place.unasked() is None
            if asked:
                self._refuse(preflight.examine(self.node, self.inventory), report)
            public_key = self.key.ensure()
            artifacts.provide(PACKAGES, report)
            changed = ["node"] if self.place.prepare(report) else []
            if changed:
                report("node: brought up to date")
            self.place.enter()
            if not asked:
                self._refuse(preflight.examine(self.node, self.inventory), report)
            machines = self._machines(public_key)
            changed += self._ensure(machines.values(), report, timeout)
            connection.write(self._profile(), self.state.connection)
            self.state.make_current()
            return summary(changed)

    def _profile(self) -> Connection:
        return connection.profile(self.inventory, self.source, {}, {})

    def profile(self) -> Connection | None:
        """How to reach what runs in the containers, None before the first `up`."""
        return self._profile() if self.state.connection.is_file() else None

    def _refuse(self, problems: list[Problem], report: Report) -> None:
        for problem in problems[:-1]:
            report(str(problem))
        if problems:
            raise problems[-1]

    def _ensure(self, machines: Iterable[Machine], report: Report, timeout: float = BOOT) -> list[str]:
        """Each of them as it should be, and open to who comes with the key. Returns what was done, a line each."""
        machines, there = list(machines), self.node.containers()
        whole = {vmid for vmid, seen in there.items() if seen.get("lock") != HALF_MADE}
        self._pin({one.wanted.name: None for one in machines if one.wanted.vmid not in whole})  # each gets a new one
        done = self._bring(machines, there, report, timeout)
        pinned = self.host_keys.read()
        self._pin({one.wanted.name: one.host_key() for one in machines if one.wanted.name not in pinned})
        for machine in machines:
            if done[machine.wanted.name] or machine.wanted.name not in pinned:
                self._wait_login(machine.wanted)
        return [f"{machine} {what}" for machine in machines for what in done[machine.wanted.name]]

    def _bring(
        self, machines: Sequence[Machine], there: Mapping[int, Any], report: Report, timeout: float
    ) -> dict[str, list[str]]:
        """Several at a time from what they are to what they should be. Returns what was done, by name."""

        def bring(machine: Machine) -> list[str]:
            vmid = machine.wanted.vmid
            done = machine.ensure(self.node.actual(vmid) if vmid in there else None, timeout)
            if done:
                report(f"{machine}: {', '.join(done)}")
            return done

        with ThreadPoolExecutor(AT_ONCE) as pool:
            futures = {machine.wanted.name: pool.submit(bring, machine) for machine in machines}
            try:
                return {name: future.result() for name, future in futures.items()}
            except BaseException:
                report("finishing the containers that are in the making …")
                pool.shutdown(cancel_futures=True)
                raise

    def _pin(self, keys: Mapping[str, str | None]) -> None:
        self.host_keys.update(keys, self.addresses, self.inventory.domain)

    def _wait_login(self, wanted: Desired) -> None:
        login = Login(self.addresses[wanted.name], self.key.private, self.host_keys.file)
        try:
            wait_until(lambda: login.run("true").returncode == 0, SSHD, "ssh as datalake")
        except TimeoutError as error:
            said = login.run("true").stderr.strip()
            raise Problem(
                f"cannot be logged in to: {said or error}",
                where=str(wanted),
                remedy=f"`up` mends sshd; or look inside: pct exec {wanted.vmid} -- systemctl status ssh",
            ) from None

    def status(self) -> list[Row]:
        """Each planned container as the node tells; whether it is what it should be is for `plan` and the suites."""
        self.place.require()
        if self.place.unasked():
            kept = self.place.kept()
            return [absent(one, self.addresses[one.name], one.vmid in kept) for one in self.wanted.values()]
        self.place.enter()
        there = self.node.containers()
        with ThreadPoolExecutor(len(self.wanted)) as pool:
            rows = pool.map(lambda one: row(one, self.addresses[one.name], there.get(one.vmid)), self.wanted.values())
            return [*(ailing(name, str(self.inventory.host.address)) for name in self.place.ailing()), *rows]

    def down(self) -> bool:
        """Stop every container, in the order opposite to their start, and keep them. False where none ran."""
        with self._alone():
            if self.place.unasked():
                return self.place.down()
            there = self.node.containers()
            running = [wanted for wanted in reversed(self.wanted.values()) if self._runs(there, wanted)]
            with ThreadPoolExecutor(AT_ONCE) as pool:
                list(pool.map(self._shut_down, running))
            return self.place.down() or bool(running)

    @property
    def belongings(self) -> str:
        """What `destroy` removes."""
        return f"{', '.join(map(str, self.wanted.values()))} on node {self.node.name}, and {self.state.folder},"

    def destroy(self) -> bool:
        """Remove every container that is ours, with its data. False where there was none."""
        with self._alone():
            had = self.place.destroy() or self._remove_ours()
            if not self.state.folder.exists():
                return had
            self.state.remove()
            return True

    def _remove_ours(self) -> bool:
        """On a node that is not ours: the planned containers, each of which must carry our tag."""
        there = {} if self.place.unasked() else self.node.containers()
        ours = [wanted for wanted in self.wanted.values() if wanted.vmid in there]
        removals = [self._removal(wanted, there[wanted.vmid]) for wanted in ours]  # all may be, before the first one is
        with ThreadPoolExecutor(AT_ONCE) as pool:
            list(pool.map(self._give, removals))
        return bool(ours)

    def reset(self, name: str, report: Report) -> None:
        """One container as it was after provisioning: made anew; what it held is gone."""
        with self._alone():
            wanted = self._container(name)
            self.place.enter()
            there = self.node.containers()
            if wanted.vmid in there:
                self._give(self._removal(wanted, there[wanted.vmid]))
            self._ensure([self._machines(self.key.public())[name]], report)

    def start(self, name: str) -> None:
        """Start one container and wait until it lets us in."""
        with self._alone():
            wanted = self._container(name)
            if name not in self.host_keys.read():
                raise Problem("was never finished", where=str(wanted), remedy="`up` finishes it")
            self.key.public()
            if not self._runs(self.node.containers(), wanted):
                self.node.pct("start", str(wanted.vmid))
            self.place.enter()
            self._wait_login(wanted)

    def stop(self, name: str) -> None:
        """Shut one container down."""
        with self._alone():
            wanted, there = self._container(name), self.node.containers()
            if wanted.vmid not in there:
                raise Problem("is not there", where=str(wanted), remedy="`up` makes it")
            if self._runs(there, wanted):
                self._shut_down(wanted)

    def require(self, name: str) -> None:
        """Raises Problem where no such container is planned."""
        if name not in self.wanted:
            raise Problem(
                "is not planned", where=f"container {name}", remedy=f"one of: {', '.join(self.wanted)}", code=Exit.USAGE
            )

    def _container(self, name: str) -> Desired:
        self.require(name)
        if self.place.unasked():
            raise Problem("is down", where=self.inventory.name, remedy="run `python -m provisioning up`")
        return self.wanted[name]

    def _runs(self, there: dict[int, Any], wanted: Desired) -> bool:
        """Whether it runs. Raises Problem where the container of that number is somebody else's."""
        seen = there.get(wanted.vmid)
        if seen is None or seen.get("lock") == HALF_MADE:  # the latter has neither name nor tag yet
            return False
        if stranger := wanted.stranger(str(seen["name"]), str(seen.get("tags", ""))):
            raise stranger
        return bool(seen["status"] == "running")

    def _shut_down(self, wanted: Desired) -> None:
        self.node.pct("shutdown", str(wanted.vmid), "--timeout", "60", "--forceStop", "1")

    def _removal(self, wanted: Desired, seen: dict[str, Any]) -> list[list[str]]:
        """The commands that remove a container: one with our tag, or what is half made. Raises Problem."""
        tags = str(seen.get("tags", ""))
        if seen.get("lock") == HALF_MADE and half_made(self.node.actual(wanted.vmid)):
            return removal(str(wanted.vmid))
        if not wanted.is_ours(tags):
            raise Problem(
                f"has not our tag {wanted.options['tags']!r}, but {tags or 'none'}: it may be somebody else's",
                where=str(wanted),
                remedy=f"if it is ours: pct set {wanted.vmid} --tags {wanted.options['tags']}",
            )

        return [["pct", "destroy", str(wanted.vmid), "--force", "1", "--purge", "1"]]

    def _give(self, commands: Iterable[Sequence[str]]) -> None:
        for command in commands:
            self.node.pct(*command[1:])

    def _public_key(self) -> str:
        try:
            return self.key.public() if self.key.private.exists() else UNKNOWN_KEY
        except PermissionError:  # a plan is for everybody, the key is not
            return UNKNOWN_KEY

    def _machines(self, public_key: str) -> dict[str, Machine]:
        known = artifacts.pinned()
        ready = Bootstrap(
            public_key,
            certificates(self.inventory.required_hypervisor.ca_files),
            {name: str(known[name].version) for name in PACKAGES},
        )
        debs = tuple(artifacts.where(PACKAGES).values())
        return {name: Machine(wanted, self.node, ready, debs) for name, wanted in self.wanted.items()}


def summary(changed: list[str]) -> str:
    """What `up` did, for its last line; it told each as it came."""
    return f"{len(changed)} change{'s' if len(changed) > 1 else ''}" if changed else ""


def nothing_there(why: str) -> str:
    """The line above a plan for a node that could not be asked; a comment, where it is typed in."""
    return f"# {why}: the node was not asked"
