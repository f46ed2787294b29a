"""The embedded lakehouse's processes, kept by supervisord. Nothing is restarted behind the user's back."""

import contextlib
import hashlib
import http.client
import os
import re
import shlex
import subprocess
import sys
import time
import xmlrpc.client
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
from supervisor.xmlrpc import SupervisorTransport

from provisioning.files import make_folder, write_private
from provisioning.problem import Exit, Problem
from provisioning.services import Command
from provisioning.waiting import wait_until

MARK = "DATALAKE_STACK"  # in the environment of all that we start, so that orphans can be told from strangers
SETTINGS = "DATALAKE_SETTINGS"  # there too: a fingerprint of what the process was started with
UP = ("STARTING", "RUNNING")
RUNTIMES = Path("/tmp")  # not the shell's TMPDIR: another shell must find the same supervisord
NO_ANSWER = (OSError, http.client.HTTPException, xmlrpc.client.Error)


@dataclass(frozen=True)
class Process:
    """What supervisord knows of a service. Memory in bytes, uptime in seconds."""

    name: str
    state: str
    pid: int
    uptime: float
    note: str

    @property
    def runs(self) -> bool:
        """Started and not ended."""
        return self.state in UP

    def memory(self) -> int:
        """Resident memory of the process and its children; 0 where it does not run."""
        try:
            process = psutil.Process(self.pid)
            return sum(p.memory_info().rss for p in (process, *process.children(recursive=True))) if self.pid else 0
        except psutil.Error:
            return 0

    def settings(self) -> str | None:
        """The fingerprint of the settings that it was started with, None where it does not run."""
        try:
            return psutil.Process(self.pid).environ().get(SETTINGS) if self.pid else None
        except psutil.Error:
            return None


class Supervisor:
    """One supervisord a lakehouse, its socket in a folder with a short name: a socket's path has at most 107 bytes."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        name = hashlib.sha256(str(folder).encode()).hexdigest()[:12]
        self.runtime = RUNTIMES / f"datalake-{os.getuid()}-{name}"
        self.socket = self.runtime / "supervisor.sock"
        self.conf = folder / "supervisord.conf"

    def configure(self, commands: Mapping[str, Command], fingerprints: Mapping[str, str]) -> None:
        """Write what is to run (0600: environments hold secrets). A changed fingerprint makes a service restart."""
        make_folder(self.runtime)
        if self.runtime.stat().st_uid != os.getuid():
            raise Problem("belongs to another user", where=str(self.runtime), remedy="remove it")
        write_private(self.conf, self._render(commands, fingerprints))

    def _render(self, commands: Mapping[str, Command], fingerprints: Mapping[str, str]) -> str:
        head = f"""[supervisord]
logfile={_escape(str(self.folder))}/supervisord.log
pidfile={_escape(str(self.runtime))}/supervisord.pid
umask=077
[unix_http_server]
file={_escape(str(self.socket))}
chmod=0600
[rpcinterface:supervisor]
supervisor.rpcinterface_factory=supervisor.rpcinterface:make_main_rpcinterface
"""
        return head + "".join(self._program(name, command, fingerprints[name]) for name, command in commands.items())

    def _program(self, name: str, command: Command, fingerprint: str) -> str:
        home = self.folder / name
        environment = {**command.env, MARK: str(self.folder), SETTINGS: fingerprint}
        pairs = ",".join(f'{key}="{_escape(_quotable(key, value))}"' for key, value in environment.items())
        return f"""[program:{name}]
command={_escape(shlex.join(command.argv))}
directory={_escape(str(home))}
environment={pairs}
autorestart=false
startsecs=0
startretries=0
stopasgroup=true
killasgroup=true
stopwaitsecs=20
redirect_stderr=true
stdout_logfile={_escape(_escape(str(home)))}/log/{name}.log
stdout_logfile_maxbytes=20MB
stdout_logfile_backups=1
"""

    def answers(self) -> bool:
        """Whether supervisord runs."""
        try:
            self._ask("getState")
        except NO_ANSWER:
            return False
        return True

    def apply(self) -> list[str]:
        """Make the processes follow the settings. Returns the names of those that were started: none twice."""
        if not self.answers():
            self.end_orphans()
            self._launch()
            return sorted(process.name for process in self.processes().values())
        ((added, changed, removed),) = self._call("reloadConfig")
        for name in (*changed, *removed):
            self._call("stopProcessGroup", name)
            self._call("removeProcessGroup", name)
        for name in (*added, *changed):
            self._call("addProcessGroup", name)
        ended = [process.name for process in self.processes().values() if not process.runs]
        for name in ended:
            self.start(name)
        return sorted({*added, *changed, *ended})

    def _launch(self) -> None:
        command = [sys.executable, "-m", "supervisor.supervisord", "-c", str(self.conf)]
        done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=self.folder)
        try:
            if done.returncode != 0:
                raise TimeoutError(((done.stderr or done.stdout).strip().splitlines() or ["no word"])[-1][:200])
            wait_until(self.answers, 20, f"supervisord at {self.socket}")
        except TimeoutError as error:
            remedy = "see supervisord.log beside it"
            raise Problem(f"supervisord did not start: {error}", where=str(self.conf), remedy=remedy) from None

    def processes(self) -> dict[str, Process]:
        """What runs and what does not, by name; nothing where supervisord does not run."""
        if not self.answers():
            return {}
        return {info["name"]: _process(info) for info in self._call("getAllProcessInfo")}

    def start(self, name: str) -> None:
        """Start one service that does not run."""
        self._call("startProcess", name, False)

    def stop(self, name: str) -> None:
        """Stop one service and wait for its end."""
        self._call("stopProcess", name, True)

    def shutdown(self) -> None:
        """Stop all services and supervisord, also such as have lost their supervisord."""
        if self.answers():
            self._end_daemon()
        self.end_orphans()
        for file in (self.socket, self.runtime / "supervisord.pid"):
            file.unlink(missing_ok=True)
        with contextlib.suppress(OSError):  # not there, or a stranger's file in it: neither is in the way
            self.runtime.rmdir()

    def _end_daemon(self) -> None:
        with contextlib.suppress(psutil.NoSuchProcess):
            daemon = psutil.Process(int(self._call("getPID")))
            self._call("shutdown")
            try:
                daemon.wait(timeout=60)
            except psutil.TimeoutExpired:
                what, remedy = (
                    "supervisord does not end within 60 s",
                    f"see {self.folder}/supervisord.log, end it by hand",
                )
                raise Problem(what, where=f"process {daemon.pid}", remedy=remedy) from None

    def end_orphans(self) -> None:
        """End processes that carry our mark while no supervisord keeps them: what a killed one left."""
        orphans = marked(self.folder)
        for process in orphans:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.terminate()
        for process in psutil.wait_procs(orphans, timeout=10)[1]:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()

    def _call(self, method: str, *arguments: object) -> Any:
        """Ask supervisord, or raise Problem."""
        remedy = f"see {self.folder}/supervisord.log"
        try:
            return self._ask(method, *arguments)
        except xmlrpc.client.Fault as fault:
            # Its first word only: the rest may repeat settings, and they hold secrets.
            what = f"supervisord refuses {method}: {fault.faultString.partition(':')[0]}"
            raise Problem(what, where=str(arguments[0] if arguments else self.folder), remedy=remedy) from None
        except NO_ANSWER as error:
            what = f"supervisord does not answer ({type(error).__name__})"
            raise Problem(what, where=str(self.folder), remedy=remedy) from None

    def _ask(self, method: str, *arguments: object) -> Any:
        transport = SupervisorTransport(None, None, serverurl=f"unix://{self.socket}")
        with xmlrpc.client.ServerProxy("http://localhost", transport=transport) as proxy:
            return getattr(proxy.supervisor, method)(*arguments)


def marked(folder: Path) -> list[psutil.Process]:
    """This user's processes that were started for the lakehouse in `folder`."""
    found = []
    for process in psutil.process_iter():
        try:
            if process.environ().get(MARK) == str(folder):
                found.append(process)
        except (psutil.AccessDenied, psutil.NoSuchProcess, psutil.ZombieProcess):
            continue
    return found


def _process(info: Mapping[str, Any]) -> Process:
    start, state = float(info["start"]), str(info["statename"])
    uptime = time.time() - start if state in UP and start else 0.0
    note = str(info["spawnerr"] or "") or (f"exit status {info['exitstatus']}" if state == "EXITED" else "")
    return Process(str(info["name"]), state, int(info["pid"]), uptime, note)


def _escape(text: str) -> str:
    return text.replace("%", "%%")  # supervisord expands %(name)s


def _quotable(key: str, value: str) -> str:
    """supervisord's settings cannot escape these; its own complaint would print the whole environment."""
    if re.search(r"""["\r\n]|\s[;#]|^'|'$""", value):
        raise Problem(
            "has a double quote, a line break, a ; or # after a space, or a ' at an end, which cannot be passed on",
            where=f"the value for {key}",
            remedy="take another value",
            code=Exit.USAGE,
        )
    return value
