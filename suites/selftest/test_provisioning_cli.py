"""`python -m provisioning`: exit codes, and one line instead of a traceback. Nothing is brought up here."""

import io
from collections.abc import Callable
from pathlib import Path

import pytest

from provisioning import commands as cli
from provisioning import secrets
from provisioning.arguments import NAMED
from provisioning.inventory import shipped
from provisioning.local.supervision import Process
from provisioning.secrets import variable
from provisioning.services import SERVICES, client_secrets

SITE = """format = 1
extends = "plan"
name = "site"
target = "site"
[services.minio]
host = "192.0.2.1"
port = 9000
"""

ALONE = """format = 1
extends = "plan"
name = "alone"
target = "local"
services.hive.port = 0
budget.free_disk = "1 MB"
"""


@pytest.fixture(autouse=True)
def _nothing_of_this_machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """State, cache, sockets, keys and secrets of this machine are out of reach."""
    monkeypatch.setenv("DATALAKE_STATE", str(tmp_path / "state"))
    monkeypatch.setattr("provisioning.containers.stack.key_file", lambda _: tmp_path / "key")
    monkeypatch.setenv("DATALAKE_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr("provisioning.local.supervision.RUNTIMES", tmp_path)
    monkeypatch.setattr("sys.stdin", io.StringIO("y\n"))
    monkeypatch.setattr(secrets.required, "__defaults__", (tmp_path / ".env",))
    for name in client_secrets(SERVICES):
        monkeypatch.delenv(variable(name), raising=False)


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, str, str]]:
    """Runs a command line: exit code, stdout and stderr."""

    def run(*argv: str) -> tuple[int, str, str]:
        code = cli.main(argv)
        return code, *capsys.readouterr()

    return run


def written(folder: Path, text: str) -> str:
    (folder / "mine.toml").write_text(text, encoding="utf-8")
    return str(folder / "mine.toml")


@pytest.mark.parametrize("command", cli.COMMANDS)
def test_an_unknown_inventory_is_one_line_with_the_choices(
    run: Callable[..., tuple[int, str, str]], command: str
) -> None:
    code, out, err = run(command, *(["kafka"] if command in NAMED else []), "--inventory", "nowhere")
    assert (code, out) == (2, ""), err
    assert err == (
        f"provisioning {command}: --inventory nowhere: there is no such inventory; "
        f"give a path to one, or one of: {', '.join(shipped())}\n"
    )


@pytest.mark.parametrize("command", [name for name in cli.COMMANDS if name not in (*NAMED, "audit")])
def test_the_plan_is_paper_and_runs_nowhere(run: Callable[..., tuple[int, str, str]], command: str) -> None:
    code, out, err = run(command, "--inventory", "plan")
    assert (code, out) == (2, ""), err
    assert err in (f"provisioning {command}: plan: is the plan on paper and runs nowhere; take `local`\n",)


def test_a_broken_inventory_is_one_line_with_file_and_key(
    run: Callable[..., tuple[int, str, str]], tmp_path: Path
) -> None:
    path = written(tmp_path, SITE + 'colour = "red"\n')
    code, _, err = run("status", "--inventory", path)
    assert code == 2, err
    assert err.startswith(f"provisioning status: {path}: services.minio.colour: unknown key; allowed there: "), err
    assert err.count("\n") == 1, err


def test_the_status_of_what_was_never_brought_up_is_unreachable(run: Callable[..., tuple[int, str, str]]) -> None:
    code, out, err = run("status")
    assert (code, err) == (3, ""), err
    lines = out.splitlines()
    assert [line.split()[0] for line in lines[1::2]] == ["minio", "hive", "spark"], out
    assert [line.strip() for line in lines[2::2]] == ["bring it up: python -m provisioning up"] * 3, out


def test_the_way_to_what_was_never_brought_up_is_unreachable(run: Callable[..., tuple[int, str, str]]) -> None:
    code, out, err = run("env")
    assert (code, out) == (3, ""), err
    assert err == "provisioning env: local: never brought up; run `python -m provisioning up`\n"


@pytest.mark.parametrize("command", ["start", "stop"])
def test_a_service_that_is_not_declared_is_refused_with_those_that_are(
    run: Callable[..., tuple[int, str, str]], command: str
) -> None:
    code, out, err = run(command, "kafka")
    assert (code, out) == (2, ""), err
    assert err == f"provisioning {command}: service kafka: is not declared; one of: minio, hive, spark\n"


@pytest.mark.parametrize("command", ["start", "stop"])
def test_a_service_of_a_lakehouse_that_is_down_is_unreachable(
    run: Callable[..., tuple[int, str, str]], command: str
) -> None:
    code, _, err = run(command, "minio")
    assert code == 3, err
    assert err == f"provisioning {command}: local: the lakehouse is down; run `python -m provisioning up`\n"


@pytest.mark.parametrize(("inventory", "target"), [("local", "local"), ("plan", "paper")])
def test_what_has_no_containers_resets_none(
    run: Callable[..., tuple[int, str, str]], inventory: str, target: str
) -> None:
    code, out, err = run("reset", "kafka", "--yes", "--inventory", inventory)
    assert (code, out) == (2, ""), err
    assert err == (
        f"provisioning reset: {inventory}: has target {target!r}: it has no containers; "
        "give --inventory lab or proxmox\n"
    )


def test_nothing_is_reset_without_a_yes(run: Callable[..., tuple[int, str, str]]) -> None:
    code, out, err = run("reset", "kafka", "--inventory", "proxmox")
    assert (code, out, err) == (2, "", "reset: not asked on a terminal: say --yes\nkept\n")


@pytest.mark.parametrize("command", NAMED)
def test_a_container_that_is_not_planned_is_refused_with_those_that_are(
    run: Callable[..., tuple[int, str, str]], command: str
) -> None:
    code, out, err = run(command, "trino", "--inventory", "proxmox", *(["--yes"] if command == "reset" else []))
    assert (code, out) == (2, ""), err
    assert err.startswith(f"provisioning {command}: container trino: is not planned; one of: "), err
    assert "kafka" in err, err


def test_nothing_is_destroyed_without_a_yes(run: Callable[..., tuple[int, str, str]], tmp_path: Path) -> None:
    (tmp_path / "state/local").mkdir(parents=True)
    (tmp_path / "state/local/secrets.json").write_text("{}")
    code, out, err = run("destroy")
    assert (code, out) == (2, ""), err
    assert "say --yes" in err, err
    assert (tmp_path / "state/local/secrets.json").exists(), "the state is gone"


def test_destroying_with_a_yes_removes_what_up_made(run: Callable[..., tuple[int, str, str]], tmp_path: Path) -> None:
    (tmp_path / "state/local").mkdir(parents=True)
    (tmp_path / "state/local/secrets.json").write_text("{}")
    assert run("destroy", "--yes")[:2] == (0, "removed\n")
    assert not (tmp_path / "state/local").exists()
    assert run("destroy", "--yes")[:2] == (0, "there was nothing\n")


def test_a_folder_that_up_did_not_make_is_not_destroyed(
    run: Callable[..., tuple[int, str, str]], tmp_path: Path
) -> None:
    (tmp_path / "state/local").mkdir(parents=True)
    (tmp_path / "state/local/thesis.txt").write_text("only copy")
    code, _, err = run("destroy", "--yes")
    assert code == 3, err
    assert "was not made by `up`" in err, err
    assert (tmp_path / "state/local/thesis.txt").exists()


def test_stopping_what_does_not_run_is_done(run: Callable[..., tuple[int, str, str]]) -> None:
    assert run("down") == (0, "nothing ran\n", "")


def test_the_plan_of_a_cold_cache_fetches_and_starts_everything(run: Callable[..., tuple[int, str, str]]) -> None:
    code, out, _ = run("plan")
    assert code == 0, out
    assert "artifact minio: built from source, several minutes once" in out, out
    assert out.splitlines()[-3:] == ["service minio: start", "service hive: start", "service spark: start"]


def test_the_audit_of_the_plan_has_findings(run: Callable[..., tuple[int, str, str]]) -> None:
    code, out, err = run("audit", "--inventory", "plan")
    assert (code, err) == (1, ""), err
    assert {line.split()[0] for line in out.splitlines()} == {"note", "defect"}, out


def test_the_audit_of_a_sound_inventory_has_none(run: Callable[..., tuple[int, str, str]], tmp_path: Path) -> None:
    sound = SITE.replace('target = "site"', 'target = "site"\ndomain = "lake.example"\ndns = "site"\nssh_key = "~/key"')
    code, out, _ = run("audit", "--inventory", written(tmp_path, sound))
    assert code == 0, out
    assert {line.split()[0] for line in out.splitlines()} == {"note"}, "over-commitment is legal, but said"


@pytest.mark.parametrize("command", ["plan", "up", "down", "destroy"])
def test_a_foreign_lakehouse_is_not_ours_to_build_or_stop(
    run: Callable[..., tuple[int, str, str]], tmp_path: Path, command: str
) -> None:
    path = written(tmp_path, SITE)
    code, out, err = run(command, "--inventory", path)
    assert (code, out) == (2, ""), err
    assert err.startswith(f"provisioning {command}: {path}: has target 'site': it is not ours to build or stop; "), err


def test_a_foreign_lakehouse_without_its_secrets_lists_the_variables(
    run: Callable[..., tuple[int, str, str]], tmp_path: Path
) -> None:
    code, _, err = run("env", "--inventory", written(tmp_path, SITE))
    assert code == 2, err
    missing = ", ".join(variable(name) for name in client_secrets(["minio"]))
    assert err == f"provisioning env: {tmp_path / '.env'}: not set: {missing}; set them there\n"


def test_a_service_without_its_peers_is_one_line(
    run: Callable[..., tuple[int, str, str]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("provisioning.artifacts.provide", lambda names, report: dict.fromkeys(names, tmp_path))
    monkeypatch.setattr("provisioning.local.stack.find_java", lambda: tmp_path / "java")
    code, _, err = run("up", "--inventory", written(tmp_path, ALONE))
    assert code == 2, err
    assert err == "provisioning up: hive: needs an object store; declare [services.minio]\n"


@pytest.mark.parametrize("argv", [[], ["fly"], ["start"], ["reset"], ["up", "--fast"]], ids=" ".join)
def test_a_wrong_command_line_is_a_matter_of_usage(argv: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        cli.main(argv)
    assert caught.value.code == 2
    assert "usage: python -m provisioning" in capsys.readouterr().err


def test_an_interrupted_command_says_what_goes_on(
    run: Callable[..., tuple[int, str, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*_: object) -> int:
        raise KeyboardInterrupt

    monkeypatch.setitem(cli.COMMANDS, "down", interrupted)
    assert run("down") == (130, "", "interrupted; what runs goes on: `up` again, or `down`\n")


def test_a_started_service_that_never_answers_is_one_line_with_its_log(
    run: Callable[..., tuple[int, str, str]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def timed_out(*_: object, **__: object) -> None:
        raise TimeoutError("not within 120 s")

    there = {"minio": Process("minio", "RUNNING", 0, 1.0, "")}
    monkeypatch.setattr("provisioning.local.stack.Supervisor.processes", lambda self: there)
    monkeypatch.setattr("provisioning.local.stack.Stack.profile", lambda self: "a profile")
    monkeypatch.setattr("provisioning.local.stack.wait_until", timed_out)
    code, out, err = run("start", "minio")
    assert (code, out) == (3, ""), err
    log = tmp_path / "state/local/minio/log/minio.log"
    assert err == f"provisioning start: minio: does not answer: not within 120 s; see {log}\n"


def test_a_disk_that_is_full_is_one_line_wherever_it_is_met(
    run: Callable[..., tuple[int, str, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> int:
        raise OSError(28, "No space left on device", "/state/local/file")

    monkeypatch.setitem(cli.COMMANDS, "down", full)
    assert run("down") == (3, "", "provisioning down: /state/local/file: No space left on device\n")


def test_what_a_service_cannot_prepare_is_one_line(
    run: Callable[..., tuple[int, str, str]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("provisioning.artifacts.provide", lambda names, report: dict.fromkeys(names, tmp_path))
    monkeypatch.setattr("provisioning.services.hive.before_start", full)
    code, _, err = run("up")
    assert code == 3, err
    assert err.startswith(f"provisioning up: {tmp_path}/state/local/hive: cannot be written (No space left"), err


@pytest.mark.parametrize("command", ["up", "status", "down", "destroy", "reset", "start", "stop"])
def test_a_lab_needs_root_and_says_so_before_anything_else(
    run: Callable[..., tuple[int, str, str]], monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    words = ["kafka"] if command in ("reset", "start", "stop") else []
    answered = ["--yes"] if command in ("destroy", "reset") else []
    code, _, err = run(command, *words, *answered, "--inventory", "lab")
    assert (code, err) == (3, f"provisioning {command}: inventory lab: needs root; run it with sudo\n")


def test_the_plan_of_a_lab_needs_no_root(
    run: Callable[..., tuple[int, str, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    code, out, err = run("plan", "--inventory", "lab")
    assert code == 0 and out.startswith("# the lab's node answers to root only: the node was not asked\n"), out + err
