"""What supervisord is told to run, read back by supervisord's own parser: nothing is started here."""

import os
import shlex
import stat
import subprocess
from collections.abc import Callable
from http.client import IncompleteRead
from pathlib import Path
from typing import Any
from xmlrpc.client import Fault

import psutil
import pytest
from supervisor.datatypes import dict_of_key_value_pairs
from supervisor.options import UnhosedConfigParser

from provisioning.local.supervision import MARK, SETTINGS, Process, Supervisor
from provisioning.problem import Problem
from provisioning.services import Command
from provisioning.waiting import wait_until


@pytest.fixture
def supervisor(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Supervisor:
    """One in folders of its own; a space and a % in its path are nobody's problem."""
    (tmp_path / "run").mkdir()
    monkeypatch.setattr("provisioning.local.supervision.RUNTIMES", tmp_path / "run")
    return Supervisor(tmp_path / "100% of state")


def configured(supervisor: Supervisor, command: Command, fingerprint: str = "abc") -> Any:
    """The settings for one service as supervisord reads them."""
    supervisor.configure({"minio": command}, {"minio": fingerprint})
    parser = UnhosedConfigParser()
    parser.read(str(supervisor.conf))
    return parser


def setting(parser: Any, name: str, section: str = "program:minio") -> str:
    return str(parser.saneget(section, name, "nothing", expansions={}, do_expand=True))


def environment(parser: Any) -> dict[str, str]:
    return dict(dict_of_key_value_pairs(setting(parser, "environment")))


def test_the_settings_are_readable_by_their_owner_only(supervisor: Supervisor) -> None:
    configured(supervisor, Command(("/bin/minio",)))
    modes = [stat.S_IMODE(path.stat().st_mode) for path in (supervisor.conf, supervisor.runtime)]
    assert modes == [0o600, 0o700], [f"{mode:o}" for mode in modes]


def test_the_socket_is_private_and_its_path_short_enough_for_the_kernel(supervisor: Supervisor, tmp_path: Path) -> None:
    parser = configured(supervisor, Command(("/bin/minio",)))
    deep = Supervisor(tmp_path / ("deep/" * 60))
    assert setting(parser, "chmod", "unix_http_server") == "0600"
    assert setting(parser, "file", "unix_http_server") == str(supervisor.socket)
    assert len(str(deep.socket.relative_to(tmp_path / "run"))) <= 60, f"{deep.socket} grows with the state's folder"


def test_two_lakehouses_have_two_sockets(supervisor: Supervisor, tmp_path: Path) -> None:
    assert supervisor.socket != Supervisor(tmp_path / "another").socket


@pytest.mark.parametrize(
    "argument", ["plain", "two words", "100%", "%(here)s", "it's", 'a "b"', "$HOME", "a\\b", "ü", ""], ids=repr
)
def test_arguments_arrive_as_they_are(supervisor: Supervisor, argument: str) -> None:
    argv = ("/bin/minio", "server", argument, "--last")
    parser = configured(supervisor, Command(argv))
    assert tuple(shlex.split(setting(parser, "command"))) == argv


@pytest.mark.parametrize(
    "value",
    [
        "plain",
        "two words",
        "100%",
        "%(here)s",
        "%%",
        "a,b=c",
        "it's",
        "a\\b",
        "end\\",
        "$HOME",
        "ü",
        "a;b#c",
        "[x]",
        "a=b",
    ],
    ids=repr,
)
def test_environments_arrive_as_they_are(supervisor: Supervisor, value: str) -> None:
    parser = configured(supervisor, Command(("/bin/minio",), {"SECRET": value, "NEXT": "1"}))
    seen = environment(parser)
    assert (seen["SECRET"], seen["NEXT"]) == (value, "1")


@pytest.mark.parametrize("value", ['a"b', "a\nb", "a\rb", "a ;b", "a #b", "'a'", "a'", '"'], ids=repr)
def test_what_cannot_arrive_is_refused_by_name_and_not_repeated(supervisor: Supervisor, value: str) -> None:
    with pytest.raises(Problem) as caught:
        configured(supervisor, Command(("/bin/minio",), {"MINIO_ROOT_PASSWORD": f"hunter{value}"}))
    line = str(caught.value)
    assert line.startswith("the value for MINIO_ROOT_PASSWORD: has a double quote, "), line
    assert "hunter" not in line, "a secret is told"
    assert not supervisor.conf.exists(), "settings were written"


def test_a_secret_is_in_the_environment_and_nowhere_else(supervisor: Supervisor) -> None:
    configured(supervisor, Command(("/bin/minio", "server"), {"MINIO_ROOT_PASSWORD": "s3cret"}))
    lines = [line for line in supervisor.conf.read_text().splitlines() if "s3cret" in line]
    assert [line.partition("=")[0] for line in lines] == ["environment"]


def test_processes_carry_the_mark_of_their_lakehouse(supervisor: Supervisor) -> None:
    seen = environment(configured(supervisor, Command(("/bin/minio",))))
    assert seen[MARK] == str(supervisor.folder)


def test_a_changed_fingerprint_changes_the_settings_and_the_same_one_does_not(supervisor: Supervisor) -> None:
    texts = []
    for fingerprint in ("abc", "abc", "def"):
        configured(supervisor, Command(("/bin/minio",)), fingerprint)
        texts.append(supervisor.conf.read_text())
    assert (texts[0] == texts[1], texts[1] == texts[2]) == (True, False)


def test_nothing_is_restarted_behind_the_users_back(supervisor: Supervisor) -> None:
    parser = configured(supervisor, Command(("/bin/minio",)))
    seen = {name: setting(parser, name) for name in ("autorestart", "startretries", "stopasgroup", "killasgroup")}
    assert seen == {"autorestart": "false", "startretries": "0", "stopasgroup": "true", "killasgroup": "true"}


def test_output_goes_to_the_services_own_log(supervisor: Supervisor) -> None:
    parser = configured(supervisor, Command(("/bin/minio",)))
    once_more = setting(parser, "stdout_logfile") % {}  # supervisord expands this one twice
    assert once_more == f"{supervisor.folder}/minio/log/minio.log"
    assert setting(parser, "redirect_stderr") == "true"
    assert setting(parser, "logfile", "supervisord") == f"{supervisor.folder}/supervisord.log"


def test_without_a_supervisord_nothing_answers_and_nothing_runs(supervisor: Supervisor) -> None:
    assert (supervisor.answers(), supervisor.processes()) == (False, {})


@pytest.fixture
def refusing(supervisor: Supervisor, monkeypatch: pytest.MonkeyPatch) -> Callable[[Exception], Supervisor]:
    """One whose supervisord raises this at every question but whether it is there."""

    def refusing(error: Exception) -> Supervisor:
        def ask(method: str, *_: object) -> None:
            if method != "getState":
                raise error

        monkeypatch.setattr(supervisor, "_ask", ask)
        return supervisor

    return refusing


@pytest.mark.parametrize(
    ("error", "what"),
    [
        (Fault(92, "CANT_REREAD: environment=hunter2"), "supervisord refuses startProcess: CANT_REREAD"),
        (Fault(50, "SPAWN_ERROR"), "supervisord refuses startProcess: SPAWN_ERROR"),
        (ConnectionResetError(104, "reset"), "supervisord does not answer (ConnectionResetError)"),
        (IncompleteRead(b""), "supervisord does not answer (IncompleteRead)"),
    ],
    ids=["secret", "spawn", "reset", "half"],
)
def test_what_supervisord_refuses_is_one_line_that_tells_no_secret(
    refusing: Callable[[Exception], Supervisor], error: Exception, what: str
) -> None:
    with pytest.raises(Problem) as caught:
        refusing(error).start("minio")
    assert caught.value.what == what
    assert "hunter2" not in str(caught.value), "a secret is told"
    assert "supervisord.log" in caught.value.remedy, caught.value


def test_a_supervisord_that_does_not_end_is_one_line(supervisor: Supervisor, monkeypatch: pytest.MonkeyPatch) -> None:
    def wait(process: psutil.Process, timeout: float) -> None:
        raise psutil.TimeoutExpired(timeout, process.pid)

    monkeypatch.setattr(supervisor, "_ask", lambda method, *_: os.getpid())
    monkeypatch.setattr("provisioning.local.supervision.psutil.Process.wait", wait)
    with pytest.raises(Problem) as caught:
        supervisor.shutdown()
    assert str(caught.value) == (
        f"process {os.getpid()}: supervisord does not end within 60 s; "
        f"see {supervisor.folder}/supervisord.log, end it by hand"
    )


@pytest.mark.parametrize("words", [(1, "some\nError: no"), (0, "")], ids=["refused", "silent"])
def test_a_supervisord_that_does_not_start_is_one_line(
    supervisor: Supervisor, monkeypatch: pytest.MonkeyPatch, words: tuple[int, str]
) -> None:
    def silent(*_: object) -> None:
        raise TimeoutError("not within 20 s")

    done = subprocess.CompletedProcess((), words[0], "", words[1])
    monkeypatch.setattr("provisioning.local.supervision.subprocess.run", lambda *_, **__: done)
    monkeypatch.setattr("provisioning.local.supervision.wait_until", silent)
    with pytest.raises(Problem) as caught:
        supervisor.apply()
    reason = "Error: no" if words[0] else "not within 20 s"
    assert caught.value.what == f"supervisord did not start: {reason}"


def test_a_process_tells_with_which_settings_it_was_started() -> None:
    with subprocess.Popen(["cat"], env={SETTINGS: "abc"}, stdin=subprocess.PIPE) as process:
        known = Process("minio", "RUNNING", process.pid, 1.0, "")
        assert wait_until(known.settings, 10, "the new process's own environment") == "abc"
    assert Process("minio", "EXITED", process.pid, 1.0, "").settings() is None
    assert Process("minio", "STOPPED", 0, 0.0, "").settings() is None
