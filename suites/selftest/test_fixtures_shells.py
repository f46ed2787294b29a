"""One shell that stays open: what a command prints, complains of and ends with is told apart, whatever it does."""

import os
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from testinfra.host import Host

from fixtures import shells
from fixtures.shells import ShellBackend, ShellError, parted
from provisioning.waiting import wait_until

MARK = "0123456789abcdef01234567"


@pytest.fixture(autouse=True)
def _room_for_complaints(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Only root writes to /run, where a container's shell keeps them: here they lie in a folder of the test."""
    monkeypatch.setattr(shells, "SCRATCH", f"{tmp_path}/.datalake.$$")


@pytest.fixture
def shell() -> Iterator[ShellBackend]:
    """A shell of this machine."""
    backend = ShellBackend("kafka (CT 109)", ["sh"], timeout=10)
    yield backend
    backend.close()


@pytest.fixture
def hasty() -> Iterator[ShellBackend]:
    """A shell of this machine that is not waited for."""
    backend = ShellBackend("kafka (CT 109)", ["sh"], timeout=0.1)
    yield backend
    backend.close()


def answer(shell: ShellBackend, command: str, *args: str) -> tuple[int, str, str]:
    seen = shell.run(command, *args)
    return seen.rc, seen.stdout, seen.stderr


@pytest.mark.parametrize(
    ("command", "seen"),
    [
        ("echo out; echo err >&2; exit 3", (3, "out\n", "err\n")),
        ("true", (0, "", "")),
        ("false", (1, "", "")),
        ("printf 'no end'", (0, "no end", "")),
        ("printf 'no end' >&2", (0, "", "no end")),
        ("printf '\\n\\nx\\n\\n'", (0, "\n\nx\n\n", "")),
        ("echo a\necho b", (0, "a\nb\n", "")),
        ("exit 255", (255, "", "")),
        ("(exit 7)", (7, "", "")),
        ("exec echo gone", (0, "gone\n", "")),
        ('printf \'%s\' "it\'s $((1 + 1)) \\"x\\""', (0, 'it\'s 2 "x"', "")),
        ("echo ü", (0, "ü\n", "")),
        ("set -e; false; echo never", (1, "", "")),
    ],
)
def test_output_complaints_and_exit_code_are_told_apart(
    shell: ShellBackend, command: str, seen: tuple[int, str, str]
) -> None:
    assert answer(shell, command) == seen


def test_what_is_said_on_the_way_in_is_no_answer() -> None:
    noisy = ["sh", "-c", "printf 'perl: warning: Setting locale failed.\n' >&2; printf 'no end'; exec sh"]
    shell = ShellBackend("kafka (CT 109)", noisy)
    try:
        assert answer(shell, "echo told") == (0, "told\n", "")
    finally:
        shell.close()


@pytest.mark.parametrize("command", ["echo 'open", "if true; then", ")", "echo $("])
def test_a_command_that_is_no_shell_fails_alone(shell: ShellBackend, command: str) -> None:
    code, out, err = answer(shell, command)
    assert code != 0 and out == "" and err, f"{command}: {code} {out!r} {err!r}"
    assert answer(shell, "echo next") == (0, "next\n", "")


def test_an_unknown_command_is_an_exit_code_and_a_complaint(shell: ShellBackend) -> None:
    code, out, err = answer(shell, "command-of-nowhere")
    assert code in (126, 127) and out == "" and "command-of-nowhere: " in err, f"{code} {out!r} {err!r}"


def test_words_are_quoted_by_whoever_asks(shell: ShellBackend) -> None:
    assert answer(shell, "printf '%%s|' %s %s", "two words", "$HOME'") == (0, "two words|$HOME'|", "")


def test_one_shell_serves_every_command(shell: ShellBackend) -> None:
    pids = {shell.run("echo $$").stdout for _ in range(3)}
    assert len(pids) == 1, pids


def test_a_command_leaves_nothing_behind_for_the_next(shell: ShellBackend) -> None:
    before = shell.run("pwd").stdout
    shell.run("cd /; X=set; export X; umask 000; set -e; trap 'echo trapped' EXIT; echo err >&2")
    assert answer(shell, "pwd; echo [$X]; false; echo on") == (0, f"{before}[]\non\n", "")


def test_a_command_reads_nothing_of_what_is_asked_next(shell: ShellBackend) -> None:
    assert answer(shell, "cat; read line; echo [$line]") == (0, "[]\n", "")


@pytest.mark.parametrize("text", [f"\n{MARK} 0 0\n", f"{MARK} end", f"\n{MARK} end\n", "\n0 0\n"])
def test_output_that_looks_like_a_mark_is_output(shell: ShellBackend, text: str) -> None:
    assert answer(shell, "printf %s", text) == (0, text, "")
    assert answer(shell, "printf %s >&2", text)[2] == text


def test_each_command_has_a_mark_of_its_own(monkeypatch: pytest.MonkeyPatch, shell: ShellBackend) -> None:
    marks: list[str] = []
    inner = shells.framed

    def watched(command: str, mark: str) -> bytes:
        marks.append(mark)
        return inner(command, mark)

    monkeypatch.setattr(shells, "framed", watched)
    shell.run("true")
    shell.run("true")
    assert len({*marks}) == 2 and all(len(mark) >= 24 for mark in marks), marks


def test_bytes_that_are_no_text_arrive_as_they_are(shell: ShellBackend) -> None:
    every = bytes(range(256))
    escaped = "".join(f"\\{number:03o}" for number in every)
    assert shell.run(f"printf '{escaped}'").stdout_bytes == every
    assert shell.run(f"printf '{escaped}' >&2").stderr_bytes == every


def test_long_output_and_long_complaints_arrive_whole(shell: ShellBackend) -> None:
    seen = shell.run("head -c 300000 /dev/zero; head -c 200000 /dev/zero >&2")
    assert (len(seen.stdout_bytes), len(seen.stderr_bytes)) == (300_000, 200_000)


def test_a_long_command_arrives_whole(shell: ShellBackend) -> None:
    assert len(shell.run("printf %s", "x" * 200_000).stdout) == 200_000


@pytest.mark.parametrize(
    "command",
    ["echo before; timeout 0.3 tail -f /dev/null; true", "exec tail -f /dev/null --pid=$$"],
    ids=["slow", "endless"],
)
def test_a_command_that_hangs_is_an_error_that_names_it_and_the_next_one_works(
    hasty: ShellBackend, command: str
) -> None:
    with pytest.raises(ShellError) as caught:
        hasty.run(command)
    assert str(caught.value) == f"kafka (CT 109): no end within 0.1 s; the command was: {command}"
    hasty.timeout = 10
    assert answer(hasty, "echo next") == (0, "next\n", "")


def test_a_shell_that_dies_is_an_error_and_the_next_command_has_a_new_one(shell: ShellBackend) -> None:
    shell.run("true")
    with pytest.raises(ShellError) as caught:
        shell.run("kill -9 $$")
    assert str(caught.value) == "kafka (CT 109): the shell ended: no word; the command was: kill -9 $$"
    assert answer(shell, "echo next") == (0, "next\n", "")


def test_a_shell_that_died_between_two_commands_is_opened_anew(shell: ShellBackend) -> None:
    shell.run("true")
    dead = shell.process
    assert dead is not None and dead.stdin is not None and dead.stdout is not None
    dead.kill()
    dead.wait()
    assert answer(shell, "echo next") == (0, "next\n", "")
    dead.stdin.close()
    dead.stdout.close()


def test_a_shell_that_cannot_be_had_is_an_error_with_its_last_words() -> None:
    # It reads some first: only then is it sure to be asked before it is gone.
    script = "head -c 100 >/dev/null; echo 'CT 109 not running' >&2; exit 255"
    backend = ShellBackend("kafka (CT 109)", ["sh", "-c", script], timeout=10)
    with pytest.raises(ShellError, match="the shell ended: CT 109 not running; the command was: true"):
        backend.run("true")


def test_closing_ends_the_shell_and_may_be_done_twice(shell: ShellBackend) -> None:
    shell.run("true")
    process = shell.process
    assert process is not None
    shell.close()
    shell.close()
    assert process.returncode is not None and shell.process is None


def test_testinfra_asks_its_questions_over_it(shell: ShellBackend, tmp_path: Path) -> None:
    (tmp_path / "with space").write_text("content\n")
    host = Host(shell)
    assert host.file(str(tmp_path / "with space")).content_string == "content\n"
    assert host.check_output("echo %s", "a b") == "a b"
    with pytest.raises(AssertionError, match="Unexpected exit code 4"):
        host.check_output("exit 4")


@pytest.mark.parametrize(
    ("seen", "read"),
    [
        (f"out\n\n{MARK} 0 0\n{MARK} end\n", (0, b"out\n", b"")),
        (f"\n{MARK} 2 4\nerr\n{MARK} end\n", (2, b"", b"err\n")),
        (f"a\n{MARK}\n\n{MARK} 1 0\n{MARK} end\n", (1, f"a\n{MARK}\n".encode(), b"")),
        (f"\n{MARK} 0 3\nerr{MARK} end\n", (0, b"", b"err")),
    ],
    ids=["out", "err", "mark-in-output", "no-end"],
)
def test_a_framed_answer_is_parted_at_its_mark(seen: str, read: tuple[int, bytes, bytes]) -> None:
    assert parted(seen.encode(), MARK) == read


@pytest.mark.parametrize("seen", [b"", b"out\n", f"\n{'f' * 24} 0 0\n".encode()], ids=["empty", "no-mark", "another"])
def test_an_answer_without_its_mark_is_refused(seen: bytes) -> None:
    with pytest.raises(ValueError, match="not enough values"):
        parted(seen, MARK)


def test_a_command_that_never_stops_talking_is_ended_at_its_deadline(hasty: ShellBackend) -> None:
    with pytest.raises(ShellError, match=r"no end within 0\.1 s"):
        hasty.run("yes")
    assert hasty.run("echo again").stdout == "again\n"


def test_a_command_that_hangs_ends_with_its_shell(hasty: ShellBackend, tmp_path: Path) -> None:
    with pytest.raises(ShellError):
        hasty.run(f"echo $$ >{tmp_path}/pid; exec tail -f /dev/null")
    group = int((tmp_path / "pid").read_text())

    def ended() -> bool:
        seen = [process for process in psutil.process_iter() if process.status() != psutil.STATUS_ZOMBIE]
        return not [process for process in seen if os.getpgid(process.pid) == group]

    wait_until(ended, 10, f"the end of group {group}", transient=(ProcessLookupError, psutil.NoSuchProcess))


def test_a_shell_that_cannot_be_started_is_an_error_of_the_check() -> None:
    with pytest.raises(ShellError, match=r"No such file"):
        ShellBackend("kafka (CT 109)", ["/nonexistent"]).run("true")


def test_a_shell_that_cannot_keep_complaints_says_so(monkeypatch: pytest.MonkeyPatch, shell: ShellBackend) -> None:
    monkeypatch.setattr(shells, "SCRATCH", "/nonexistent/x")
    with pytest.raises(ShellError, match=r"the shell ended: .*nonexistent"):
        shell.run("true")
