"""Long work on artifacts: it shows that it lives, it ends when it is told to, and what was killed is cleared away."""

import fcntl
import os
import signal
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from provisioning import artifacts, tools
from provisioning import commands as cli
from provisioning.artifacts import Artifact, provide
from provisioning.problem import Problem
from provisioning.waiting import wait_until

# A tool as Go is one: it starts others and waits for them.
TOOL = "sleep 60 & echo $$ $! > ../begun; wait"


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache of the test's own, and signs of life in quick succession."""
    folder = tmp_path / "cache"
    folder.mkdir()
    monkeypatch.setenv("DATALAKE_CACHE", str(folder))
    monkeypatch.setattr(artifacts, "HEARTBEAT", 0.02)
    return folder


@pytest.fixture
def know(monkeypatch: pytest.MonkeyPatch) -> Callable[[Callable[[Path], Path]], None]:
    """Lets provisioning know one artifact, `tool`, that is made like this."""

    def know(make: Callable[[Path], Path]) -> None:
        monkeypatch.setattr(artifacts, "pinned", lambda: {"tool": Artifact("tool", "tool-1", make)})

    return know


def made(folder: Path) -> Path:
    (folder / "made").write_text("content")
    return folder / "made"


def left(cache: Path) -> list[str]:
    return sorted(path.name for path in cache.iterdir() if path.suffix != ".lock" and path.name != "begun")


class Interrupting:
    """A report that is interrupted, as by Ctrl-C, once something holds."""

    def __init__(self, when: Callable[[], bool]) -> None:
        self.when = when

    def __call__(self, line: str) -> None:
        if threading.current_thread() is threading.main_thread() and self.when():
            raise KeyboardInterrupt


def test_long_work_shows_again_and_again_that_it_lives(know: Callable[..., None]) -> None:
    lines, enough = list[str](), threading.Event()

    def report(line: str) -> None:
        lines.append(line)
        if len(lines) >= 3:
            enough.set()

    def make(folder: Path) -> Path:
        assert enough.wait(10), lines
        return made(folder)

    know(make)
    provide(["tool"], report)
    assert lines[:3] == ["tool: building …", "tool: building, 0 s …", "tool: building, 0 s …"]
    assert lines[-1] == "tool: ready"


def test_an_interrupted_command_ends_its_tools_and_leaves_nothing(cache: Path, know: Callable[..., None]) -> None:
    begun = cache / "begun"

    def make(folder: Path) -> Path:
        tools.run(["sh", "-c", TOOL], cwd=folder)
        return made(folder)

    know(make)
    with pytest.raises(KeyboardInterrupt):
        provide(["tool"], Interrupting(lambda: begun.is_file() and len(begun.read_text().split()) == 2))
    pids = [int(pid) for pid in begun.read_text().split()]
    wait_until(lambda: not any(alive(pid) for pid in pids), 10, f"the end of {pids}")
    assert left(cache) == []


def alive(pid: int) -> bool:
    return bool(psutil.pid_exists(pid) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE)


def test_an_interrupted_command_does_not_wait_for_another_one_s_work(
    cache: Path, know: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    know(made)
    lines: list[str] = []
    interrupting = Interrupting(lambda: bool(lines))
    monkeypatch.setattr(artifacts._Work, "tell", lambda self: interrupting(""))
    with (cache / ".tool.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with pytest.raises(KeyboardInterrupt):
            provide(["tool"], lines.append)
    assert lines == ["tool: another command makes it, waiting …"]
    assert left(cache) == []


def test_the_next_command_takes_its_turn_when_the_first_is_through(cache: Path, know: Callable[..., None]) -> None:
    know(made)
    lines: list[str] = []
    with (cache / ".tool.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)

        def report(line: str) -> None:
            lines.append(line)
            fcntl.flock(lock, fcntl.LOCK_UN)

        provide(["tool"], report)
    assert lines[0] == "tool: another command makes it, waiting …", lines
    assert lines[-1] == "tool: ready", lines


def test_what_a_killed_command_left_is_cleared_away(cache: Path, know: Callable[..., None]) -> None:
    (cache / ".tool.a1b2c3/deep").mkdir(parents=True)
    (cache / ".tool.a1b2c3/deep/file").touch()
    (cache / ".toolbox.a1b2c3").mkdir()
    know(made)
    provide(["tool"], print)
    assert left(cache) == [".toolbox.a1b2c3", "tool-1", "tool-1.sha256"], "another's folder went, or ours stayed"


def test_what_a_killed_command_left_is_cleared_away_where_nothing_is_to_be_made(
    cache: Path, know: Callable[..., None]
) -> None:
    know(made)
    provide(["tool"], print)
    (cache / ".tool.a1b2c3").mkdir()
    provide(["tool"], print)
    assert left(cache) == ["tool-1", "tool-1.sha256"]


def test_a_tool_is_ended_with_all_that_it_started(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    begun, seen = tmp_path / "begun", list[Problem]()

    def run() -> None:
        try:
            tools.run(["sh", "-c", TOOL], cwd=tmp_path / "in")
        except Problem as problem:
            seen.append(problem)

    thread = threading.Thread(target=run)
    thread.start()
    wait_until(lambda: begun.is_file() and len(begun.read_text().split()) == 2, 10, "the tool")
    tools.end_running()
    thread.join(10)
    assert not thread.is_alive(), "nobody was told that the tool has ended"
    assert [problem.what for problem in seen] == ["sh failed: no output"]
    wait_until(lambda: not any(alive(int(pid)) for pid in begun.read_text().split()), 10, "the end of its children")


@pytest.fixture
def handlers() -> Iterator[list[object]]:
    """Who gets the signals, before and after. A run in the background of a script is born with Ctrl-C ignored."""
    numbers = (signal.SIGTERM, signal.SIGHUP, signal.SIGINT)
    born_with = signal.signal(signal.SIGINT, signal.default_int_handler)
    before = [signal.getsignal(number) for number in numbers]
    yield list(before)
    after = [signal.getsignal(number) for number in numbers]
    signal.signal(signal.SIGINT, born_with)
    assert after == before, "a command keeps the signals of its process"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP], ids=lambda number: number.name)
def test_a_request_to_end_is_an_interruption_and_not_a_death(
    number: signal.Signals,
    handlers: list[object],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def asked_to_end(*_: object) -> int:
        os.kill(os.getpid(), number)
        threading.Event().wait(10)
        return 0

    monkeypatch.setitem(cli.COMMANDS, "audit", asked_to_end)
    assert cli.main(["audit"]) == 130
    assert capsys.readouterr().err == "interrupted; what runs goes on: `up` again, or `down`\n"


def test_what_the_caller_ignores_stays_ignored(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[object] = []

    def look(*_: object) -> int:
        seen.append(signal.getsignal(signal.SIGHUP))
        return 0

    monkeypatch.setitem(cli.COMMANDS, "audit", look)
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        cli.main(["audit"])
    finally:
        signal.signal(signal.SIGHUP, before)
    assert seen == [signal.SIG_IGN], "nohup would be overruled"
